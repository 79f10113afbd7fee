//! Thresholds, by our arithmetic.

use evenkeel_core::health::{Health, Reason};
use evenkeel_core::{
    Balancer, Book, Config, ConfigError, Endpoint, Instant, Outcome, Why, policy::RoundRobin,
};

use super::fixture::{Fixture, NOBODYS, OURS, REFUSED, millis, secs};

const PERCENTAGE: Config = Config { consecutive_failures: 0, ..OURS };
const RATE: Config =
    Config { consecutive_failures: 0, failure_percentage: 0, success_rate: true, ..OURS };

#[test]
fn the_defaults() {
    assert_eq!((Config::default(), OURS.book), (OURS, Book::Evenkeel));
    assert_eq!((OURS.consecutive_failures, OURS.success_rate), (5, false));
    assert_eq!((OURS.failure_percentage, OURS.failure_percentage_enforcement), (85, 100));
    assert_eq!(OURS.failure_percentage_minimum_hosts, 0);
    assert_eq!(OURS.failure_percentage_request_volume, 20);
    assert_eq!(OURS.failure_percentage_minimum_failures, 5);
    assert_eq!(
        (OURS.base_ejection_time, OURS.max_ejection_time, OURS.interval),
        (secs(3), secs(60), secs(10))
    );
    assert_eq!(
        (OURS.max_ejection_percent, OURS.always_eject_one, OURS.half_open),
        (30, true, true)
    );
    for preset in [OURS, Config::ENVOY, Config::GRPC] {
        assert_eq!(preset.check(), Ok(()));
    }
}

#[test]
fn failures_in_a_row() {
    let mut fixture = Fixture::of(2, OURS);
    fixture.fail(0, 4);
    fixture.succeed(0, 1);
    fixture.fail(0, 4);
    assert_eq!(fixture.health(0), Health::Healthy);
    fixture.report_to(0, Outcome::Abandoned, 3);
    assert_eq!(fixture.health(0), Health::Healthy, "a canceled request says nothing");
    fixture.report_to(0, REFUSED, 1);
    assert_eq!(
        fixture.reason(0),
        Some(Reason::ConsecutiveFailures),
        "a refused one is a failed one"
    );

    let mut fixture = Fixture::of(2, OURS);
    fixture.fail(0, 4);
    fixture.wait(secs(100_000));
    fixture.fail(0, 1);
    assert_eq!(fixture.reason(0), Some(Reason::ConsecutiveFailures), "in a row, however far apart");
}

/// Not at the next interval: there is no call between the fifth report and the pick.
#[test]
fn at_once() {
    let mut fixture = Fixture::of(2, OURS);
    fixture.fail(0, 4);
    let (a, b) = (fixture.send(0), fixture.send(0));
    fixture.report(a, Outcome::Failure);
    let picks: Vec<_> = (0..4).map(|_| fixture.request(Outcome::Success)).collect();
    assert_eq!(picks, [(1, Why::Policy); 4]);
    assert_eq!(fixture.balancer.poll_timeout(), Some(fixture.until(0)));
    fixture.report(b, Outcome::Failure);

    // It takes effect at once.
    let mut fixture = Fixture::of(2, OURS);
    fixture.fail(0, 5);
    assert!(!fixture.status(0).candidate);
    assert_eq!(fixture.balancer.poll_timeout(), Some(fixture.until(0)));
    assert_eq!(fixture.candidates(), [1]);
}

#[test]
fn share_of_failures() {
    // 17 of 20 are 85 %.
    let mut fixture = Fixture::of(2, PERCENTAGE);
    fixture.fail(0, 1);
    fixture.succeed(0, 3);
    fixture.fail(0, 15);
    assert_eq!(fixture.health(0), Health::Healthy, "19 requests");
    fixture.fail(0, 1);
    assert_eq!(fixture.reason(0), Some(Reason::FailurePercentage));

    // 16 of 20 and 20 of 24 are not, 23 of 27 are.
    let mut fixture = Fixture::of(2, PERCENTAGE);
    fixture.fail(0, 1);
    fixture.succeed(0, 4);
    fixture.fail(0, 21);
    assert_eq!(fixture.health(0), Health::Healthy, "22 of 26");
    fixture.fail(0, 1);
    assert_eq!(fixture.reason(0), Some(Reason::FailurePercentage));
}

#[test]
fn few_failures_are_no_reason() {
    let settings =
        Config { failure_percentage_request_volume: 0, failure_percentage: 1, ..PERCENTAGE };
    let mut fixture = Fixture::of(2, settings);
    fixture.fail(0, 4);
    fixture.succeed(0, 20);
    assert_eq!(fixture.health(0), Health::Healthy);
    fixture.fail(0, 1);
    assert_eq!(fixture.reason(0), Some(Reason::FailurePercentage));
}

/// The window opens at the first failure and lasts for the interval, its end excluded.
#[test]
fn the_window() {
    let settings =
        Config { failure_percentage_request_volume: 5, failure_percentage: 100, ..PERCENTAGE };
    let mut fixture = Fixture::of(2, settings);
    fixture.succeed(0, 50);
    fixture.fail(0, 4);
    fixture.wait(core::time::Duration::from_nanos(9_999_999_999));
    fixture.fail(0, 1);
    assert_eq!(
        fixture.reason(0),
        Some(Reason::FailurePercentage),
        "successes before the first failure do not count"
    );

    let mut fixture = Fixture::of(2, settings);
    fixture.fail(0, 4);
    fixture.wait(secs(10));
    fixture.fail(0, 4);
    assert_eq!(fixture.health(0), Health::Healthy, "of a new window");
    fixture.wait(secs(9));
    fixture.fail(0, 1);
    assert_eq!(fixture.reason(0), Some(Reason::FailurePercentage));
}

#[test]
fn chance_spares_some() {
    let settings = |failure_percentage_enforcement| Config {
        failure_percentage_request_volume: 1,
        failure_percentage_minimum_failures: 1,
        failure_percentage_enforcement,
        ..PERCENTAGE
    };
    let mut fixture = Fixture::of(2, settings(0));
    fixture.fail(0, 1000);
    assert_eq!(fixture.health(0), Health::Healthy);

    // Each failure is one window here: a quarter of 400 first failures ejects.
    let mut ejected = 0;
    for seed in 0..400 {
        let config = Config { seed, ..settings(25) };
        let mut fixture: Fixture = Fixture::with(config, [0, 1].map(Endpoint::new));
        fixture.fail(0, 1);
        ejected += fixture.ejected().len();
    }
    assert!((75..=125).contains(&ejected), "{ejected}");
}

/// Five endpoints with 100 requests each: 1.9 deviations below the mean, and below 90 %.
#[test]
fn success_rate_and_floor() {
    let judged = |failures: u32| {
        let mut fixture = Fixture::of(5, RATE);
        (1..5).for_each(|addr| fixture.succeed(addr, 100));
        fixture.succeed(0, 100 - failures);
        fixture.fail(0, failures);
        fixture.reason(0)
    };
    // √4 > 1.9, so the deviation alone would eject for a single failure: the floor does not.
    assert_eq!([1, 5, 10].map(judged), [None; 3]);
    assert_eq!(
        [15, 50].map(judged),
        [Some(Reason::SuccessRate); 2],
        "judged at each fifth failure"
    );
    // At the end of the interval the others are judged, too.
    let at_the_end = |failures: u32| {
        let mut fixture = Fixture::of(5, RATE);
        (1..5).for_each(|addr| fixture.succeed(addr, 100));
        fixture.fail(0, failures);
        fixture.succeed(0, 100 - failures);
        fixture.wait(secs(10));
        fixture.handle_timeout();
        fixture.reason(0)
    };
    assert_eq!(
        [10, 11, 14].map(at_the_end),
        [None, Some(Reason::SuccessRate), Some(Reason::SuccessRate)]
    );
}

/// √(n − 1) has to exceed the factor, whatever the rates (finding 2).
#[test]
fn success_rate_needs_enough_endpoints() {
    let ejects = |hosts: u8, factor: u32| {
        let rule = Config {
            success_rate_stdev_per_mille: factor,
            success_rate_floor_percent: 100,
            success_rate_minimum_hosts: 2,
            success_rate_minimum_failures: 1,
            ..RATE
        };
        let mut fixture = Fixture::of(hosts, rule);
        (1..hosts).for_each(|addr| fixture.succeed(addr, 100));
        fixture.succeed(0, 99);
        fixture.fail(0, 1);
        fixture.reason(0).is_some()
    };
    let least = |factor| (2..40).find(|hosts| ejects(*hosts, factor)).unwrap();
    assert_eq!(
        [999, 1000, 1414, 1415, 1900, 1999, 2000, 3000].map(least),
        [2, 3, 3, 4, 5, 5, 6, 11]
    );
}

#[test]
fn success_rate_needs_volume_failures_and_hosts() {
    let rule = RATE;
    let judged = |rule, others: u32| {
        let mut fixture = Fixture::of(5, rule);
        (1..5).for_each(|addr| fixture.succeed(addr, others));
        fixture.succeed(0, 60);
        fixture.fail(0, 40);
        fixture.reason(0).is_some()
    };
    assert!(judged(rule, 100));
    assert!(!judged(rule, 99), "only one of them has the volume");
    assert!(!judged(Config { success_rate_request_volume: 101, ..rule }, 101), "it has not");
    assert!(!judged(Config { success_rate_minimum_hosts: 6, ..rule }, 100));
    assert!(!judged(Config { success_rate_minimum_failures: 41, ..rule }, 100));
    assert!(judged(
        Config { success_rate_floor_percent: 61, success_rate_minimum_failures: 40, ..rule },
        100
    ));
    assert!(
        !judged(
            Config { success_rate_floor_percent: 60, success_rate_minimum_failures: 40, ..rule },
            100
        ),
        "60 % is not below 60 %"
    );
}

#[test]
fn nothing_ejects_without_settings_or_without_rules() {
    let noop = Config { failure_percentage: 0, ..PERCENTAGE };
    let envoy = Config {
        failure_percentage: 0,
        success_rate: false,
        consecutive_failures: 0,
        ..Config::ENVOY
    };
    for config in [NOBODYS, noop, envoy] {
        let mut fixture: Fixture = Fixture::with(config, (0..10).map(Endpoint::new));
        (0..10).for_each(|addr| fixture.fail(addr, 200));
        assert_eq!(fixture.balancer.poll_timeout(), None);
        fixture.wait(secs(100));
        fixture.handle_timeout();
        assert_eq!(fixture.ejected(), [0; 0]);
        // Nor are failures remembered for later.
        fixture.balancer.set_config(fixture.now, OURS).unwrap();
        fixture.fail(0, 4);
        assert_eq!(fixture.health(0), Health::Healthy);
        fixture.fail(0, 1);
        assert_eq!(fixture.reason(0), Some(Reason::ConsecutiveFailures));
    }
}

#[test]
fn settings_have_limits() {
    let too_large = |error| matches!(error, Err(ConfigError::TooLarge { .. }));
    let too_small = |error| matches!(error, Err(ConfigError::TooSmall { .. }));
    let check = |settings: Config| settings.check();
    assert!(too_small(check(Config { interval: core::time::Duration::ZERO, ..OURS })));
    assert!(
        too_small(check(Config { max_ejection_time: millis(2_999), ..OURS })),
        "below the base"
    );
    assert!(check(Config { max_ejection_time: millis(2_999), ..Config::GRPC }).is_ok());
    assert!(too_large(check(Config { max_ejection_time: secs(86_401), ..OURS })));
    assert!(too_large(check(Config { max_ejection_jitter: secs(86_401), ..OURS })));
    assert!(too_small(check(Config { probe_timeout: core::time::Duration::ZERO, ..OURS })));
    assert!(too_large(check(Config { max_ejection_percent: 101, ..OURS })));
    for (failure_percentage, failure_percentage_enforcement) in [(101, 100), (85, 101)] {
        let rule = Config { failure_percentage, failure_percentage_enforcement, ..OURS };
        assert!(too_large(check(rule)));
    }
    for (floor, enforcement, factor) in
        [(0, 100, 1900), (101, 100, 1900), (90, 101, 1900), (90, 100, 1_000_001)]
    {
        let rule = Config {
            success_rate: true,
            success_rate_floor_percent: floor,
            success_rate_enforcement: enforcement,
            success_rate_stdev_per_mille: factor,
            ..OURS
        };
        assert!(check(rule).is_err());
    }
    // A running balancer keeps what it has.
    let mut balancer: Balancer<u8, RoundRobin> = Balancer::new(RoundRobin::new());
    let wrong = Config { max_ejection_percent: 101, ..OURS };
    assert!(balancer.set_config(Instant::ZERO, wrong).is_err());
}
