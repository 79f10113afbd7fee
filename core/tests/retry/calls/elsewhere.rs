//! Attempts that go elsewhere at once: after an overloaded endpoint, and what never left.

use core::time::Duration;

use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::retry::{
    Backoff, Call, End, RetryBudget, RetryBudgetSettings, Step, Unlimited, Verdict,
};
use evenkeel_core::{Instant, Request};
use rand_chacha::ChaCha8Rng;

use super::fixture::{Fixture, NEVER, TEN, hedging, ms, retrying};
use super::service::{Case, Service, cases};

/// A budget of so many retries, which no call adds to.
fn budget(retries: u32) -> RetryBudget {
    let settings = RetryBudgetSettings {
        can_retry_per_mille: 0,
        min_per_second: retries,
        ttl: Duration::from_secs(1),
        ..RetryBudgetSettings::DEFAULT
    };
    RetryBudget::new(settings).expect("a budget")
}

/// Three endpoints, one says that it wants to be left alone for 600 s: another one answers within
/// one attempt's time.
#[test]
fn one_that_is_overloaded_sends_the_call_elsewhere_at_once() {
    for case in cases(2) {
        let mut service = Service::new(case);
        let mut refused = None;
        for _ in 0..10 {
            let began = service.now;
            let end = service.call(&retrying(3, TEN), &mut Unlimited, |addr| {
                if *refused.get_or_insert(addr) == addr {
                    Verdict::Overloaded { wait: Some(Duration::from_secs(600)) }
                } else {
                    Verdict::Success
                }
            });
            assert_eq!(end, End::Success, "{case:?}");
            let took = service.now.saturating_since(began);
            assert!(took <= ms(2), "{case:?}: {took:?}");
        }
        assert_eq!(service.in_flight(), case.beside);
    }
}

/// Where all rest, the call waits for the first that comes back, however long the others ask for.
#[test]
fn where_all_rest_the_call_waits_for_the_first() {
    let secs = [600, 2, 9];
    for case in cases(3).take_while(|case| case.size == 3) {
        let mut service = Service::new(case);
        let began = service.now;
        let mut asked = 0;
        let end = service.call(&retrying(4, TEN), &mut Unlimited, |addr| {
            asked += 1;
            if asked > 3 {
                return Verdict::Success;
            }
            Verdict::Overloaded { wait: Some(Duration::from_secs(secs[addr as usize])) }
        });
        assert_eq!((end, service.sent.len()), (End::Success, 4), "{case:?}");
        let took = service.now.saturating_since(began);
        assert!(took >= Duration::from_secs(2) && took <= ms(2_010), "{case:?}: {took:?}");
        assert_eq!(service.sent[3], 1, "{case:?}: the first that is back");
    }
}

/// One endpoint alone: the rest that it asks for, or else the backoff.
#[test]
fn one_alone_is_waited_for() {
    for (wait, due) in [(Some(ms(700)), 700), (None, 10), (Some(Duration::ZERO), 10)] {
        let mut fixture = Fixture::new(retrying(2, TEN));
        let slot = fixture.endpoints[0];
        let first = fixture.send();
        fixture.outcome(first, Verdict::Overloaded { wait });
        let elsewhere = fixture.asks();
        assert_eq!(elsewhere.number(), 2);
        assert!(!fixture.started(elsewhere, slot), "it rests");
        fixture.wait_until(due);
        let second = fixture.asks();
        assert!(fixture.started(second, slot));
        assert_eq!(second.number(), 2);
        fixture.outcome(second, Verdict::Overloaded { wait });
        fixture.expect(&[Step::Done(End::Attempts)]);
        assert_eq!(fixture.ledger.heard, ["call", "overloaded", "granted", "overloaded"]);
    }
}

/// An attempt elsewhere counts, and the budget is asked for it once it has an endpoint.
#[test]
fn elsewhere_costs_a_retry() {
    let overloaded = Verdict::Overloaded { wait: Some(ms(5000)) };
    let mut fixture = Fixture::with_tokens(retrying(3, TEN), 1);
    let attempts = [fixture.send(), {
        let first = fixture.call.in_flight().next().expect("it is sent");
        fixture.outcome(first, overloaded);
        fixture.send()
    }];
    assert_eq!(fixture.ledger.heard, ["call", "overloaded", "granted"]);
    fixture.outcome(attempts[1], overloaded);
    let third = fixture.asks();
    let slot = fixture.endpoints[2];
    assert!(!fixture.started(third, slot));
    fixture.expect(&[Step::Done(End::Budget)]);
    assert_eq!(fixture.call.attempts(), 2);
    let heard = ["call", "overloaded", "granted", "overloaded", "refused"];
    assert_eq!(fixture.ledger.heard, heard);

    let mut fixture = Fixture::new(retrying(1, TEN));
    let first = fixture.send();
    fixture.outcome(first, overloaded);
    fixture.expect(&[Step::Done(End::Attempts)]);
}

/// A rest that ends after the deadline is not waited for; a push-back of another attempt is heeded.
#[test]
fn rests_and_deadlines() {
    let overloaded = Verdict::Overloaded { wait: Some(ms(5000)) };
    let mut fixture = Fixture::new(retrying(3, TEN).with_timeout(ms(1000)).expect("a timeout"));
    let slot = fixture.endpoints[0];
    let first = fixture.send();
    fixture.outcome(first, overloaded);
    let elsewhere = fixture.asks();
    assert!(!fixture.started(elsewhere, slot));
    fixture.expect(&[Step::Done(End::Deadline)]);

    let mut fixture = Fixture::new(retrying(3, TEN));
    let first = fixture.send();
    fixture.outcome(first, Verdict::PushBack { wait: ms(300) });
    let second = fixture.send_at(300);
    fixture.outcome(second, overloaded);
    let third = fixture.send();
    assert_eq!((third.number(), fixture.now), (3, 300), "the push-back is over");
}

/// Beside others, the next hedge goes at once.
#[test]
fn one_that_is_overloaded_beside_others_sends_a_hedge() {
    let mut fixture = Fixture::new(hedging(3, 500));
    let (first, second) = (fixture.send(), fixture.send_at(500));
    fixture.outcome(first, Verdict::Overloaded { wait: Some(ms(60_000)) });
    let third = fixture.send();
    assert!(third.is_hedge());
    fixture.expect(&[NEVER]);
    fixture.outcome(second, Verdict::Success);
    let Step::Cancel { attempt, .. } = fixture.poll() else { panic!("a loser") };
    assert_eq!(attempt, third);
}

/// What never left is sent again for nothing, once to each other endpoint, three times at most; then
/// it is a failure as any other.
#[test]
fn what_never_left_is_sent_again_three_times_for_nothing() {
    let mut fixture = Fixture::with_tokens(retrying(2, TEN), 1);
    let mut attempt = fixture.send();
    for _ in 0..3 {
        fixture.outcome(attempt, Verdict::NeverSent);
        attempt = fixture.send();
        assert_eq!((attempt.number(), fixture.call.attempts()), (1, 1));
    }
    fixture.outcome(attempt, Verdict::NeverSent);
    attempt = fixture.send_at(10);
    assert_eq!(attempt.number(), 2);
    fixture.outcome(attempt, Verdict::NeverSent);
    fixture.expect(&[Step::Done(End::Attempts)]);
    let granted = fixture.ledger.heard.iter().filter(|heard| **heard == "granted");
    assert_eq!(granted.count(), 1);

    // Beside others.
    let mut fixture = Fixture::with_tokens(hedging(2, 500), 1);
    let first = fixture.send();
    let mut hedge = fixture.send_at(500);
    for _ in 0..3 {
        fixture.outcome(hedge, Verdict::NeverSent);
        hedge = fixture.send();
        assert_eq!((hedge.number(), hedge.is_hedge(), fixture.call.attempts()), (2, true, 2));
    }
    fixture.outcome(hedge, Verdict::NeverSent);
    fixture.expect(&[NEVER]);
    fixture.outcome(first, Verdict::NeverSent);
    fixture.expect(&[Step::Done(End::Attempts)]);
}

/// It does not go to an endpoint that was tried: then it waits and pays as any failure.
#[test]
fn what_never_left_goes_to_none_that_was_tried() {
    let mut fixture = Fixture::new(retrying(2, TEN));
    let slot = fixture.endpoints[0];
    let first = fixture.send();
    fixture.outcome(first, Verdict::NeverSent);
    let again = fixture.asks();
    assert!(!fixture.started(again, slot));
    fixture.wait_until(10);
    let second = fixture.asks();
    assert_eq!((second.number(), fixture.started(second, slot)), (2, true));
    assert_eq!(fixture.ledger.heard, ["call", "never_sent", "granted"]);
}

/// A total outage of three and 3 attempts: at most 3 + 3 requests a call, and at most 3 besides what
/// the budget allows once that is empty.
#[test]
fn a_total_outage_multiplies_no_load() {
    for case in cases(1) {
        let free = case.size.saturating_sub(1).min(3) as usize;
        let mut service = Service::new(case);
        let end = service.call(&retrying(3, TEN), &mut Unlimited, |_| Verdict::NeverSent);
        assert_eq!((end, service.sent.len()), (End::Attempts, 3 + free), "{case:?}");

        let mut budget = budget(5);
        let mut sent = 0;
        for _ in 0..100 {
            // Within the memory of the budget, as nothing takes time.
            let now = service.now;
            let once = retrying(3, Backoff::None);
            let _ = service.call(&once, &mut budget, |_| Verdict::NeverSent);
            assert!(service.sent.len() <= 3 + free, "{case:?}: {:?}", service.sent);
            sent += service.sent.len();
            service.now = now;
        }
        assert_eq!(sent, 100 * (1 + free) + 5, "{case:?}");
        assert_eq!(service.in_flight(), case.beside);
    }
}

/// One attempt: one free request per other endpoint at most, and 3 in all.
#[test]
fn one_attempt_that_never_leaves() {
    for case in cases(1) {
        let mut service = Service::new(case);
        let end = service.call(&retrying(1, TEN), &mut Unlimited, |_| Verdict::NeverSent);
        let most = 1 + case.size.saturating_sub(1).min(3) as usize;
        assert_eq!((end, service.sent.len()), (End::Attempts, most), "{case:?}");
        let mut distinct = service.sent.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), most, "{case:?}: no endpoint twice");
    }
}

/// A policy of 2 attempts and no timeout: a push-back for ever ends the call as what it is.
#[test]
fn a_push_back_for_ever() {
    let policy = retrying(2, TEN);
    for policy in [policy, policy.with_max_push_back(Duration::MAX)] {
        for wait in [Duration::MAX, Duration::from_secs(u64::MAX)] {
            let mut fixture = Fixture::new(policy);
            let first = fixture.send();
            fixture.outcome(first, Verdict::PushBack { wait });
            fixture.expect(&[Step::Done(End::PushBack)]);
        }
    }
}

/// One endpoint, ten calls with a hedge due: a budget of 10 stays as it was.
#[test]
fn a_hedge_that_has_no_endpoint_costs_nothing() {
    for (size, calls, left) in [(1, 10, 10), (1, 64, 10), (2, 10, 0), (3, 4, 6), (1000, 16, 0)] {
        let mut budget = budget(10);
        let alone = Case { size, policy: "least_request", weighted: false, beside: 0 };
        let mut service = Service::new(alone);
        let policy = hedging(2, 20);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut all: Vec<_> = (0..calls).map(|_| Call::new(&policy, service.now)).collect();
        for _ in 0..2 {
            for call in &mut all {
                while let Step::Send(attempt) = call.poll(service.now, &mut budget, &mut rng) {
                    let request = Request::at(service.now).avoiding(call.tried());
                    let pick = service.balancer.pick_with(request, &mut rng).expect("a pick");
                    if !call.started(attempt, pick.slot(), &mut budget) {
                        service.balancer.withdraw(service.now, pick);
                    }
                }
            }
            service.now = service.now + ms(20);
        }
        assert_eq!(budget.balance(service.now), left, "{size} endpoints, {calls} calls");
        assert_eq!(service.in_flight(), calls + 10 - left as u32);
    }
}

/// A call that finds no endpoint may wait for one, up to its deadline.
#[test]
fn a_call_may_wait_until_there_is_an_endpoint() {
    let policy = retrying(2, TEN).with_timeout(ms(1000)).expect("a timeout");
    let mut fixture = Fixture::new(policy);
    let _ = fixture.asks();
    fixture.call.no_endpoint(Instant::ZERO);
    fixture.expect(&[Step::Done(End::NoEndpoints)]);

    for comes in [None, Some(0), Some(1), Some(999)] {
        let mut fixture = Fixture::new(policy.with_wait_for_ready());
        let _ = fixture.asks();
        fixture.call.no_endpoint(Instant::ZERO);
        assert!(fixture.call.waits_for_endpoint());
        fixture.expect(&[Step::Wait(Some(Instant::from_millis(1000)))]);
        let Some(comes) = comes else {
            fixture.now = 1000;
            fixture.expect(&[Step::Done(End::Deadline)]);
            continue;
        };
        fixture.now = comes;
        fixture.expect(&[Step::Wait(Some(Instant::from_millis(1000)))]);
        fixture.call.endpoints_changed();
        // It is one that drains: there is none still.
        let _ = fixture.asks();
        fixture.call.no_endpoint(Instant::from_millis(comes));
        fixture.call.endpoints_changed();
        let first = fixture.send();
        assert_eq!((first.number(), fixture.call.attempts()), (1, 1));
        fixture.outcome(first, Verdict::Success);
        fixture.expect(&[Step::Done(End::Success)]);
        assert_eq!(fixture.ledger.heard, ["call", "success"]);
    }

    // Without a deadline, as long as it takes; where all are busy, not at all.
    let mut fixture = Fixture::new(retrying(2, TEN).with_wait_for_ready());
    let _ = fixture.asks();
    fixture.call.no_endpoint(Instant::ZERO);
    fixture.expect(&[NEVER]);
    fixture.call.endpoints_changed();
    let _ = fixture.asks();
    fixture.call.all_busy(Instant::ZERO);
    fixture.expect(&[Step::Done(End::NoEndpoints)]);
}
