//! Several attempts in flight, as gRFC A6 has it.

use std::rc::Rc;

use evenkeel_core::Instant;
use evenkeel_core::retry::{Call, End, Hedging, Step, Verdict};

use super::fixture::{Fixture, NEVER, TEN, hedging, lost, ms, retrying, timed_out};

/// "after 1ms there would be one outstanding RPC, after 501ms two, after 1001ms three, and after
/// 1501ms four."
#[test]
fn a6_hedging_delay() {
    let mut fixture = Fixture::new(hedging(4, 500));
    let first = fixture.send();
    assert!(!first.is_hedge());
    for (millis, number) in [(500, 2), (1000, 3), (1500, 4)] {
        assert_eq!(fixture.call.in_flight().count() as u32, number - 1);
        let hedge = fixture.send_at(millis);
        assert_eq!((hedge.number(), hedge.is_hedge()), (number, true));
    }
    fixture.expect(&[NEVER, NEVER]);
    assert_eq!((fixture.call.attempts(), fixture.call.in_flight().count()), (4, 4));
}

/// A delay of 0 "issues four RPCs simultaneously".
#[test]
fn a6_hedging_without_delay() {
    let mut fixture = Fixture::new(hedging(4, 0));
    let numbers = [(); 4].map(|()| fixture.send().number());
    assert_eq!(numbers, [1, 2, 3, 4]);
    fixture.expect(&[NEVER]);
}

/// The first answer that is not an error, or an error that is fatal, cancels all others.
#[test]
fn a6_success_and_fatal_cancel_the_rest() {
    for (verdict, end) in [
        (Verdict::Success, End::Success),
        (Verdict::NonRetryableFailure, End::NonRetryableFailure),
        (Verdict::Ignorable, End::Ignorable),
    ] {
        let mut fixture = Fixture::new(hedging(4, 500));
        let (first, second, third) = (fixture.send(), fixture.send_at(500), fixture.send_at(1000));
        fixture.outcome(second, verdict);
        fixture.expect(&[lost(first), lost(third), Step::Done(end)]);
        fixture.outcome(third, Verdict::Success);
        fixture.expect(&[Step::Done(end)]);
        assert_eq!(fixture.ledger.heard, ["call", "granted", "granted", verdict.name()]);
    }
}

/// "the next hedged request in line is sent immediately, shortcutting its hedging delay", and
/// "Subsequent hedged requests will resume at hedgingDelay".
#[test]
fn a6_failure_sends_the_next_hedge_at_once() {
    let mut fixture = Fixture::new(hedging(4, 500));
    let (first, second) = (fixture.send(), fixture.send_at(500));
    fixture.now = 600;
    fixture.outcome(first, Verdict::RetryableFailure);
    let third = fixture.send();
    let fourth = fixture.send_at(1100);
    // No hedges are left: the others go on, and when all have failed, "there are no additional
    // retry attempts".
    fixture.outcome(third, Verdict::RetryableFailure);
    fixture.expect(&[NEVER]);
    fixture.outcome(second, Verdict::RetryableFailure);
    fixture.outcome(fourth, Verdict::RetryableFailure);
    fixture.expect(&[Step::Done(End::Attempts)]);
}

/// A hedge that fails while another one is due or under way: one goes for each failure, even if
/// both are told at once.
#[test]
fn each_failure_sends_a_hedge() {
    let mut fixture = Fixture::new(hedging(5, 500));
    let (first, second, third) = (fixture.send(), fixture.send_at(500), fixture.send_at(1000));
    fixture.now = 1100;
    fixture.outcome(first, Verdict::RetryableFailure);
    fixture.outcome(third, Verdict::RetryableFailure);
    assert_eq!((fixture.send().number(), fixture.send().number()), (4, 5));
    fixture.expect(&[NEVER]);
    assert_eq!(fixture.call.in_flight().next(), Some(second));
}

/// "Send next hedged request in n ms. Subsequent hedged requests will resume at n + hedgingDelay".
#[test]
fn a6_push_back_moves_the_next_hedge() {
    let mut fixture = Fixture::new(hedging(5, 500));
    let (first, second) = (fixture.send(), fixture.send_at(500));
    let third = fixture.send_at(1000);
    fixture.now = 1100;
    fixture.outcome(first, Verdict::PushBack { wait: ms(800) });
    fixture.expect(&[Step::Wait(Some(Instant::from_millis(1900)))]);
    // Another one's failure does not make it come sooner.
    fixture.now = 1200;
    fixture.outcome(second, Verdict::RetryableFailure);
    let fourth = fixture.send_at(1900);
    let fifth = fixture.send_at(2400);
    fixture.outcome(fifth, Verdict::Success);
    fixture.expect(&[lost(third), lost(fourth), Step::Done(End::Success)]);
}

/// "no further hedged requests should be issued", those in flight go on. Here it is a wait beyond
/// the limit that says so.
#[test]
fn a6_push_back_for_good_ends_hedging() {
    let mut fixture = Fixture::new(hedging(4, 500).with_max_push_back(ms(60_000)));
    let (first, second) = (fixture.send(), fixture.send_at(500));
    fixture.outcome(first, Verdict::PushBack { wait: ms(60_001) });
    fixture.expect(&[NEVER]);
    fixture.outcome(second, Verdict::Success);
    fixture.expect(&[Step::Done(End::Success)]);
}

/// "The first outgoing RPC will always be sent, but subsequent hedged RPCs will only be sent if"
/// the throttle allows; the others in flight are not disturbed. Each hedge is asked for in its
/// turn.
#[test]
fn a6_budget_gates_hedges() {
    let mut fixture = Fixture::with_tokens(hedging(4, 500), 0);
    let first = fixture.send();
    let (tried, other) = (fixture.endpoints[0], fixture.endpoints[1]);
    for millis in [500, 1000] {
        fixture.wait_until(millis);
        let refused = fixture.asks();
        assert!(!fixture.started(refused, other));
    }
    fixture.ledger.tokens = 1;
    fixture.wait_until(1500);
    let second = fixture.send();
    assert_eq!((second.number(), fixture.call.tried()), (2, &[tried, other][..]));
    fixture.expect(&[NEVER]);
    assert_eq!(fixture.ledger.heard, ["call", "refused", "refused", "granted"]);
    fixture.outcome(first, Verdict::RetryableFailure);
    fixture.outcome(second, Verdict::Success);
    fixture.expect(&[Step::Done(End::Success)]);
    assert_eq!(fixture.ledger.heard[4..], ["retryable_failure", "success"], "both are told");
}

/// "Once a deadline has passed, the operation fails regardless of in-flight RPCs, and regardless of
/// the hedging configuration."
#[test]
fn a6_deadline_ends_all() {
    let mut fixture = Fixture::new(hedging(4, 500).with_timeout(ms(1000)).expect("a timeout"));
    let (first, second) = (fixture.send(), fixture.send_at(500));
    assert_eq!(second.deadline(), Some(Instant::from_millis(1000)));
    // The third would be due just now.
    fixture.wait_until(1000);
    fixture.expect(&[timed_out(first), timed_out(second), Step::Done(End::Deadline)]);
    assert_eq!(fixture.ledger.heard, ["call", "granted", "timed_out", "timed_out"]);
}

/// An attempt that takes too long is a failure like any other: the next hedge goes at once.
#[test]
fn attempt_timeout_sends_a_hedge() {
    let mut fixture =
        Fixture::new(hedging(4, 300).with_attempt_timeout(ms(400)).expect("a timeout"));
    let (first, second) = (fixture.send(), fixture.send_at(300));
    fixture.wait_until(400);
    fixture.expect(&[timed_out(first)]);
    let third = fixture.send();
    fixture.outcome(first, Verdict::Success);
    fixture.wait_until(700);
    fixture.expect(&[timed_out(second)]);
    fixture.outcome(third, Verdict::Success);
    fixture.expect(&[Step::Done(End::Success)]);
}

/// With attempts left, a call whose attempts in flight have all failed goes on as without hedging,
/// and the retry may be hedged as long as hedges are left.
#[test]
fn retry_after_hedges_is_hedged_again() {
    let policy = retrying(2, TEN).with_hedging(Hedging::new(ms(100), 2).expect("hedges"));
    let mut fixture = Fixture::new(policy);
    let (first, second) = (fixture.send(), fixture.send_at(100));
    fixture.now = 150;
    fixture.outcome(first, Verdict::PushBack { wait: ms(1) });
    fixture.outcome(second, Verdict::RetryableFailure);
    let third = fixture.send_at(160);
    assert_eq!((third.number(), third.is_hedge()), (3, false));
    let fourth = fixture.send_at(260);
    assert_eq!((fourth.number(), fourth.is_hedge()), (4, true));
    fixture.expect(&[NEVER]);
    fixture.outcome(third, Verdict::RetryableFailure);
    fixture.outcome(fourth, Verdict::RetryableFailure);
    fixture.expect(&[Step::Done(End::Attempts)]);
    let heard = [
        "call",
        "granted",
        "push_back",
        "retryable_failure",
        "granted",
        "granted",
        "retryable_failure",
        "retryable_failure",
    ];
    assert_eq!(fixture.ledger.heard, heard);
}

/// A hedge that finds no endpoint is not sent, nor are others, and the budget is not asked; only an
/// attempt without others in flight ends the call so.
#[test]
fn no_endpoint_for_a_hedge() {
    for finds_a_tried_one in [false, true] {
        let mut fixture = Fixture::new(hedging(4, 500));
        let first = fixture.send();
        fixture.wait_until(500);
        let second = fixture.asks();
        if finds_a_tried_one {
            let tried = fixture.endpoints[0];
            assert!(!fixture.started(second, tried));
        } else {
            fixture.call.no_endpoint(Instant::from_millis(500));
        }
        assert!(fixture.call.in_flight().eq([first]));
        fixture.expect(&[NEVER]);
        fixture.outcome(second, Verdict::Success);
        fixture.call.no_endpoint(Instant::from_millis(500));
        fixture.expect(&[NEVER]);
        fixture.outcome(first, Verdict::Success);
        fixture.expect(&[Step::Done(End::Success)]);
        assert_eq!(fixture.call.attempts(), 1);
        assert_eq!(fixture.ledger.heard, ["call", "success"]);
    }

    let mut fixture = Fixture::new(hedging(4, 500));
    let _ = fixture.asks();
    fixture.call.no_endpoint(Instant::ZERO);
    fixture.expect(&[Step::Done(End::NoEndpoints)]);
}

/// A clock that goes backwards takes hedges and deadlines of all in flight along.
#[test]
fn clock_that_goes_backwards() {
    let policy = hedging(3, 500)
        .with_timeout(ms(3000))
        .and_then(|policy| policy.with_attempt_timeout(ms(1200)));
    let mut fixture = Fixture::new(policy.expect("timeouts"));
    fixture.call = Call::new(Rc::new(policy.expect("timeouts")), Instant::from_millis(100_000));
    fixture.now = 100_000;
    let first = fixture.send();
    let second = fixture.send_at(100_500);
    // 50 s back: what was 500 ms ahead still is.
    fixture.now = 50_500;
    let third = fixture.send_at(51_000);
    for (millis, attempt) in [(51_200, first), (51_700, second), (52_200, third)] {
        fixture.wait_until(millis);
        fixture.expect(&[timed_out(attempt)]);
    }
    fixture.expect(&[Step::Done(End::Attempts)]);
}
