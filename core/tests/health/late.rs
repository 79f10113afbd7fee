//! Reports of requests that were sent before an ejection.

use evenkeel_core::health::{Health, OutlierDetection, Reason};
use evenkeel_core::{Outcome, Pick, Why};

use super::bed::{Bed, OURS, secs};

/// Endpoint 0 is ejected while `number` requests to it are under way.
fn hung(bed: &mut Bed, number: usize) -> Vec<Pick> {
    let hung = (0..number).map(|_| bed.send(0)).collect();
    bed.wait(secs(1));
    bed.fail(0, 5);
    assert_eq!(bed.reason(0), Some(Reason::ConsecutiveFailures));
    hung
}

#[test]
fn while_it_is_ejected_they_say_nothing() {
    let mut bed = Bed::of(2, OURS);
    let late = hung(&mut bed, 9);
    let before = bed.health(0);
    bed.wait(secs(1));
    let outcomes = [Outcome::Success, Outcome::Failure, Outcome::Canceled];
    for (pick, outcome) in late.into_iter().zip(outcomes.into_iter().cycle()) {
        bed.report(pick, outcome);
        assert_eq!(bed.health(0), before);
    }
}

#[test]
fn nor_while_it_is_half_open_or_probed() {
    let mut bed = Bed::of(2, OURS);
    let mut late = hung(&mut bed, 4).into_iter();
    bed.now = bed.until(0);
    bed.handle_timeout();
    bed.report(late.next().unwrap(), Outcome::Success);
    bed.report(late.next().unwrap(), Outcome::Failure);
    assert_eq!(bed.health(0), Health::HalfOpen);
    let probe = bed.pick();
    assert_eq!(probe.why(), Why::Probe);
    bed.report(late.next().unwrap(), Outcome::Success);
    bed.report(late.next().unwrap(), Outcome::Failure);
    assert!(matches!(bed.health(0), Health::Probing { .. }), "the probe decides");
    bed.report(probe, Outcome::Success);
    assert_eq!(bed.health(0), Health::Healthy);
}

/// Requests that hung and time out one by one must not eject an endpoint that has come back.
#[test]
fn when_it_is_back_they_say_nothing_either() {
    let mut bed = Bed::of(2, OURS);
    let late = hung(&mut bed, 20);
    bed.now = bed.until(0);
    assert_eq!(bed.request(Outcome::Success), (0, Why::Probe));
    bed.wait(secs(1));
    for pick in late {
        bed.report(pick, Outcome::Failure);
    }
    assert_eq!(bed.health(0), Health::Healthy);
    assert_eq!(bed.status(0).stats.failures, 25, "but they are counted");
    // Those sent since do.
    bed.fail(0, 5);
    assert_eq!(bed.reason(0), Some(Reason::ConsecutiveFailures));
}

/// What an endpoint asks for counts whenever it was sent.
#[test]
fn but_being_asked_to_wait_does() {
    let mut bed = Bed::of(2, OURS);
    let late = hung(&mut bed, 1).remove(0);
    bed.now = bed.until(0);
    bed.request(Outcome::Success);
    bed.report(late, Outcome::Overloaded { retry_after: Some(secs(3)) });
    assert_eq!(bed.health(0), Health::Overloaded { until: bed.now + secs(3) });
}

/// An endpoint that was never ejected, or came back only from a rest, is judged by all requests.
#[test]
fn of_one_that_was_never_ejected() {
    let mut bed = Bed::of(2, OURS);
    let late: Vec<_> = (0..5).map(|_| bed.send(0)).collect();
    bed.report_to(0, Outcome::Overloaded { retry_after: Some(secs(1)) }, 1);
    bed.wait(secs(1));
    bed.handle_timeout();
    for pick in late {
        bed.report(pick, Outcome::Failure);
    }
    assert_eq!(bed.reason(0), Some(Reason::ConsecutiveFailures));
}

/// Envoy counts them.
#[test]
fn as_envoy_does() {
    let settings = OutlierDetection { max_ejection_percent: 50, ..OutlierDetection::ENVOY };
    let mut bed = Bed::of(2, settings);
    let late = hung(&mut bed, 5);
    bed.now = bed.until(0) + secs(10);
    bed.handle_timeout();
    assert_eq!(bed.health(0), Health::Healthy);
    for pick in late {
        bed.report(pick, Outcome::Failure);
    }
    assert_eq!(bed.reason(0), Some(Reason::ConsecutiveFailures));
}

/// With a clock so coarse that all happens at one instant: only probes and picks in panic decide, and what was sent at the
/// readmission is not late.
#[test]
fn a_clock_that_stands_still() {
    let mut bed = Bed::of(2, OURS);
    let ordinary = bed.send(0);
    bed.fail(0, 5);
    bed.report(ordinary, Outcome::Success);
    assert_eq!(bed.reason(0), Some(Reason::ConsecutiveFailures));

    let mut bed = Bed::of(2, OutlierDetection { base_ejection_time: core::time::Duration::from_millis(1), ..OURS });
    bed.fail(0, 5);
    bed.now = bed.until(0);
    assert_eq!(bed.request(Outcome::Success), (0, Why::Probe));
    bed.fail(0, 5);
    assert_eq!(bed.reason(0), Some(Reason::ConsecutiveFailures));
}
