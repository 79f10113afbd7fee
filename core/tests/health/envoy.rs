//! Envoy's arithmetic, with the figures that its documentation and its own tests publish.

use core::time::Duration;

use evenkeel_core::health::{FailurePercentage, Health, OutlierDetection, Reason, SuccessRate};
use evenkeel_core::{Config, Endpoint, Outcome};

use super::bed::{Bed, config, millis, secs};

const ENVOY: OutlierDetection = OutlierDetection { max_ejection_percent: 100, ..OutlierDetection::ENVOY };

/// The next end of an interval.
fn tick(bed: &mut Bed) {
    bed.wait(secs(10));
    bed.handle_timeout();
}

#[test]
fn the_defaults() {
    let envoy = OutlierDetection::ENVOY;
    let rate = SuccessRate {
        stdev_factor: 1900,
        floor: 100,
        enforcement: 100,
        minimum_hosts: 5,
        request_volume: 100,
        minimum_failures: 0,
    };
    let percentage =
        FailurePercentage { threshold: 85, enforcement: 0, minimum_hosts: 5, request_volume: 50, minimum_failures: 0 };
    assert_eq!(
        (envoy.consecutive_failures, envoy.success_rate, envoy.failure_percentage),
        (5, Some(rate), Some(percentage))
    );
    assert_eq!((envoy.interval, envoy.base_ejection_time, envoy.max_ejection_time), (secs(10), secs(30), secs(300)));
    assert_eq!((envoy.max_ejection_jitter, envoy.max_ejection_percent), (Duration::ZERO, 10));
    assert_eq!((envoy.always_eject_one, envoy.half_open), (false, false));
}

/// Success rates of 50, 100, 100, 100 and 100 %: mean 90, deviation 20, so the threshold is 52.
#[test]
fn success_rate_threshold() {
    let ejected = |percent: u32| {
        let mut bed = Bed::of(5, OutlierDetection { consecutive_failures: 0, ..ENVOY });
        (1..5).for_each(|addr| bed.succeed(addr, 200));
        bed.succeed(0, 2 * percent);
        bed.fail(0, 200 - 2 * percent);
        tick(&mut bed);
        bed.reason(0)
    };
    assert_eq!(ejected(50), Some(Reason::SuccessRate));
    assert_eq!(
        [51, 90, 99].map(ejected),
        [Some(Reason::SuccessRate); 3],
        "one low rate of five is an outlier, however high"
    );
    assert_eq!(ejected(100), None);
    // Two low rates of five are none: 50, 50, 100, 100, 100 has mean 80, deviation 24.5, threshold 33.5.
    let mut bed = Bed::of(5, OutlierDetection { consecutive_failures: 0, ..ENVOY });
    (0..5).for_each(|addr| bed.succeed(addr, 100));
    (0..2).for_each(|addr| bed.fail(addr, 100));
    tick(&mut bed);
    assert_eq!(bed.ejected(), [0; 0]);
}

/// Ejected at 10 s; at 19.999 s it is not back, at 50.001 s it is. With too little volume, it is not ejected again.
#[test]
fn success_rate_ejection() {
    let mut bed = Bed::of(5, OutlierDetection { consecutive_failures: 0, ..ENVOY });
    let begin = bed.now;
    (0..5).for_each(|addr| bed.succeed(addr, 200));
    bed.fail(4, 200);
    bed.now = begin + secs(10);
    bed.handle_timeout();
    assert_eq!(bed.health(4), Health::Ejected { reason: Reason::SuccessRate, until: begin + secs(40) });
    bed.now = begin + millis(19_999);
    bed.handle_timeout();
    assert_eq!(bed.ejected(), [4]);
    bed.now = begin + millis(50_001);
    bed.handle_timeout();
    assert_eq!(bed.ejected(), [0; 0]);
    (0..5).for_each(|addr| bed.succeed(addr, 25));
    bed.fail(4, 25);
    bed.now = begin + millis(60_001);
    bed.handle_timeout();
    assert_eq!(bed.ejected(), [0; 0]);
}

/// 300 requests with 250 failures are below 85 %, 350 with 300 above; at the threshold counts.
#[test]
fn failure_percentage() {
    let rule = FailurePercentage { enforcement: 100, ..OutlierDetection::ENVOY.failure_percentage.unwrap() };
    let settings =
        OutlierDetection { consecutive_failures: 0, success_rate: None, failure_percentage: Some(rule), ..ENVOY };
    let mut bed = Bed::of(5, settings);
    (0..5).for_each(|addr| bed.succeed(addr, 50));
    bed.fail(3, 250);
    bed.fail(4, 300);
    tick(&mut bed);
    assert_eq!((bed.ejected(), bed.reason(4)), (vec![4], Some(Reason::FailurePercentage)));

    let mut bed = Bed::of(5, settings);
    (0..4).for_each(|addr| bed.succeed(addr, 50));
    bed.succeed(4, 15);
    bed.fail(4, 85);
    tick(&mut bed);
    assert_eq!(bed.ejected(), [4], "85 of 100");

    let mut bed = Bed::of(5, settings);
    (0..4).for_each(|addr| bed.succeed(addr, 50));
    bed.fail(4, 49);
    tick(&mut bed);
    assert_eq!(bed.ejected(), [0; 0], "too little volume");

    let mut bed = Bed::of(4, settings);
    (0..3).for_each(|addr| bed.succeed(addr, 50));
    bed.fail(3, 100);
    tick(&mut bed);
    assert_eq!(bed.ejected(), [0; 0], "too few hosts");
}

/// By default failure percentage is only noted, and nothing of it is to be seen.
#[test]
fn failure_percentage_is_not_enforced() {
    let mut bed = Bed::of(5, OutlierDetection { consecutive_failures: 0, success_rate: None, ..ENVOY });
    (0..4).for_each(|addr| bed.succeed(addr, 50));
    bed.fail(4, 1000);
    tick(&mut bed);
    assert_eq!(bed.ejected(), [0; 0]);
}

/// One draw for each crossing: of 400 at 20 %, about 80.
#[test]
fn enforcement() {
    let rule =
        FailurePercentage { enforcement: 20, minimum_hosts: 1, ..OutlierDetection::ENVOY.failure_percentage.unwrap() };
    let settings =
        OutlierDetection { consecutive_failures: 0, success_rate: None, failure_percentage: Some(rule), ..ENVOY };
    let mut ejected = 0;
    for seed in 0..40 {
        let mut bed: Bed = Bed::with(Config { seed, ..config(settings) }, (0..10).map(Endpoint::new));
        (0..10).for_each(|addr| bed.fail(addr, 50));
        tick(&mut bed);
        ejected += bed.ejected().len();
    }
    assert!((55..=105).contains(&ejected), "{ejected}");
}

/// 10 % of five hosts eject none (finding 7); of ten, one.
#[test]
fn ten_percent_of_five() {
    for (hosts, most) in [(5, 0), (9, 0), (10, 1)] {
        let mut bed = Bed::of(hosts, OutlierDetection::ENVOY);
        (0..hosts).for_each(|addr| {
            if bed.candidates().contains(&addr) {
                bed.fail(addr, 5);
            }
        });
        assert_eq!(bed.ejected().len(), most, "of {hosts}");
    }
}

/// Five in a row count for one crossing: one that could not be ejected has to fail five times more.
#[test]
fn a_bout_counts_once() {
    let mut bed = Bed::of(5, OutlierDetection { success_rate: None, ..OutlierDetection::ENVOY });
    bed.fail(0, 5);
    bed.balancer.set_outlier_detection(bed.now, Some(ENVOY)).unwrap();
    bed.fail(0, 4);
    assert_eq!(bed.ejected(), [0; 0]);
    bed.fail(0, 1);
    assert_eq!(bed.ejected(), [0]);
}

/// Not back at 9.999 s, back at the first tick from 30 s on; then ejected for twice as long.
#[test]
fn consecutive_failures() {
    let mut bed = Bed::of(2, ENVOY);
    let begin = bed.now;
    bed.fail(0, 1);
    bed.succeed(0, 1);
    bed.fail(0, 4);
    assert_eq!(bed.ejected(), [0; 0]);
    bed.fail(0, 1);
    assert_eq!(bed.health(0), Health::Ejected { reason: Reason::ConsecutiveFailures, until: begin + secs(30) });
    bed.now = begin + millis(9_999);
    bed.handle_timeout();
    assert_eq!(bed.ejected(), [0]);
    bed.now = begin + millis(29_999);
    bed.handle_timeout();
    assert_eq!(bed.ejected(), [0], "that was the tick of 10 s");
    bed.now = begin + millis(30_001);
    bed.handle_timeout();
    assert_eq!(bed.ejected(), [0], "the next one is 10 s after it");
    bed.now = begin + millis(39_999);
    bed.handle_timeout();
    assert_eq!(bed.ejected(), [0; 0]);
    bed.fail(0, 5);
    assert_eq!(bed.until(0), bed.now + secs(60));
}

/// Base 10 s: 10, 20 and 30 s; after two healthy intervals 20 s; after a long time 10 s.
#[test]
fn backoff_grows_and_decays() {
    let mut bed = Bed::of(2, OutlierDetection { base_ejection_time: secs(10), ..ENVOY });
    let eject = |bed: &mut Bed, ticks: usize| {
        bed.fail(0, 5);
        for _ in 1..ticks {
            tick(bed);
            assert_eq!(bed.ejected(), [0]);
        }
        tick(bed);
        assert_eq!(bed.ejected(), [0; 0], "after {ticks} ticks");
    };
    eject(&mut bed, 1);
    eject(&mut bed, 2);
    eject(&mut bed, 3);
    tick(&mut bed);
    tick(&mut bed);
    eject(&mut bed, 2);
    (0..50).for_each(|_| tick(&mut bed));
    eject(&mut bed, 1);
}

/// Base 10 s, at most 300 s, or 305 s which is no multiple of it: 30 or 31 ejections later it is the longest, and stays so.
#[test]
fn backoff_stops() {
    for (longest, steps) in [(300, 30), (305, 31)] {
        let settings = OutlierDetection { base_ejection_time: secs(10), max_ejection_time: secs(longest), ..ENVOY };
        let mut bed = Bed::of(2, settings);
        for n in 1..steps + 10 {
            bed.fail(0, 5);
            assert_eq!(bed.until(0), bed.now + secs((10 * n).min(longest)), "ejection {n}");
            (0..n.min(steps)).for_each(|_| tick(&mut bed));
            assert_eq!(bed.ejected(), [0; 0]);
        }
        // It has not grown beyond what is needed: after so many intervals, all is forgiven.
        (0..=steps).for_each(|_| tick(&mut bed));
        bed.fail(0, 5);
        assert_eq!(bed.until(0), bed.now + secs(10));
    }
}

/// The base counts where it is longer than the longest; Envoy refuses such settings where both are given.
#[test]
fn a_base_above_the_longest() {
    let mut bed = Bed::of(2, OutlierDetection { base_ejection_time: secs(400), ..ENVOY });
    bed.fail(0, 5);
    assert_eq!(bed.until(0), bed.now + secs(400));
    bed.wait(secs(400));
    tick(&mut bed);
    bed.fail(0, 5);
    assert_eq!(bed.until(0), bed.now + secs(400));
}

/// Jitter of up to 10 s comes on top of the time, after the longest time is applied.
#[test]
fn jitter() {
    let settings = OutlierDetection { max_ejection_jitter: secs(10), max_ejection_time: secs(30), ..ENVOY };
    let times = (0..100).map(|seed| {
        let mut bed: Bed = Bed::with(Config { seed, ..config(settings) }, [0, 1].map(Endpoint::new));
        bed.fail(0, 5);
        bed.until(0).saturating_since(bed.now)
    });
    let times: Vec<Duration> = times.collect();
    assert!(times.iter().all(|time| *time >= secs(30) && *time < secs(40)));
    assert!(times.iter().any(|time| *time < secs(32)) && times.iter().any(|time| *time > secs(38)));
}

/// Ejected hosts are not compared: four others are too few.
#[test]
fn ejected_ones_are_not_compared() {
    let mut bed = Bed::of(5, ENVOY);
    (0..5).for_each(|addr| bed.succeed(addr, 200));
    bed.fail(0, 5);
    assert_eq!(bed.reason(0), Some(Reason::ConsecutiveFailures));
    (0..50).for_each(|_| {
        bed.fail(1, 4);
        bed.succeed(1, 1);
    });
    tick(&mut bed);
    assert_eq!(bed.ejected(), [0], "or 1 would be, too");
}

/// A host that leaves while it is ejected makes room, and an interval without any host does no harm.
#[test]
fn removed_while_ejected() {
    let mut bed = Bed::of(2, OutlierDetection { max_ejection_percent: 50, ..ENVOY });
    bed.fail(0, 5);
    bed.fail(1, 5);
    assert_eq!(bed.ejected(), [0]);
    bed.update([1, 2].map(Endpoint::new));
    bed.fail(1, 5);
    assert_eq!(bed.ejected(), [1]);
    bed.update([]);
    tick(&mut bed);
    bed.update([Endpoint::new(1)]);
    assert_eq!(bed.request(Outcome::Success).0, 1);
}
