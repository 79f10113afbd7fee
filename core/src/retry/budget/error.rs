//! Errors in a budget's settings and states.

use core::error::Error;
use core::fmt;
use core::time::Duration;

use super::deposits::Deposits;

/// Names the setting of a budget that is beyond its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BudgetError {
    /// [`TokenThrottle`](super::TokenThrottle) holds 1 to 1,000 tokens.
    MaxTokens {
        /// The number asked for.
        value: u32,
    },
    /// A success must be worth something, or retries would end for good.
    ZeroTokenRatio,
    /// [`RetryBudget`](super::RetryBudget) allows at most 1,000 retries for each deposit.
    CanRetry {
        /// Thousandths of a retry for each deposit.
        value: u32,
    },
    /// [`RetryBudget`](super::RetryBudget) sets at most 1,000,000 retries per second aside.
    MinPerSecond {
        /// Retries per second.
        value: u32,
    },
    /// [`RetryBudget`](super::RetryBudget) remembers for 1 to 60 seconds.
    Ttl {
        /// The time asked for.
        value: Duration,
    },
}

impl fmt::Display for BudgetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MaxTokens { value } => write!(f, "max_tokens is {value}; it must be 1 to 1000"),
            Self::ZeroTokenRatio => f.write_str("token_ratio_per_mille is 0; the least is 1"),
            Self::CanRetry { value } => {
                write!(f, "can_retry_per_mille is {value}; the most is 1000000")
            }
            Self::MinPerSecond { value } => {
                write!(f, "min_per_second is {value}; the most is 1000000")
            }
            Self::Ttl { value } => write!(f, "ttl is {value:?}; it must be 1 s to 60 s"),
        }
    }
}

impl Error for BudgetError {}

/// Tells why a budget does not take over a state; it stays as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BudgetImportError {
    /// The state's form is that of another version of this library.
    Version {
        /// The state's.
        found: u8,
        /// The one that is understood.
        known: u8,
    },
    /// The state is that of a budget with other settings.
    Settings {
        /// The first that differs, and its unit.
        setting: &'static str,
        /// Its value in the state.
        found: u64,
        /// Its value here.
        own: u64,
    },
    /// The state is that of a budget that lives on other deposits.
    Deposits {
        /// The state's.
        found: Deposits,
        /// The ones here.
        own: Deposits,
    },
    /// All that the state knows has expired.
    Stale {
        /// Nanoseconds since the last that it knows of.
        age: u64,
        /// Nanoseconds that a budget remembers.
        ttl: u64,
    },
    /// No budget was ever in this state.
    Corrupt {
        /// The number that is too large, and its unit.
        what: &'static str,
        /// Its value.
        found: u64,
        /// Its limit.
        most: u64,
    },
}

impl fmt::Display for BudgetImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version { found, known } => {
                write!(f, "the state has version {found}; only {known} is known")
            }
            Self::Settings { setting, found, own } => {
                write!(f, "the state is of a budget with a {setting} of {found}, not {own}")
            }
            Self::Deposits { found, own } => {
                write!(f, "the state is of a budget of {}, not of {}", found.name(), own.name())
            }
            Self::Stale { age, ttl } => {
                write!(f, "the state is {age} ns old; after {ttl} ns it says nothing")
            }
            Self::Corrupt { what, found, most } => {
                write!(f, "the state has {found} {what}; the most is {most}")
            }
        }
    }
}

impl Error for BudgetImportError {}

/// Checks that a setting is the same in a state and here.
pub(super) fn same(setting: &'static str, found: u64, own: u64) -> Result<(), BudgetImportError> {
    if found == own { Ok(()) } else { Err(BudgetImportError::Settings { setting, found, own }) }
}

/// Checks that a number in a state is within its limit.
pub(super) fn at_most(what: &'static str, found: u64, most: u64) -> Result<(), BudgetImportError> {
    if found <= most { Ok(()) } else { Err(BudgetImportError::Corrupt { what, found, most }) }
}

/// Checks that a state has the form that is understood here.
pub(super) fn version(found: u8, known: u8) -> Result<(), BudgetImportError> {
    if found == known { Ok(()) } else { Err(BudgetImportError::Version { found, known }) }
}
