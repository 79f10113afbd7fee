//! gRPC's arithmetic, as its proposal A50 has it.

use core::time::Duration;

use evenkeel_core::health::{Health, Reason};
use evenkeel_core::{Book, Config, Endpoint, Outcome};

use super::fixture::{Fixture, secs};

const GRPC: Config = Config::GRPC;

fn tick(fixture: &mut Fixture) {
    fixture.wait(secs(10));
    fixture.handle_timeout();
}

/// So many endpoints, the first `bad` of which failed all of 100 requests, the others none; an
/// interval ends.
fn judged(settings: Config, endpoints: u8, bad: u8) -> Fixture {
    let mut fixture = Fixture::of(endpoints, settings);
    (0..bad).for_each(|addr| fixture.fail(addr, 100));
    (bad..endpoints).for_each(|addr| fixture.succeed(addr, 100));
    tick(&mut fixture);
    fixture
}

#[test]
fn the_defaults() {
    assert_eq!((GRPC.book, GRPC.consecutive_failures, GRPC.success_rate), (Book::Grpc, 0, true));
    assert_eq!(GRPC.success_rate_stdev_per_mille, 1900);
    assert_eq!((GRPC.success_rate_floor_percent, GRPC.success_rate_enforcement), (100, 100));
    assert_eq!((GRPC.success_rate_minimum_hosts, GRPC.success_rate_request_volume), (5, 100));
    assert_eq!(GRPC.success_rate_minimum_failures, 0);
    assert_eq!((GRPC.failure_percentage, GRPC.failure_percentage_enforcement), (85, 100));
    assert_eq!(GRPC.failure_percentage_minimum_hosts, 5);
    assert_eq!(GRPC.failure_percentage_request_volume, 50);
    assert_eq!(GRPC.failure_percentage_minimum_failures, 0);
    assert_eq!(
        (GRPC.interval, GRPC.base_ejection_time, GRPC.max_ejection_time),
        (secs(10), secs(30), secs(300))
    );
    assert_eq!((GRPC.max_ejection_jitter, GRPC.max_ejection_percent), (Duration::ZERO, 10));
    assert_eq!((GRPC.always_eject_one, GRPC.half_open), (false, false));
}

/// It always ejects one: 0 of 5 are less than 10 %.
#[test]
fn at_least_one() {
    let fixture = judged(GRPC, 5, 5);
    assert_eq!((fixture.ejected(), fixture.reason(0)), (vec![0], Some(Reason::FailurePercentage)));
    assert_eq!(judged(GRPC, 11, 5).ejected(), [0, 1]);
    assert_eq!(judged(Config { max_ejection_percent: 33, ..GRPC }, 10, 5).ejected(), [0, 1, 2, 3]);
}

/// First the success rates, then the failure percentages; one that both would eject is ejected
/// once.
#[test]
fn success_rate_comes_first() {
    let fixture = judged(GRPC, 5, 1);
    assert_eq!(
        fixture.health(0),
        Health::Ejected { reason: Reason::SuccessRate, until: fixture.now + secs(30) }
    );

    // Endpoint 5 has the lowest rate; where only one may be ejected, it is not endpoint 0, which
    // comes first.
    let rates =
        Config { success_rate_stdev_per_mille: 1200, success_rate_request_volume: 200, ..GRPC };
    let mut fixture = Fixture::of(7, rates);
    fixture.fail(0, 100);
    (1..7).for_each(|addr| fixture.succeed(addr, 200));
    fixture.fail(5, 200);
    tick(&mut fixture);
    assert_eq!((fixture.ejected(), fixture.reason(5)), (vec![5], Some(Reason::SuccessRate)));
}

/// Above the threshold, not at it.
#[test]
fn failure_percentage() {
    let ejected = |failures| {
        let mut fixture = Fixture::of(5, Config { success_rate: false, ..GRPC });
        (1..5).for_each(|addr| fixture.succeed(addr, 100));
        fixture.fail(0, failures);
        fixture.succeed(0, 100 - failures);
        tick(&mut fixture);
        fixture.ejected().len()
    };
    assert_eq!([84, 85, 86].map(ejected), [0, 0, 1]);
}

/// Both algorithms want `minimum_hosts` with the volume.
#[test]
fn minimum_hosts() {
    assert_eq!(judged(GRPC, 4, 4).ejected(), [0; 0]);
    let mut fixture = Fixture::of(6, GRPC);
    (0..4).for_each(|addr| fixture.succeed(addr, 100));
    fixture.fail(4, 49);
    fixture.fail(5, 100);
    tick(&mut fixture);
    assert_eq!(fixture.ejected(), [5], "endpoint 5 is the fifth");
    let mut fixture = Fixture::of(6, GRPC);
    (0..3).for_each(|addr| fixture.succeed(addr, 100));
    fixture.fail(4, 49);
    fixture.fail(5, 100);
    tick(&mut fixture);
    assert_eq!(fixture.ejected(), [0; 0]);
}

/// The end of an ejection is the first tick after its time, not at it.
#[test]
fn a_moment_later() {
    let mut fixture = judged(GRPC, 5, 1);
    (0..3).for_each(|_| tick(&mut fixture));
    assert_eq!((fixture.ejected(), fixture.until(0)), (vec![0], fixture.now));
    tick(&mut fixture);
    assert_eq!(fixture.ejected(), [0; 0]);
}

/// The multiplier grows without end, the time up to the longest; each tick in service takes one
/// away.
#[test]
fn the_multiplier() {
    let settings = Config { base_ejection_time: secs(30), ..GRPC };
    let mut fixture = judged(settings, 5, 1);
    let eject = |fixture: &mut Fixture| {
        (0..100).for_each(|_| {
            for addr in 1..5 {
                fixture.succeed(addr, 1);
            }
        });
        fixture.fail(0, 100);
        tick(fixture);
        fixture.until(0).saturating_since(fixture.now)
    };
    for n in 1..=15_u64 {
        assert_eq!(fixture.until(0).saturating_since(fixture.now), secs((30 * n).min(300)));
        fixture.now = fixture.until(0);
        tick(&mut fixture);
        assert_eq!(fixture.ejected(), [0; 0]);
        eject(&mut fixture);
    }
    // 16 ejections; 13 healthy ticks leave a multiplier of 3, for the next to make 4 of it.
    assert_eq!(fixture.until(0).saturating_since(fixture.now), secs(300));
    fixture.now = fixture.until(0);
    (0..14).for_each(|_| tick(&mut fixture));
    assert_eq!(eject(&mut fixture), secs(120));
}

/// In a set of five of which one is ejected, its late answers count among the rates: without them,
/// four would be too few.
#[test]
fn ejected_ones_are_compared() {
    let settings = Config { failure_percentage: 0, max_ejection_percent: 50, ..GRPC };
    for late in [100, 99] {
        let mut fixture = Fixture::of(5, settings);
        let sent: Vec<_> = (0..late).map(|_| fixture.send(0)).collect();
        (1..5).for_each(|addr| fixture.succeed(addr, 100));
        fixture.fail(0, 100);
        tick(&mut fixture);
        assert_eq!(fixture.ejected(), [0]);
        for pick in sent {
            fixture.report(pick, Outcome::Success);
        }
        (2..5).for_each(|addr| fixture.succeed(addr, 100));
        fixture.fail(1, 100);
        tick(&mut fixture);
        let expected = if late == 100 { vec![0, 1] } else { vec![0] };
        assert_eq!(fixture.ejected(), expected, "{late} late answers");
    }
}

/// Settings with neither algorithm: all are un-ejected, and the multipliers are 0.
#[test]
fn neither_algorithm() {
    let mut fixture = judged(GRPC, 5, 1);
    let neither = Config { success_rate: false, failure_percentage: 0, ..GRPC };
    fixture.balancer.set_config(fixture.now, neither).unwrap();
    assert_eq!(fixture.ejected(), [0; 0]);
    fixture.handle_timeout();
    assert_eq!(
        (fixture.candidates(), fixture.balancer.poll_timeout()),
        (vec![0, 1, 2, 3, 4], None),
        "there is no timer"
    );
    fixture.balancer.set_config(fixture.now, GRPC).unwrap();
    (1..5).for_each(|addr| fixture.succeed(addr, 100));
    fixture.fail(0, 100);
    tick(&mut fixture);
    assert_eq!(fixture.until(0), fixture.now + secs(30));
}

/// Three endpoints, of which one always fails; 33 % is enough for one. As in the end-to-end tests
/// of grpc-go.
#[test]
fn three_endpoints() {
    let base = Config {
        interval: Duration::from_millis(50),
        base_ejection_time: Duration::from_millis(100),
        max_ejection_percent: 33,
        success_rate: false,
        failure_percentage: 0,
        ..GRPC
    };
    for settings in [
        Config {
            success_rate: true,
            success_rate_stdev_per_mille: 50,
            success_rate_minimum_hosts: 3,
            success_rate_request_volume: 5,
            ..base
        },
        Config {
            failure_percentage: 50,
            failure_percentage_minimum_hosts: 3,
            failure_percentage_request_volume: 5,
            ..base
        },
    ] {
        let mut fixture: Fixture = Fixture::with(settings, (0..3).map(Endpoint::new));
        (0..2).for_each(|addr| fixture.succeed(addr, 5));
        fixture.fail(2, 5);
        fixture.wait(Duration::from_millis(50));
        fixture.handle_timeout();
        assert_eq!(fixture.candidates(), [0, 1]);
        fixture.wait(Duration::from_millis(150));
        fixture.handle_timeout();
        assert_eq!(fixture.candidates(), [0, 1, 2]);
    }
}
