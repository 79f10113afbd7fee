//! Endpoints that ask to be left alone.

use core::time::Duration;

use evenkeel_core::event::EventKind;
use evenkeel_core::health::{Health, OutlierDetection, Reason};
use evenkeel_core::{Config, Endpoint, Outcome, Why};

use super::bed::{Bed, OURS, config, secs};

fn wait(time: Duration) -> Outcome {
    Outcome::Overloaded { retry_after: Some(time) }
}

#[test]
fn not_before() {
    let mut bed = Bed::of(2, OURS);
    bed.report_to(0, wait(secs(30)), 1);
    let until = bed.now + secs(30);
    assert_eq!(bed.health(0), Health::Overloaded { until });
    assert_eq!(bed.request(Outcome::Success), (1, Why::Policy), "from the next pick on");
    assert_eq!(bed.balancer.poll_timeout(), Some(until));
    bed.now = until.saturating_sub(Duration::from_nanos(1));
    assert_eq!(bed.request(Outcome::Success), (1, Why::Policy));
    bed.now = until;
    let picked = [bed.request(Outcome::Success).0, bed.request(Outcome::Success).0];
    assert!(picked.contains(&0), "without a probe");
    assert_eq!(bed.health(0), Health::Healthy);
    let kinds: Vec<_> = bed.events().into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(kinds[2..], [EventKind::Overloaded { until }, EventKind::Readmitted]);
}

/// It is neither a failure nor an ejection: any number of endpoints may rest.
#[test]
fn it_is_no_ejection() {
    let mut bed = Bed::of(4, OURS);
    (0..3).for_each(|addr| bed.report_to(addr, wait(secs(30)), 1));
    bed.handle_timeout();
    assert_eq!((bed.candidates(), bed.ejected()), (vec![3], vec![]));
    bed.fail(3, 5);
    assert_eq!(bed.ejected(), [3]);
}

#[test]
fn the_longest_counts() {
    let mut bed = Bed::of(2, OURS);
    let picks: Vec<_> = (0..4).map(|_| bed.send(0)).collect();
    let until = bed.now + secs(30);
    for (pick, outcome) in picks.into_iter().zip([wait(secs(10)), wait(secs(30)), wait(secs(20)), Outcome::Success]) {
        bed.report(pick, outcome);
    }
    assert_eq!(bed.health(0), Health::Overloaded { until });
    let asked = bed.events().into_iter().filter(|(_, kind)| matches!(kind, EventKind::Overloaded { .. })).count();
    assert_eq!(asked, 2, "what changes nothing is no event");
}

#[test]
fn no_longer_than_the_settings_say() {
    let mut bed = Bed::of(2, OURS);
    bed.report_to(0, wait(Duration::MAX), 1);
    assert_eq!(bed.health(0), Health::Overloaded { until: bed.now + secs(300) });
    let settings = Config { max_retry_after: secs(7), ..config(OURS) };
    let mut bed: Bed = Bed::with(settings, [0, 1].map(Endpoint::new));
    bed.report_to(0, wait(secs(8)), 1);
    assert_eq!(bed.health(0), Health::Overloaded { until: bed.now + secs(7) });
    // Zero: not at all.
    let settings = Config { max_retry_after: Duration::ZERO, ..config(OURS) };
    let mut bed: Bed = Bed::with(settings, [0, 1].map(Endpoint::new));
    bed.report_to(0, wait(secs(8)), 4);
    assert_eq!(bed.health(0), Health::Healthy);
    bed.report_to(0, wait(secs(8)), 1);
    assert_eq!(bed.reason(0), Some(Reason::ConsecutiveFailures), "then it has failed");
}

/// Also where nobody is ever ejected.
#[test]
fn without_outlier_detection() {
    let settings = Config { outlier_detection: None, ..Config::default() };
    let mut bed: Bed = Bed::with(settings, [0, 1].map(Endpoint::new));
    bed.report_to(0, wait(secs(8)), 1);
    assert_eq!(bed.request(Outcome::Success), (1, Why::Policy));
    bed.wait(secs(8));
    bed.handle_timeout();
    assert_eq!(bed.candidates(), [0, 1]);
}

/// An ejection does not end before the time that the endpoint asked for, whichever came first.
#[test]
fn ejected_and_overloaded() {
    let mut bed = Bed::of(2, OURS);
    let picks: Vec<_> = (0..7).map(|_| bed.send(0)).collect();
    let mut picks = picks.into_iter();
    bed.report(picks.next().unwrap(), wait(secs(60)));
    let until = bed.now + secs(60);
    for pick in picks.by_ref().take(5) {
        bed.report(pick, Outcome::Failure);
    }
    assert_eq!(bed.health(0), Health::Ejected { reason: Reason::ConsecutiveFailures, until });
    // And the other way round.
    bed.wait(secs(1));
    bed.report(picks.next().unwrap(), wait(secs(100)));
    let until = bed.now + secs(100);
    assert_eq!(bed.health(0), Health::Ejected { reason: Reason::ConsecutiveFailures, until });
    bed.now = until.saturating_sub(Duration::from_nanos(1));
    assert_eq!(bed.request(Outcome::Success), (1, Why::Policy));
    bed.now = until;
    assert_eq!(bed.request(Outcome::Success), (0, Why::Probe));
}

/// A half-open one that still asks to be left alone is.
#[test]
fn half_open_and_overloaded() {
    let mut bed = Bed::of(2, OURS);
    let late = bed.send(0);
    bed.open(0);
    bed.handle_timeout();
    assert_eq!(bed.health(0), Health::HalfOpen);
    bed.report(late, wait(secs(60)));
    let until = bed.now + secs(60);
    assert_eq!(bed.health(0), Health::Ejected { reason: Reason::ConsecutiveFailures, until });
    assert_eq!(bed.request(Outcome::Success), (1, Why::Policy));
    bed.now = until;
    assert_eq!(bed.request(Outcome::Success), (0, Why::Probe));
}

/// Failures before a rest are forgotten with it.
#[test]
fn a_rest_begins_anew() {
    let mut bed = Bed::of(2, OutlierDetection { failure_percentage: None, ..OURS });
    bed.fail(0, 4);
    bed.report_to(0, wait(secs(1)), 1);
    bed.wait(secs(1));
    bed.handle_timeout();
    bed.fail(0, 4);
    assert_eq!(bed.health(0), Health::Healthy);
}
