//! When nothing else is left.

use evenkeel_core::event::EventKind;
use evenkeel_core::health::{Health, OutlierDetection, Reason};
use evenkeel_core::tier::Levels;
use evenkeel_core::{Config, Endpoint, Outcome, PickError, Why};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::bed::{Bed, OURS, config, secs};

const ALL: OutlierDetection = OutlierDetection { max_ejection_percent: 100, ..OURS };

/// Two endpoints, both ejected.
fn all_ejected() -> Bed {
    let mut bed = Bed::of(2, ALL);
    bed.fail(0, 5);
    bed.fail(1, 5);
    bed
}

#[test]
fn ejected_ones_are_used() {
    let mut bed = all_ejected();
    let (a, b) = (bed.pick(), bed.pick());
    assert_eq!((a.why(), b.why()), (Why::Panic, Why::Panic));
    let mut picked = [bed.addr(&a), bed.addr(&b)];
    picked.sort_unstable();
    assert_eq!(picked, [0, 1]);
    assert!(bed.balancer.endpoints().all(|status| status.candidate));
}

#[test]
fn a_success_brings_one_back_at_once() {
    let mut bed = all_ejected();
    bed.wait(secs(1));
    let pick = bed.pick();
    let addr = bed.addr(&pick);
    assert_eq!(pick.why(), Why::Panic);
    bed.report(pick, Outcome::Success);
    assert_eq!(bed.health(addr), Health::Healthy);
    assert_eq!([(); 3].map(|()| bed.request(Outcome::Success)), [(addr, Why::Policy); 3]);
}

#[test]
fn failures_change_nothing() {
    let mut bed = all_ejected();
    let before = [bed.health(0), bed.health(1)];
    for outcome in [Outcome::Failure, Outcome::Canceled, super::bed::REFUSED] {
        assert_eq!(bed.request(outcome).1, Why::Panic);
    }
    assert_eq!([bed.health(0), bed.health(1)], before);
}

/// A retry in panic is as good a sign of life.
#[test]
fn a_retry_counts_too() {
    let mut bed = all_ejected();
    let pick = bed.send(1);
    assert_eq!(pick.why(), Why::Retry);
    bed.report(pick, Outcome::Success);
    assert_eq!(bed.health(1), Health::Healthy);
}

/// Requests sent before the ejection do not decide, whyever they were sent.
#[test]
fn late_panic_reports() {
    let mut bed = all_ejected();
    let late = [bed.send(0), bed.send(0)];
    bed.wait(secs(1));
    bed.report_to(0, Outcome::Success, 1);
    bed.wait(secs(1));
    bed.fail(0, 5);
    for pick in late {
        bed.report(pick, Outcome::Success);
    }
    assert_eq!(bed.reason(0), Some(Reason::ConsecutiveFailures));
}

#[test]
fn probes_go_on_in_panic() {
    let mut bed = all_ejected();
    bed.now = bed.until(0).min(bed.until(1));
    let (addr, why) = bed.request(Outcome::Failure);
    assert_eq!((why, bed.reason(addr)), (Why::Probe, Some(Reason::ProbeFailed)));
    assert_eq!(bed.request(Outcome::Failure).1, Why::Panic);
    // A panic pick sent during a probe decides as well; then the probe says nothing more.
    bed.now = bed.until(0).max(bed.until(1));
    let probe = bed.pick();
    let addr = bed.addr(&probe);
    drop(bed.pick());
    bed.wait(secs(1));
    let pick = bed.send(addr);
    bed.report(pick, Outcome::Success);
    assert_eq!(bed.health(addr), Health::Healthy);
    bed.report(probe, Outcome::Failure);
    assert_eq!(bed.health(addr), Health::Healthy);
}

#[test]
fn overloaded_and_down_ones_are_used_too_but_no_draining_ones() {
    let mut bed: Bed =
        Bed::with(config(OURS), [Endpoint::new(0), Endpoint::new(1), Endpoint::new(2).with_draining(true)]);
    bed.report_to(0, Outcome::Overloaded { retry_after: Some(secs(60)) }, 1);
    let slot = bed.slot(1);
    bed.balancer.set_down(bed.now, slot, true);
    let picked = [bed.request(Outcome::Success), bed.request(Outcome::Success)];
    assert!(picked.iter().all(|(_, why)| *why == Why::Panic) && picked[0].0 != picked[1].0);
    assert_eq!(bed.candidates(), [0, 1]);
    assert_eq!((bed.health(0), bed.health(1)), (Health::Overloaded { until: bed.now + secs(60) }, Health::Down));
}

/// The best priority panics, not a worse one.
#[test]
fn of_the_best_priority() {
    let mut bed: Bed = Bed::with(config(ALL), [Endpoint::new(0), Endpoint::new(1).with_priority(1)]);
    bed.fail(0, 5);
    assert_eq!(bed.request(Outcome::Success), (1, Why::Policy));
    bed.fail(1, 5);
    assert_eq!([(); 3].map(|()| bed.request(Outcome::Failure)), [(0, Why::Panic); 3]);
}

#[test]
fn events_tell_when_it_begins_and_ends() {
    let mut bed = all_ejected();
    let _ = bed.events();
    bed.handle_timeout();
    assert_eq!(bed.events(), [(None, EventKind::PanicOn)]);
    let (addr, _) = bed.request(Outcome::Success);
    assert_eq!(bed.events(), [(Some(addr), EventKind::Readmitted)]);
    bed.handle_timeout();
    assert_eq!(bed.events(), [(None, EventKind::PanicOff)]);
}

/// Envoy's panic: less than half of a level available, and the level uses all of its endpoints, draining ones included.
#[test]
fn overprovisioned_levels() {
    let levels = Levels::OVERPROVISIONED;
    let four = || (0..4).map(|addr| Endpoint::new(addr).with_draining(addr == 3));
    let mut bed: Bed = Bed::with(Config { levels, ..config(ALL) }, four());
    bed.fail(0, 5);
    assert_eq!(bed.request(Outcome::Success).1, Why::Policy, "two of four are half");
    assert_eq!(bed.candidates(), [1, 2]);
    bed.fail(1, 5);
    let picked: Vec<_> = (0..4).map(|_| bed.request(Outcome::Canceled)).collect();
    assert!(picked.iter().all(|(_, why)| *why == Why::Panic), "{picked:?}");
    assert_eq!(bed.candidates(), [0, 1, 2, 3]);
}

/// Without a panic threshold there may be nothing to pick: then the error says why.
#[test]
fn no_panic_at_all() {
    let levels = Levels::Overprovisioned { factor: 140, panic_threshold: 0 };
    let mut bed: Bed = Bed::with(Config { levels, ..config(ALL) }, [0, 1].map(Endpoint::new));
    bed.fail(0, 5);
    bed.fail(1, 5);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    assert_eq!(bed.balancer.pick(bed.now, &mut rng).err(), Some(PickError::AllEjected));
    bed.now = bed.until(0);
    assert_eq!(bed.request(Outcome::Success), (0, Why::Probe), "but for the probe");
    bed.update([]);
    assert_eq!(bed.balancer.pick(bed.now, &mut rng).err(), Some(PickError::NoEndpoints));
}
