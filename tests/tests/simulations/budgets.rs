//! The budgets that are compared.

use evenkeel_core::retry::{AnyBudget, RetryBudget, RetryBudgetSettings, TokenThrottle};

/// A budget, its name in tables, its title in pictures, and the most extra attempts in a minute from
/// the start, in thousandths, after so many calls and successes: the documentation of budgets gives
/// the formulas.
#[derive(Clone)]
pub(crate) struct Bounds {
    pub(crate) budget: AnyBudget,
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    most: fn(usize, usize) -> usize,
}

/// Returns a budget of each kind, ours last.
pub(crate) fn all() -> [Bounds; 4] {
    let finagles = RetryBudget::new(RetryBudgetSettings::FINAGLE).expect("good settings");
    [
        Bounds {
            budget: AnyBudget::Unlimited,
            name: "none",
            title: "no budget",
            most: |calls, _| 3_000 * calls,
        },
        Bounds {
            budget: AnyBudget::TokenThrottle(TokenThrottle::default()),
            name: "gRPC's",
            title: "gRPC's throttle",
            // Fewer than that.
            most: |_, successes| 10_000 / 2 + 100 * successes - 1,
        },
        Bounds {
            budget: AnyBudget::RetryBudget(finagles),
            name: "Finagle's",
            title: "Finagle's and tower's budget",
            most: |calls, _| 200 * calls + 1_000 * 10 * 10 * (1 + 6),
        },
        Bounds {
            budget: ours(),
            name: "ours",
            title: "ours",
            most: |_, successes| 200 * successes + 1_000 * 10 * 3 * (1 + 20),
        },
    ]
}

/// Returns the budget that most clients take, with its defaults.
pub(crate) fn ours() -> AnyBudget {
    AnyBudget::RetryBudget(RetryBudget::default())
}

impl Bounds {
    /// Returns the most extra attempts in a minute from the start, in thousandths.
    pub(crate) fn most(&self, calls: usize, successes: usize) -> usize {
        (self.most)(calls, successes).min(3_000 * calls)
    }
}
