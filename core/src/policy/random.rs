use super::{Cx, Policy, View};

/// Picks any candidate with the same probability; weights are ignored.
///
/// O(1) per pick: 32 random bits and a multiplication.
#[derive(Clone, Copy, Debug, Default)]
pub struct Random;

impl Random {
    /// Makes the policy.
    pub const fn new() -> Self {
        Self
    }
}

impl Policy for Random {
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
        view.at(cx.below(view.len()))
    }
}
