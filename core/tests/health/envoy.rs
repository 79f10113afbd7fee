//! Envoy's arithmetic, with the figures that its documentation and its own tests publish.

use core::time::Duration;

use evenkeel_core::health::{Health, Reason};
use evenkeel_core::{Book, Config, Endpoint, Outcome};

use super::fixture::{Fixture, millis, secs};

const ENVOY: Config = Config { max_ejection_percent: 100, ..Config::ENVOY };

/// The next end of an interval.
fn tick(fixture: &mut Fixture) {
    fixture.wait(secs(10));
    fixture.handle_timeout();
}

#[test]
fn the_defaults() {
    let envoy = Config::ENVOY;
    assert_eq!(
        (envoy.book, envoy.consecutive_failures, envoy.success_rate),
        (Book::Envoy, 5, true)
    );
    assert_eq!(envoy.success_rate_stdev_per_mille, 1900);
    assert_eq!((envoy.success_rate_floor_percent, envoy.success_rate_enforcement), (100, 100));
    assert_eq!((envoy.success_rate_minimum_hosts, envoy.success_rate_request_volume), (5, 100));
    assert_eq!(envoy.success_rate_minimum_failures, 0);
    assert_eq!((envoy.failure_percentage, envoy.failure_percentage_enforcement), (85, 0));
    assert_eq!(envoy.failure_percentage_minimum_hosts, 5);
    assert_eq!(envoy.failure_percentage_request_volume, 50);
    assert_eq!(envoy.failure_percentage_minimum_failures, 0);
    assert_eq!(
        (envoy.interval, envoy.base_ejection_time, envoy.max_ejection_time),
        (secs(10), secs(30), secs(300))
    );
    assert_eq!((envoy.max_ejection_jitter, envoy.max_ejection_percent), (Duration::ZERO, 10));
    assert_eq!((envoy.always_eject_one, envoy.half_open), (false, false));
}

/// Success rates of 50, 100, 100, 100 and 100 %: mean 90, deviation 20, so the threshold is 52.
#[test]
fn success_rate_threshold() {
    let ejected = |percent: u32| {
        let mut fixture = Fixture::of(5, Config { consecutive_failures: 0, ..ENVOY });
        (1..5).for_each(|addr| fixture.succeed(addr, 200));
        fixture.succeed(0, 2 * percent);
        fixture.fail(0, 200 - 2 * percent);
        tick(&mut fixture);
        fixture.reason(0)
    };
    assert_eq!(ejected(50), Some(Reason::SuccessRate));
    assert_eq!(
        [51, 90, 99].map(ejected),
        [Some(Reason::SuccessRate); 3],
        "one low rate of five is an outlier, however high"
    );
    assert_eq!(ejected(100), None);
    // Two low rates of five are none: 50, 50, 100, 100, 100 has mean 80, deviation 24.5, threshold
    // 33.5.
    let mut fixture = Fixture::of(5, Config { consecutive_failures: 0, ..ENVOY });
    (0..5).for_each(|addr| fixture.succeed(addr, 100));
    (0..2).for_each(|addr| fixture.fail(addr, 100));
    tick(&mut fixture);
    assert_eq!(fixture.ejected(), [0; 0]);
}

/// Ejected at 10 s; at 19.999 s it is not back, at 50.001 s it is. With too little volume, it is
/// not ejected again.
#[test]
fn success_rate_ejection() {
    let mut fixture = Fixture::of(5, Config { consecutive_failures: 0, ..ENVOY });
    let begin = fixture.now;
    (0..5).for_each(|addr| fixture.succeed(addr, 200));
    fixture.fail(4, 200);
    fixture.now = begin + secs(10);
    fixture.handle_timeout();
    assert_eq!(
        fixture.health(4),
        Health::Ejected { reason: Reason::SuccessRate, until: begin + secs(40) }
    );
    fixture.now = begin + millis(19_999);
    fixture.handle_timeout();
    assert_eq!(fixture.ejected(), [4]);
    fixture.now = begin + millis(50_001);
    fixture.handle_timeout();
    assert_eq!(fixture.ejected(), [0; 0]);
    (0..5).for_each(|addr| fixture.succeed(addr, 25));
    fixture.fail(4, 25);
    fixture.now = begin + millis(60_001);
    fixture.handle_timeout();
    assert_eq!(fixture.ejected(), [0; 0]);
}

/// 300 requests with 250 failures are below 85 %, 350 with 300 above; at the threshold counts.
#[test]
fn failure_percentage() {
    let settings = Config {
        consecutive_failures: 0,
        success_rate: false,
        failure_percentage_enforcement: 100,
        ..ENVOY
    };
    let mut fixture = Fixture::of(5, settings);
    (0..5).for_each(|addr| fixture.succeed(addr, 50));
    fixture.fail(3, 250);
    fixture.fail(4, 300);
    tick(&mut fixture);
    assert_eq!((fixture.ejected(), fixture.reason(4)), (vec![4], Some(Reason::FailurePercentage)));

    let mut fixture = Fixture::of(5, settings);
    (0..4).for_each(|addr| fixture.succeed(addr, 50));
    fixture.succeed(4, 15);
    fixture.fail(4, 85);
    tick(&mut fixture);
    assert_eq!(fixture.ejected(), [4], "85 of 100");

    let mut fixture = Fixture::of(5, settings);
    (0..4).for_each(|addr| fixture.succeed(addr, 50));
    fixture.fail(4, 49);
    tick(&mut fixture);
    assert_eq!(fixture.ejected(), [0; 0], "too little volume");

    let mut fixture = Fixture::of(4, settings);
    (0..3).for_each(|addr| fixture.succeed(addr, 50));
    fixture.fail(3, 100);
    tick(&mut fixture);
    assert_eq!(fixture.ejected(), [0; 0], "too few hosts");
}

/// By default failure percentage is only noted, and nothing of it is to be seen.
#[test]
fn failure_percentage_is_not_enforced() {
    let mut fixture =
        Fixture::of(5, Config { consecutive_failures: 0, success_rate: false, ..ENVOY });
    (0..4).for_each(|addr| fixture.succeed(addr, 50));
    fixture.fail(4, 1000);
    tick(&mut fixture);
    assert_eq!(fixture.ejected(), [0; 0]);
}

/// One draw for each crossing: of 400 at 20 %, about 80.
#[test]
fn enforcement() {
    let settings = Config {
        consecutive_failures: 0,
        success_rate: false,
        failure_percentage_enforcement: 20,
        failure_percentage_minimum_hosts: 1,
        ..ENVOY
    };
    let mut ejected = 0;
    for seed in 0..40 {
        let mut fixture: Fixture =
            Fixture::with(Config { seed, ..settings }, (0..10).map(Endpoint::new));
        (0..10).for_each(|addr| fixture.fail(addr, 50));
        tick(&mut fixture);
        ejected += fixture.ejected().len();
    }
    assert!((55..=105).contains(&ejected), "{ejected}");
}

/// 10 % of five hosts eject none (finding 7); of ten, one.
#[test]
fn ten_percent_of_five() {
    for (hosts, most) in [(5, 0), (9, 0), (10, 1)] {
        let mut fixture = Fixture::of(hosts, Config::ENVOY);
        (0..hosts).for_each(|addr| {
            if fixture.candidates().contains(&addr) {
                fixture.fail(addr, 5);
            }
        });
        assert_eq!(fixture.ejected().len(), most, "of {hosts}");
    }
}

/// Five in a row count for one crossing: one that could not be ejected has to fail five times more.
#[test]
fn a_bout_counts_once() {
    let mut fixture = Fixture::of(5, Config { success_rate: false, ..Config::ENVOY });
    fixture.fail(0, 5);
    fixture.balancer.set_config(fixture.now, ENVOY).unwrap();
    fixture.fail(0, 4);
    assert_eq!(fixture.ejected(), [0; 0]);
    fixture.fail(0, 1);
    assert_eq!(fixture.ejected(), [0]);
}

/// Not back at 9.999 s, back at the first tick from 30 s on; then ejected for twice as long.
#[test]
fn consecutive_failures() {
    let mut fixture = Fixture::of(2, ENVOY);
    let begin = fixture.now;
    fixture.fail(0, 1);
    fixture.succeed(0, 1);
    fixture.fail(0, 4);
    assert_eq!(fixture.ejected(), [0; 0]);
    fixture.fail(0, 1);
    assert_eq!(
        fixture.health(0),
        Health::Ejected { reason: Reason::ConsecutiveFailures, until: begin + secs(30) }
    );
    fixture.now = begin + millis(9_999);
    fixture.handle_timeout();
    assert_eq!(fixture.ejected(), [0]);
    fixture.now = begin + millis(29_999);
    fixture.handle_timeout();
    assert_eq!(fixture.ejected(), [0], "that was the tick of 10 s");
    fixture.now = begin + millis(30_001);
    fixture.handle_timeout();
    assert_eq!(fixture.ejected(), [0], "the next one is 10 s after it");
    fixture.now = begin + millis(39_999);
    fixture.handle_timeout();
    assert_eq!(fixture.ejected(), [0; 0]);
    fixture.fail(0, 5);
    assert_eq!(fixture.until(0), fixture.now + secs(60));
}

/// Base 10 s: 10, 20 and 30 s; after two healthy intervals 20 s; after a long time 10 s.
#[test]
fn backoff_grows_and_decays() {
    let mut fixture = Fixture::of(2, Config { base_ejection_time: secs(10), ..ENVOY });
    let eject = |fixture: &mut Fixture, ticks: usize| {
        fixture.fail(0, 5);
        for _ in 1..ticks {
            tick(fixture);
            assert_eq!(fixture.ejected(), [0]);
        }
        tick(fixture);
        assert_eq!(fixture.ejected(), [0; 0], "after {ticks} ticks");
    };
    eject(&mut fixture, 1);
    eject(&mut fixture, 2);
    eject(&mut fixture, 3);
    tick(&mut fixture);
    tick(&mut fixture);
    eject(&mut fixture, 2);
    (0..50).for_each(|_| tick(&mut fixture));
    eject(&mut fixture, 1);
}

/// Base 10 s, at most 300 s, or 305 s which is no multiple of it: 30 or 31 ejections later it is
/// the longest, and stays so.
#[test]
fn backoff_stops() {
    for (longest, steps) in [(300, 30), (305, 31)] {
        let settings =
            Config { base_ejection_time: secs(10), max_ejection_time: secs(longest), ..ENVOY };
        let mut fixture = Fixture::of(2, settings);
        for n in 1..steps + 10 {
            fixture.fail(0, 5);
            assert_eq!(fixture.until(0), fixture.now + secs((10 * n).min(longest)), "ejection {n}");
            (0..n.min(steps)).for_each(|_| tick(&mut fixture));
            assert_eq!(fixture.ejected(), [0; 0]);
        }
        // It has not grown beyond what is needed: after so many intervals, all is forgiven.
        (0..=steps).for_each(|_| tick(&mut fixture));
        fixture.fail(0, 5);
        assert_eq!(fixture.until(0), fixture.now + secs(10));
    }
}

/// The base counts where it is longer than the longest; Envoy refuses such settings where both are
/// given.
#[test]
fn a_base_above_the_longest() {
    let mut fixture = Fixture::of(2, Config { base_ejection_time: secs(400), ..ENVOY });
    fixture.fail(0, 5);
    assert_eq!(fixture.until(0), fixture.now + secs(400));
    fixture.wait(secs(400));
    tick(&mut fixture);
    fixture.fail(0, 5);
    assert_eq!(fixture.until(0), fixture.now + secs(400));
}

/// Jitter of up to 10 s comes on top of the time, after the longest time is applied.
#[test]
fn jitter() {
    let settings = Config { max_ejection_jitter: secs(10), max_ejection_time: secs(30), ..ENVOY };
    let times = (0..100).map(|seed| {
        let mut fixture: Fixture =
            Fixture::with(Config { seed, ..settings }, [0, 1].map(Endpoint::new));
        fixture.fail(0, 5);
        fixture.until(0).saturating_since(fixture.now)
    });
    let times: Vec<Duration> = times.collect();
    assert!(times.iter().all(|time| *time >= secs(30) && *time < secs(40)));
    assert!(times.iter().any(|time| *time < secs(32)) && times.iter().any(|time| *time > secs(38)));
}

/// Ejected hosts are not compared: four others are too few.
#[test]
fn ejected_ones_are_not_compared() {
    let mut fixture = Fixture::of(5, ENVOY);
    (0..5).for_each(|addr| fixture.succeed(addr, 200));
    fixture.fail(0, 5);
    assert_eq!(fixture.reason(0), Some(Reason::ConsecutiveFailures));
    (0..50).for_each(|_| {
        fixture.fail(1, 4);
        fixture.succeed(1, 1);
    });
    tick(&mut fixture);
    assert_eq!(fixture.ejected(), [0], "or 1 would be, too");
}

/// A host that leaves while it is ejected makes room, and an interval without any host does no
/// harm.
#[test]
fn removed_while_ejected() {
    let mut fixture = Fixture::of(2, Config { max_ejection_percent: 50, ..ENVOY });
    fixture.fail(0, 5);
    fixture.fail(1, 5);
    assert_eq!(fixture.ejected(), [0]);
    fixture.update([1, 2].map(Endpoint::new));
    fixture.fail(1, 5);
    assert_eq!(fixture.ejected(), [1]);
    fixture.update([]);
    tick(&mut fixture);
    fixture.update([Endpoint::new(1)]);
    assert_eq!(fixture.request(Outcome::Success).0, 1);
}
