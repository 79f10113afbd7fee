//! When another attempt goes, and where to: gRFC A6, Envoy's retry policy.

use core::time::Duration;

use evenkeel_core::policy::RoundRobin;
use evenkeel_core::retry::{Backoff, End, Step, Verdict};
use evenkeel_core::{Balancer, Endpoint, Instant, Outcome, Request, Why};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::driver::{Always, Driver, NEVER, TEN, hedging, ms, retrying};

/// A6's order: what never left counts as nothing, what is fatal is not retried, and a failure is told before the throttle is asked.
/// No token is taken when no attempt is left, or the next would come too late.
#[test]
fn a6_order_of_decisions() {
    let mut driver = Driver::new(retrying(2, Backoff::None));
    let first = driver.send();
    driver.outcome(first, Verdict::NeverSent);
    let again = driver.send();
    assert_eq!((again.number(), driver.call.attempts()), (1, 1));
    assert_ne!(again, first);
    driver.outcome(again, Verdict::Retry);
    let second = driver.send();
    driver.outcome(second, Verdict::Retry);
    driver.expect(&[Step::Done(End::Attempts)]);
    assert_eq!(driver.ledger.heard, ["call", "never sent", "retry", "granted", "retry"]);

    let mut driver = Driver::with_tokens(retrying(2, Backoff::None), 0);
    let first = driver.send();
    driver.outcome(first, Verdict::Retry);
    driver.expect(&[Step::Done(End::Budget), Step::Done(End::Budget)]);
    assert_eq!(driver.ledger.heard, ["call", "retry", "refused"]);

    let mut driver = Driver::with_tokens(retrying(2, TEN).with_timeout(ms(10)).expect("a timeout"), 0);
    let first = driver.send();
    driver.outcome(first, Verdict::Retry);
    driver.expect(&[Step::Done(End::Deadline)]);
    assert_eq!(driver.ledger.heard, ["call", "retry"]);

    let mut driver = Driver::new(retrying(2, TEN));
    let first = driver.send();
    driver.outcome(first, Verdict::Fatal);
    driver.expect(&[Step::Done(End::Fatal)]);
    assert_eq!(driver.ledger.heard, ["call", "fatal"]);
}

/// Eight attempts that never left are free, beside hedges or not; the ninth counts.
#[test]
fn transparent_retries_are_free_eight_times() {
    let mut driver = Driver::with_tokens(hedging(2, 500), 1);
    let first = driver.send();
    let mut hedge = driver.send_at(500);
    for _ in 0..8 {
        driver.outcome(hedge, Verdict::NeverSent);
        hedge = driver.send();
        assert_eq!((hedge.number(), hedge.is_hedge(), driver.call.attempts()), (2, true, 2));
    }
    driver.outcome(hedge, Verdict::NeverSent);
    driver.expect(&[NEVER]);
    driver.outcome(first, Verdict::NeverSent);
    driver.expect(&[Step::Done(End::Attempts)]);
    assert_eq!(driver.ledger.heard.iter().filter(|heard| **heard == "granted").count(), 1);
}

/// "For subsequent retries, the delay period will be reset to the initialBackoff setting and scale", and the push-back itself is
/// "exactly that delay".
#[test]
fn a6_push_back_resets_the_backoff() {
    let backoff = Backoff::exponential(ms(25), ms(400));
    let mut driver = Driver::new(retrying(9, backoff));
    let mut attempt = driver.send();
    for (verdict, wait) in [
        (Verdict::Retry, 25),
        (Verdict::Retry, 50),
        (Verdict::Retry, 100),
        (Verdict::RetryAfter(ms(700)), 700),
        (Verdict::Retry, 25),
        (Verdict::RetryAfter(ms(1)), 1),
        (Verdict::Retry, 25),
        (Verdict::Retry, 50),
    ] {
        driver.outcome(attempt, verdict);
        attempt = driver.send_at(driver.now + wait);
    }
    driver.outcome(attempt, Verdict::RetryAfter(ms(1)));
    driver.expect(&[Step::Done(End::Attempts)]);
}

/// Envoy discards a wish for more than 300 s; here the call stops, as trying sooner would be against it.
#[test]
fn push_back_has_a_limit() {
    let policy = retrying(3, TEN);
    for (policy, allowed) in [
        (policy, ms(300_000)),
        (policy.with_max_retry_after(ms(20_000)), ms(20_000)),
        (policy.with_max_retry_after(Duration::ZERO), Duration::ZERO),
        (policy.with_max_retry_after(Duration::MAX), ms(100 * 365 * 24 * 3600 * 1000)),
    ] {
        let mut driver = Driver::new(policy);
        let first = driver.send();
        driver.outcome(first, Verdict::RetryAfter(allowed));
        driver.now = allowed.as_millis() as u64;
        let second = driver.send();
        driver.outcome(second, Verdict::RetryAfter(allowed + Duration::from_nanos(1)));
        if allowed < ms(1_000_000) {
            driver.expect(&[Step::Done(End::RetryAfter)]);
            assert_eq!(driver.ledger.heard, ["call", "retry after", "granted", "retry after"]);
        } else {
            assert!(matches!(driver.poll(), Step::Wait(_)));
        }
    }
    // A deadline that comes first is what ends the call.
    let mut driver = Driver::new(policy.with_timeout(ms(1000)).expect("a timeout"));
    let first = driver.send();
    driver.outcome(first, Verdict::RetryAfter(ms(300_001)));
    driver.expect(&[Step::Done(End::Deadline)]);
}

/// Envoy spreads a server's wish over 1 to 1.5 times of it: never earlier.
#[test]
fn push_back_is_spread_upwards_only() {
    let policy = retrying(2, TEN).with_retry_after_jitter();
    let in_time = policy.with_timeout(ms(1200)).expect("a timeout");
    let late = Instant::from_millis(1200).as_nanos() - 1;
    for (policy, rng, due) in [
        (policy, 0, 1_000_000_000),
        (policy, u64::MAX / 2, 1_250_000_000),
        (policy, u64::MAX, 1_500_000_000),
        (in_time, 0, 1_000_000_000),
        (in_time, u64::MAX, late),
    ] {
        let mut driver = Driver::new(policy);
        driver.rng = Always(rng);
        let first = driver.send();
        driver.outcome(first, Verdict::RetryAfter(ms(1000)));
        driver.expect(&[Step::Wait(Instant::from_nanos(due))]);
    }
}

/// Envoy's host predicate, and what a hedge needs all the more: attempts of a call go to endpoints that it has not tried, and when
/// there is none, to any.
#[test]
fn envoy_avoids_hosts_tried() {
    for seed in 0..20 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut balancer: Balancer<u8, RoundRobin> = Balancer::new(RoundRobin::new());
        let _ = balancer.update(Instant::ZERO, (0..4).map(Endpoint::new)).expect("an update");
        let mut driver = Driver::new(hedging(5, 500));
        let mut seen = Vec::new();
        for turn in 0..5 {
            // Another call's pick comes in between.
            let other = balancer.pick(Instant::ZERO, &mut rng).expect("a pick");
            balancer.report(Instant::ZERO, other, Outcome::Canceled);
            let attempt = driver.send();
            let request = Request::at(Instant::ZERO).avoiding(driver.call.tried());
            let pick = balancer.pick_with(request, &mut rng).expect("a pick");
            let why = [Why::Policy, Why::Retry, Why::Retry, Why::Retry, Why::LastResort][turn];
            assert_eq!(pick.why(), why, "attempt {turn}");
            driver.call.started(attempt, pick.slot());
            seen.push(pick.slot());
            driver.now += 500;
        }
        let last = seen.pop();
        assert!(last.is_some_and(|last| seen.contains(&last)));
        let mut distinct = seen.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!((distinct.len(), driver.call.tried()), (4, &seen[..]), "{seen:?}");
    }
}
