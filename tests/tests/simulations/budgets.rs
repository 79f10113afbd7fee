//! The budgets that are compared.

use evenkeel_core::Instant;
use evenkeel_core::retry::{Budget, RetryBudget, TokenThrottle, Unlimited, Verdict};

/// A budget with its defaults.
#[derive(Clone, Debug)]
pub(crate) enum AnyBudget {
    None(Unlimited),
    Throttle(TokenThrottle),
    Window(RetryBudget),
}

impl AnyBudget {
    pub(crate) fn all() -> [Self; 3] {
        [Self::None(Unlimited), Self::Throttle(TokenThrottle::default()), Self::Window(RetryBudget::default())]
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::None(_) => "none",
            Self::Throttle(_) => "throttle",
            Self::Window(_) => "window",
        }
    }

    pub(crate) fn title(&self) -> &'static str {
        match self {
            Self::None(_) => "no budget",
            Self::Throttle(_) => "TokenThrottle (gRPC's)",
            Self::Window(_) => "RetryBudget (Finagle's, tower's)",
        }
    }

    /// The most extra attempts in a minute from the start, in thousandths; their documentation gives the formulas.
    pub(crate) fn bound(&self, calls: usize, successes: usize) -> usize {
        let most = 3_000 * calls;
        most.min(match self {
            Self::None(_) => most,
            // Fewer than that.
            Self::Throttle(_) => 10_000 / 2 + 100 * successes - 1,
            Self::Window(_) => 200 * calls + 1_000 * 10 * 10 * (1 + 6),
        })
    }
}

impl Budget for AnyBudget {
    fn on_call(&mut self, now: Instant) {
        match self {
            Self::None(budget) => budget.on_call(now),
            Self::Throttle(budget) => budget.on_call(now),
            Self::Window(budget) => budget.on_call(now),
        }
    }

    fn on_verdict(&mut self, now: Instant, verdict: Verdict) {
        match self {
            Self::None(budget) => budget.on_verdict(now, verdict),
            Self::Throttle(budget) => budget.on_verdict(now, verdict),
            Self::Window(budget) => budget.on_verdict(now, verdict),
        }
    }

    fn withdraw(&mut self, now: Instant) -> bool {
        match self {
            Self::None(budget) => budget.withdraw(now),
            Self::Throttle(budget) => budget.withdraw(now),
            Self::Window(budget) => budget.withdraw(now),
        }
    }
}
