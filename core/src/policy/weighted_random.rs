use core::fmt;

use super::by_weight::{ByWeight, Draw as _, Draws, one};
use super::{Cx, Policy, View};
use crate::error::TableFull;
use crate::store::Store;

/// Picks any candidate, with a probability in proportion to its weight, by an alias table.
///
/// - Per pick: O(1): 64 random bits, one multiplication, one load, no branch on chance; where slots
///   were tried, up to 8 draws, and then any other slot by chance.
/// - Per rebuild: O(n), without scratch memory.
/// - Memory: 12 bytes per candidate in its own store `S`; none while all weights are equal.
///
/// Probabilities are exact to 2⁻³² of an equal share, and none is rounded to 0. When the store is
/// too small for the candidates, all are picked with the same probability.
///
/// ```
/// use evenkeel_core::{Balancer, Endpoint, Instant, policy::WeightedRandom};
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// let mut balancer: Balancer<&str, _> = Balancer::new(WeightedRandom::new());
/// balancer.update(Instant::ZERO, [Endpoint::new("a").with_weight(3), Endpoint::new("b")])?;
///
/// let mut rng = ChaCha8Rng::seed_from_u64(1);
/// let mut picks = [0_u32; 2];
/// for _ in 0..4_000 {
///     let pick = balancer.pick(Instant::ZERO, &mut rng)?;
///     picks[pick.slot().index()] += 1;
/// }
/// assert!(picks[0].abs_diff(3_000) < 100);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct WeightedRandom<
    #[cfg(feature = "alloc")] S: Store = crate::store::Heap,
    #[cfg(not(feature = "alloc"))] S: Store,
> {
    draws: ByWeight<S>,
}

#[cfg(feature = "alloc")]
impl WeightedRandom {
    /// Makes the policy, with its table on the heap.
    pub const fn new() -> Self {
        Self::in_store()
    }
}

impl<S: Store> WeightedRandom<S> {
    /// Makes the policy, with its table in the store `S`.
    pub const fn in_store() -> Self {
        Self { draws: Draws::EVEN }
    }
}

impl<S: Store> Policy for WeightedRandom<S> {
    type Load = ();

    #[inline]
    fn keeps_to_view(&self) -> bool {
        true
    }

    #[inline]
    fn pick(&self, view: &dyn View, cx: &mut Cx<'_>) -> Option<usize> {
        if self.draws.is_even() {
            return view.at(cx.below(view.len()));
        }
        one(&self.draws, view, cx)
    }

    fn rebuild(&mut self, view: &dyn View) -> Result<(), TableFull> {
        self.draws.rebuild(view)
    }
}

impl<S: Store> Clone for WeightedRandom<S> {
    fn clone(&self) -> Self {
        Self { draws: self.draws.clone() }
    }
}

impl<S: Store> Default for WeightedRandom<S> {
    fn default() -> Self {
        Self::in_store()
    }
}

impl<S: Store> fmt::Debug for WeightedRandom<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeightedRandom").field("table", &self.draws).finish()
    }
}
