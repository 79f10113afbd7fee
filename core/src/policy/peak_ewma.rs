use core::cmp::Ordering;

use super::by_weight::{Draw as _, Draws, Unweighted, Weighing};
use super::two_choices::{Rule, Share, pick};
use super::{Cx, Policy, View};
use crate::error::TableFull;
use crate::load::Ewma;
use crate::time::Instant;

/// Picks the candidate that is likely to answer sooner: of two drawn by weight, or of all.
///
/// Compares the candidates' usual answer times (a peak-sensitive moving average, see
/// [`Estimator`](crate::load::Estimator)) times the requests that each would then have in flight. One
/// that never answered gets one request; until it has answered that, it loses to all others.
///
/// Where weights differ, both are drawn in proportion to them, and the second is taken if it is
/// clearly better for its weight, by half a request. So endpoints that answer alike get requests by
/// their weights, and those that are slower get fewer. One that takes eight times as long as the
/// other weighs no more than that one: a heavy endpoint in trouble does not keep its share. A full
/// scan compares one drawn by weight with the best of all.
///
/// If the one that is taken has eight or more in flight, two more are drawn, and the better of them
/// is compared with it: both of the first may hang.
///
/// Failures count as slow answers, so that an endpoint which fails at once does not attract
/// requests; how slow is a setting, the failure penalty. A request that was at fault
/// ([`Outcome::Ignorable`](crate::Outcome::Ignorable)) and refused at once counts as in flight for
/// about as long as others are: an endpoint that refuses fast gets no more than its share.
///
/// - Per pick: O(1): 64 random bits, and for each of two candidates two loads and some ten integer
///   operations, none of them a division; where weights differ some ten more, one a division; by full
///   scan O(n).
/// - Per rebuild: O(n).
/// - Memory: 12 bytes per candidate in its own store `W`, none while all weights are equal; rows keep
///   24 bytes. With [`Unweighted`] in place of a store, weights are ignored, and the code for them is
///   not linked. So they are where the store is too small.
///
/// ```
/// use evenkeel_core::{Balancer, Endpoint, Instant, Outcome, policy::PeakEwma};
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// let mut balancer: Balancer<&str, PeakEwma> = Balancer::new(PeakEwma::new());
/// balancer.update(Instant::ZERO, ["fast", "slow"].map(Endpoint::new))?;
///
/// let mut rng = ChaCha8Rng::seed_from_u64(1);
/// let first = [balancer.pick(Instant::ZERO, &mut rng)?, balancer.pick(Instant::ZERO, &mut rng)?];
/// for pick in first {
///     let slow = balancer.endpoint(&pick).is_some_and(|endpoint| endpoint.addr == "slow");
///     let now = Instant::from_millis(if slow { 50 } else { 5 });
///     balancer.report(now, pick, Outcome::Success);
/// }
///
/// let now = Instant::from_millis(50);
/// let pick = balancer.pick(now, &mut rng)?;
/// assert_eq!(balancer.endpoint(&pick).map(|endpoint| endpoint.addr), Some("fast"));
/// # balancer.report(now, pick, Outcome::Success);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct PeakEwma<
    #[cfg(feature = "alloc")] W: Weighing = crate::store::Heap,
    #[cfg(not(feature = "alloc"))] W: Weighing,
    const SCAN: bool = false,
> {
    draws: W::Draws,
}

#[cfg(feature = "alloc")]
impl PeakEwma {
    /// Makes the policy that takes the better of two candidates, with its table on the heap.
    pub const fn new() -> Self {
        Self::in_store()
    }

    /// Makes the policy that takes the best of all candidates; ties are drawn by weight.
    pub const fn full_scan() -> PeakEwma<crate::store::Heap, true> {
        PeakEwma::in_store()
    }
}

impl PeakEwma<Unweighted> {
    /// Makes the policy that takes the better of two candidates, and ignores weights.
    pub const fn unweighted() -> Self {
        Self::in_store()
    }
}

impl<W: Weighing, const SCAN: bool> PeakEwma<W, SCAN> {
    /// Makes the policy, with its table in the store `W`.
    pub const fn in_store() -> Self {
        Self { draws: W::Draws::EVEN }
    }
}

impl<W: Weighing, const SCAN: bool> Policy for PeakEwma<W, SCAN> {
    type Load = Ewma;

    #[inline]
    fn keeps_to_view(&self) -> bool {
        true
    }

    #[inline]
    fn pick(&self, view: &dyn View, cx: &mut Cx<'_>) -> Option<usize> {
        let now = cx.now;
        pick::<SCAN>(&self.draws, view, cx, &Soonest { view, now })
    }

    fn rebuild(&mut self, view: &dyn View) -> Result<(), TableFull> {
        self.draws.rebuild(view)
    }

    #[inline]
    fn is_short(&self) -> bool {
        self.draws.is_even()
    }

    #[inline]
    fn pick_short(&self, view: &dyn View, cx: &mut Cx<'_>) -> Option<usize> {
        let now = cx.now;
        pick::<SCAN>(&Unweighted, view, cx, &Soonest { view, now })
    }

    fn weighs(&self) -> bool {
        W::Draws::ON
    }
}

impl<W: Weighing, const SCAN: bool> Clone for PeakEwma<W, SCAN> {
    fn clone(&self) -> Self {
        Self { draws: self.draws.clone() }
    }
}

impl<W: Weighing, const SCAN: bool> Default for PeakEwma<W, SCAN> {
    fn default() -> Self {
        Self::in_store()
    }
}

/// Takes the one that is likely to answer sooner.
struct Soonest<'a> {
    view: &'a dyn View,
    now: Instant,
}

/// An endpoint that takes so many times as long as another weighs no more than that one.
const SLOW: u64 = 8;

impl Soonest<'_> {
    /// Returns how long a slot takes for one request, and its share.
    #[inline]
    fn answer(&self, slot: usize) -> (u64, Share) {
        let share = Share::of(self.view, slot);
        (self.view.cost(slot, self.now) / (share.in_flight + 1), share)
    }

    /// Returns the same of two, of which the one that is much slower weighs no more than the other;
    /// if it weighs less, it counts as busy. When it is idle, it would have the lead of a request:
    /// with weights 1 and 100 and 20 in flight, it would be taken whenever it is drawn.
    #[inline]
    fn answers(&self, a: usize, b: usize) -> [(u64, Share); 2] {
        let ((took, mut a), (other_took, mut b)) = (self.answer(a), self.answer(b));
        if took / SLOW >= other_took {
            a.slow_down(&b);
        }
        if other_took / SLOW >= took {
            b.slow_down(&a);
        }
        [(took, a), (other_took, b)]
    }
}

impl Rule for Soonest<'_> {
    #[inline]
    fn load(&self, slot: usize) -> u64 {
        self.view.cost(slot, self.now)
    }

    #[cfg(target_arch = "wasm32")]
    #[inline]
    fn cost_at(&self) -> Option<Instant> {
        Some(self.now)
    }

    fn compare(&self, a: usize, b: usize) -> Ordering {
        let [(took, a), (other_took, b)] = self.answers(a, b);
        let one = product(took, (2 * a.in_flight + 1) * b.weight);
        one.cmp(&product(other_took, (2 * b.in_flight + 1) * a.weight))
    }

    /// Tells that T₂ · ((in flight₂ + ½)/w₂ + 1/m) is below T₁ · (in flight₁/w₁ + 1/m), where T is an
    /// answer time and m the larger weight: of endpoints that answer alike, as
    /// [`LeastRequest`](super::LeastRequest) says; of idle ones, the one that is clearly faster.
    /// Without the half where both weigh the same.
    ///
    /// Times 2 · w₁ · w₂: with weights 10 and 1, the heavy one idle, it is left for the idle light one
    /// where it takes more than six times as long: T₂ · (1 · 10 + 2 · 1) < T₁ · (0 + 2 · 1).
    #[inline]
    fn is_clearly_better(&self, first: usize, second: usize) -> bool {
        let [(took, first), (other_took, second)] = self.answers(first, second);
        let lighter = first.weight.min(second.weight);
        let half = u64::from(first.weight != second.weight);
        let left = product(other_took, (2 * second.in_flight + half) * first.weight + 2 * lighter);
        left < product(took, 2 * first.in_flight * second.weight + 2 * lighter)
    }
}

#[inline]
fn product(a: u64, b: u64) -> u128 {
    u128::from(a) * u128::from(b)
}
