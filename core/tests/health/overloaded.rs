//! Endpoints that ask to be left alone.

use core::time::Duration;

use evenkeel_core::EventKind;
use evenkeel_core::health::{Health, Reason};
use evenkeel_core::{Config, Endpoint, Outcome, Why};

use super::fixture::{Fixture, NOBODYS, OURS, secs};

fn wait(time: Duration) -> Outcome {
    Outcome::Overloaded { retry_after: Some(time) }
}

#[test]
fn not_before() {
    let mut fixture = Fixture::of(2, OURS);
    fixture.report_to(0, wait(secs(30)), 1);
    let until = fixture.now + secs(30);
    assert_eq!(fixture.health(0), Health::Overloaded { until });
    assert_eq!(fixture.request(Outcome::Success), (1, Why::Policy), "from the next pick on");
    assert_eq!(fixture.balancer.poll_timeout(), Some(until));
    fixture.now = until.saturating_sub(Duration::from_nanos(1));
    assert_eq!(fixture.request(Outcome::Success), (1, Why::Policy));
    fixture.now = until;
    let picked = [fixture.request(Outcome::Success).0, fixture.request(Outcome::Success).0];
    assert!(picked.contains(&0), "without a probe");
    assert_eq!(fixture.health(0), Health::Healthy);
    let kinds: Vec<_> = fixture.events().into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(kinds[2..], [EventKind::Overloaded { until }, EventKind::Readmitted]);
}

/// It is neither a failure nor an ejection: any number of endpoints may rest.
#[test]
fn it_is_no_ejection() {
    let mut fixture = Fixture::of(4, OURS);
    (0..3).for_each(|addr| fixture.report_to(addr, wait(secs(30)), 1));
    fixture.handle_timeout();
    assert_eq!((fixture.candidates(), fixture.ejected()), (vec![3], vec![]));
    fixture.fail(3, 5);
    assert_eq!(fixture.ejected(), [0; 0], "nobody else could take its requests");
}

#[test]
fn the_longest_counts() {
    let mut fixture = Fixture::of(2, OURS);
    let picks: Vec<_> = (0..4).map(|_| fixture.send(0)).collect();
    let until = fixture.now + secs(30);
    for (pick, outcome) in
        picks.into_iter().zip([wait(secs(10)), wait(secs(30)), wait(secs(20)), Outcome::Success])
    {
        fixture.report(pick, outcome);
    }
    assert_eq!(fixture.health(0), Health::Overloaded { until });
    let asked = fixture
        .events()
        .into_iter()
        .filter(|(_, kind)| matches!(kind, EventKind::Overloaded { .. }))
        .count();
    assert_eq!(asked, 2, "what changes nothing is no event");
}

#[test]
fn no_longer_than_the_settings_say() {
    let mut fixture = Fixture::of(2, OURS);
    fixture.report_to(0, wait(Duration::MAX), 1);
    assert_eq!(fixture.health(0), Health::Overloaded { until: fixture.now + secs(300) });
    let settings = Config { max_retry_after: secs(7), ..OURS };
    let mut fixture: Fixture = Fixture::with(settings, [0, 1].map(Endpoint::new));
    fixture.report_to(0, wait(secs(8)), 1);
    assert_eq!(fixture.health(0), Health::Overloaded { until: fixture.now + secs(7) });
    // Zero: not at all.
    let settings = Config { max_retry_after: Duration::ZERO, ..OURS };
    let mut fixture: Fixture = Fixture::with(settings, [0, 1].map(Endpoint::new));
    fixture.report_to(0, wait(secs(8)), 4);
    assert_eq!(fixture.health(0), Health::Healthy);
    fixture.report_to(0, wait(secs(8)), 1);
    assert_eq!(fixture.reason(0), Some(Reason::ConsecutiveFailures), "then it has failed");
}

/// Also where nobody is ever ejected.
#[test]
fn without_outlier_detection() {
    let settings = NOBODYS;
    let mut fixture: Fixture = Fixture::with(settings, [0, 1].map(Endpoint::new));
    fixture.report_to(0, wait(secs(8)), 1);
    assert_eq!(fixture.request(Outcome::Success), (1, Why::Policy));
    fixture.wait(secs(8));
    fixture.handle_timeout();
    assert_eq!(fixture.candidates(), [0, 1]);
}

/// An ejection does not end before the time that the endpoint asked for, whichever came first.
#[test]
fn ejected_and_overloaded() {
    let mut fixture = Fixture::of(2, OURS);
    let picks: Vec<_> = (0..7).map(|_| fixture.send(0)).collect();
    let mut picks = picks.into_iter();
    fixture.report(picks.next().unwrap(), wait(secs(60)));
    let until = fixture.now + secs(60);
    for pick in picks.by_ref().take(5) {
        fixture.report(pick, Outcome::Failure);
    }
    assert_eq!(fixture.health(0), Health::Ejected { reason: Reason::ConsecutiveFailures, until });
    // And the other way round.
    fixture.wait(secs(1));
    fixture.report(picks.next().unwrap(), wait(secs(100)));
    let until = fixture.now + secs(100);
    assert_eq!(fixture.health(0), Health::Ejected { reason: Reason::ConsecutiveFailures, until });
    fixture.now = until.saturating_sub(Duration::from_nanos(1));
    assert_eq!(fixture.request(Outcome::Success), (1, Why::Policy));
    fixture.now = until;
    assert_eq!(fixture.request(Outcome::Success), (0, Why::Probe));
}

/// A half-open one that still asks to be left alone is.
#[test]
fn half_open_and_overloaded() {
    let mut fixture = Fixture::of(2, OURS);
    let late = fixture.send(0);
    fixture.open(0);
    fixture.handle_timeout();
    assert_eq!(fixture.health(0), Health::HalfOpen);
    fixture.report(late, wait(secs(60)));
    let until = fixture.now + secs(60);
    assert_eq!(fixture.health(0), Health::Ejected { reason: Reason::ConsecutiveFailures, until });
    assert_eq!(fixture.request(Outcome::Success), (1, Why::Policy));
    fixture.now = until;
    assert_eq!(fixture.request(Outcome::Success), (0, Why::Probe));
}

/// Failures before a rest are forgotten with it.
#[test]
fn a_rest_begins_anew() {
    let mut fixture = Fixture::of(2, Config { failure_percentage: 0, ..OURS });
    fixture.fail(0, 4);
    fixture.report_to(0, wait(secs(1)), 1);
    fixture.wait(secs(1));
    fixture.handle_timeout();
    fixture.fail(0, 4);
    assert_eq!(fixture.health(0), Health::Healthy);
}
