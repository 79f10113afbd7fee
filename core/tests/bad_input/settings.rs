//! Settings and names that make no sense.

use core::time::Duration;

use evenkeel_core::discovery::poller::{Poller, PollerConfig};
use evenkeel_core::policy::AnyPolicy;
use evenkeel_core::retry::{Backoff, RetryPolicy, RetryPolicyError};

use super::text;

#[test]
fn retry_settings() {
    let zero = RetryPolicy::new(0).expect_err("no attempt");
    assert_eq!(
        (zero, text(zero).as_str()),
        (RetryPolicyError::ZeroAttempts, "0 attempts: at least 1 is needed")
    );
    let policy = RetryPolicy::default();
    for refused in
        [policy.with_timeout(Duration::ZERO), policy.with_attempt_timeout(Duration::ZERO)]
    {
        let zero = refused.expect_err("no time");
        assert_eq!(text(zero), "a timeout of 0: leave it out for no timeout");
    }
    let (base, cap) = (Duration::from_millis(25), Duration::from_millis(24));
    let below =
        policy.with_backoff(Backoff::exponential(base, cap)).expect_err("a cap below the base");
    assert_eq!(below, RetryPolicyError::CapBelowBase { base, cap });
    assert_eq!(text(below), "the backoff's cap 24ms is below its base 25ms");
}

#[test]
fn poller_settings() {
    let good = PollerConfig::default();
    let (zero, secs) = (Duration::ZERO, Duration::from_secs);
    for (config, why) in [
        (PollerConfig { min: zero, ..good }, "`min` is 0: it must be above 0"),
        (PollerConfig { timeout: zero, ..good }, "`timeout` is 0: it must be above 0"),
        (PollerConfig { backoff_base: zero, ..good }, "`backoff_base` is 0: it must be above 0"),
        (PollerConfig { min: secs(301), ..good }, "`min` 301s is above `max` 300s"),
        (PollerConfig { max: zero, ..good }, "`min` 5s is above `max` 0ns"),
        (
            PollerConfig { backoff_base: secs(61), ..good },
            "`backoff_max` 60s is below `backoff_base` 61s",
        ),
    ] {
        assert_eq!(text(Poller::new(config).expect_err(why)), why);
    }
}

#[test]
fn names_of_no_policy() {
    let known = AnyPolicy::NAMES.join(", ");
    for name in ["", "roundrobin", "Round_Robin", "ran dom", "rändom"] {
        let error = name.parse::<AnyPolicy>().expect_err(name);
        assert_eq!(text(error), format!("unknown policy {name:?}; known are: {known}"));
    }
    let long = "ü".repeat(1000);
    let error = text(long.parse::<AnyPolicy>().expect_err("too long"));
    assert!(
        error.starts_with("unknown policy \"üüü") && error.len() < 100 + known.len(),
        "{error}"
    );
}
