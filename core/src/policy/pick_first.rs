use super::{Cx, Policy, View};
use crate::error::TableFull;
use crate::hash;

/// All requests to one endpoint while it is a candidate; the next of an order of its own when it is to be avoided.
///
/// The order is that of hash(seed, id): the clients spread over the endpoints instead of herding onto one, provided that
/// each has another seed, its own or its balancer's. Weights are ignored.
///
/// O(1) per pick; O(n) when the first is to be avoided, and per rebuild. No memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct PickFirst {
    seed: u64,
    own: bool,
    first: usize,
}

impl PickFirst {
    /// The policy with the seed of its balancer.
    pub const fn new() -> Self {
        Self { seed: 0, own: false, first: 0 }
    }

    /// The policy with a seed of its own.
    pub const fn with_seed(seed: u64) -> Self {
        Self { seed, own: true, first: 0 }
    }

    /// The seed of its own, if it has one.
    pub(super) fn own_seed(&self) -> Option<u64> {
        self.own.then_some(self.seed)
    }

    #[cold]
    fn next(&self, view: View<'_>) -> Option<usize> {
        self.first(&view, |place| view.allowed(place)).or(Some(self.first)).filter(|&place| place < view.len())
    }

    fn first(&self, view: &View<'_>, admit: impl Fn(usize) -> bool) -> Option<usize> {
        (0..view.len()).filter(|&place| admit(place)).min_by_key(|&place| hash::mix(self.seed, view.id(place)))
    }
}

impl Policy for PickFirst {
    #[inline]
    fn pick(&self, view: &View<'_>, _cx: &mut Cx<'_>) -> Option<usize> {
        if view.allowed(self.first) {
            return Some(self.first);
        }
        self.next(*view)
    }

    fn rebuild(&mut self, view: &View<'_>) -> Result<(), TableFull> {
        self.first = self.first(view, |_| true).unwrap_or(0);
        Ok(())
    }

    fn seed(&mut self, seed: u64) {
        if !self.own {
            self.seed = seed;
        }
    }

    fn counts(&self) -> bool {
        false
    }

    fn timed(&self) -> bool {
        false
    }

    fn rotates(&self) -> bool {
        false
    }
}
