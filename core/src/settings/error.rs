use core::error::Error;
use core::fmt;

/// Tells why settings are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// A setting is below its limit.
    TooSmall {
        /// Its name, and its unit where it has one.
        setting: &'static str,
        /// Its value.
        value: u64,
        /// The least that it may be.
        least: u64,
    },
    /// A setting is above its limit.
    TooLarge {
        /// Its name, and its unit where it has one.
        setting: &'static str,
        /// Its value.
        value: u64,
        /// The most that it may be.
        most: u64,
    },
    /// A setting limits the requests in flight, and the policy does not count them.
    Uncounted {
        /// Its name.
        setting: &'static str,
        /// Its value.
        value: u64,
    },
    /// A setting changes weights, and the policy ignores them.
    Unweighted {
        /// Its name.
        setting: &'static str,
    },
}

crate::names::named!(ConfigError {
    TooSmall { .. } => "too_small",
    TooLarge { .. } => "too_large",
    Uncounted { .. } => "uncounted",
    Unweighted { .. } => "unweighted",
});

impl ConfigError {
    /// Returns the setting, with its unit where it has one; its value; and its limit, 0 where it is
    /// not a limit that is crossed.
    pub const fn facts(&self) -> (&'static str, [u64; 2]) {
        match *self {
            Self::TooSmall { setting, value, least: limit }
            | Self::TooLarge { setting, value, most: limit } => (setting, [value, limit]),
            Self::Uncounted { setting, value } => (setting, [value, 0]),
            Self::Unweighted { setting } => (setting, [0, 0]),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooSmall { setting, value, least } => {
                write!(f, "{setting} is {value}; the least is {least}")
            }
            Self::TooLarge { setting, value, most } => {
                write!(f, "{setting} is {value}; the most is {most}")
            }
            Self::Uncounted { setting, value } => write!(
                f,
                "{setting} is {value}, but the policy counts no requests in flight: take one that \
                 does, as least_request, peak_ewma or any policy by name"
            ),
            Self::Unweighted { setting } => write!(
                f,
                "{setting} is set, but the policy ignores weights: take one that goes by them, as \
                 round_robin by name, least_request or peak_ewma"
            ),
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
