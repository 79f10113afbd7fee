//! gRPC's arithmetic, as its proposal A50 has it.

use core::time::Duration;

use evenkeel_core::health::{FailurePercentage, Health, OutlierDetection, Reason, SuccessRate};
use evenkeel_core::{Endpoint, Outcome};

use super::bed::{Bed, config, secs};

const GRPC: OutlierDetection = OutlierDetection::GRPC;

fn tick(bed: &mut Bed) {
    bed.wait(secs(10));
    bed.handle_timeout();
}

/// So many endpoints, the first `bad` of which failed all of 100 requests, the others none; an interval ends.
fn judged(settings: OutlierDetection, endpoints: u8, bad: u8) -> Bed {
    let mut bed = Bed::of(endpoints, settings);
    (0..bad).for_each(|addr| bed.fail(addr, 100));
    (bad..endpoints).for_each(|addr| bed.succeed(addr, 100));
    tick(&mut bed);
    bed
}

#[test]
fn the_defaults() {
    let rate = SuccessRate {
        stdev_factor: 1900,
        floor: 100,
        enforcement: 100,
        minimum_hosts: 5,
        request_volume: 100,
        minimum_failures: 0,
    };
    let percentage = FailurePercentage {
        threshold: 85,
        enforcement: 100,
        minimum_hosts: 5,
        request_volume: 50,
        minimum_failures: 0,
    };
    assert_eq!(
        (GRPC.consecutive_failures, GRPC.success_rate, GRPC.failure_percentage),
        (0, Some(rate), Some(percentage))
    );
    assert_eq!((GRPC.interval, GRPC.base_ejection_time, GRPC.max_ejection_time), (secs(10), secs(30), secs(300)));
    assert_eq!((GRPC.max_ejection_jitter, GRPC.max_ejection_percent), (Duration::ZERO, 10));
    assert_eq!((GRPC.always_eject_one, GRPC.half_open), (false, false));
}

/// It always ejects one: 0 of 5 are less than 10 %.
#[test]
fn at_least_one() {
    let bed = judged(GRPC, 5, 5);
    assert_eq!((bed.ejected(), bed.reason(0)), (vec![0], Some(Reason::FailurePercentage)));
    assert_eq!(judged(GRPC, 11, 5).ejected(), [0, 1]);
    assert_eq!(judged(OutlierDetection { max_ejection_percent: 33, ..GRPC }, 10, 5).ejected(), [0, 1, 2, 3]);
}

/// First the success rates, then the failure percentages; one that both would eject is ejected once.
#[test]
fn success_rate_comes_first() {
    let bed = judged(GRPC, 5, 1);
    assert_eq!(bed.health(0), Health::Ejected { reason: Reason::SuccessRate, until: bed.now + secs(30) });

    // Endpoint 5 has the lowest rate; where only one may be ejected, it is not endpoint 0, which comes first.
    let rate = SuccessRate { stdev_factor: 1200, request_volume: 200, ..SuccessRate::DEFAULT };
    let rate = SuccessRate { floor: 100, minimum_failures: 0, ..rate };
    let mut bed = Bed::of(7, OutlierDetection { success_rate: Some(rate), ..GRPC });
    bed.fail(0, 100);
    (1..7).for_each(|addr| bed.succeed(addr, 200));
    bed.fail(5, 200);
    tick(&mut bed);
    assert_eq!((bed.ejected(), bed.reason(5)), (vec![5], Some(Reason::SuccessRate)));
}

/// Above the threshold, not at it.
#[test]
fn failure_percentage() {
    let ejected = |failures| {
        let mut bed = Bed::of(5, OutlierDetection { success_rate: None, ..GRPC });
        (1..5).for_each(|addr| bed.succeed(addr, 100));
        bed.fail(0, failures);
        bed.succeed(0, 100 - failures);
        tick(&mut bed);
        bed.ejected().len()
    };
    assert_eq!([84, 85, 86].map(ejected), [0, 0, 1]);
}

/// Both algorithms want `minimum_hosts` with the volume.
#[test]
fn minimum_hosts() {
    assert_eq!(judged(GRPC, 4, 4).ejected(), [0; 0]);
    let mut bed = Bed::of(6, GRPC);
    (0..4).for_each(|addr| bed.succeed(addr, 100));
    bed.fail(4, 49);
    bed.fail(5, 100);
    tick(&mut bed);
    assert_eq!(bed.ejected(), [5], "endpoint 5 is the fifth");
    let mut bed = Bed::of(6, GRPC);
    (0..3).for_each(|addr| bed.succeed(addr, 100));
    bed.fail(4, 49);
    bed.fail(5, 100);
    tick(&mut bed);
    assert_eq!(bed.ejected(), [0; 0]);
}

/// The end of an ejection is the first tick after its time, not at it.
#[test]
fn a_moment_later() {
    let mut bed = judged(GRPC, 5, 1);
    (0..3).for_each(|_| tick(&mut bed));
    assert_eq!((bed.ejected(), bed.until(0)), (vec![0], bed.now));
    tick(&mut bed);
    assert_eq!(bed.ejected(), [0; 0]);
}

/// The multiplier grows without end, the time up to the longest; each tick in service takes one away.
#[test]
fn the_multiplier() {
    let settings = OutlierDetection { base_ejection_time: secs(30), ..GRPC };
    let mut bed = judged(settings, 5, 1);
    let eject = |bed: &mut Bed| {
        (0..100).for_each(|_| {
            for addr in 1..5 {
                bed.succeed(addr, 1);
            }
        });
        bed.fail(0, 100);
        tick(bed);
        bed.until(0).saturating_since(bed.now)
    };
    for n in 1..=15_u64 {
        assert_eq!(bed.until(0).saturating_since(bed.now), secs((30 * n).min(300)));
        bed.now = bed.until(0);
        tick(&mut bed);
        assert_eq!(bed.ejected(), [0; 0]);
        eject(&mut bed);
    }
    // 16 ejections; 13 healthy ticks leave a multiplier of 3, for the next to make 4 of it.
    assert_eq!(bed.until(0).saturating_since(bed.now), secs(300));
    bed.now = bed.until(0);
    (0..14).for_each(|_| tick(&mut bed));
    assert_eq!(eject(&mut bed), secs(120));
}

/// In a set of five of which one is ejected, its late answers count among the rates: without them, four would be too few.
#[test]
fn ejected_ones_are_compared() {
    let settings = OutlierDetection { failure_percentage: None, max_ejection_percent: 50, ..GRPC };
    for late in [100, 99] {
        let mut bed = Bed::of(5, settings);
        let sent: Vec<_> = (0..late).map(|_| bed.send(0)).collect();
        (1..5).for_each(|addr| bed.succeed(addr, 100));
        bed.fail(0, 100);
        tick(&mut bed);
        assert_eq!(bed.ejected(), [0]);
        for pick in sent {
            bed.report(pick, Outcome::Success);
        }
        (2..5).for_each(|addr| bed.succeed(addr, 100));
        bed.fail(1, 100);
        tick(&mut bed);
        let expected = if late == 100 { vec![0, 1] } else { vec![0] };
        assert_eq!(bed.ejected(), expected, "{late} late answers");
    }
}

/// Settings with neither algorithm: all are un-ejected, and the multipliers are 0.
#[test]
fn neither_algorithm() {
    let mut bed = judged(GRPC, 5, 1);
    let neither = OutlierDetection { success_rate: None, failure_percentage: None, ..GRPC };
    bed.balancer.set_outlier_detection(bed.now, Some(neither)).unwrap();
    assert_eq!(bed.ejected(), [0; 0]);
    bed.handle_timeout();
    assert_eq!((bed.candidates(), bed.balancer.poll_timeout()), (vec![0, 1, 2, 3, 4], None), "there is no timer");
    bed.balancer.set_outlier_detection(bed.now, Some(GRPC)).unwrap();
    (1..5).for_each(|addr| bed.succeed(addr, 100));
    bed.fail(0, 100);
    tick(&mut bed);
    assert_eq!(bed.until(0), bed.now + secs(30));
}

/// Three endpoints, of which one always fails; 33 % is enough for one. As in the end-to-end tests of grpc-go.
#[test]
fn three_endpoints() {
    let rate = SuccessRate {
        stdev_factor: 50,
        floor: 100,
        enforcement: 100,
        minimum_hosts: 3,
        request_volume: 5,
        minimum_failures: 0,
    };
    let percentage =
        FailurePercentage { threshold: 50, enforcement: 100, minimum_hosts: 3, request_volume: 5, minimum_failures: 0 };
    let base = OutlierDetection {
        interval: Duration::from_millis(50),
        base_ejection_time: Duration::from_millis(100),
        max_ejection_percent: 33,
        success_rate: None,
        failure_percentage: None,
        ..GRPC
    };
    for settings in [
        OutlierDetection { success_rate: Some(rate), ..base },
        OutlierDetection { failure_percentage: Some(percentage), ..base },
    ] {
        let mut bed: Bed = Bed::with(config(settings), (0..3).map(Endpoint::new));
        (0..2).for_each(|addr| bed.succeed(addr, 5));
        bed.fail(2, 5);
        bed.wait(Duration::from_millis(50));
        bed.handle_timeout();
        assert_eq!(bed.candidates(), [0, 1]);
        bed.wait(Duration::from_millis(150));
        bed.handle_timeout();
        assert_eq!(bed.candidates(), [0, 1, 2]);
    }
}
