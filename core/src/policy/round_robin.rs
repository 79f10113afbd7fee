use super::{Cx, Policy, View};

/// Picks each candidate in turn, in the order of their slots, from a random start; weights are
/// ignored.
///
/// O(1) per pick, no state and no memory of its own: the place in the cycle is the balancer's
/// [`Turn`](crate::slot::Turn), which goes on behind the slot that had the last one however the
/// candidates change.
#[derive(Clone, Copy, Debug, Default)]
pub struct RoundRobin;

impl RoundRobin {
    /// Makes the policy.
    pub const fn new() -> Self {
        Self
    }
}

impl Policy for RoundRobin {
    type Load = ();

    #[inline]
    fn keeps_to_view(&self) -> bool {
        true
    }

    fn weighs(&self) -> bool {
        false
    }

    #[inline]
    fn pick(&self, view: &dyn View, cx: &mut Cx<'_>) -> Option<usize> {
        cx.next(view)
    }
}
