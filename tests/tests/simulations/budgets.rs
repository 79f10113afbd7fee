//! The budgets that are compared.

use evenkeel_core::retry::{AnyBudget, RetryBudget, TokenThrottle};

/// Returns a budget of each kind, with its defaults.
pub(crate) fn all() -> [AnyBudget; 3] {
    [AnyBudget::Unlimited, AnyBudget::TokenThrottle(TokenThrottle::default()), window()]
}

/// Returns the budget that most clients take, with its defaults.
pub(crate) fn window() -> AnyBudget {
    AnyBudget::RetryBudget(RetryBudget::default())
}

pub(crate) fn name(budget: &AnyBudget) -> &'static str {
    match budget {
        AnyBudget::Unlimited => "none",
        AnyBudget::TokenThrottle(_) => "throttle",
        AnyBudget::RetryBudget(_) => "window",
    }
}

pub(crate) fn title(budget: &AnyBudget) -> &'static str {
    match budget {
        AnyBudget::Unlimited => "no budget",
        AnyBudget::TokenThrottle(_) => "TokenThrottle (gRPC's)",
        AnyBudget::RetryBudget(_) => "RetryBudget (Finagle's, tower's)",
    }
}

/// Returns the most extra attempts in a minute from the start, in thousandths; the documentation of
/// budgets gives the formulas.
pub(crate) fn bound(budget: &AnyBudget, calls: usize, successes: usize) -> usize {
    let most = 3_000 * calls;
    most.min(match budget {
        AnyBudget::Unlimited => most,
        // Fewer than that.
        AnyBudget::TokenThrottle(_) => 10_000 / 2 + 100 * successes - 1,
        AnyBudget::RetryBudget(_) => 200 * calls + 1_000 * 10 * 10 * (1 + 6),
    })
}
