//! Retry budgets: published traces, their bounds over any sequence, clocks that jump, states that are kept.

#[path = "budgets/calls.rs"]
mod calls;
#[path = "support/cases.rs"]
mod cases;
#[path = "budgets/states.rs"]
mod states;
#[path = "budgets/throttle.rs"]
mod throttle;
#[path = "budgets/window.rs"]
mod window;

use core::time::Duration;

use evenkeel_core::Instant;
use evenkeel_core::retry::{Budget, RetryBudget, Unlimited};

const START: Instant = Instant::ZERO;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn retry_budget(can_retry: u32, min_per_sec: u32, ttl: Duration) -> RetryBudget {
    RetryBudget::new(can_retry, min_per_sec, ttl).expect("good settings")
}

/// How many of `most` withdrawals are allowed.
fn withdrawals(budget: &mut impl Budget, now: Instant, most: u32) -> u32 {
    (0..most).map(|_| u32::from(budget.withdraw(now))).sum()
}

#[test]
fn unlimited_has_no_limit() {
    assert_eq!(withdrawals(&mut Unlimited, START, 1000), 1000);
}
