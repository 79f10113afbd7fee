use core::cmp::Ordering;

use super::by_weight::{Draw as _, Draws, Unweighted, Weighing};
use super::two_choices::{Rule, Share, pick};
use super::{Cx, Policy, View};
use crate::error::TableFull;
use crate::load::InFlight;
#[cfg(target_arch = "wasm32")]
use crate::time::Instant;

/// Picks the candidate with fewer requests in flight: of two drawn by weight, or of all.
///
/// Two choices already keep the fullest endpoint close to the average, and clients that do not know
/// of each other do not all go to the same one, as they do when each looks for the least of all.
///
/// Where all weights are equal, the one with fewer in flight is taken, the first of equals. Where
/// they differ, both are drawn in proportion to their weights, and the second is taken if it has
/// clearly fewer for its weight, by half a request: (in flight + ½)/weight is below the first one's
/// in flight/weight. Idle endpoints so get requests by their weights, and busy ones too. A full scan
/// compares one drawn by weight with the best of all.
///
/// If the one that is taken has eight or more in flight, two more are drawn, and the better of them
/// is compared with it: both of the first may hang.
///
/// - Per pick: O(1): 64 random bits, two loads; where weights differ two loads and four
///   multiplications more, and now and then more random bits; by full scan O(n).
/// - Per rebuild: O(n).
/// - Memory: 12 bytes per candidate in its own store `W`, none while all weights are equal; rows
///   count the requests in flight. With [`Unweighted`] in place of a store, weights are ignored, and
///   the code for them is not linked. So they are where the store is too small.
///
/// ```
/// use evenkeel_core::{Balancer, Endpoint, Instant, Outcome, policy::LeastRequest};
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// let mut balancer: Balancer<&str, LeastRequest> = Balancer::new(LeastRequest::new());
/// balancer.update(Instant::ZERO, ["a", "b"].map(Endpoint::new))?;
///
/// let mut rng = ChaCha8Rng::seed_from_u64(1);
/// let one = balancer.pick(Instant::ZERO, &mut rng)?;
/// let other = balancer.pick(Instant::ZERO, &mut rng)?;
/// assert_ne!(one.slot(), other.slot());
/// balancer.report(Instant::ZERO, one, Outcome::Success);
/// balancer.report(Instant::ZERO, other, Outcome::Success);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct LeastRequest<
    #[cfg(feature = "alloc")] W: Weighing = crate::store::Heap,
    #[cfg(not(feature = "alloc"))] W: Weighing,
    const SCAN: bool = false,
> {
    draws: W::Draws,
}

#[cfg(feature = "alloc")]
impl LeastRequest {
    /// Makes the policy that takes the better of two candidates, with its table on the heap.
    pub const fn new() -> Self {
        Self::in_store()
    }

    /// Makes the policy that takes the best of all candidates; ties are drawn by weight.
    pub const fn full_scan() -> LeastRequest<crate::store::Heap, true> {
        LeastRequest::in_store()
    }
}

impl LeastRequest<Unweighted> {
    /// Makes the policy that takes the better of two candidates, and ignores weights.
    pub const fn unweighted() -> Self {
        Self::in_store()
    }
}

impl<W: Weighing, const SCAN: bool> LeastRequest<W, SCAN> {
    /// Makes the policy, with its table in the store `W`.
    pub const fn in_store() -> Self {
        Self { draws: W::Draws::EVEN }
    }
}

impl<W: Weighing, const SCAN: bool> Policy for LeastRequest<W, SCAN> {
    type Load = InFlight;

    #[inline]
    fn keeps_to_view(&self) -> bool {
        true
    }

    #[inline]
    fn pick(&self, view: &dyn View, cx: &mut Cx<'_>) -> Option<usize> {
        pick::<SCAN>(&self.draws, view, cx, &Fewest { view })
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
        pick::<SCAN>(&Unweighted, view, cx, &Fewest { view })
    }

    fn weighs(&self) -> bool {
        W::Draws::ON
    }
}

impl<W: Weighing, const SCAN: bool> Clone for LeastRequest<W, SCAN> {
    fn clone(&self) -> Self {
        Self { draws: self.draws.clone() }
    }
}

impl<W: Weighing, const SCAN: bool> Default for LeastRequest<W, SCAN> {
    fn default() -> Self {
        Self::in_store()
    }
}

/// Takes the one with fewer in flight.
struct Fewest<'a> {
    view: &'a dyn View,
}

impl Rule for Fewest<'_> {
    #[inline]
    fn load(&self, slot: usize) -> u64 {
        self.view.in_flight(slot).into()
    }

    #[cfg(target_arch = "wasm32")]
    #[inline]
    fn cost_at(&self) -> Option<Instant> {
        None
    }

    fn compare(&self, a: usize, b: usize) -> Ordering {
        let (a, b) = (Share::of(self.view, a), Share::of(self.view, b));
        ((2 * a.in_flight + 1) * b.weight).cmp(&((2 * b.in_flight + 1) * a.weight))
    }

    /// Tells that (in flight + ½)/weight of the second is below in flight/weight of the first.
    ///
    /// A heavy endpoint of weight 10 with 5 in flight is taken before an idle one of weight 1, and
    /// with 6 it is not: (2 · 0 + 1) · 10 < 2 · 6 · 1.
    #[inline]
    fn is_clearly_better(&self, first: usize, second: usize) -> bool {
        let (first, second) = (Share::of(self.view, first), Share::of(self.view, second));
        (2 * second.in_flight + 1) * first.weight < 2 * first.in_flight * second.weight
    }
}
