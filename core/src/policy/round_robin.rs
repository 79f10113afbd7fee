use super::{Cx, Policy, View};

/// Each candidate in turn, in the order of their addresses, from a random start; weights are ignored.
///
/// O(1) per pick, no state and no memory of its own: the place in the cycle is the balancer's [`Turn`](super::Turn), which
/// keeps its place by endpoint when the candidates change.
#[derive(Clone, Copy, Debug, Default)]
pub struct RoundRobin;

impl RoundRobin {
    /// The policy.
    pub const fn new() -> Self {
        Self
    }
}

impl Policy for RoundRobin {
    #[inline]
    fn pick(&self, view: &View<'_>, cx: &mut Cx<'_>) -> Option<usize> {
        // Steps on over places to avoid: at most as many turns as there are slots to avoid can hit one. When all are to be
        // avoided, that is one full cycle, so that the turn after it is the next one.
        for _ in 0..view.avoided().min(view.len()) {
            let place = cx.turn(view.len());
            if view.allowed(place) {
                return Some(place);
            }
        }
        Some(cx.turn(view.len()))
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
}
