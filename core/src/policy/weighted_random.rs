use core::fmt;

use super::alias::Alias;
use super::{Cx, Policy, View};
use crate::error::TableFull;
use crate::store::Store;

/// Any candidate, with a probability in proportion to its weight, by an alias table.
///
/// - Per pick: O(1): 64 random bits, one multiplication, one load, no branch on chance.
/// - Per rebuild: O(n), without scratch memory.
/// - Memory: 8 bytes per candidate in its own store `S`; none while all weights are equal.
///
/// Probabilities are exact to 2⁻³² of an equal share, and none is rounded to 0. When the store is too small for the
/// candidates, all are picked with the same probability.
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
pub struct WeightedRandom<#[cfg(feature = "alloc")] S: Store = crate::Heap, #[cfg(not(feature = "alloc"))] S: Store> {
    /// Empty while all candidates have the same probability.
    table: Alias<S>,
}

#[cfg(feature = "alloc")]
impl WeightedRandom {
    /// The policy, with its table on the heap; the [default](Default) is for every store.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<S: Store> Policy for WeightedRandom<S> {
    #[inline]
    fn pick(&self, view: &View<'_>, cx: &mut Cx<'_>) -> Option<usize> {
        // A table for another number of candidates cannot be theirs.
        if self.table.len() != view.len() {
            return Some(cx.below(view.len()));
        }
        Some(self.table.at(cx.rng().next_u64()))
    }

    fn rebuild(&mut self, view: &View<'_>) -> Result<(), TableFull> {
        self.table = Alias::default();
        if view.equal_weights() { Ok(()) } else { self.table.build(view.weights(), 1) }
    }

    fn counts(&self) -> bool {
        false
    }

    fn timed(&self) -> bool {
        false
    }

    fn hashes(&self) -> bool {
        false
    }

    fn rotates(&self) -> bool {
        false
    }
}

impl<S: Store> Clone for WeightedRandom<S> {
    fn clone(&self) -> Self {
        Self { table: self.table.clone() }
    }
}

impl<S: Store> Default for WeightedRandom<S> {
    fn default() -> Self {
        Self { table: Alias::default() }
    }
}

impl<S: Store> fmt::Debug for WeightedRandom<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeightedRandom").field("table", &self.table).finish()
    }
}
