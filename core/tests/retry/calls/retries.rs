//! When another attempt goes, and where to: gRFC A6, Envoy's retry policy.

use core::time::Duration;

use evenkeel_core::Instant;
use evenkeel_core::retry::{Backoff, End, Step, Verdict};

use super::fixture::{Always, Fixture, TEN, ms, retrying};

/// A6's order: what never left counts as nothing, what is fatal is not retried, and a failure is
/// told before the throttle is asked. No token is taken when no attempt is left, or the next would
/// come too late.
#[test]
fn a6_order_of_decisions() {
    let mut fixture = Fixture::new(retrying(2, Backoff::None));
    let first = fixture.send();
    fixture.outcome(first, Verdict::NeverSent);
    let again = fixture.send();
    assert_eq!((again.number(), fixture.call.attempts()), (1, 1));
    assert_ne!(again, first);
    fixture.outcome(again, Verdict::RetryableFailure);
    let second = fixture.send();
    fixture.outcome(second, Verdict::RetryableFailure);
    fixture.expect(&[Step::Done(End::Attempts)]);
    assert_eq!(
        fixture.ledger.heard,
        ["call", "never_sent", "retryable_failure", "granted", "retryable_failure"]
    );

    let mut fixture = Fixture::with_tokens(retrying(2, Backoff::None), 0);
    let first = fixture.send();
    fixture.outcome(first, Verdict::RetryableFailure);
    fixture.expect(&[Step::Done(End::Budget), Step::Done(End::Budget)]);
    assert_eq!(fixture.ledger.heard, ["call", "retryable_failure", "refused"]);

    let mut fixture =
        Fixture::with_tokens(retrying(2, TEN).with_timeout(ms(10)).expect("a timeout"), 0);
    let first = fixture.send();
    fixture.outcome(first, Verdict::RetryableFailure);
    fixture.expect(&[Step::Done(End::Deadline)]);
    assert_eq!(fixture.ledger.heard, ["call", "retryable_failure"]);

    let mut fixture = Fixture::new(retrying(2, TEN));
    let first = fixture.send();
    fixture.outcome(first, Verdict::Ignorable);
    fixture.expect(&[Step::Done(End::Ignorable)]);
    assert_eq!(fixture.ledger.heard, ["call", "ignorable"]);
}

/// "For subsequent retries, the delay period will be reset to the initialBackoff setting and
/// scale", and the push-back itself is "exactly that delay".
#[test]
fn a6_push_back_resets_the_backoff() {
    let backoff = Backoff::exponential(ms(25), ms(400));
    let mut fixture = Fixture::new(retrying(9, backoff));
    let mut attempt = fixture.send();
    for (verdict, wait) in [
        (Verdict::RetryableFailure, 25),
        (Verdict::RetryableFailure, 50),
        (Verdict::RetryableFailure, 100),
        (Verdict::PushBack { wait: ms(700) }, 700),
        (Verdict::RetryableFailure, 25),
        (Verdict::PushBack { wait: ms(1) }, 1),
        (Verdict::RetryableFailure, 25),
        (Verdict::RetryableFailure, 50),
    ] {
        fixture.outcome(attempt, verdict);
        attempt = fixture.send_at(fixture.now + wait);
    }
    fixture.outcome(attempt, Verdict::PushBack { wait: ms(1) });
    fixture.expect(&[Step::Done(End::Attempts)]);
}

/// Envoy discards a wish for more than 300 s; here the call stops, as trying sooner would be
/// against it.
#[test]
fn push_back_has_a_limit() {
    let policy = retrying(3, TEN);
    for (policy, allowed) in [
        (policy, ms(300_000)),
        (policy.with_max_push_back(ms(20_000)), ms(20_000)),
        (policy.with_max_push_back(Duration::ZERO), Duration::ZERO),
        #[cfg(not(feature = "millis32"))]
        (policy.with_max_push_back(Duration::MAX), ms(100 * 365 * 24 * 3600 * 1000)),
    ] {
        let mut fixture = Fixture::new(policy);
        let first = fixture.send();
        fixture.outcome(first, Verdict::PushBack { wait: allowed });
        fixture.now = allowed.as_millis() as u64;
        let second = fixture.send();
        fixture.outcome(second, Verdict::PushBack { wait: allowed + Duration::from_nanos(1) });
        if allowed < ms(1_000_000) {
            fixture.expect(&[Step::Done(End::PushBack)]);
            assert_eq!(fixture.ledger.heard, ["call", "push_back", "granted", "push_back"]);
        } else {
            assert!(matches!(fixture.poll(), Step::Wait(_)));
        }
    }
    // So it is where the deadline would come first.
    let mut fixture = Fixture::new(policy.with_timeout(ms(1000)).expect("a timeout"));
    let first = fixture.send();
    fixture.outcome(first, Verdict::PushBack { wait: ms(300_001) });
    fixture.expect(&[Step::Done(End::PushBack)]);
}

/// Envoy spreads a server's wish over 1 to 1.5 times of it: never earlier.
#[test]
fn push_back_is_spread_upwards_only() {
    let policy = retrying(2, TEN).with_push_back_jitter();
    let in_time = policy.with_timeout(ms(1200)).expect("a timeout");
    let late = Instant::from_millis(1200).as_nanos() - 1;
    for (policy, rng, due) in [
        (policy, 0, 1_000_000_000),
        (policy, u64::MAX / 2, 1_250_000_000),
        (policy, u64::MAX, 1_500_000_000),
        (in_time, 0, 1_000_000_000),
        (in_time, u64::MAX, late),
    ] {
        let mut fixture = Fixture::new(policy);
        fixture.rng = Always(rng);
        let first = fixture.send();
        fixture.outcome(first, Verdict::PushBack { wait: ms(1000) });
        fixture.expect(&[Step::Wait(Some(Instant::from_nanos(due)))]);
    }
}
