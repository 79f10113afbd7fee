//! What ejects, by our arithmetic.

use evenkeel_core::health::{FailurePercentage, Health, OutlierDetection, Reason, SuccessRate};
use evenkeel_core::{Balancer, Config, ConfigError, Endpoint, Instant, Outcome, Why, policy::RoundRobin};

use super::bed::{Bed, OURS, REFUSED, millis, secs};

const PERCENTAGE: OutlierDetection = OutlierDetection { consecutive_failures: 0, ..OURS };
const RATE: OutlierDetection = OutlierDetection {
    consecutive_failures: 0,
    failure_percentage: None,
    success_rate: Some(SuccessRate::DEFAULT),
    ..OURS
};

#[test]
fn the_defaults() {
    assert_eq!(Config::default().outlier_detection, Some(OURS));
    assert_eq!(OutlierDetection::default(), OURS);
    let percentage = FailurePercentage {
        threshold: 85,
        enforcement: 100,
        minimum_hosts: 0,
        request_volume: 20,
        minimum_failures: 5,
    };
    assert_eq!((OURS.consecutive_failures, OURS.failure_percentage, OURS.success_rate), (5, Some(percentage), None));
    assert_eq!((OURS.base_ejection_time, OURS.max_ejection_time, OURS.interval), (secs(5), secs(300), secs(10)));
    assert_eq!((OURS.max_ejection_percent, OURS.always_eject_one, OURS.half_open), (30, true, true));
    for preset in [OURS, OutlierDetection::ENVOY, OutlierDetection::GRPC] {
        assert_eq!(super::bed::config(preset).check(), Ok(()));
    }
}

#[test]
fn failures_in_a_row() {
    let mut bed = Bed::of(2, OURS);
    bed.fail(0, 4);
    bed.succeed(0, 1);
    bed.fail(0, 4);
    assert_eq!(bed.health(0), Health::Healthy);
    bed.report_to(0, Outcome::Canceled, 3);
    assert_eq!(bed.health(0), Health::Healthy, "a canceled request says nothing");
    bed.report_to(0, REFUSED, 1);
    assert_eq!(bed.reason(0), Some(Reason::ConsecutiveFailures), "a refused one is a failed one");

    let mut bed = Bed::of(2, OURS);
    bed.fail(0, 4);
    bed.wait(secs(100_000));
    bed.fail(0, 1);
    assert_eq!(bed.reason(0), Some(Reason::ConsecutiveFailures), "in a row, however far apart");
}

/// Not at the next interval: there is no call between the fifth report and the pick.
#[test]
fn at_the_next_pick() {
    let mut bed = Bed::of(2, OURS);
    bed.fail(0, 4);
    let (a, b) = (bed.send(0), bed.send(0));
    bed.report(a, Outcome::Failure);
    let picks: Vec<_> = (0..4).map(|_| bed.request(Outcome::Success)).collect();
    assert_eq!(picks, [(1, Why::Policy); 4]);
    assert_eq!(bed.balancer.poll_timeout(), Some(bed.until(0)));
    bed.report(b, Outcome::Failure);

    // Before that pick, the shell is told that something is due, and may do it itself.
    let mut bed = Bed::of(2, OURS);
    bed.fail(0, 5);
    assert_eq!((bed.status(0).candidate, bed.balancer.poll_timeout()), (true, Some(bed.now)));
    bed.handle_timeout();
    assert_eq!(bed.candidates(), [1]);
}

#[test]
fn share_of_failures() {
    // 17 of 20 are 85 %.
    let mut bed = Bed::of(2, PERCENTAGE);
    bed.fail(0, 1);
    bed.succeed(0, 3);
    bed.fail(0, 15);
    assert_eq!(bed.health(0), Health::Healthy, "19 requests");
    bed.fail(0, 1);
    assert_eq!(bed.reason(0), Some(Reason::FailurePercentage));

    // 16 of 20 and 20 of 24 are not, 23 of 27 are.
    let mut bed = Bed::of(2, PERCENTAGE);
    bed.fail(0, 1);
    bed.succeed(0, 4);
    bed.fail(0, 21);
    assert_eq!(bed.health(0), Health::Healthy, "22 of 26");
    bed.fail(0, 1);
    assert_eq!(bed.reason(0), Some(Reason::FailurePercentage));
}

#[test]
fn few_failures_are_no_reason() {
    let rule = FailurePercentage { request_volume: 0, threshold: 1, ..FailurePercentage::DEFAULT };
    let mut bed = Bed::of(2, OutlierDetection { failure_percentage: Some(rule), ..PERCENTAGE });
    bed.fail(0, 4);
    bed.succeed(0, 20);
    assert_eq!(bed.health(0), Health::Healthy);
    bed.fail(0, 1);
    assert_eq!(bed.reason(0), Some(Reason::FailurePercentage));
}

/// The window opens at the first failure and lasts for the interval, its end excluded.
#[test]
fn the_window() {
    let rule = FailurePercentage { request_volume: 5, threshold: 100, ..FailurePercentage::DEFAULT };
    let settings = OutlierDetection { failure_percentage: Some(rule), ..PERCENTAGE };
    let mut bed = Bed::of(2, settings);
    bed.succeed(0, 50);
    bed.fail(0, 4);
    bed.wait(core::time::Duration::from_nanos(9_999_999_999));
    bed.fail(0, 1);
    assert_eq!(bed.reason(0), Some(Reason::FailurePercentage), "successes before the first failure do not count");

    let mut bed = Bed::of(2, settings);
    bed.fail(0, 4);
    bed.wait(secs(10));
    bed.fail(0, 4);
    assert_eq!(bed.health(0), Health::Healthy, "of a new window");
    bed.wait(secs(9));
    bed.fail(0, 1);
    assert_eq!(bed.reason(0), Some(Reason::FailurePercentage));
}

#[test]
fn chance_spares_some() {
    let rule = |enforcement| FailurePercentage {
        request_volume: 1,
        minimum_failures: 1,
        enforcement,
        ..FailurePercentage::DEFAULT
    };
    let settings = |enforcement| OutlierDetection { failure_percentage: Some(rule(enforcement)), ..PERCENTAGE };
    let mut bed = Bed::of(2, settings(0));
    bed.fail(0, 1000);
    assert_eq!(bed.health(0), Health::Healthy);

    // Each failure is one window here: a quarter of 400 first failures ejects.
    let mut ejected = 0;
    for seed in 0..400 {
        let config = Config { seed, ..super::bed::config(settings(25)) };
        let mut bed: Bed = Bed::with(config, [0, 1].map(Endpoint::new));
        bed.fail(0, 1);
        ejected += bed.ejected().len();
    }
    assert!((75..=125).contains(&ejected), "{ejected}");
}

/// Five endpoints with 100 requests each: 1.9 deviations below the mean, and below 90 %.
#[test]
fn success_rate_and_floor() {
    let judged = |failures: u32| {
        let mut bed = Bed::of(5, RATE);
        (1..5).for_each(|addr| bed.succeed(addr, 100));
        bed.succeed(0, 100 - failures);
        bed.fail(0, failures);
        bed.reason(0)
    };
    // √4 > 1.9, so the deviation alone would eject for a single failure: the floor does not.
    assert_eq!([1, 5, 10].map(judged), [None; 3]);
    assert_eq!([15, 50].map(judged), [Some(Reason::SuccessRate); 2], "judged at each fifth failure");
    // At the end of the interval the others are judged, too.
    let at_the_end = |failures: u32| {
        let mut bed = Bed::of(5, RATE);
        (1..5).for_each(|addr| bed.succeed(addr, 100));
        bed.fail(0, failures);
        bed.succeed(0, 100 - failures);
        bed.wait(secs(10));
        bed.handle_timeout();
        bed.reason(0)
    };
    assert_eq!([10, 11, 14].map(at_the_end), [None, Some(Reason::SuccessRate), Some(Reason::SuccessRate)]);
}

/// √(n − 1) has to exceed the factor, whatever the rates (finding 2).
#[test]
fn success_rate_needs_enough_endpoints() {
    let ejects = |hosts: u8, stdev_factor: u32| {
        let rule =
            SuccessRate { stdev_factor, floor: 100, minimum_hosts: 2, minimum_failures: 1, ..SuccessRate::DEFAULT };
        let mut bed = Bed::of(hosts, OutlierDetection { success_rate: Some(rule), ..RATE });
        (1..hosts).for_each(|addr| bed.succeed(addr, 100));
        bed.succeed(0, 99);
        bed.fail(0, 1);
        bed.reason(0).is_some()
    };
    let least = |factor| (2..40).find(|hosts| ejects(*hosts, factor)).unwrap();
    assert_eq!([999, 1000, 1414, 1415, 1900, 1999, 2000, 3000].map(least), [2, 3, 3, 4, 5, 5, 6, 11]);
}

#[test]
fn success_rate_needs_volume_failures_and_hosts() {
    let rule = SuccessRate::DEFAULT;
    let judged = |rule, others: u32| {
        let mut bed = Bed::of(5, OutlierDetection { success_rate: Some(rule), ..RATE });
        (1..5).for_each(|addr| bed.succeed(addr, others));
        bed.succeed(0, 60);
        bed.fail(0, 40);
        bed.reason(0).is_some()
    };
    assert!(judged(rule, 100));
    assert!(!judged(rule, 99), "only one of them has the volume");
    assert!(!judged(SuccessRate { request_volume: 101, ..rule }, 101), "it has not");
    assert!(!judged(SuccessRate { minimum_hosts: 6, ..rule }, 100));
    assert!(!judged(SuccessRate { minimum_failures: 41, ..rule }, 100));
    assert!(judged(SuccessRate { floor: 61, minimum_failures: 40, ..rule }, 100));
    assert!(!judged(SuccessRate { floor: 60, minimum_failures: 40, ..rule }, 100), "60 % is not below 60 %");
}

#[test]
fn nothing_ejects_without_settings_or_without_rules() {
    let none = Config { outlier_detection: None, ..Config::default() };
    let noop = OutlierDetection { failure_percentage: None, ..PERCENTAGE };
    let envoy = OutlierDetection {
        failure_percentage: None,
        success_rate: None,
        consecutive_failures: 0,
        ..OutlierDetection::ENVOY
    };
    for config in [none, super::bed::config(noop), super::bed::config(envoy)] {
        let mut bed: Bed = Bed::with(config, (0..10).map(Endpoint::new));
        (0..10).for_each(|addr| bed.fail(addr, 200));
        assert_eq!(bed.balancer.poll_timeout(), None);
        bed.wait(secs(100));
        bed.handle_timeout();
        assert_eq!(bed.ejected(), [0; 0]);
        // Nor are failures remembered for later.
        bed.balancer.set_outlier_detection(bed.now, Some(OURS)).unwrap();
        bed.fail(0, 4);
        assert_eq!(bed.health(0), Health::Healthy);
        bed.fail(0, 1);
        assert_eq!(bed.reason(0), Some(Reason::ConsecutiveFailures));
    }
}

#[test]
fn settings_have_limits() {
    let too_large = |error| matches!(error, Err(ConfigError::TooLarge { .. }));
    let too_small = |error| matches!(error, Err(ConfigError::TooSmall { .. }));
    let check = |settings| super::bed::config(settings).check();
    assert!(too_small(check(OutlierDetection { interval: core::time::Duration::ZERO, ..OURS })));
    assert!(too_small(check(OutlierDetection { max_ejection_time: millis(4_999), ..OURS })), "below the base");
    assert!(check(OutlierDetection { max_ejection_time: millis(4_999), ..OutlierDetection::GRPC }).is_ok());
    assert!(too_large(check(OutlierDetection { max_ejection_time: secs(86_401), ..OURS })));
    assert!(too_large(check(OutlierDetection { max_ejection_jitter: secs(86_401), ..OURS })));
    assert!(too_small(check(OutlierDetection { probe_timeout: core::time::Duration::ZERO, ..OURS })));
    assert!(too_large(check(OutlierDetection { max_ejection_percent: 101, ..OURS })));
    let rule = FailurePercentage::DEFAULT;
    for (threshold, enforcement) in [(0, 100), (101, 100), (85, 101)] {
        let rule = FailurePercentage { threshold, enforcement, ..rule };
        assert!(check(OutlierDetection { failure_percentage: Some(rule), ..OURS }).is_err());
    }
    let rule = SuccessRate::DEFAULT;
    for (floor, enforcement, stdev_factor) in [(0, 100, 1900), (101, 100, 1900), (90, 101, 1900), (90, 100, 1_000_001)]
    {
        let rule = SuccessRate { stdev_factor, floor, enforcement, ..rule };
        assert!(check(OutlierDetection { success_rate: Some(rule), ..OURS }).is_err());
    }
    // A running balancer keeps what it has.
    let mut balancer: Balancer<u8, RoundRobin> = Balancer::new(RoundRobin::new());
    let wrong = Some(OutlierDetection { max_ejection_percent: 101, ..OURS });
    assert!(balancer.set_outlier_detection(Instant::ZERO, wrong).is_err());
}
