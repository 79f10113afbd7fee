//! Changes of the set, active checks and other settings, and health after them.

use evenkeel_core::EventKind;
use evenkeel_core::health::{Health, Reason};
use evenkeel_core::{Config, Endpoint, Outcome, Why};

use super::fixture::{Fixture, NOBODYS, OURS, millis, secs};

#[test]
fn an_endpoint_that_stays_stays_ejected() {
    let mut fixture = Fixture::of(2, OURS);
    fixture.fail(0, 5);
    let health = fixture.health(0);
    fixture.update([0, 1, 2].map(Endpoint::new));
    fixture.update([Endpoint::new(0).with_weight(7), Endpoint::new(1).with_priority(3)]);
    assert_eq!((fixture.health(0), fixture.candidates()), (health, vec![1]));
    fixture.now = fixture.until(0);
    assert_eq!(fixture.request(Outcome::Success), (0, Why::Probe));
}

#[test]
fn one_that_leaves_and_returns_begins_anew() {
    let mut fixture = Fixture::of(2, OURS);
    fixture.open(0);
    let (probe, old) = (fixture.pick(), fixture.slot(0));
    assert_eq!(probe.why(), Why::Probe);
    fixture.update([1].map(Endpoint::new));
    assert_eq!(
        fixture.balancer.poll_timeout(),
        Some(fixture.now + secs(10)),
        "whose time it was is not known any more"
    );
    fixture.update([0, 1].map(Endpoint::new));
    assert_eq!((fixture.health(0), fixture.candidates()), (Health::Healthy, vec![0, 1]));
    assert_ne!(fixture.slot(0), old);
    // The report of its earlier life means nothing.
    fixture.report(probe, Outcome::Failure);
    assert_eq!(fixture.health(0), Health::Healthy);
    fixture.fail(0, 4);
    assert_eq!(fixture.health(0), Health::Healthy);
    fixture.fail(0, 1);
    let took = fixture.until(0).saturating_since(fixture.now);
    assert!(took <= secs(5), "{took:?} is not that of a second ejection");
}

/// The slot of one that left, and nothing of its health.
#[test]
fn its_slot_is_given_away() {
    let mut fixture = Fixture::of(2, OURS);
    fixture.fail(0, 5);
    let old = fixture.slot(0);
    fixture.update([1, 7].map(Endpoint::new));
    assert_eq!((fixture.slot(7).index(), fixture.health(7)), (old.index(), Health::Healthy));
    fixture.balancer.set_down(fixture.now, old, true);
    assert_eq!(fixture.health(7), Health::Healthy);
}

#[test]
fn reports_of_the_departed() {
    let mut fixture = Fixture::of(2, OURS);
    let late: Vec<_> = (0..5).map(|_| fixture.send(0)).collect();
    fixture.update([1].map(Endpoint::new));
    for pick in late {
        fixture.report(pick, Outcome::Failure);
    }
    assert_eq!(fixture.balancer.poll_timeout(), None);
    assert_eq!(fixture.request(Outcome::Success), (1, Why::Policy));
}

#[test]
fn down_and_up() {
    let mut fixture = Fixture::of(2, OURS);
    let slot = fixture.slot(0);
    fixture.balancer.set_down(fixture.now, slot, true);
    assert_eq!(fixture.health(0), Health::Down);
    assert_eq!(
        [(); 3].map(|()| fixture.request(Outcome::Success)),
        [(1, Why::Policy); 3],
        "from the next pick on"
    );
    fixture.wait(secs(1_000));
    fixture.handle_timeout();
    assert_eq!(fixture.health(0), Health::Down, "as long as it takes");
    fixture.balancer.set_down(fixture.now, slot, true);
    fixture.balancer.set_down(fixture.now, slot, false);
    fixture.balancer.set_down(fixture.now, slot, false);
    fixture.handle_timeout();
    assert_eq!((fixture.health(0), fixture.candidates()), (Health::Healthy, vec![0, 1]));
    let kinds: Vec<_> = fixture
        .events()
        .into_iter()
        .filter(|(addr, _)| *addr == Some(0))
        .map(|(_, kind)| kind)
        .collect();
    assert_eq!(kinds, [EventKind::Added, EventKind::Down, EventKind::Readmitted], "each once");
}

/// Those that are down do not count as ejected.
#[test]
fn down_ones_leave_room_for_ejections() {
    let mut fixture = Fixture::of(4, OURS);
    for addr in [0, 1] {
        let slot = fixture.slot(addr);
        fixture.balancer.set_down(fixture.now, slot, true);
    }
    fixture.fail(2, 5);
    assert_eq!((fixture.ejected(), fixture.request(Outcome::Success)), (vec![2], (3, Why::Policy)));
}

/// Good news open an ejected endpoint to a probe, bad ones keep it out when its time is over.
#[test]
fn down_and_ejected() {
    let mut fixture = Fixture::of(2, OURS);
    fixture.fail(0, 5);
    let slot = fixture.slot(0);
    fixture.balancer.set_down(fixture.now, slot, false);
    assert_eq!(fixture.health(0), Health::HalfOpen);
    assert_eq!(fixture.request(Outcome::Success), (0, Why::Probe));

    fixture.fail(0, 5);
    let until = fixture.until(0);
    fixture.balancer.set_down(fixture.now, slot, true);
    let _ = fixture.events();
    fixture.now = until;
    assert_eq!(fixture.request(Outcome::Success), (1, Why::Policy));
    fixture.balancer.set_down(fixture.now, slot, false);
    let opened = vec![(Some(0), EventKind::HalfOpen)];
    assert_eq!((fixture.health(0), fixture.events()), (Health::HalfOpen, opened));
    assert_eq!(fixture.request(Outcome::Success), (0, Why::Probe));
    assert_eq!(
        (fixture.candidates(), fixture.events()),
        (vec![0, 1], vec![(Some(0), EventKind::Probing), (Some(0), EventKind::Readmitted)])
    );
}

/// Where a setting says so, they bring it back, as Envoy's do.
#[test]
fn good_news_readmit_where_that_is_set() {
    let set = [Config::ENVOY, OURS].map(|config| config.check_readmits);
    assert_eq!(set, [true, false]);
    let mut fixture = Fixture::of(2, Config { check_readmits: true, ..OURS });
    fixture.fail(0, 5);
    let _ = fixture.events();
    let slot = fixture.slot(0);
    fixture.balancer.set_down(fixture.now, slot, false);
    assert_eq!(fixture.health(0), Health::Healthy);
    assert_eq!(fixture.candidates(), [0, 1]);
    assert_eq!(fixture.events(), [(Some(0), EventKind::Readmitted)]);
}

/// What an endpoint asked for is kept, whatever a check says.
#[test]
fn down_and_overloaded() {
    let mut fixture = Fixture::of(2, OURS);
    fixture.report_to(0, Outcome::Overloaded { retry_after: Some(secs(30)) }, 1);
    let (slot, health) = (fixture.slot(0), fixture.health(0));
    fixture.balancer.set_down(fixture.now, slot, true);
    fixture.wait(secs(1));
    fixture.balancer.set_down(fixture.now, slot, false);
    assert_eq!(fixture.health(0), health);
}

#[test]
fn without_settings_all_come_back() {
    let noop = Config { consecutive_failures: 0, failure_percentage: 0, ..OURS };
    for settings in
        [NOBODYS, noop, Config { success_rate: false, failure_percentage: 0, ..Config::GRPC }]
    {
        let mut fixture = Fixture::of(6, Config { max_ejection_percent: 100, ..OURS });
        fixture.open(1);
        fixture.open(2);
        let probe = fixture.pick();
        assert_eq!(probe.why(), Why::Probe);
        fixture.fail(0, 5);
        fixture.report_to(3, Outcome::Overloaded { retry_after: Some(secs(300)) }, 1);
        let states: Vec<_> = (0..3).map(|addr| fixture.health(addr)).collect();
        assert!(
            matches!(
                states[..],
                [Health::Ejected { .. }, Health::Probing { .. }, Health::HalfOpen]
            ),
            "{states:?}"
        );
        let _ = fixture.events();
        fixture.balancer.set_config(fixture.now, settings).unwrap();
        assert_eq!(fixture.ejected(), [0; 0]);
        fixture.handle_timeout();
        assert_eq!(
            fixture.candidates(),
            [0, 1, 2, 4, 5],
            "but for the one that asked to be left alone"
        );
        assert_eq!(fixture.events(), [0, 1, 2].map(|addr| (Some(addr), EventKind::Readmitted)));
        fixture.report(probe, Outcome::Failure);
        assert_eq!(fixture.health(1), Health::Healthy);
        // How often they were ejected is forgotten.
        fixture.balancer.set_config(fixture.now, OURS).unwrap();
        fixture.fail(0, 5);
        assert!(fixture.until(0) <= fixture.now + secs(5));
    }
}

/// An ejection under way goes on; what comes next follows the new settings.
#[test]
fn other_settings() {
    let mut fixture = Fixture::of(2, OURS);
    fixture.fail(0, 3);
    fixture.balancer.set_config(fixture.now, Config { consecutive_failures: 4, ..OURS }).unwrap();
    fixture.fail(0, 1);
    assert_eq!(fixture.reason(0), Some(Reason::ConsecutiveFailures), "failures in a row go on");
    let until = fixture.until(0);
    let timed = Config { half_open: false, ..OURS };
    fixture.balancer.set_config(fixture.now, timed).unwrap();
    assert_eq!(fixture.until(0), until);
    fixture.now = until;
    fixture.handle_timeout();
    assert_eq!(fixture.health(0), Health::Healthy);

    let mut fixture = Fixture::of(2, OURS);
    fixture.fail(0, 5);
    let until = fixture.until(0);
    fixture.balancer.set_config(fixture.now, Config::ENVOY).unwrap();
    fixture.now = until;
    fixture.handle_timeout();
    assert!(fixture.reason(0).is_some(), "Envoy's end with an interval");
    fixture.wait(secs(10));
    fixture.handle_timeout();
    assert_eq!(fixture.health(0), Health::Healthy);
}

/// Settings told again and again do not put off the end of an interval, nor lose what was counted.
#[test]
fn an_interval_under_way_goes_on() {
    let settings = Config {
        consecutive_failures: 0,
        success_rate: false,
        max_ejection_percent: 100,
        ..Config::GRPC
    };
    let mut fixture = Fixture::of(5, settings);
    (0..5).for_each(|addr| fixture.succeed(addr, 50));
    fixture.fail(0, 300);
    let end = fixture.balancer.poll_timeout().unwrap();
    for _ in 0..9 {
        fixture.wait(secs(1));
        fixture.balancer.set_config(fixture.now, settings).unwrap();
        fixture.handle_timeout();
        assert_eq!(fixture.balancer.poll_timeout(), Some(end));
    }
    fixture.now = end;
    fixture.handle_timeout();
    assert_eq!(fixture.reason(0), Some(Reason::FailurePercentage));
    // A shorter one ends so much earlier.
    fixture.wait(secs(4));
    let shorter = Config { interval: millis(5_000), ..settings };
    fixture.balancer.set_config(fixture.now, shorter).unwrap();
    fixture.handle_timeout();
    assert_eq!(fixture.balancer.poll_timeout(), Some(fixture.now + secs(1)));
}
