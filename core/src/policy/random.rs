use super::{Cx, Policy, View};

/// Any candidate with the same probability; weights are ignored. O(1) per pick: 32 random bits and a multiplication.
#[derive(Clone, Copy, Debug, Default)]
pub struct Random;

impl Random {
    /// The policy.
    pub const fn new() -> Self {
        Self
    }
}

impl Policy for Random {
    #[inline]
    fn pick(&self, view: &View<'_>, cx: &mut Cx<'_>) -> Option<usize> {
        Some(cx.below(view.len()))
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
