//! Half-open: one request decides. The states are Finagle's: dead, open to a probe, closed while it
//! is under way.

use core::time::Duration;

use evenkeel_core::EventKind;
use evenkeel_core::health::{Health, Reason};
use evenkeel_core::{Config, Endpoint, Outcome, Pick, Request, Why};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::fixture::{Fixture, OURS, REFUSED, millis, secs};

/// Endpoint 0 of two is being probed.
fn probing() -> (Fixture, Pick) {
    let mut fixture = Fixture::of(2, OURS);
    fixture.open(0);
    let probe = fixture.pick();
    assert_eq!((fixture.addr(&probe), probe.why()), (0, Why::Probe));
    (fixture, probe)
}

#[test]
fn not_before_its_time() {
    let mut fixture = Fixture::of(2, OURS);
    fixture.fail(0, 5);
    let until = fixture.until(0);
    fixture.now = until.saturating_sub(Duration::from_nanos(1));
    assert_eq!(fixture.request(Outcome::Success), (1, Why::Policy));
    assert_eq!(fixture.balancer.poll_timeout(), Some(until));
    fixture.now = until;
    fixture.handle_timeout();
    assert_eq!((fixture.health(0), fixture.candidates()), (Health::HalfOpen, vec![1]));
    assert_eq!(fixture.balancer.poll_timeout(), None, "it may wait for a request for ever");
    fixture.wait(secs(1_000_000));
    assert_eq!(fixture.request(Outcome::Success), (0, Why::Probe));
}

#[test]
fn a_success_brings_it_back() {
    let (mut fixture, probe) = probing();
    assert_eq!(fixture.health(0), Health::Probing { until: fixture.now + secs(10) });
    assert_eq!(
        [(); 3].map(|()| fixture.request(Outcome::Success)),
        [(1, Why::Policy); 3],
        "one at a time"
    );
    fixture.wait(secs(9));
    fixture.report(probe, Outcome::Success);
    assert_eq!(fixture.health(0), Health::Healthy);
    let mut picked = [(); 4].map(|()| fixture.request(Outcome::Success));
    picked.sort_by_key(|(addr, _)| *addr);
    assert_eq!(picked, [(0, Why::Policy), (0, Why::Policy), (1, Why::Policy), (1, Why::Policy)]);
    // It begins anew: failures in a row are counted from none.
    fixture.fail(0, 4);
    assert_eq!(fixture.health(0), Health::Healthy);
}

#[test]
fn a_failure_ejects_it_again() {
    for failure in [Outcome::Failure, REFUSED] {
        let (mut fixture, probe) = probing();
        fixture.wait(secs(2));
        fixture.report(probe, failure);
        assert_eq!(fixture.reason(0), Some(Reason::ProbeFailed));
        let time = fixture.until(0).saturating_since(fixture.now);
        assert!(time > millis(2_437) && time <= millis(4_875), "{time:?}");
    }
}

/// Who waits long for the answer of an endpoint that hangs should not have to every few seconds.
#[test]
fn one_that_was_waited_for_in_vain_ejects_for_longer() {
    for (canceled, waits, most) in [
        (Outcome::Abandoned, millis(199), 3_000),
        (Outcome::Abandoned, millis(200), 4_875),
        (Outcome::LostRace, secs(2), 3_000),
    ] {
        let (mut fixture, probe) = probing();
        fixture.wait(waits);
        fixture.report(probe, canceled);
        assert_eq!(fixture.reason(0), Some(Reason::ProbeCanceled));
        let time = fixture.until(0).saturating_since(fixture.now);
        assert!(time > millis(most / 2) && time <= millis(most), "{time:?} after {waits:?}");
    }
}

/// It is no verdict: as long again as before, not longer.
#[test]
fn a_canceled_one_ejects_for_as_long_again() {
    for canceled in [Outcome::Abandoned, Outcome::LostRace] {
        let (mut fixture, probe) = probing();
        fixture.wait(millis(199));
        assert_eq!(fixture.request(Outcome::Success), (1, Why::Policy));
        fixture.report(probe, canceled);
        for _ in 0..10 {
            assert_eq!(fixture.reason(0), Some(Reason::ProbeCanceled));
            let time = fixture.until(0).saturating_since(fixture.now);
            assert!(time > millis(1_500) && time <= secs(3), "{time:?}");
            fixture.now = fixture.until(0);
            assert_eq!(fixture.request(canceled), (0, Why::Probe));
        }
        fixture.now = fixture.until(0);
        assert_eq!(fixture.request(Outcome::Success), (0, Why::Probe));
        assert_eq!(fixture.health(0), Health::Healthy);
    }
}

/// An answer is an answer, be it that the request was at fault.
#[test]
fn an_ignorable_answer_brings_it_back() {
    let (mut fixture, probe) = probing();
    fixture.report(probe, Outcome::Ignorable);
    assert_eq!(fixture.health(0), Health::Healthy);
}

#[test]
fn a_success_opens_all_of_its_level() {
    let set = (0..6).map(|addr| Endpoint::new(addr).with_priority(u16::from(addr > 3)));
    let mut fixture: Fixture = Fixture::with(OURS, set);
    for addr in [4, 0, 1, 2] {
        fixture.update((0..6).map(|addr| Endpoint::new(addr).with_priority(u16::from(addr > 3))));
        if addr == 4 {
            fixture.update((4..6).map(|addr| Endpoint::new(addr).with_priority(1)));
        }
        fixture.fail(addr, 5);
    }
    fixture.update((0..6).map(|addr| Endpoint::new(addr).with_priority(u16::from(addr > 3))));
    for addr in [0, 1, 2] {
        if fixture.reason(addr).is_none() {
            fixture.fail(addr, 5);
        }
    }
    fixture.now = [0, 1, 2].map(|addr| fixture.until(addr)).into_iter().min().unwrap();
    assert!(fixture.until(4) > fixture.now);
    let (back, why) = fixture.request(Outcome::Success);
    assert_eq!(why, Why::Probe);
    assert!(matches!(fixture.health(4), Health::Ejected { .. }), "of another level");
    let others = [0, 1, 2].into_iter().filter(|addr| *addr != back);
    assert!(others.clone().all(|addr| fixture.health(addr) == Health::HalfOpen));
    for _ in others {
        assert_eq!(fixture.request(Outcome::Success).1, Why::Probe);
    }
    assert!([0, 1, 2].iter().all(|addr| fixture.health(*addr) == Health::Healthy));
}

#[test]
fn an_overloaded_one_waits_as_long_as_it_asks() {
    let (mut fixture, probe) = probing();
    let asked = fixture.now + secs(60);
    fixture.report(probe, Outcome::Overloaded { retry_after: Some(secs(60)) });
    assert_eq!(
        fixture.health(0),
        Health::Ejected { reason: Reason::ConsecutiveFailures, until: asked }
    );
    fixture.now = asked.saturating_sub(secs(1));
    assert_eq!(fixture.request(Outcome::Success).1, Why::Policy);
    fixture.now = asked;
    assert_eq!(fixture.request(Outcome::Failure), (0, Why::Probe));
    // It had not failed.
    let time = fixture.until(0).saturating_since(fixture.now);
    assert!(time > millis(2_437) && time <= millis(4_875), "{time:?}");
}

#[test]
fn one_that_is_never_reported_times_out() {
    let (mut fixture, probe) = probing();
    let until = fixture.now + secs(10);
    assert_eq!(fixture.balancer.poll_timeout(), Some(until));
    fixture.now = until;
    assert_eq!(fixture.request(Outcome::Success), (1, Why::Policy), "a pick notices it");
    assert_eq!(fixture.reason(0), Some(Reason::ProbeTimedOut));
    // What it comes to later says nothing any more.
    let again = fixture.until(0);
    fixture.wait(secs(1));
    fixture.report(probe, Outcome::Success);
    assert_eq!(fixture.health(0), Health::Ejected { reason: Reason::ProbeTimedOut, until: again });

    let mut fixture = Fixture::of(2, Config { probe_timeout: secs(3), ..OURS });
    fixture.open(0);
    drop(fixture.pick());
    fixture.wait(secs(3));
    fixture.handle_timeout();
    assert_eq!(fixture.reason(0), Some(Reason::ProbeTimedOut));
}

/// A report within the time counts, even if the balancer was not asked anything since.
#[test]
fn a_late_report_that_nobody_gave_up() {
    let (mut fixture, probe) = probing();
    fixture.wait(secs(60));
    fixture.report(probe, Outcome::Success);
    assert_eq!(fixture.health(0), Health::Healthy);
}

#[test]
fn two_at_once() {
    let mut fixture = Fixture::of(4, OURS);
    fixture.fail(1, 5);
    fixture.fail(3, 5);
    fixture.now = fixture.until(1).max(fixture.until(3));
    let (a, b) = (fixture.pick(), fixture.pick());
    assert_eq!((fixture.addr(&a), a.why()), (1, Why::Probe));
    assert_eq!((fixture.addr(&b), b.why()), (3, Why::Probe));
    assert_eq!(fixture.request(Outcome::Success).1, Why::Policy);
    fixture.report(b, Outcome::Success);
    fixture.report(a, Outcome::Failure);
    assert_eq!((fixture.ejected(), fixture.health(3)), (vec![1], Health::Healthy));

    // They take turns.
    let mut fixture = Fixture::of(4, OURS);
    fixture.fail(1, 5);
    fixture.fail(3, 5);
    fixture.now = fixture.until(1).max(fixture.until(3));
    let probed = [(); 2].map(|()| fixture.request(Outcome::Abandoned));
    assert_eq!(probed.map(|(addr, _)| addr), [1, 3]);
}

#[test]
fn a_retry_does_not_probe() {
    let mut fixture = Fixture::of(3, OURS);
    fixture.open(0);
    let pick = fixture.send(1);
    assert_eq!(pick.why(), Why::Retry);
    fixture.report(pick, Outcome::Success);
    assert_eq!(fixture.health(0), Health::HalfOpen);
    // Whatever is to be avoided, and be it departed.
    let departed = fixture.slot(2);
    fixture.update([0, 1].map(Endpoint::new));
    let request = Request::at(fixture.now);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let pick = fixture.balancer.pick_with(request.avoiding(&[departed]), &mut rng).unwrap();
    assert_eq!((fixture.addr(&pick), pick.why()), (1, Why::Retry));
    assert_eq!(fixture.request(Outcome::Success), (0, Why::Probe));
}

#[test]
fn who_takes_no_requests_is_not_probed() {
    let set = |special: Endpoint<u8>| [special, Endpoint::new(1)];
    for special in [Endpoint::new(0).with_draining(true), Endpoint::new(0).with_weight(0)] {
        let mut fixture = Fixture::of(2, OURS);
        fixture.open(0);
        fixture.update(set(special));
        assert_eq!(
            [(); 3].map(|()| fixture.request(Outcome::Success)),
            [(1, Why::Policy); 3],
            "{special:?}"
        );
        assert_eq!(fixture.health(0), Health::HalfOpen);
        fixture.update(set(Endpoint::new(0)));
        assert_eq!(fixture.request(Outcome::Success), (0, Why::Probe), "it does again");
    }

    let mut fixture = Fixture::of(2, OURS);
    fixture.open(0);
    let slot = fixture.slot(0);
    fixture.balancer.set_down(fixture.now, slot, true);
    assert_eq!([(); 3].map(|()| fixture.request(Outcome::Success)), [(1, Why::Policy); 3]);
    assert_eq!(fixture.health(0), Health::Down);
}

/// Standbys are not probed while a better priority serves all; the better priority is while the
/// standby serves.
#[test]
fn priorities_not_in_use() {
    let set = || {
        [
            Endpoint::new(0),
            Endpoint::new(1),
            Endpoint::new(2).with_priority(1),
            Endpoint::new(3).with_priority(1),
        ]
    };
    let mut fixture: Fixture = Fixture::with(Config { max_ejection_percent: 100, ..OURS }, set());
    fixture.fail(0, 5);
    fixture.fail(1, 5);
    fixture.fail(2, 5);
    fixture.handle_timeout();
    assert_eq!(fixture.candidates(), [3]);
    fixture.now = (0..3).map(|addr| fixture.until(addr)).max().unwrap();
    let probed = [fixture.request(Outcome::Success), fixture.request(Outcome::Success)];
    assert_eq!(probed, [(0, Why::Probe), (1, Why::Probe)]);
    for _ in 0..4 {
        assert_eq!(fixture.request(Outcome::Success).1, Why::Policy);
    }
    assert_eq!((fixture.health(2), fixture.candidates()), (Health::HalfOpen, vec![0, 1]));
    // The standby's turn comes when it is needed.
    fixture.fail(0, 5);
    fixture.fail(1, 5);
    assert_eq!(fixture.request(Outcome::Success), (2, Why::Probe));
}

#[test]
fn without_half_open_time_alone_decides() {
    let mut fixture = Fixture::of(2, Config { half_open: false, ..OURS });
    fixture.open(0);
    assert_eq!(fixture.request(Outcome::Success).1, Why::Policy);
    assert_eq!((fixture.health(0), fixture.candidates()), (Health::Healthy, vec![0, 1]));
}

/// Also where ejections end with intervals.
#[test]
fn half_open_with_other_arithmetic() {
    for settings in [Config::ENVOY, Config::GRPC] {
        let settings = Config {
            half_open: true,
            consecutive_failures: 5,
            max_ejection_percent: 50,
            ..settings
        };
        let mut fixture = Fixture::of(2, settings);
        fixture.fail(0, 5);
        fixture.now = fixture.until(0) + secs(10);
        assert_eq!(fixture.request(Outcome::Failure), (0, Why::Probe));
        assert_eq!(fixture.reason(0), Some(Reason::ProbeFailed));
        assert_eq!(fixture.until(0), fixture.now + secs(60), "twice the base");
        fixture.now = fixture.until(0) + secs(10);
        assert_eq!(fixture.request(Outcome::Success), (0, Why::Probe));
        assert_eq!(fixture.health(0), Health::Healthy);
    }
}

/// Finagle's way: dead for an equally jittered time, then one request at a time until one succeeds.
#[test]
fn as_finagle_does() {
    let mut fixture = Fixture::of(2, OURS);
    fixture.open(0);
    for n in 1..12_u32 {
        assert_eq!(fixture.request(Outcome::Failure), (0, Why::Probe));
        assert_eq!(fixture.request(Outcome::Success), (1, Why::Policy));
        let time = fixture.until(0).saturating_since(fixture.now);
        let most = (0..n).fold(secs(3), |most, _| most * 13 / 8).min(secs(60));
        assert!(time > most / 2 && time <= most + millis(1), "{time:?} after {n} probes");
        fixture.now = fixture.until(0);
    }
    assert_eq!(fixture.request(Outcome::Abandoned), (0, Why::Probe), "no verdict");
    fixture.now = fixture.until(0);
    assert_eq!(fixture.request(Outcome::Success), (0, Why::Probe));
    let events: Vec<_> = fixture
        .events()
        .into_iter()
        .filter(|(addr, _)| *addr == Some(0))
        .map(|(_, kind)| kind)
        .collect();
    let probes = events.iter().filter(|kind| **kind == EventKind::Probing).count();
    assert_eq!((probes, events.last()), (13, Some(&EventKind::Readmitted)));
}

/// With storage in place, the same.
#[test]
fn in_place() {
    let mut fixture: Fixture<evenkeel_core::Inline<2>> =
        Fixture::with(OURS, [0, 1].map(Endpoint::new));
    fixture.fail(0, 5);
    fixture.now = fixture.until(0);
    assert_eq!(fixture.request(Outcome::Success), (0, Why::Probe));
    assert_eq!(fixture.candidates(), [0, 1]);
}
