//! The settings of a poller.

use core::error::Error;
use core::fmt;
use core::time::Duration;

/// The settings of a [`Poller`](super::Poller).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollerConfig {
    /// Shortest time from a good answer to the next query; default 5 s.
    pub min: Duration,
    /// Longest time from a good answer to the next query; default 300 s.
    pub max: Duration,
    /// The time for answers that say nothing, or zero, of their life; default 30 s. Clamped to
    /// `min..=max`.
    pub default: Duration,
    /// A query may come so much later than that, in percent of the time; default 10. Never
    /// earlier: a resolver would only repeat the answer.
    pub jitter_percent: u8,
    /// Time limit for an answer; default 10 s.
    pub timeout: Duration,
    /// Shortest time between the beginnings of two queries made for
    /// [`refresh`](super::Poller::refresh); default 1 s.
    pub min_gap: Duration,
    /// The last good answer serves for so long while queries fail; default `None`, for ever.
    pub max_stale: Option<Duration>,
    /// Wait after the first failure, doubled with each, give or take 20 %; default 1 s.
    pub backoff_base: Duration,
    /// Longest wait after a failure, give or take 20 %; default 60 s.
    pub backoff_max: Duration,
}

impl PollerConfig {
    /// Checks that the settings fit together.
    ///
    /// # Errors
    /// The first that does not, with its value.
    pub fn check(&self) -> Result<(), PollerConfigError> {
        if self.min > self.max {
            return Err(PollerConfigError::MinAboveMax { min: self.min, max: self.max });
        }
        let times =
            [("min", self.min), ("timeout", self.timeout), ("backoff_base", self.backoff_base)];
        if let Some((name, _)) = times.into_iter().find(|(_, time)| time.is_zero()) {
            return Err(PollerConfigError::Zero { name });
        }
        if self.backoff_max < self.backoff_base {
            let (base, max) = (self.backoff_base, self.backoff_max);
            return Err(PollerConfigError::BackoffMaxBelowBase { base, max });
        }
        Ok(())
    }
}

impl Default for PollerConfig {
    fn default() -> Self {
        Self {
            min: Duration::from_secs(5),
            max: Duration::from_secs(300),
            default: Duration::from_secs(30),
            jitter_percent: 10,
            timeout: Duration::from_secs(10),
            min_gap: Duration::from_secs(1),
            max_stale: None,
            backoff_base: Duration::from_secs(1),
            backoff_max: Duration::from_secs(60),
        }
    }
}

/// Tells what is wrong with a [`PollerConfig`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PollerConfigError {
    /// This time must not be zero.
    Zero {
        /// The field's name.
        name: &'static str,
    },
    /// The shortest time is longer than the longest.
    MinAboveMax {
        /// The shortest time.
        min: Duration,
        /// The longest time.
        max: Duration,
    },
    /// The longest backoff is shorter than the first.
    BackoffMaxBelowBase {
        /// The first wait.
        base: Duration,
        /// The longest wait.
        max: Duration,
    },
}

impl fmt::Display for PollerConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zero { name } => write!(f, "`{name}` is 0: it must be above 0"),
            Self::MinAboveMax { min, max } => write!(f, "`min` {min:?} is above `max` {max:?}"),
            Self::BackoffMaxBelowBase { base, max } => {
                write!(f, "`backoff_max` {max:?} is below `backoff_base` {base:?}")
            }
        }
    }
}

impl Error for PollerConfigError {}
