//! What verdicts say of an endpoint's health: by the outcomes that follow from them.

use core::time::Duration;

use evenkeel_core::health::{Health, Reason};
use evenkeel_core::{Config, Endpoint, EventKind, Outcome, Verdict};

use super::fixture::{Fixture, OURS, REFUSED, millis, secs};
use super::outages::World;

/// What kinds of failures there are, for health.
const FAILURES: [Outcome; 4] = [Outcome::Failure, Outcome::TimedOut, Outcome::NeverSent, REFUSED];

/// A write that must not be repeated ends its call, and tells of its endpoint all the same.
#[test]
fn one_whose_failures_must_not_be_repeated_is_ejected_after_5() {
    let failure = (millis(1), Verdict::NonRetryableFailure.outcome());
    let good = (millis(1), Outcome::Success);
    for policy in ["round_robin", "random", "least_request", "weighted_random", "peak_ewma"] {
        for size in [2, 3, 5, 10, 1_000] {
            for callers in [1, 16, 64] {
                let set = (0..size).map(Endpoint::new);
                let mut world = World::new(policy, Config::DEFAULT, set);
                // Where there are many, it is its turn after a while.
                let requests = 40 * u64::from(size) + 4_000;
                world.run(callers, requests, |addr, _| if addr == 0 { failure } else { good });
                let text = format!("{policy} {size} {callers}");
                // Those that were under way when it was ejected are lost, too, and a probe or two.
                let most = 5 + world.probes + if callers == 1 { 0 } else { callers as u64 };
                assert!(world.lost <= most, "{text}: {} of {most}", world.lost);
                if policy != "peak_ewma" {
                    // That one stays away before it has failed so often.
                    let by_row = |kind: &EventKind| {
                        let reason = Reason::ConsecutiveFailures;
                        matches!(kind, EventKind::Ejected { reason: by, .. } if *by == reason)
                    };
                    assert_eq!(world.count(by_row), 1, "{text}");
                    assert!(world.lost >= 5, "{text}: {}", world.lost);
                }
            }
        }
    }
    // One that is alone is kept: there is nobody else.
    let mut alone = World::new("round_robin", Config::DEFAULT, [Endpoint::new(0)]);
    alone.run(1, 100, |_, _| failure);
    assert_eq!((alone.health(0), alone.lost), (Health::Healthy, 100));
}

/// A row of 4 failures, a request that is at fault, and a failure: ejected.
#[test]
fn a_request_at_fault_leaves_a_row_of_failures_as_it_is() {
    for size in [2, 3, 5, 10] {
        for failure in FAILURES {
            for (before, at_fault) in [(4, 1), (1, 1), (2, 3), (4, 100), (0, 7)] {
                for apart in [Duration::ZERO, secs(3), secs(100_000)] {
                    let mut fixture = Fixture::of(size, OURS);
                    fixture.report_to(0, failure, before);
                    fixture.wait(apart);
                    fixture.report_to(0, Outcome::Ignorable, at_fault);
                    fixture.report_to(0, failure, 4 - before);
                    assert_eq!(fixture.health(0), Health::Healthy);
                    fixture.report_to(0, failure, 1);
                    let text = format!("{size} {failure:?} {before} {at_fault} {apart:?}");
                    assert_eq!(fixture.reason(0), Some(Reason::ConsecutiveFailures), "{text}");
                }
            }
        }
    }
}

/// Of 4 failures, one more word, and a failure: whether that is a row of five.
#[test]
fn each_verdict_between_failures() {
    let wait = secs(1);
    for (verdict, row_of_five) in [
        (Verdict::Success, false),
        (Verdict::PushBack { wait }, false),
        (Verdict::Ignorable, true),
        (Verdict::Canceled, true),
        (Verdict::RetryableFailure, true),
        (Verdict::NonRetryableFailure, true),
        (Verdict::TimedOut, true),
        (Verdict::NeverSent, true),
        (Verdict::Overloaded { wait: None }, true),
    ] {
        for size in [2, 3, 5, 10] {
            for failure in FAILURES {
                let mut fixture = Fixture::of(size, OURS);
                fixture.report_to(0, failure, 4);
                fixture.report_to(0, verdict.outcome(), 1);
                // It was the fifth already.
                if !verdict.outcome().is_failure() {
                    assert_eq!(fixture.health(0), Health::Healthy, "{verdict:?}");
                    fixture.report_to(0, failure, 1);
                }
                let ejected = fixture.reason(0) == Some(Reason::ConsecutiveFailures);
                assert_eq!(ejected, row_of_five, "{verdict:?}, {failure:?}, {size}");
            }
        }
    }
    // One that asks to be left alone rests, which is neither a failure nor an ejection.
    let mut fixture = Fixture::of(3, OURS);
    fixture.report_to(0, Verdict::Overloaded { wait: Some(wait) }.outcome(), 1);
    assert_eq!(fixture.health(0), Health::Overloaded { until: fixture.now + wait });
}

/// Requests at fault alone never eject, however many and however slow; nor do push-backs.
#[test]
fn requests_at_fault_eject_nobody() {
    for outcome in [Outcome::Ignorable, Outcome::PushedBack] {
        for (size, callers) in [(1, 1), (2, 16), (3, 64), (10, 16)] {
            for policy in ["round_robin", "peak_ewma"] {
                let set = (0..size).map(Endpoint::new);
                let mut world = World::new(policy, Config::DEFAULT, set);
                world.run(callers, 2_000, |addr, _| {
                    (millis(300), if addr == 0 { outcome } else { Outcome::Success })
                });
                assert_eq!(world.health(0), Health::Healthy);
                let ejected = world.count(|kind| matches!(kind, EventKind::Ejected { .. }));
                assert_eq!(ejected, 0, "{outcome:?} {size} {callers} {policy}");
            }
        }
    }
}

/// A probe that ends so brings the endpoint back: it answered. If it fails again, its row says so.
#[test]
fn a_probe_that_is_at_fault_has_been_answered() {
    for size in [2, 3, 5, 10] {
        for outcome in [Outcome::Ignorable, Outcome::PushedBack, Outcome::Success] {
            for again in FAILURES {
                let mut fixture = Fixture::of(size, OURS);
                fixture.open(0);
                assert_eq!(fixture.request(outcome).0, 0);
                assert_eq!(fixture.health(0), Health::Healthy, "{outcome:?}");
                fixture.report_to(0, again, 4);
                assert_eq!(fixture.health(0), Health::Healthy, "its row begins anew");
                fixture.report_to(0, again, 1);
                assert_eq!(fixture.reason(0), Some(Reason::ConsecutiveFailures));
            }
        }
    }
}
