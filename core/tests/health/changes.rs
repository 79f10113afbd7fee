//! What changes of the set, active checks and other settings do to health.

use evenkeel_core::event::EventKind;
use evenkeel_core::health::{Health, OutlierDetection, Reason};
use evenkeel_core::{Endpoint, Outcome, Why};

use super::bed::{Bed, OURS, millis, secs};

#[test]
fn an_endpoint_that_stays_stays_ejected() {
    let mut bed = Bed::of(2, OURS);
    bed.fail(0, 5);
    let health = bed.health(0);
    bed.update([0, 1, 2].map(Endpoint::new));
    bed.update([Endpoint::new(0).with_weight(7), Endpoint::new(1).with_priority(3)]);
    assert_eq!((bed.health(0), bed.candidates()), (health, vec![1]));
    bed.now = bed.until(0);
    assert_eq!(bed.request(Outcome::Success), (0, Why::Probe));
}

#[test]
fn one_that_leaves_and_returns_begins_anew() {
    let mut bed = Bed::of(2, OURS);
    bed.open(0);
    let (probe, old) = (bed.pick(), bed.slot(0));
    assert_eq!(probe.why(), Why::Probe);
    bed.update([1].map(Endpoint::new));
    assert_eq!(bed.balancer.poll_timeout(), Some(bed.now + secs(10)), "whose time it was is not known any more");
    bed.update([0, 1].map(Endpoint::new));
    assert_eq!((bed.health(0), bed.candidates()), (Health::Healthy, vec![0, 1]));
    assert_ne!(bed.slot(0), old);
    // The report of its earlier life means nothing.
    bed.report(probe, Outcome::Failure);
    assert_eq!(bed.health(0), Health::Healthy);
    bed.fail(0, 4);
    assert_eq!(bed.health(0), Health::Healthy);
    bed.fail(0, 1);
    let took = bed.until(0).saturating_since(bed.now);
    assert!(took <= secs(5), "{took:?} is not that of a second ejection");
}

/// The slot of one that left, and nothing of its health.
#[test]
fn its_slot_is_given_away() {
    let mut bed = Bed::of(2, OURS);
    bed.fail(0, 5);
    let old = bed.slot(0);
    bed.update([1, 7].map(Endpoint::new));
    assert_eq!((bed.slot(7).index(), bed.health(7)), (old.index(), Health::Healthy));
    bed.balancer.set_down(bed.now, old, true);
    assert_eq!(bed.health(7), Health::Healthy);
}

#[test]
fn reports_of_the_departed() {
    let mut bed = Bed::of(2, OURS);
    let late: Vec<_> = (0..5).map(|_| bed.send(0)).collect();
    bed.update([1].map(Endpoint::new));
    for pick in late {
        bed.report(pick, Outcome::Failure);
    }
    assert_eq!(bed.balancer.poll_timeout(), None);
    assert_eq!(bed.request(Outcome::Success), (1, Why::Policy));
}

#[test]
fn down_and_up() {
    let mut bed = Bed::of(2, OURS);
    let slot = bed.slot(0);
    bed.balancer.set_down(bed.now, slot, true);
    assert_eq!(bed.health(0), Health::Down);
    assert_eq!([(); 3].map(|()| bed.request(Outcome::Success)), [(1, Why::Policy); 3], "from the next pick on");
    bed.wait(secs(1_000));
    bed.handle_timeout();
    assert_eq!(bed.health(0), Health::Down, "as long as it takes");
    bed.balancer.set_down(bed.now, slot, true);
    bed.balancer.set_down(bed.now, slot, false);
    bed.balancer.set_down(bed.now, slot, false);
    bed.handle_timeout();
    assert_eq!((bed.health(0), bed.candidates()), (Health::Healthy, vec![0, 1]));
    let kinds: Vec<_> = bed.events().into_iter().filter(|(addr, _)| *addr == Some(0)).map(|(_, kind)| kind).collect();
    assert_eq!(kinds, [EventKind::Added, EventKind::Down, EventKind::Readmitted], "each once");
}

/// Those that are down do not count as ejected.
#[test]
fn down_ones_leave_room_for_ejections() {
    let mut bed = Bed::of(4, OURS);
    for addr in [0, 1] {
        let slot = bed.slot(addr);
        bed.balancer.set_down(bed.now, slot, true);
    }
    bed.fail(2, 5);
    assert_eq!((bed.ejected(), bed.request(Outcome::Success)), (vec![2], (3, Why::Policy)));
}

/// Good news bring an ejected endpoint back, bad ones keep it out when its time is over.
#[test]
fn down_and_ejected() {
    let mut bed = Bed::of(2, OURS);
    bed.fail(0, 5);
    let slot = bed.slot(0);
    bed.balancer.set_down(bed.now, slot, false);
    assert_eq!(bed.health(0), Health::Healthy);

    bed.fail(0, 5);
    let until = bed.until(0);
    bed.balancer.set_down(bed.now, slot, true);
    let _ = bed.events();
    bed.now = until;
    assert_eq!(bed.request(Outcome::Success), (1, Why::Policy));
    bed.balancer.set_down(bed.now, slot, false);
    assert_eq!(bed.health(0), Health::Healthy, "no probe is needed");
    bed.handle_timeout();
    assert_eq!((bed.candidates(), bed.events()), (vec![0, 1], vec![(Some(0), EventKind::Readmitted)]));
}

/// What an endpoint asked for is kept, whatever a check says.
#[test]
fn down_and_overloaded() {
    let mut bed = Bed::of(2, OURS);
    bed.report_to(0, Outcome::Overloaded { retry_after: Some(secs(30)) }, 1);
    let (slot, health) = (bed.slot(0), bed.health(0));
    bed.balancer.set_down(bed.now, slot, true);
    bed.wait(secs(1));
    bed.balancer.set_down(bed.now, slot, false);
    assert_eq!(bed.health(0), health);
}

#[test]
fn without_settings_all_come_back() {
    let noop = OutlierDetection { consecutive_failures: 0, failure_percentage: None, ..OURS };
    for settings in [
        None,
        Some(noop),
        Some(OutlierDetection { success_rate: None, failure_percentage: None, ..OutlierDetection::GRPC }),
    ] {
        let mut bed = Bed::of(6, OutlierDetection { max_ejection_percent: 100, ..OURS });
        bed.open(1);
        bed.open(2);
        let probe = bed.pick();
        assert_eq!(probe.why(), Why::Probe);
        bed.fail(0, 5);
        bed.report_to(3, Outcome::Overloaded { retry_after: Some(secs(300)) }, 1);
        let states: Vec<_> = (0..3).map(|addr| bed.health(addr)).collect();
        assert!(matches!(states[..], [Health::Ejected { .. }, Health::Probing { .. }, Health::HalfOpen]), "{states:?}");
        let _ = bed.events();
        bed.balancer.set_outlier_detection(bed.now, settings).unwrap();
        assert_eq!(bed.ejected(), [0; 0]);
        bed.handle_timeout();
        assert_eq!(bed.candidates(), [0, 1, 2, 4, 5], "but for the one that asked to be left alone");
        assert_eq!(bed.events(), [0, 1, 2].map(|addr| (Some(addr), EventKind::Readmitted)));
        bed.report(probe, Outcome::Failure);
        assert_eq!(bed.health(1), Health::Healthy);
        // How often they were ejected is forgotten.
        bed.balancer.set_outlier_detection(bed.now, Some(OURS)).unwrap();
        bed.fail(0, 5);
        assert!(bed.until(0) <= bed.now + secs(5));
    }
}

/// An ejection under way goes on; what comes next follows the new settings.
#[test]
fn other_settings() {
    let mut bed = Bed::of(2, OURS);
    bed.fail(0, 3);
    bed.balancer.set_outlier_detection(bed.now, Some(OutlierDetection { consecutive_failures: 4, ..OURS })).unwrap();
    bed.fail(0, 1);
    assert_eq!(bed.reason(0), Some(Reason::ConsecutiveFailures), "failures in a row go on");
    let until = bed.until(0);
    let timed = OutlierDetection { half_open: false, ..OURS };
    bed.balancer.set_outlier_detection(bed.now, Some(timed)).unwrap();
    assert_eq!(bed.until(0), until);
    bed.now = until;
    bed.handle_timeout();
    assert_eq!(bed.health(0), Health::Healthy);

    let mut bed = Bed::of(2, OURS);
    bed.fail(0, 5);
    let until = bed.until(0);
    bed.balancer.set_outlier_detection(bed.now, Some(OutlierDetection::ENVOY)).unwrap();
    bed.now = until;
    bed.handle_timeout();
    assert!(bed.reason(0).is_some(), "Envoy's end with an interval");
    bed.wait(secs(10));
    bed.handle_timeout();
    assert_eq!(bed.health(0), Health::Healthy);
}

/// Settings told again and again do not put off the end of an interval, nor lose what was counted.
#[test]
fn an_interval_under_way_goes_on() {
    let settings = OutlierDetection {
        consecutive_failures: 0,
        success_rate: None,
        max_ejection_percent: 100,
        ..OutlierDetection::GRPC
    };
    let mut bed = Bed::of(5, settings);
    (0..5).for_each(|addr| bed.succeed(addr, 50));
    bed.fail(0, 300);
    let end = bed.balancer.poll_timeout().unwrap();
    for _ in 0..9 {
        bed.wait(secs(1));
        bed.balancer.set_outlier_detection(bed.now, Some(settings)).unwrap();
        bed.handle_timeout();
        assert_eq!(bed.balancer.poll_timeout(), Some(end));
    }
    bed.now = end;
    bed.handle_timeout();
    assert_eq!(bed.reason(0), Some(Reason::FailurePercentage));
    // A shorter one ends so much earlier.
    bed.wait(secs(4));
    let shorter = OutlierDetection { interval: millis(5_000), ..settings };
    bed.balancer.set_outlier_detection(bed.now, Some(shorter)).unwrap();
    bed.handle_timeout();
    assert_eq!(bed.balancer.poll_timeout(), Some(bed.now + secs(1)));
}
