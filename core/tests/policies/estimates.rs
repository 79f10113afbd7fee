//! How long endpoints take, as estimates remember it.

use core::time::Duration;

use evenkeel_core::load::{Estimate, Estimator};
use evenkeel_core::{Instant, Outcome};

const MS: u64 = 1_000_000;

/// What an endpoint costs that has a request in flight and never answered.
const UNKNOWN: u64 = u64::MAX >> 16;

/// An estimate fed with answers: when they came, how long they took, and how it went.
fn fed(answers: &[(u64, u64, Outcome)]) -> Estimate {
    let mut estimate = Estimate::NONE;
    for &(at, took, outcome) in answers {
        let (sent, now) = (Instant::from_millis(at - took), Instant::from_millis(at));
        Estimator::DEFAULT.observe(&mut estimate, sent, now, outcome);
    }
    estimate
}

fn cost(estimate: Estimate, in_flight: u32, at: u64) -> u64 {
    Estimator::DEFAULT.cost(estimate, in_flight, Instant::from_millis(at))
}

#[test]
fn a_slower_answer_counts_at_once_and_a_faster_one_by_time() {
    let slow = fed(&[(100, 20, Outcome::Success), (200, 50, Outcome::Success)]);
    assert_eq!((slow.nanos, slow.stamp), (50 * MS, Instant::from_millis(200)));
    // After τ, the past weighs 1/e: 20 + 30/e.
    let later = fed(&[(200, 50, Outcome::Success), (10_200, 20, Outcome::Success)]);
    assert!(later.nanos.abs_diff(31_036_383) < 50, "{}", later.nanos);
    // Compared with what is stored, not with what is left of it.
    let again = fed(&[(200, 50, Outcome::Success), (10_200, 50, Outcome::Success)]);
    assert_eq!(again.nanos, 50 * MS);
}

#[test]
fn frequent_answers_draw_it_down_as_fast_as_rare_ones() {
    let mut often = fed(&[(100, 50, Outcome::Success)]);
    for at in 101..=10_100 {
        let (sent, now) = (Instant::from_millis(at - 20), Instant::from_millis(at));
        Estimator::DEFAULT.observe(&mut often, sent, now, Outcome::Success);
    }
    assert!(often.nanos.abs_diff(31_036_383) < 20_000, "{}", often.nanos);
}

#[test]
fn looking_changes_nothing() {
    let estimate = fed(&[(100, 20, Outcome::Success)]);
    assert_eq!(cost(estimate, 0, 100), 20 * MS);
    let later = cost(estimate, 0, 10_100);
    assert!(later > 7_357_588 && later < 7_378_000, "{later}");
    assert_eq!(cost(estimate, 0, 100), 20 * MS);
    assert_eq!(cost(estimate, 3, 100), 80 * MS);
    assert_eq!(cost(estimate, 3, 10_000_000), 4 * MS, "the floor");
    assert_eq!(cost(estimate, u32::MAX, 100), (20 * MS) << 32);
}

#[test]
fn a_new_endpoint_gets_one_request_until_it_answers() {
    let new = Estimate::NONE;
    assert_eq!(cost(new, 0, 5), 0);
    assert_eq!((cost(new, 1, 5), cost(new, 2, 5)), (UNKNOWN + 1, UNKNOWN + 2));
    let at_once = fed(&[(5, 0, Outcome::Success)]);
    assert_eq!(cost(at_once, 1, 5), 2 * MS, "an answer in no time is one too");
}

#[test]
fn a_failure_counts_as_slow_and_never_lowers() {
    assert_eq!(fed(&[(5, 1, Outcome::Failure)]).nanos, 200 * MS);
    assert_eq!(fed(&[(500, 300, Outcome::Failure)]).nanos, 300 * MS);
    let refused = Outcome::Overloaded { retry_after: None };
    let slow = fed(&[(500, 400, Outcome::Success), (90_000, 1, refused)]);
    assert_eq!(slow.nanos, 400 * MS);
}

#[test]
fn a_canceled_request_took_at_least_this_long() {
    let answered = (100, 20, Outcome::Success);
    assert_eq!(fed(&[answered, (200, 50, Outcome::Abandoned)]).nanos, 50 * MS);
    assert_eq!(fed(&[answered, (200, 10, Outcome::Abandoned)]), fed(&[answered]));
    // Of 20 ms nothing is left after a quiet time, but 10 ms are certain.
    let quiet = fed(&[answered, (100_000, 10, Outcome::Abandoned)]);
    assert_eq!((quiet.nanos, cost(quiet, 0, 100_000)), (10 * MS, 10 * MS));
    let never = fed(&[(100, 1, Outcome::Abandoned)]);
    assert_eq!(never.nanos, 200 * MS, "neither sought after nor unknown");
}

#[test]
fn a_clock_that_goes_backwards_does_no_harm() {
    let estimator = Estimator::DEFAULT;
    let mut estimate = fed(&[(1_000_000, 20, Outcome::Success)]);
    let (sent, now) = (Instant::from_millis(7), Instant::from_millis(2));
    estimator.observe(&mut estimate, sent, now, Outcome::Success);
    assert_eq!(estimate, Estimate { nanos: 20 * MS, stamp: Instant::from_millis(2) });
    let (sent, now) = (Instant::from_secs(60), Instant::from_secs(61));
    estimator.observe(&mut estimate, sent, now, Outcome::Abandoned);
    assert_eq!(cost(estimate, 0, 0), 1_000 * MS);
    // On a clock of 32 bits, which goes round, the last moment is the one before the first.
    if !cfg!(feature = "millis32") {
        estimator.observe(&mut estimate, Instant::ZERO, Instant::MAX, Outcome::Success);
        assert_eq!(estimator.cost(estimate, 9, Instant::MAX), u64::MAX);
    }
}

#[test]
fn no_time_at_all_is_a_nanosecond() {
    let still = Estimator::new(Duration::ZERO, Duration::from_millis(1), Duration::ZERO);
    let estimate = Estimate { nanos: 9, stamp: Instant::ZERO };
    assert_eq!(still.cost(estimate, 0, Instant::from_secs(1)), MS);
}

#[test]
fn a_tau_of_centuries_never_lowers() {
    let slow = Estimator::new(Duration::MAX, Duration::from_millis(1), Duration::ZERO);
    let mut estimate = Estimate { nanos: 9 * MS, stamp: Instant::ZERO };
    assert_eq!(slow.cost(estimate, 0, Instant::from_secs(1_000)), 9 * MS);
    slow.observe(&mut estimate, Instant::from_secs(1), Instant::from_secs(1), Outcome::Success);
    assert_eq!(estimate.nanos, 9 * MS);
}

/// What a request at fault says of how long an answer takes: no less than is known. A fast one
/// counts as in flight for some 26 ms.
#[test]
fn a_request_at_fault_never_lowers() {
    let answered = (100, 40, Outcome::Success);
    let refused = fed(&[answered, (20_000, 1, Outcome::Ignorable)]);
    // A clock of 32 bits counts whole milliseconds, the one that began, too.
    let stamp = if cfg!(feature = "millis32") { 20_026_000_000 } else { 20_025_996_094 };
    assert_eq!((refused.nanos, refused.stamp), (40 * MS, Instant::from_nanos(stamp)));
    assert_eq!(fed(&[answered, (200, 70, Outcome::Ignorable)]).nanos, 70 * MS);
    assert_eq!(fed(&[(200, 1, Outcome::Ignorable)]), Estimate::NONE);
}

#[test]
fn what_was_not_taken_up_says_nothing() {
    let rest = Outcome::Overloaded { retry_after: Some(Duration::from_secs(1)) };
    for outcome in [Outcome::NeverSent, Outcome::PushedBack, rest] {
        let answered = (100, 40, Outcome::Success);
        assert_eq!(fed(&[answered, (5_000, 900, outcome)]), fed(&[answered]));
        assert_eq!(fed(&[(100, 1, outcome)]), Estimate::NONE);
    }
}

#[test]
fn a_timeout_took_at_least_this_long() {
    let answered = (100, 20, Outcome::Success);
    assert_eq!(fed(&[answered, (300, 150, Outcome::TimedOut)]).nanos, 150 * MS);
    assert_eq!(fed(&[answered, (300, 5, Outcome::TimedOut)]), fed(&[answered]));
}
