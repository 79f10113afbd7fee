//! One edition's words in the other's: what one has and the other has not fails to compile, or is
//! told.

use core::time::Duration;

use evenkeel_core as second;
use second::health::{Health, Reason};
use second::retry::{Backoff, End, Jitter};
use second::{
    Book, Candidacy, Config, Endpoint, EventKind, Instant, Outcome, PickError, Verdict, Why, Zone,
};

/// Says it in the second edition's words.
pub(super) trait ToSecond {
    type Second;
    fn second(self) -> Self::Second;
}

/// Says it in the first edition's words.
pub(super) trait ToFirst {
    type First;
    fn first(self) -> Self::First;
}

impl<T: ToFirst> ToFirst for Option<T> {
    type First = Option<T::First>;
    fn first(self) -> Self::First {
        self.map(T::first)
    }
}

/// Implements a trait by matches.
macro_rules! words {
    ($trait:ident, $method:ident, $to:ident: $($from:ty => $into:ty {
        $($pattern:pat => $result:expr),+ $(,)?
    })*) => {$(
        impl $trait for $from {
            type $to = $into;
            fn $method(self) -> $into {
                match self {
                    $($pattern => $result,)+
                }
            }
        }
    )*};
}

words! { ToSecond, second, Second:
    first::Instant => Instant { now => Instant::from_nanos(now.as_nanos()) }
    first::Endpoint<u16> => Endpoint<u16> {
        first::Endpoint { addr, weight, priority, zone, draining } =>
            Endpoint { addr, weight, priority, zone: zone.second(), draining }
    }
    &first::Endpoint<u16> => Endpoint<u16> { endpoint => (*endpoint).second() }
    first::Zone => Zone { zone => Zone::new(zone.number().try_into().expect("a small number")) }
    first::health::Arithmetic => Book {
        first::health::Arithmetic::Evenkeel => Book::Evenkeel,
        first::health::Arithmetic::Envoy => Book::Envoy,
        first::health::Arithmetic::Grpc => Book::Grpc,
    }
    first::Outcome => Outcome {
        first::Outcome::Success => Outcome::Success,
        first::Outcome::Failure => Outcome::Failure,
        first::Outcome::Overloaded { retry_after } => Outcome::Overloaded { retry_after },
        first::Outcome::Canceled => Outcome::Abandoned,
        other => unreachable!("{other:?}"),
    }
    first::retry::Verdict => Verdict {
        first::retry::Verdict::Success => Verdict::Success,
        first::retry::Verdict::Retry => Verdict::RetryableFailure,
        first::retry::Verdict::RetryAfter(wait) => Verdict::PushBack { wait },
        first::retry::Verdict::Fatal => Verdict::Ignorable,
        first::retry::Verdict::NeverSent => Verdict::NeverSent,
    }
    first::retry::Backoff => Backoff {
        first::retry::Backoff::None => Backoff::None,
        first::retry::Backoff::Constant(wait) => Backoff::Constant(wait),
        first::retry::Backoff::Exponential { base, cap, jitter } =>
            Backoff::Exponential { base, cap, jitter: jitter.second() },
        other => unreachable!("{other:?}"),
    }
    first::retry::Jitter => Jitter {
        first::retry::Jitter::None => Jitter::None,
        first::retry::Jitter::Full => Jitter::Full,
        first::retry::Jitter::Equal => Jitter::Equal,
        first::retry::Jitter::Decorrelated => Jitter::Decorrelated,
        other => unreachable!("{other:?}"),
    }
}

/// Writes the settings as one list.
pub(super) fn config(of: &first::Config) -> Config {
    let mut config = Config {
        seed: of.seed,
        book: Book::Off,
        max_retry_after: of.max_retry_after,
        subset: of.subset.unwrap_or(0),
        slow_start: of.slow_start.map_or(Duration::ZERO, |slow_start| slow_start.window),
        latency_tau: of.latency.tau,
        latency_floor: of.latency.floor,
        failure_penalty: of.latency.failure_penalty,
        ..Config::default()
    };
    if let first::tier::Levels::Overprovisioned { factor, panic_threshold } = of.levels {
        config.overprovisioning_percent = factor;
        config.panic_threshold_percent = panic_threshold;
    }
    if let Some(zone) = of.zone {
        config.zone = zone.own.second();
        config.zone_clients_per_mille = zone.clients_in_zone.unwrap_or(0) / 10;
        config.zone_minimum_endpoints = zone.min_endpoints;
    }
    if let Some(rules) = of.outlier_detection {
        rule(&mut config, &rules);
    }
    config
}

fn rule(config: &mut Config, rules: &first::health::OutlierDetection) {
    config.book = rules.arithmetic.second();
    config.consecutive_failures = rules.consecutive_failures;
    config.failure_percentage = 0;
    if let Some(rule) = rules.failure_percentage {
        config.failure_percentage = rule.threshold;
        config.failure_percentage_enforcement = rule.enforcement;
        config.failure_percentage_minimum_hosts = rule.minimum_hosts;
        config.failure_percentage_request_volume = rule.request_volume;
        config.failure_percentage_minimum_failures = rule.minimum_failures;
    }
    config.success_rate = rules.success_rate.is_some();
    if let Some(rule) = rules.success_rate {
        config.success_rate_stdev_per_mille = rule.stdev_factor;
        config.success_rate_floor_percent = rule.floor;
        config.success_rate_enforcement = rule.enforcement;
        config.success_rate_minimum_hosts = rule.minimum_hosts;
        config.success_rate_request_volume = rule.request_volume;
        config.success_rate_minimum_failures = rule.minimum_failures;
    }
    config.interval = rules.interval;
    config.base_ejection_time = rules.base_ejection_time;
    config.max_ejection_time = rules.max_ejection_time;
    config.max_ejection_jitter = rules.max_ejection_jitter;
    config.max_ejection_percent = rules.max_ejection_percent;
    config.always_eject_one = rules.always_eject_one;
    config.half_open = rules.half_open;
    config.probe_timeout = rules.probe_timeout;
    // Always so in the first edition.
    config.check_readmits = true;
}

words! { ToFirst, first, First:
    Instant => first::Instant { now => first::Instant::from_nanos(now.as_nanos()) }
    &Endpoint<u16> => first::Endpoint<u16> {
        &Endpoint { addr, weight, priority, zone, draining } => {
            let zone = first::Zone::new(zone.number().into());
            first::Endpoint { addr, weight, priority, zone, draining }
        }
    }
    Outcome => first::Outcome {
        Outcome::Success => first::Outcome::Success,
        Outcome::Failure | Outcome::TimedOut => first::Outcome::Failure,
        Outcome::Overloaded { retry_after } => first::Outcome::Overloaded { retry_after },
        Outcome::LostRace => first::Outcome::Canceled,
        Outcome::NeverSent | Outcome::Ignorable | Outcome::PushedBack | Outcome::Abandoned => {
            unreachable!("no call says so of an attempt that it gives up")
        }
    }
    Why => first::Why {
        Why::Policy => first::Why::Policy,
        Why::Retry => first::Why::Retry,
        Why::LastResort => first::Why::LastResort,
        Why::Probe => first::Why::Probe,
        Why::Panic => first::Why::Panic,
    }
    PickError => first::PickError {
        PickError::NoEndpoints => first::PickError::NoEndpoints,
        PickError::AllDrained => first::PickError::AllDrained,
        PickError::AllEjected => first::PickError::AllEjected,
        PickError::Busy { until } => panic!("busy until {until:?}: the first edition has no limit"),
        PickError::Declined => first::PickError::Declined,
    }
    Health => first::health::Health {
        Health::Healthy => first::health::Health::Healthy,
        Health::Ejected { reason, until } =>
            first::health::Health::Ejected { reason: reason.first(), until: until.first() },
        Health::HalfOpen => first::health::Health::HalfOpen,
        Health::Probing { until } => first::health::Health::Probing { until: until.first() },
        Health::Overloaded { until } => first::health::Health::Overloaded { until: until.first() },
        Health::Down => first::health::Health::Down,
    }
    Reason => first::health::Reason {
        Reason::ConsecutiveFailures => first::health::Reason::ConsecutiveFailures,
        Reason::FailurePercentage => first::health::Reason::FailurePercentage,
        Reason::SuccessRate => first::health::Reason::SuccessRate,
        Reason::ProbeFailed => first::health::Reason::ProbeFailed,
        Reason::ProbeTimedOut => first::health::Reason::ProbeTimedOut,
        Reason::Cancellations | Reason::ProbeCanceled => {
            unreachable!("only our book has such a reason")
        }
    }
    Candidacy => first::balancer::Candidacy {
        Candidacy::Candidate => first::balancer::Candidacy::Candidate,
        Candidacy::Panic => first::balancer::Candidacy::Panic,
        Candidacy::Full => panic!("full: the first edition has no limit"),
        Candidacy::NoWeight => first::balancer::Candidacy::NoWeight,
        Candidacy::Draining => first::balancer::Candidacy::Draining,
        Candidacy::Unhealthy => first::balancer::Candidacy::Unhealthy,
        Candidacy::Priority => first::balancer::Candidacy::Priority,
        Candidacy::Subset => first::balancer::Candidacy::Subset,
        Candidacy::Zone => first::balancer::Candidacy::Zone,
    }
    EventKind => first::EventKind {
        EventKind::Added => first::EventKind::Added,
        EventKind::Removed => first::EventKind::Removed,
        EventKind::Ejected { reason, until } =>
            first::EventKind::Ejected { reason: reason.first(), until: until.first() },
        EventKind::Probing => first::EventKind::Probing,
        EventKind::Readmitted => first::EventKind::Readmitted,
        EventKind::Overloaded { until } => first::EventKind::Overloaded { until: until.first() },
        EventKind::Down => first::EventKind::Down,
        EventKind::PanicOn => first::EventKind::PanicOn,
        EventKind::PanicOff => first::EventKind::PanicOff,
        EventKind::Lost(count) => first::EventKind::Lost(count),
        EventKind::HalfOpen => unreachable!("the first edition does not tell it"),
        EventKind::Held { .. } | EventKind::Undone { .. } => {
            unreachable!("only our book holds and undoes ejections")
        }
    }
    Verdict => first::retry::Verdict {
        Verdict::Success => first::retry::Verdict::Success,
        Verdict::RetryableFailure | Verdict::TimedOut => first::retry::Verdict::Retry,
        Verdict::PushBack { wait } => first::retry::Verdict::RetryAfter(wait),
        Verdict::Ignorable => first::retry::Verdict::Fatal,
        Verdict::NeverSent => first::retry::Verdict::NeverSent,
        Verdict::NonRetryableFailure | Verdict::Overloaded { .. } | Verdict::Canceled => {
            unreachable!("the first edition has no such verdict")
        }
    }
    End => first::retry::End {
        End::Success => first::retry::End::Success,
        End::Attempts => first::retry::End::Attempts,
        End::Deadline => first::retry::End::Deadline,
        End::NoEndpoints => first::retry::End::NoEndpoints,
        End::Ignorable => first::retry::End::Fatal,
        End::Budget => first::retry::End::Budget,
        End::PushBack => first::retry::End::RetryAfter,
        End::NonRetryableFailure | End::Canceled => {
            unreachable!("the first edition has no such verdict")
        }
    }
}
