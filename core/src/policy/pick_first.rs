use super::{Cx, Policy, View, slots};
use crate::error::TableFull;
use crate::hash;
use crate::load::Hashed;

/// Sends all requests to one endpoint while it is a candidate; to the next of an order of its own
/// when a call has tried that one.
///
/// The order is that of hash(seed, id): the clients spread over the endpoints instead of herding
/// onto one, provided that each has another seed, its own or its balancer's. Weights are ignored.
///
/// O(1) per pick; O(n) when the first was tried, and per rebuild. No memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct PickFirst {
    own: Option<u64>,
    seed: u64,
    first: Option<usize>,
}

impl PickFirst {
    /// Makes the policy with the seed of its balancer.
    pub const fn new() -> Self {
        Self { own: None, seed: 0, first: None }
    }

    /// Makes the policy with a seed of its own.
    pub const fn with_seed(seed: u64) -> Self {
        Self { own: Some(seed), ..Self::new() }
    }

    /// Returns the seed of its own, if it has one.
    pub(super) const fn own_seed(&self) -> Option<u64> {
        self.own
    }

    #[cold]
    fn first(&self, view: &dyn View) -> Option<usize> {
        let seed = self.own.unwrap_or(self.seed);
        slots(view).min_by_key(|&slot| hash::mix(seed, view.id(slot)))
    }
}

impl Policy for PickFirst {
    type Load = Hashed;

    #[inline]
    fn keeps_to_view(&self) -> bool {
        true
    }

    fn weighs(&self) -> bool {
        false
    }

    #[inline]
    fn pick(&self, view: &dyn View, _cx: &mut Cx<'_>) -> Option<usize> {
        self.first.filter(|&slot| !view.is_cut() || view.has(slot)).or_else(|| self.first(view))
    }

    fn rebuild(&mut self, view: &dyn View) -> Result<(), TableFull> {
        self.first = self.first(view);
        Ok(())
    }

    fn seed(&mut self, seed: u64) {
        self.seed = seed;
    }
}
