use core::error::Error;
use core::fmt;
use core::num::NonZeroU32;
use core::time::Duration;

use super::backoff::Waits;
use super::{Backoff, Hedging};
use crate::time::nanos;

/// The bounds of a [`Call`](super::Call): how many attempts, for how long, how far apart.
///
/// There is no hidden timeout: without [`with_timeout`](Self::with_timeout) a call has no deadline of its own.
///
/// ```
/// use core::time::Duration;
/// use evenkeel_core::retry::{Backoff, Hedging, RetryPolicy};
/// let millis = Duration::from_millis;
/// let policy = RetryPolicy::new(3)?
///     .with_timeout(Duration::from_secs(2))?
///     .with_attempt_timeout(millis(500))?
///     .with_backoff(Backoff::exponential(millis(10), millis(100)))?
///     .with_hedging(Hedging::new(millis(50), 1)?);
/// # let _ = policy;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    // Times in nanoseconds; the most there are mean "never".
    pub(super) timeout: u64,
    pub(super) attempt_timeout: u64,
    pub(super) waits: Waits,
    pub(super) hedge_delay: u64,
    pub(super) max_retry_after: u64,
    pub(super) attempts: NonZeroU32,
    /// At most so many.
    pub(super) hedges: u8,
    pub(super) retry_after_jitter: bool,
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
        Ok(Self { timeout: positive(timeout)?, ..self })
    }

    /// Bounds each attempt; one that takes longer counts as failed.
    ///
    /// # Errors
    /// [`RetryPolicyError::ZeroTimeout`].
    pub fn with_attempt_timeout(self, timeout: Duration) -> Result<Self, RetryPolicyError> {
        Ok(Self { attempt_timeout: positive(timeout)?, ..self })
    }

    /// The waits between attempts.
    ///
    /// # Errors
    /// [`RetryPolicyError::CapBelowBase`].
    pub fn with_backoff(self, backoff: Backoff) -> Result<Self, RetryPolicyError> {
        match backoff {
            Backoff::Exponential { base, cap, .. } if cap < base => Err(RetryPolicyError::CapBelowBase { base, cap }),
            _ => Ok(Self { waits: backoff.waits(), ..self }),
        }
    }

    /// Sends attempts beside those in flight; at most `attempts` and the hedges are sent in all.
    ///
    /// Only for requests that may be done twice.
    #[must_use]
    pub const fn with_hedging(self, hedging: Hedging) -> Self {
        Self { hedge_delay: nanos(hedging.delay), hedges: hedging.hedges, ..self }
    }

    /// The longest wait that a server may ask for: 300 s by default, as Envoy's.
    ///
    /// Longer than that, the call ends with [`End::RetryAfter`](super::End::RetryAfter) once nothing of it is in flight: to try
    /// earlier would be against the server's wish. With 0, every wish to wait ends it.
    #[must_use]
    pub const fn with_max_retry_after(self, longest: Duration) -> Self {
        Self { max_retry_after: nanos(longest), ..self }
    }

    /// Makes each wait `d` that a server asks for a random one between `d` and 1.5 `d`, as Envoy, but not so long that it would
    /// miss the deadline.
    ///
    /// For services that tell many clients the same time: without, they come back all together. Off by default, as
    /// gRPC: servers that spread their clients themselves are taken at their word.
    #[must_use]
    pub const fn with_retry_after_jitter(self) -> Self {
        Self { retry_after_jitter: true, ..self }
    }
}

impl Default for RetryPolicy {
    /// 3 attempts; exponential backoff from 25 ms to 250 ms with full jitter; no deadlines, no hedges; servers may ask for
    /// waits up to 300 s.
    fn default() -> Self {
        Self {
            timeout: u64::MAX,
            attempt_timeout: u64::MAX,
            waits: const { Backoff::DEFAULT.waits() },
            hedge_delay: u64::MAX,
            max_retry_after: const { nanos(Duration::from_secs(300)) },
            attempts: const { NonZeroU32::MIN.saturating_add(2) },
            hedges: 0,
            retry_after_jitter: false,
        }
    }
}

fn positive(timeout: Duration) -> Result<u64, RetryPolicyError> {
    if timeout.is_zero() { Err(RetryPolicyError::ZeroTimeout) } else { Ok(nanos(timeout)) }
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
