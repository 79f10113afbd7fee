//! Retry budgets: published traces, their bounds over any sequence, clocks that jump, states that
//! are kept.

mod calls;
mod deposits;
mod states;
mod throttle;
mod window;

use core::time::Duration;

use evenkeel_core::Instant;
use evenkeel_core::retry::{Budget, RetryBudget, RetryBudgetSettings, Unlimited};

const START: Instant = Instant::ZERO;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Those of a budget of calls.
fn settings(can_retry_per_mille: u32, min_per_second: u32, ttl: Duration) -> RetryBudgetSettings {
    let settings = RetryBudgetSettings::FINAGLE;
    RetryBudgetSettings { can_retry_per_mille, min_per_second, ttl, ..settings }
}

fn retry_budget(can_retry: u32, min_per_second: u32, ttl: Duration) -> RetryBudget {
    RetryBudget::new(settings(can_retry, min_per_second, ttl)).expect("good settings")
}

/// How many of `most` withdrawals are allowed.
fn withdrawals(budget: &mut impl Budget, now: Instant, most: u32) -> u32 {
    (0..most).map(|_| u32::from(budget.withdraw(now))).sum()
}

#[test]
fn unlimited_has_no_limit() {
    assert_eq!(withdrawals(&mut Unlimited, START, 1000), 1000);
}
