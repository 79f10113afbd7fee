//! A client of the image's path, which remembers the most stack that it has taken.

use evenkeel_core::Changes;
use evenkeel_core::retry::End;
use evenkeel_mcu_images::full_path::{self, BUDGET, Budget, POOL, Pool};

use crate::stack::stack_of;

pub(crate) struct Client {
    pool: Pool,
    budget: Budget,
    /// The most stack taken, in bytes.
    pub(crate) stack: usize,
}

impl Client {
    pub(crate) const fn new() -> Self {
        Self { pool: POOL, budget: BUDGET, stack: 0 }
    }

    /// Takes nine endpoints over, one more than there is room for. Tells how many came, went and
    /// found no room.
    pub(crate) fn update(&mut self) -> (usize, usize, usize) {
        let (changes, stack) = stack_of(|| full_path::update::<9>(&mut self.pool));
        self.stack = self.stack.max(stack);
        let Changes { added, removed, left_out, .. } = changes;
        (added, removed, left_out)
    }

    /// Makes a call. Tells how it ended, after how many attempts.
    pub(crate) fn call(&mut self) -> (End, u32) {
        let (done, stack) = stack_of(|| full_path::call(&mut self.pool, &mut self.budget));
        self.stack = self.stack.max(stack);
        done
    }

    /// Makes calls. Tells if all succeed, and each with one attempt.
    pub(crate) fn all_at_once(&mut self, calls: u32) -> bool {
        (0..calls).all(|_| self.call() == (End::Success, 1))
    }

    /// Makes calls. Tells if all succeed.
    pub(crate) fn all(&mut self, calls: u32) -> bool {
        (0..calls).all(|_| self.call().0 == End::Success)
    }
}
