//! The settings of outlier detection: ours, Envoy's and gRPC's.

use core::time::Duration;

use crate::config::{ConfigError, at_least, at_most};
use crate::time::nanos;

/// When an endpoint is ejected for what requests to it met, for how long, and how it comes back.
///
/// The default works from two endpoints on, where Envoy's and gRPC's do nothing below five: 5 failures in a row, or 85 %
/// failures of at least 20 requests (5 of them failures) within 10 s; ejected for 5 s, up to 300 s where it goes on, in the
/// upper half of that at random; at most half of up to 4 endpoints, or 30 % of more, but always one where there are others.
/// When its time is over, one request decides: the probe. Settings without any rule to eject by are as good as none.
///
/// ```
/// use evenkeel_core::{Config, health::OutlierDetection};
///
/// let strict = OutlierDetection { consecutive_failures: 2, ..OutlierDetection::default() };
/// let envoy = Config { outlier_detection: Some(OutlierDetection::ENVOY), ..Config::default() };
/// let noop = Config { outlier_detection: None, ..Config::default() };
/// # for config in [Config { outlier_detection: Some(strict), ..noop }, envoy, noop] {
/// #     config.check()?;
/// # }
/// # Ok::<(), evenkeel_core::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutlierDetection {
    /// Whose rules decide where the three differ.
    pub arithmetic: Arithmetic,
    /// Failures in a row that eject; 0 for never.
    pub consecutive_failures: u16,
    /// Whether too large a share of failures ejects.
    pub failure_percentage: Option<FailurePercentage>,
    /// Whether success rates far below the others' eject.
    pub success_rate: Option<SuccessRate>,
    /// How long outcomes are counted; in Envoy's and gRPC's arithmetic also how often they are judged. From 1 ms to 1 day.
    pub interval: Duration,
    /// How long the first ejection takes; from 1 ms to 1 day.
    pub base_ejection_time: Duration,
    /// The longest that one takes; at most 1 day. In Envoy's and gRPC's arithmetic never less than the base.
    pub max_ejection_time: Duration,
    /// Up to which time an ejection is prolonged at random, so that endpoints do not all come back at once. At most 1 day.
    /// Ours has jitter of its own, and adds this.
    pub max_ejection_jitter: Duration,
    /// The largest share of the endpoints that may be ejected; 0..=100.
    pub max_ejection_percent: u8,
    /// Whether one may be ejected even if that is a larger share.
    pub always_eject_one: bool,
    /// Whether one request decides if an endpoint comes back when its time is over. Otherwise it just does. Either way, a success
    /// in panic brings it back earlier.
    pub half_open: bool,
    /// When a probe without an answer counts as failed; from 1 ms to 1 day.
    pub probe_timeout: Duration,
}

/// Whose rules outlier detection follows.
///
/// | | ours | Envoy | gRPC (A50) |
/// |---|---|---|---|
/// | judged | at each report | failures in a row at each report, the rest at the end of each interval | the same; it knows no failures in a row |
/// | counted | from an endpoint's first failure, for one interval | in intervals | in intervals |
/// | failure percentage | at or above the threshold | at or above | above |
/// | other endpoints' rates | without ejected ones | without ejected ones | with ejected ones, where they still answer |
/// | may be ejected | as long as it stays within the percentage; of up to 4 endpoints at least half, never the only one | as long as it stays within the percentage | as long as the percentage is not reached |
/// | crossed, but not ejected | judged again at the next failure; where chance decided, counted anew | failures in a row are counted anew | counted anew |
/// | ejection takes | base · 2ⁿ, the upper half at random | base · (n + 1), plus jitter; n grows no further than the longest time needs | base · (n + 1) |
/// | n gets less | by 1 for each interval since it came back | by 1 at the end of each interval, the first one aside | by 1 at the end of each interval |
/// | comes back | when its time is over | at the end of an interval | at the end of an interval, a moment later |
/// | what was sent before an ejection, and ends after it | says nothing | counts once the endpoint is back | counts |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arithmetic {
    /// Ours: reports take effect at the next pick.
    #[default]
    Evenkeel,
    /// Envoy's.
    Envoy,
    /// gRPC's, from its proposal A50.
    Grpc,
}

/// Ejects an endpoint that fails too large a share of its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailurePercentage {
    /// The percentage; 1..=100.
    pub threshold: u8,
    /// How many of 100 endpoints that crossed it are ejected; 0..=100.
    pub enforcement: u8,
    /// Judged only when so many endpoints have the volume, in Envoy's and gRPC's arithmetic.
    pub minimum_hosts: u32,
    /// Requests in an interval below which an endpoint is not judged.
    pub request_volume: u32,
    /// Failures in an interval below which an endpoint is not judged.
    pub minimum_failures: u32,
}

/// Ejects an endpoint whose success rate is far below the mean, in standard deviations of all rates.
///
/// With `n` endpoints of which `n - 1` never fail, the deviation alone ejects the other one as soon as √(n − 1) exceeds the
/// factor, be it for one failure in a thousand: hence the floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuccessRate {
    /// How many thousandths of the standard deviation below the mean.
    pub stdev_factor: u32,
    /// A success rate of this percentage or more is never an outlier; 1..=100, 100 for no such floor.
    pub floor: u8,
    /// How many of 100 endpoints that crossed it are ejected; 0..=100.
    pub enforcement: u8,
    /// Judged only when so many endpoints have the volume.
    pub minimum_hosts: u32,
    /// Requests in an interval below which an endpoint is not judged.
    pub request_volume: u32,
    /// Failures in an interval below which an endpoint is not judged.
    pub minimum_failures: u32,
}

impl FailurePercentage {
    /// Ours: 85 % of at least 20 requests, at least 5 of them failures.
    pub const DEFAULT: Self =
        Self { threshold: 85, enforcement: 100, minimum_hosts: 0, request_volume: 20, minimum_failures: 5 };
}

impl SuccessRate {
    /// 1.9 deviations below the mean and below 90 %, at least 5 failures; judged when 5 endpoints have had 100 requests.
    pub const DEFAULT: Self = Self {
        stdev_factor: 1900,
        floor: 90,
        enforcement: 100,
        minimum_hosts: 5,
        request_volume: 100,
        minimum_failures: 5,
    };
}

impl OutlierDetection {
    /// Ours; see the type.
    pub const EVENKEEL: Self = Self {
        arithmetic: Arithmetic::Evenkeel,
        consecutive_failures: 5,
        failure_percentage: Some(FailurePercentage::DEFAULT),
        success_rate: None,
        interval: Duration::from_secs(10),
        base_ejection_time: Duration::from_secs(5),
        max_ejection_time: Duration::from_secs(300),
        max_ejection_jitter: Duration::ZERO,
        max_ejection_percent: 30,
        always_eject_one: true,
        half_open: true,
        probe_timeout: Duration::from_secs(10),
    };

    /// Envoy's arithmetic with its defaults. One kind of failure is known here; Envoy's defaults enforce only one, too.
    pub const ENVOY: Self = Self {
        arithmetic: Arithmetic::Envoy,
        consecutive_failures: 5,
        failure_percentage: Some(FailurePercentage {
            threshold: 85,
            enforcement: 0,
            minimum_hosts: 5,
            request_volume: 50,
            minimum_failures: 0,
        }),
        success_rate: Some(SuccessRate { floor: 100, minimum_failures: 0, ..SuccessRate::DEFAULT }),
        base_ejection_time: Duration::from_secs(30),
        max_ejection_percent: 10,
        always_eject_one: false,
        half_open: false,
        ..Self::EVENKEEL
    };

    /// gRPC's arithmetic with the defaults of its proposal A50, and both of its algorithms.
    pub const GRPC: Self = Self {
        arithmetic: Arithmetic::Grpc,
        consecutive_failures: 0,
        failure_percentage: Some(FailurePercentage {
            threshold: 85,
            enforcement: 100,
            minimum_hosts: 5,
            request_volume: 50,
            minimum_failures: 0,
        }),
        ..Self::ENVOY
    };

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        within("outlier_detection.interval (ns)", self.interval, MILLISECOND)?;
        within("outlier_detection.base_ejection_time (ns)", self.base_ejection_time, MILLISECOND)?;
        let least = if self.arithmetic == Arithmetic::Evenkeel { nanos(self.base_ejection_time) } else { 0 };
        within("outlier_detection.max_ejection_time (ns)", self.max_ejection_time, least)?;
        within("outlier_detection.max_ejection_jitter (ns)", self.max_ejection_jitter, 0)?;
        within("outlier_detection.probe_timeout (ns)", self.probe_timeout, MILLISECOND)?;
        at_most("outlier_detection.max_ejection_percent", self.max_ejection_percent.into(), 100)?;
        if let Some(rule) = &self.failure_percentage {
            at_least("failure_percentage.threshold", rule.threshold.into(), 1)?;
            at_most("failure_percentage.threshold", rule.threshold.into(), 100)?;
            at_most("failure_percentage.enforcement", rule.enforcement.into(), 100)?;
        }
        if let Some(rule) = &self.success_rate {
            at_most("success_rate.stdev_factor", rule.stdev_factor.into(), 1_000_000)?;
            at_least("success_rate.floor", rule.floor.into(), 1)?;
            at_most("success_rate.floor", rule.floor.into(), 100)?;
            at_most("success_rate.enforcement", rule.enforcement.into(), 100)?;
        }
        Ok(())
    }

    /// Whether there is any rule to eject by.
    pub fn ejects(&self) -> bool {
        self.consecutive_failures > 0 || self.failure_percentage.is_some() || self.success_rate.is_some()
    }

    /// Whether all outcomes are counted, in intervals that begin for all endpoints at once.
    pub(super) fn in_intervals(&self) -> bool {
        self.arithmetic != Arithmetic::Evenkeel || self.success_rate.is_some()
    }
}

impl Default for OutlierDetection {
    fn default() -> Self {
        Self::EVENKEEL
    }
}

const MILLISECOND: u64 = 1_000_000;
const DAY: u64 = 86_400_000_000_000;

fn within(setting: &'static str, value: Duration, least: u64) -> Result<(), ConfigError> {
    at_least(setting, nanos(value), least)?;
    at_most(setting, nanos(value), DAY)
}
