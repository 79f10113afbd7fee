use core::error::Error;
use core::fmt;
use core::num::NonZeroU32;
use core::time::Duration;

use super::Backoff;

/// The bounds of a [`Call`](super::Call): how many attempts, for how long, how far apart.
///
/// There is no hidden timeout: without [`with_timeout`](Self::with_timeout) a call has no deadline of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    pub(super) attempts: NonZeroU32,
    pub(super) timeout: Option<Duration>,
    pub(super) attempt_timeout: Option<Duration>,
    pub(super) backoff: Backoff,
}

impl RetryPolicy {
    /// At most `attempts` attempts, the first one included, with the default backoff.
    ///
    /// # Errors
    /// [`RetryPolicyError::ZeroAttempts`].
    pub fn new(attempts: u32) -> Result<Self, RetryPolicyError> {
        let attempts = NonZeroU32::new(attempts).ok_or(RetryPolicyError::ZeroAttempts)?;
        Ok(Self { attempts, ..Self::default() })
    }

    /// Bounds the whole call: all attempts and the waits between them.
    ///
    /// # Errors
    /// [`RetryPolicyError::ZeroTimeout`].
    pub fn with_timeout(self, timeout: Duration) -> Result<Self, RetryPolicyError> {
        Ok(Self { timeout: Some(positive(timeout)?), ..self })
    }

    /// Bounds each attempt; one that takes longer counts as failed.
    ///
    /// # Errors
    /// [`RetryPolicyError::ZeroTimeout`].
    pub fn with_attempt_timeout(self, timeout: Duration) -> Result<Self, RetryPolicyError> {
        Ok(Self { attempt_timeout: Some(positive(timeout)?), ..self })
    }

    /// The waits between attempts.
    ///
    /// # Errors
    /// [`RetryPolicyError::CapBelowBase`].
    pub fn with_backoff(self, backoff: Backoff) -> Result<Self, RetryPolicyError> {
        match backoff {
            Backoff::Exponential { base, cap, .. } if cap < base => Err(RetryPolicyError::CapBelowBase { base, cap }),
            _ => Ok(Self { backoff, ..self }),
        }
    }
}

impl Default for RetryPolicy {
    /// 3 attempts; exponential backoff from 25 ms to 250 ms with full jitter; no deadlines.
    fn default() -> Self {
        Self {
            attempts: NonZeroU32::MIN.saturating_add(2),
            timeout: None,
            attempt_timeout: None,
            backoff: Backoff::default(),
        }
    }
}

fn positive(timeout: Duration) -> Result<Duration, RetryPolicyError> {
    if timeout.is_zero() { Err(RetryPolicyError::ZeroTimeout) } else { Ok(timeout) }
}

/// What is wrong with a [`RetryPolicy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetryPolicyError {
    /// A call without an attempt does nothing.
    ZeroAttempts,
    /// Nothing can be done in no time.
    ZeroTimeout,
    /// The longest wait is shorter than the first one.
    CapBelowBase {
        /// Longest first wait.
        base: Duration,
        /// Longest wait ever.
        cap: Duration,
    },
}

impl fmt::Display for RetryPolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ZeroAttempts => f.write_str("0 attempts: at least 1 is needed"),
            Self::ZeroTimeout => f.write_str("a timeout of 0: leave it out for no timeout"),
            Self::CapBelowBase { base, cap } => write!(f, "the backoff's cap {cap:?} is below its base {base:?}"),
        }
    }
}

impl Error for RetryPolicyError {}
