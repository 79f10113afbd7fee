//! Bounds on the extra attempts of all calls of a client.

mod deposits;
mod error;
mod throttle;
mod window;

pub use deposits::Deposits;
pub use error::{BudgetError, BudgetImportError};
pub use throttle::{TokenThrottle, TokenThrottleSettings, TokenThrottleState};
pub use window::{BudgetSlot, RetryBudget, RetryBudgetSettings, RetryBudgetState};

use crate::names::named;
use crate::outcome::Verdict;
use crate::time::Instant;

/// Bounds the extra load that retries and hedges put on a service.
///
/// A service that fails because it has too much to do gets three times as much from three attempts
/// for each call. No call alone can see that; a budget can: one for all calls of a client to a
/// service.
///
/// | budget | extra attempts at most | when to take it |
/// |---|---|---|
/// | [`RetryBudget`] | a share of late successes, a few per second | most clients; bounds hedges, too |
/// | [`TokenThrottle`] | a share of the successes, half a bucket | to do as gRPC's throttling |
/// | [`Unlimited`] | what each call's own bounds leave | something else bounds them |
///
/// The first goes on with a few retries while everything fails. The second stops them all while more
/// attempts fail, for each that succeeds, than its ratio says. What either knows can be kept over a
/// restart. [`AnyBudget`] chooses one of them at run time.
pub trait Budget {
    /// Hears that a call begins.
    fn on_call(&mut self, _now: Instant) {}

    /// Hears how an attempt ended.
    fn on_verdict(&mut self, _now: Instant, _verdict: Verdict) {}

    /// Tells that one more attempt may be sent now, and takes its price if so.
    fn withdraw(&mut self, now: Instant) -> bool;
}

/// Sets no bound beside a call's own attempts and deadline.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unlimited;

impl Budget for Unlimited {
    fn withdraw(&mut self, _now: Instant) -> bool {
        true
    }
}

/// One of this library's budgets, chosen at run time.
#[derive(Clone, Debug)]
pub enum AnyBudget {
    /// No bound.
    Unlimited,
    /// A share of the last seconds' successes.
    RetryBudget(RetryBudget),
    /// A share of all successes.
    TokenThrottle(TokenThrottle),
}

named!(AnyBudget {
    Unlimited => "unlimited",
    RetryBudget(..) => "retry_budget",
    TokenThrottle(..) => "token_throttle",
});

impl Budget for AnyBudget {
    fn on_call(&mut self, now: Instant) {
        match self {
            Self::Unlimited => {}
            Self::RetryBudget(budget) => budget.on_call(now),
            Self::TokenThrottle(throttle) => throttle.on_call(now),
        }
    }

    fn on_verdict(&mut self, now: Instant, verdict: Verdict) {
        match self {
            Self::Unlimited => {}
            Self::RetryBudget(budget) => budget.on_verdict(now, verdict),
            Self::TokenThrottle(throttle) => throttle.on_verdict(now, verdict),
        }
    }

    fn withdraw(&mut self, now: Instant) -> bool {
        match self {
            Self::Unlimited => true,
            Self::RetryBudget(budget) => budget.withdraw(now),
            Self::TokenThrottle(throttle) => throttle.withdraw(now),
        }
    }
}
