//! Reports of requests that were sent before an ejection.

use evenkeel_core::health::{Health, Reason};
use evenkeel_core::{Config, Outcome, Pick, Why};

use super::fixture::{Fixture, OURS, secs};

/// Endpoint 0 is ejected while `number` requests to it are under way.
fn hung(fixture: &mut Fixture, number: usize) -> Vec<Pick> {
    let hung = (0..number).map(|_| fixture.send(0)).collect();
    fixture.wait(secs(1));
    fixture.fail(0, 5);
    assert_eq!(fixture.reason(0), Some(Reason::ConsecutiveFailures));
    hung
}

#[test]
fn while_it_is_ejected_they_say_nothing() {
    let mut fixture = Fixture::of(2, OURS);
    let late = hung(&mut fixture, 9);
    let before = fixture.health(0);
    fixture.wait(secs(1));
    let outcomes = [Outcome::Success, Outcome::Failure, Outcome::Abandoned];
    for (pick, outcome) in late.into_iter().zip(outcomes.into_iter().cycle()) {
        fixture.report(pick, outcome);
        assert_eq!(fixture.health(0), before);
    }
}

#[test]
fn nor_while_it_is_half_open_or_probed() {
    let mut fixture = Fixture::of(2, OURS);
    let mut late = hung(&mut fixture, 4).into_iter();
    fixture.now = fixture.until(0);
    fixture.handle_timeout();
    fixture.report(late.next().unwrap(), Outcome::Success);
    fixture.report(late.next().unwrap(), Outcome::Failure);
    assert_eq!(fixture.health(0), Health::HalfOpen);
    let probe = fixture.pick();
    assert_eq!(probe.why(), Why::Probe);
    fixture.report(late.next().unwrap(), Outcome::Success);
    fixture.report(late.next().unwrap(), Outcome::Failure);
    assert!(matches!(fixture.health(0), Health::Probing { .. }), "the probe decides");
    fixture.report(probe, Outcome::Success);
    assert_eq!(fixture.health(0), Health::Healthy);
}

/// Requests that hung and time out one by one must not eject an endpoint that has come back.
#[test]
fn when_it_is_back_they_say_nothing_either() {
    let mut fixture = Fixture::of(2, OURS);
    let late = hung(&mut fixture, 20);
    fixture.now = fixture.until(0);
    assert_eq!(fixture.request(Outcome::Success), (0, Why::Probe));
    fixture.wait(secs(1));
    for pick in late {
        fixture.report(pick, Outcome::Failure);
    }
    assert_eq!(fixture.health(0), Health::Healthy);
    assert_eq!(fixture.status(0).stats.failures, 25, "but they are counted");
    // Those sent since do.
    fixture.fail(0, 5);
    assert_eq!(fixture.reason(0), Some(Reason::ConsecutiveFailures));
}

/// What an endpoint asks for counts whenever it was sent.
#[test]
fn but_being_asked_to_wait_does() {
    let mut fixture = Fixture::of(2, OURS);
    let late = hung(&mut fixture, 1).remove(0);
    fixture.now = fixture.until(0);
    fixture.request(Outcome::Success);
    fixture.report(late, Outcome::Overloaded { retry_after: Some(secs(3)) });
    assert_eq!(fixture.health(0), Health::Overloaded { until: fixture.now + secs(3) });
}

/// An endpoint that was never ejected, or came back only from a rest, is judged by all requests.
#[test]
fn of_one_that_was_never_ejected() {
    let mut fixture = Fixture::of(2, OURS);
    let late: Vec<_> = (0..5).map(|_| fixture.send(0)).collect();
    fixture.report_to(0, Outcome::Overloaded { retry_after: Some(secs(1)) }, 1);
    fixture.wait(secs(1));
    fixture.handle_timeout();
    for pick in late {
        fixture.report(pick, Outcome::Failure);
    }
    assert_eq!(fixture.reason(0), Some(Reason::ConsecutiveFailures));
}

/// Envoy counts them.
#[test]
fn as_envoy_does() {
    let settings = Config { max_ejection_percent: 50, ..Config::ENVOY };
    let mut fixture = Fixture::of(2, settings);
    let late = hung(&mut fixture, 5);
    fixture.now = fixture.until(0) + secs(10);
    fixture.handle_timeout();
    assert_eq!(fixture.health(0), Health::Healthy);
    for pick in late {
        fixture.report(pick, Outcome::Failure);
    }
    assert_eq!(fixture.reason(0), Some(Reason::ConsecutiveFailures));
}

/// With a clock so coarse that all happens at one instant: only probes and picks in panic decide,
/// and what was sent at the readmission is not late.
#[test]
fn a_clock_that_stands_still() {
    let mut fixture = Fixture::of(2, OURS);
    let ordinary = fixture.send(0);
    fixture.fail(0, 5);
    fixture.report(ordinary, Outcome::Success);
    assert_eq!(fixture.reason(0), Some(Reason::ConsecutiveFailures));

    let mut fixture =
        Fixture::of(2, Config { base_ejection_time: core::time::Duration::from_millis(1), ..OURS });
    fixture.fail(0, 5);
    fixture.now = fixture.until(0);
    assert_eq!(fixture.request(Outcome::Success), (0, Why::Probe));
    fixture.fail(0, 5);
    assert_eq!(fixture.reason(0), Some(Reason::ConsecutiveFailures));
}
