//! Panic: nothing else is left.

use evenkeel_core::EventKind;
use evenkeel_core::health::{Health, Reason};
use evenkeel_core::{Config, Endpoint, Outcome, PickError, Why};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::fixture::{Fixture, OURS, secs};

const ALL: Config = Config { max_ejection_percent: 100, ..OURS };

/// Two endpoints, both ejected.
fn all_ejected() -> Fixture {
    let mut fixture = Fixture::of(2, ALL);
    fixture.eject_all();
    fixture
}

#[test]
fn ejected_ones_are_used() {
    let mut fixture = all_ejected();
    let (a, b) = (fixture.pick(), fixture.pick());
    assert_eq!((a.why(), b.why()), (Why::Panic, Why::Panic));
    let mut picked = [fixture.addr(&a), fixture.addr(&b)];
    picked.sort_unstable();
    assert_eq!(picked, [0, 1]);
    assert!(fixture.balancer.endpoints().all(|status| status.candidate));
}

#[test]
fn a_success_brings_one_back_at_once() {
    let mut fixture = all_ejected();
    fixture.wait(secs(1));
    let pick = fixture.pick();
    let addr = fixture.addr(&pick);
    assert_eq!(pick.why(), Why::Panic);
    fixture.report(pick, Outcome::Success);
    assert_eq!(fixture.health(addr), Health::Healthy);
    let other = 1 - addr;
    assert_eq!(fixture.request(Outcome::Failure), (other, Why::Probe), "it may be back, too");
    assert_eq!([(); 3].map(|()| fixture.request(Outcome::Success)), [(addr, Why::Policy); 3]);
}

#[test]
fn failures_change_nothing() {
    let mut fixture = all_ejected();
    let before = [fixture.health(0), fixture.health(1)];
    for outcome in [Outcome::Failure, Outcome::Abandoned, super::fixture::REFUSED] {
        assert_eq!(fixture.request(outcome).1, Why::Panic);
    }
    assert_eq!([fixture.health(0), fixture.health(1)], before);
}

/// A retry in panic is as good a sign of life.
#[test]
fn a_retry_counts_too() {
    let mut fixture = all_ejected();
    let pick = fixture.send(1);
    assert_eq!(pick.why(), Why::Retry);
    fixture.report(pick, Outcome::Success);
    assert_eq!(fixture.health(1), Health::Healthy);
}

/// Requests sent before the ejection do not decide, whyever they were sent.
#[test]
fn late_panic_reports() {
    let mut fixture = all_ejected();
    let late = [fixture.send(0), fixture.send(0)];
    fixture.wait(secs(1));
    fixture.report_to(0, Outcome::Success, 1);
    fixture.wait(secs(1));
    fixture.insert(Endpoint::new(2));
    fixture.fail(0, 5);
    for pick in late {
        fixture.report(pick, Outcome::Success);
    }
    assert_eq!(fixture.reason(0), Some(Reason::ConsecutiveFailures));
}

#[test]
fn probes_go_on_in_panic() {
    let mut fixture = all_ejected();
    fixture.now = fixture.until(0).min(fixture.until(1));
    let (addr, why) = fixture.request(Outcome::Failure);
    assert_eq!((why, fixture.reason(addr)), (Why::Probe, Some(Reason::ProbeFailed)));
    assert_eq!(fixture.request(Outcome::Failure).1, Why::Panic);
    // A panic pick sent during a probe decides as well; then the probe says nothing more.
    fixture.now = fixture.until(0).max(fixture.until(1));
    let probe = fixture.pick();
    let addr = fixture.addr(&probe);
    drop(fixture.pick());
    fixture.wait(secs(1));
    let pick = fixture.send(addr);
    fixture.report(pick, Outcome::Success);
    assert_eq!(fixture.health(addr), Health::Healthy);
    fixture.report(probe, Outcome::Failure);
    assert_eq!(fixture.health(addr), Health::Healthy);
}

#[test]
fn overloaded_and_down_ones_are_used_too_but_no_draining_ones() {
    let mut fixture: Fixture = Fixture::with(
        OURS,
        [Endpoint::new(0), Endpoint::new(1), Endpoint::new(2).with_draining(true)],
    );
    fixture.report_to(0, Outcome::Overloaded { retry_after: Some(secs(60)) }, 1);
    let slot = fixture.slot(1);
    fixture.balancer.set_down(fixture.now, slot, true);
    let picked = [fixture.request(Outcome::Success), fixture.request(Outcome::Success)];
    assert!(picked.iter().all(|(_, why)| *why == Why::Panic) && picked[0].0 != picked[1].0);
    assert_eq!(fixture.candidates(), [0, 1]);
    assert_eq!(
        (fixture.health(0), fixture.health(1)),
        (Health::Overloaded { until: fixture.now + secs(60) }, Health::Down)
    );
}

/// The best priority panics, not a worse one.
#[test]
fn of_the_best_priority() {
    let mut fixture: Fixture =
        Fixture::with(ALL, [Endpoint::new(0), Endpoint::new(1).with_priority(1)]);
    fixture.fail(0, 5);
    assert_eq!(fixture.request(Outcome::Success), (1, Why::Policy));
    let slot = fixture.slot(1);
    fixture.balancer.set_down(fixture.now, slot, true);
    assert_eq!([(); 3].map(|()| fixture.request(Outcome::Failure)), [(0, Why::Panic); 3]);
}

#[test]
fn events_tell_when_it_begins_and_ends() {
    let mut fixture = all_ejected();
    let events = fixture.events();
    assert!(matches!(events[4], (Some(1), EventKind::Ejected { .. })));
    let last = [(Some(u8::MAX), EventKind::Removed), (None, EventKind::PanicOn)];
    assert_eq!(events[5..], last, "once nobody else is left, at once");
    let (addr, _) = fixture.request(Outcome::Success);
    let expected = [
        (Some(addr), EventKind::Readmitted),
        (Some(1 - addr), EventKind::HalfOpen),
        (None, EventKind::PanicOff),
    ];
    assert_eq!(fixture.events(), expected);
}

/// Envoy's panic: less than half of a level available, and the level uses all of its endpoints,
/// draining ones included.
#[test]
fn overprovisioned_levels() {
    let overprovisioning_percent = 140;
    let four = || (0..4).map(|addr| Endpoint::new(addr).with_draining(addr == 3));
    let mut fixture: Fixture = Fixture::with(Config { overprovisioning_percent, ..ALL }, four());
    fixture.fail(0, 5);
    assert_eq!(fixture.request(Outcome::Success).1, Why::Policy, "two of four are half");
    assert_eq!(fixture.candidates(), [1, 2]);
    fixture.fail(1, 5);
    let picked: Vec<_> = (0..4).map(|_| fixture.request(Outcome::Abandoned)).collect();
    assert!(picked.iter().all(|(_, why)| *why == Why::Panic), "{picked:?}");
    assert_eq!(fixture.candidates(), [0, 1, 2, 3]);
}

/// Without a panic threshold there may be nothing to pick: then the error says why.
#[test]
fn no_panic_at_all() {
    let levels = Config { overprovisioning_percent: 140, panic_threshold_percent: 0, ..ALL };
    let mut fixture: Fixture = Fixture::with(levels, [0, 1].map(Endpoint::new));
    fixture.eject_all();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    assert_eq!(fixture.balancer.pick(fixture.now, &mut rng).err(), Some(PickError::AllEjected));
    fixture.now = fixture.until(0);
    assert_eq!(fixture.request(Outcome::Success), (0, Why::Probe), "but for the probe");
    fixture.update([]);
    assert_eq!(fixture.balancer.pick(fixture.now, &mut rng).err(), Some(PickError::NoEndpoints));
}
