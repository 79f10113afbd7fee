mod error;
mod throttle;
mod window;

pub use error::{BudgetError, BudgetImportError};
pub use throttle::{TokenThrottle, TokenThrottleState};
pub use window::{BudgetSlot, RetryBudget, RetryBudgetState};

use super::Verdict;
use crate::time::Instant;

/// Bounds the extra load that retries and hedges put on a service.
///
/// To a service that fails because it has too much to do, three attempts for each call are three times as much. No call alone
/// can see that; a budget, one for all calls of a client to a service, can.
///
/// | budget | extra attempts at most | when to take it |
/// |---|---|---|
/// | [`RetryBudget`] | a share of the calls, and a few per second | for most clients; bounds hedges, too |
/// | [`TokenThrottle`] | a share of the successes, and half a bucket | to do as gRPC's `retryThrottling` |
/// | [`Unlimited`] | what each call's own bounds leave | where something else bounds them |
///
/// The first goes on with some retries while everything fails; the second stops them all while more attempts fail, for each
/// that succeeds, than its ratio says. What either knows can be kept over a restart.
pub trait Budget {
    /// A call begins.
    fn on_call(&mut self, _now: Instant) {}

    /// An attempt ended.
    fn on_verdict(&mut self, _now: Instant, _verdict: Verdict) {}

    /// Whether one more attempt may be sent now; takes its price if so.
    fn withdraw(&mut self, now: Instant) -> bool;
}

/// No bound beside a call's own attempts and deadline.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unlimited;

impl Budget for Unlimited {
    fn withdraw(&mut self, _now: Instant) -> bool {
        true
    }
}
