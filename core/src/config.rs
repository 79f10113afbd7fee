//! A balancer's settings.

use core::error::Error;
use core::fmt;
use core::time::Duration;

use crate::health::OutlierDetection;
use crate::stats::Latency;
use crate::tier::{Levels, SlowStart, ZoneAware};
use crate::time::nanos;

/// The settings of a [`Balancer`](crate::Balancer).
///
/// By default the candidates are the endpoints of the lowest priority that has one to offer, each with its own weight.
///
/// ```
/// use evenkeel_core::{Config, tier::Levels};
///
/// let config = Config { levels: Levels::OVERPROVISIONED, subset: Some(20), ..Config::default() };
/// assert_eq!(config.check(), Ok(()));
/// let error = Config { subset: Some(0), ..config }.check().unwrap_err();
/// assert_eq!(error.to_string(), "subset is 0; the least is 1");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// What random starts and choices outside picks follow from; give each client its own. Default: 0.
    pub seed: u64,
    /// How priorities share the requests. Default: [`Levels::FirstAvailable`], as RFC 2782 and gRPC do.
    pub levels: Levels,
    /// Whether the own zone is preferred. Default: zones do not matter.
    pub zone: Option<ZoneAware>,
    /// The most endpoints of each level that this client uses, at least 1: those with the least hash of seed and endpoint
    /// (rendezvous, as in gRPC's proposal A68), so that an endpoint that comes or goes changes at most one of them. With
    /// different seeds, clients share the endpoints evenly on average. Default: all.
    pub subset: Option<u32>,
    /// Whether new endpoints get their share bit by bit. Default: at once, as Envoy and gRPC do.
    pub slow_start: Option<SlowStart>,
    /// How answer times are averaged, for policies that look at them.
    pub latency: Latency,
    /// When endpoints are ejected for what requests to them met. Default: [`OutlierDetection::EVENKEEL`]; `None` for never.
    pub outlier_detection: Option<OutlierDetection>,
    /// The longest that an overloaded endpoint is left alone when it [asks](crate::Outcome::Overloaded) for it; zero for not at
    /// all: then it has failed. At most 1 day; default: 300 s.
    pub max_retry_after: Duration,
}

impl Config {
    /// Whether the settings make sense.
    ///
    /// # Errors
    /// The first that does not, with its value and its limit.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.levels.check()?;
        if let Some(zone) = &self.zone {
            zone.check()?;
        }
        if let Some(subset) = self.subset {
            at_least("subset", subset.into(), 1)?;
        }
        if let Some(slow_start) = &self.slow_start {
            slow_start.check()?;
        }
        if let Some(outlier_detection) = &self.outlier_detection {
            outlier_detection.check()?;
        }
        at_most("max_retry_after (ns)", nanos(self.max_retry_after), 86_400_000_000_000)?;
        self.latency.check()
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: 0,
            levels: Levels::FirstAvailable,
            zone: None,
            subset: None,
            slow_start: None,
            latency: Latency::default(),
            outlier_detection: Some(OutlierDetection::EVENKEEL),
            max_retry_after: Duration::from_secs(300),
        }
    }
}

/// What is wrong with a [`Config`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// A setting is below its limit.
    TooSmall {
        /// Its name, and its unit where it has one.
        setting: &'static str,
        /// What it is.
        value: u64,
        /// The least that it may be.
        least: u64,
    },
    /// A setting is above its limit.
    TooLarge {
        /// Its name, and its unit where it has one.
        setting: &'static str,
        /// What it is.
        value: u64,
        /// The most that it may be.
        most: u64,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooSmall { setting, value, least } => write!(f, "{setting} is {value}; the least is {least}"),
            Self::TooLarge { setting, value, most } => write!(f, "{setting} is {value}; the most is {most}"),
        }
    }
}

impl Error for ConfigError {}

pub(crate) fn at_least(setting: &'static str, value: u64, least: u64) -> Result<(), ConfigError> {
    if value < least { Err(ConfigError::TooSmall { setting, value, least }) } else { Ok(()) }
}

pub(crate) fn at_most(setting: &'static str, value: u64, most: u64) -> Result<(), ConfigError> {
    if value > most { Err(ConfigError::TooLarge { setting, value, most }) } else { Ok(()) }
}
