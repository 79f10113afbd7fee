//! Half-open: one request decides. The states are Finagle's: dead, open to a probe, closed while it is under way.

use core::time::Duration;

use evenkeel_core::event::EventKind;
use evenkeel_core::health::{Health, OutlierDetection, Reason};
use evenkeel_core::{Config, Endpoint, Outcome, Pick, Request, Why};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::bed::{Bed, OURS, REFUSED, config, secs};

/// Endpoint 0 of two is being probed.
fn probing() -> (Bed, Pick) {
    let mut bed = Bed::of(2, OURS);
    bed.open(0);
    let probe = bed.pick();
    assert_eq!((bed.addr(&probe), probe.why()), (0, Why::Probe));
    (bed, probe)
}

#[test]
fn not_before_its_time() {
    let mut bed = Bed::of(2, OURS);
    bed.fail(0, 5);
    let until = bed.until(0);
    bed.now = until.saturating_sub(Duration::from_nanos(1));
    assert_eq!(bed.request(Outcome::Success), (1, Why::Policy));
    assert_eq!(bed.balancer.poll_timeout(), Some(until));
    bed.now = until;
    bed.handle_timeout();
    assert_eq!((bed.health(0), bed.candidates()), (Health::HalfOpen, vec![1]));
    assert_eq!(bed.balancer.poll_timeout(), None, "it may wait for a request for ever");
    bed.wait(secs(1_000_000));
    assert_eq!(bed.request(Outcome::Success), (0, Why::Probe));
}

#[test]
fn a_success_brings_it_back() {
    let (mut bed, probe) = probing();
    assert_eq!(bed.health(0), Health::Probing { until: bed.now + secs(10) });
    assert_eq!([(); 3].map(|()| bed.request(Outcome::Success)), [(1, Why::Policy); 3], "one at a time");
    bed.wait(secs(9));
    bed.report(probe, Outcome::Success);
    assert_eq!(bed.health(0), Health::Healthy);
    let mut picked = [(); 4].map(|()| bed.request(Outcome::Success));
    picked.sort_by_key(|(addr, _)| *addr);
    assert_eq!(picked, [(0, Why::Policy), (0, Why::Policy), (1, Why::Policy), (1, Why::Policy)]);
    // It begins anew: failures in a row are counted from none.
    bed.fail(0, 4);
    assert_eq!(bed.health(0), Health::Healthy);
}

#[test]
fn a_failure_ejects_it_again() {
    for failure in [Outcome::Failure, REFUSED] {
        let (mut bed, probe) = probing();
        bed.wait(secs(2));
        bed.report(probe, failure);
        assert_eq!(bed.reason(0), Some(Reason::ProbeFailed));
        let time = bed.until(0).saturating_since(bed.now);
        assert!(time > secs(5) && time <= secs(10), "{time:?}");
    }
}

#[test]
fn a_canceled_one_leaves_it_open() {
    let (mut bed, probe) = probing();
    bed.wait(secs(2));
    assert_eq!(bed.request(Outcome::Success), (1, Why::Policy));
    bed.report(probe, Outcome::Canceled);
    assert_eq!(bed.health(0), Health::HalfOpen);
    assert_eq!(bed.request(Outcome::Success), (0, Why::Probe));
    assert_eq!(bed.health(0), Health::Healthy);
}

#[test]
fn an_overloaded_one_waits_as_long_as_it_asks() {
    let (mut bed, probe) = probing();
    let asked = bed.now + secs(60);
    bed.report(probe, Outcome::Overloaded { retry_after: Some(secs(60)) });
    assert_eq!(bed.health(0), Health::Ejected { reason: Reason::ConsecutiveFailures, until: asked });
    bed.now = asked.saturating_sub(secs(1));
    assert_eq!(bed.request(Outcome::Success).1, Why::Policy);
    bed.now = asked;
    assert_eq!(bed.request(Outcome::Failure), (0, Why::Probe));
    // It had not failed.
    let time = bed.until(0).saturating_since(bed.now);
    assert!(time > secs(5) && time <= secs(10), "{time:?}");
}

#[test]
fn one_that_is_never_reported_times_out() {
    let (mut bed, probe) = probing();
    let until = bed.now + secs(10);
    assert_eq!(bed.balancer.poll_timeout(), Some(until));
    bed.now = until;
    assert_eq!(bed.request(Outcome::Success), (1, Why::Policy), "a pick notices it");
    assert_eq!(bed.reason(0), Some(Reason::ProbeTimedOut));
    // What it comes to later says nothing any more.
    let again = bed.until(0);
    bed.wait(secs(1));
    bed.report(probe, Outcome::Success);
    assert_eq!(bed.health(0), Health::Ejected { reason: Reason::ProbeTimedOut, until: again });

    let mut bed = Bed::of(2, OutlierDetection { probe_timeout: secs(3), ..OURS });
    bed.open(0);
    drop(bed.pick());
    bed.wait(secs(3));
    bed.handle_timeout();
    assert_eq!(bed.reason(0), Some(Reason::ProbeTimedOut));
}

/// A report within the time counts, even if the balancer was not asked anything since.
#[test]
fn a_late_report_that_nobody_gave_up() {
    let (mut bed, probe) = probing();
    bed.wait(secs(60));
    bed.report(probe, Outcome::Success);
    assert_eq!(bed.health(0), Health::Healthy);
}

#[test]
fn two_at_once() {
    let mut bed = Bed::of(4, OURS);
    bed.fail(1, 5);
    bed.fail(3, 5);
    bed.now = bed.until(1).max(bed.until(3));
    let (a, b) = (bed.pick(), bed.pick());
    assert_eq!((bed.addr(&a), a.why()), (1, Why::Probe));
    assert_eq!((bed.addr(&b), b.why()), (3, Why::Probe));
    assert_eq!(bed.request(Outcome::Success).1, Why::Policy);
    bed.report(b, Outcome::Success);
    bed.report(a, Outcome::Failure);
    assert_eq!((bed.ejected(), bed.health(3)), (vec![1], Health::Healthy));

    // They take turns.
    let mut bed = Bed::of(4, OURS);
    bed.fail(1, 5);
    bed.fail(3, 5);
    bed.now = bed.until(1).max(bed.until(3));
    let probed = [(); 4].map(|()| bed.request(Outcome::Canceled));
    assert_eq!(probed.map(|(addr, _)| addr), [1, 3, 1, 3]);
}

#[test]
fn a_retry_does_not_probe() {
    let mut bed = Bed::of(3, OURS);
    bed.open(0);
    let pick = bed.send(1);
    assert_eq!(pick.why(), Why::Retry);
    bed.report(pick, Outcome::Success);
    assert_eq!(bed.health(0), Health::HalfOpen);
    // Whatever is to be avoided, and be it departed.
    let departed = bed.slot(2);
    bed.update([0, 1].map(Endpoint::new));
    let request = Request::at(bed.now);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let pick = bed.balancer.pick_with(request.avoiding(&[departed]), &mut rng).unwrap();
    assert_eq!((bed.addr(&pick), pick.why()), (1, Why::Retry));
    assert_eq!(bed.request(Outcome::Success), (0, Why::Probe));
}

#[test]
fn who_takes_no_requests_is_not_probed() {
    let set = |special: Endpoint<u8>| [special, Endpoint::new(1)];
    for special in [Endpoint::new(0).with_draining(true), Endpoint::new(0).with_weight(0)] {
        let mut bed = Bed::of(2, OURS);
        bed.open(0);
        bed.update(set(special));
        assert_eq!([(); 3].map(|()| bed.request(Outcome::Success)), [(1, Why::Policy); 3], "{special:?}");
        assert_eq!(bed.health(0), Health::HalfOpen);
        bed.update(set(Endpoint::new(0)));
        assert_eq!(bed.request(Outcome::Success), (0, Why::Probe), "it does again");
    }

    let mut bed = Bed::of(2, OURS);
    bed.open(0);
    let slot = bed.slot(0);
    bed.balancer.set_down(bed.now, slot, true);
    assert_eq!([(); 3].map(|()| bed.request(Outcome::Success)), [(1, Why::Policy); 3]);
    assert_eq!(bed.health(0), Health::Down);
}

/// Standbys are not probed while a better priority serves all; the better priority is while the standby serves.
#[test]
fn priorities_not_in_use() {
    let set =
        || [Endpoint::new(0), Endpoint::new(1), Endpoint::new(2).with_priority(1), Endpoint::new(3).with_priority(1)];
    let mut bed: Bed = Bed::with(config(OutlierDetection { max_ejection_percent: 100, ..OURS }), set());
    bed.fail(0, 5);
    bed.fail(1, 5);
    bed.fail(2, 5);
    bed.handle_timeout();
    assert_eq!(bed.candidates(), [3]);
    bed.now = (0..3).map(|addr| bed.until(addr)).max().unwrap();
    let probed = [bed.request(Outcome::Success), bed.request(Outcome::Success)];
    assert_eq!(probed, [(0, Why::Probe), (1, Why::Probe)]);
    for _ in 0..4 {
        assert_eq!(bed.request(Outcome::Success).1, Why::Policy);
    }
    assert_eq!((bed.health(2), bed.candidates()), (Health::HalfOpen, vec![0, 1]));
    // The standby's turn comes when it is needed.
    bed.fail(0, 5);
    bed.fail(1, 5);
    assert_eq!(bed.request(Outcome::Success), (2, Why::Probe));
}

#[test]
fn without_half_open_time_alone_decides() {
    let mut bed = Bed::of(2, OutlierDetection { half_open: false, ..OURS });
    bed.open(0);
    assert_eq!(bed.request(Outcome::Success).1, Why::Policy);
    assert_eq!((bed.health(0), bed.candidates()), (Health::Healthy, vec![0, 1]));
}

/// Also where ejections end with intervals.
#[test]
fn half_open_with_other_arithmetic() {
    for settings in [OutlierDetection::ENVOY, OutlierDetection::GRPC] {
        let settings =
            OutlierDetection { half_open: true, consecutive_failures: 5, max_ejection_percent: 50, ..settings };
        let mut bed = Bed::of(2, settings);
        bed.fail(0, 5);
        bed.now = bed.until(0) + secs(10);
        assert_eq!(bed.request(Outcome::Failure), (0, Why::Probe));
        assert_eq!(bed.reason(0), Some(Reason::ProbeFailed));
        assert_eq!(bed.until(0), bed.now + secs(60), "twice the base");
        bed.now = bed.until(0) + secs(10);
        assert_eq!(bed.request(Outcome::Success), (0, Why::Probe));
        assert_eq!(bed.health(0), Health::Healthy);
    }
}

/// Finagle's way: dead for an equally jittered time, then one request at a time until one succeeds.
#[test]
fn as_finagle_does() {
    let mut bed = Bed::of(2, OURS);
    bed.open(0);
    for n in 1..12_u32 {
        assert_eq!(bed.request(Outcome::Failure), (0, Why::Probe));
        assert_eq!(bed.request(Outcome::Success), (1, Why::Policy));
        let time = bed.until(0).saturating_since(bed.now);
        let most = (secs(5) * 2_u32.pow(n)).min(secs(300));
        assert!(time > most / 2 && time <= most, "{time:?} after {n} probes");
        bed.now = bed.until(0);
    }
    assert_eq!(bed.request(Outcome::Canceled), (0, Why::Probe), "neither a success nor a failure");
    assert_eq!(bed.request(Outcome::Success), (0, Why::Probe));
    let events: Vec<_> = bed.events().into_iter().filter(|(addr, _)| *addr == Some(0)).map(|(_, kind)| kind).collect();
    let probes = events.iter().filter(|kind| **kind == EventKind::Probing).count();
    assert_eq!((probes, events.last()), (13, Some(&EventKind::Readmitted)));
}

/// With storage in place, the same.
#[test]
fn in_place() {
    let settings = Config { outlier_detection: Some(OURS), ..Config::default() };
    let mut bed: Bed<evenkeel_core::Inline<2>> = Bed::with(settings, [0, 1].map(Endpoint::new));
    bed.fail(0, 5);
    bed.now = bed.until(0);
    assert_eq!(bed.request(Outcome::Success), (0, Why::Probe));
    assert_eq!(bed.candidates(), [1], "until the next pick");
    bed.handle_timeout();
    assert_eq!(bed.candidates(), [0, 1]);
}
