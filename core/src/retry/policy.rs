//! The bounds of a call.

use core::error::Error;
use core::fmt;
use core::time::Duration;

use super::backoff::{Backoff, Waits};
use super::hedge::Hedging;
use crate::time::{Ticks, duration, ticks};

/// Bounds a [`Call`](super::Call): how many attempts it may make, for how long, how far apart.
///
/// There is no hidden timeout: without [`with_timeout`](Self::with_timeout) a call has no deadline
/// of its own. Everything is const, so a policy may be a `static`:
///
/// ```
/// use core::time::Duration;
/// use evenkeel_core::retry::{Backoff, Hedging, RetryPolicy, RetryPolicyError};
///
/// const fn policy() -> Result<RetryPolicy, RetryPolicyError> {
///     match RetryPolicy::new(3) {
///         Ok(policy) => policy.with_timeout(Duration::from_secs(2)),
///         Err(error) => Err(error),
///     }
/// }
/// static POLICY: RetryPolicy = match policy() {
///     Ok(policy) => policy,
///     Err(_) => RetryPolicy::DEFAULT,
/// };
/// let (base, cap) = (Duration::from_millis(10), Duration::from_millis(100));
/// let hedged = POLICY
///     .with_attempt_timeout(Duration::from_millis(500))?
///     .with_backoff(Backoff::exponential(base, cap))?
///     .with_hedging(Hedging::new(Duration::from_millis(50), 1)?);
/// assert_ne!(hedged, POLICY);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// For the whole call; 0 for no limit.
    pub(super) timeout: Ticks,
    /// For each attempt; 0 for no limit.
    pub(super) attempt_timeout: Ticks,
    pub(super) waits: Waits,
    pub(super) hedge_delay: Ticks,
    pub(super) max_push_back: Ticks,
    /// At least 1.
    pub(super) attempts: u32,
    /// At most [`MOST_HEDGES`](super::hedge::MOST_HEDGES).
    pub(super) hedges: u8,
    pub(super) push_back_jitter: bool,
    pub(super) wait_for_ready: bool,
    pub(super) elsewhere: bool,
}

impl RetryPolicy {
    /// 3 attempts; exponential backoff from 25 ms to 250 ms with full jitter; no deadlines, no
    /// hedges; the service may ask for waits up to 300 s.
    pub const DEFAULT: Self = Self {
        timeout: 0,
        attempt_timeout: 0,
        waits: Backoff::DEFAULT.waits(),
        hedge_delay: 0,
        max_push_back: ticks(Duration::from_secs(300)),
        attempts: 3,
        hedges: 0,
        push_back_jitter: false,
        wait_for_ready: false,
        elsewhere: true,
    };

    /// Allows at most `attempts` attempts, the first one included, with the default backoff.
    ///
    /// # Errors
    /// [`RetryPolicyError::ZeroAttempts`].
    pub const fn new(attempts: u32) -> Result<Self, RetryPolicyError> {
        if attempts == 0 {
            return Err(RetryPolicyError::ZeroAttempts);
        }
        Ok(Self { attempts, ..Self::DEFAULT })
    }

    /// Bounds the whole call: all attempts and the waits between them.
    ///
    /// # Errors
    /// [`RetryPolicyError::ZeroTimeout`].
    #[inline]
    pub const fn with_timeout(self, timeout: Duration) -> Result<Self, RetryPolicyError> {
        match limit(timeout) {
            Ok(timeout) => Ok(Self { timeout, ..self }),
            Err(error) => Err(error),
        }
    }

    /// Bounds each attempt; one that takes longer counts as failed.
    ///
    /// # Errors
    /// [`RetryPolicyError::ZeroTimeout`].
    #[inline]
    pub const fn with_attempt_timeout(self, timeout: Duration) -> Result<Self, RetryPolicyError> {
        match limit(timeout) {
            Ok(attempt_timeout) => Ok(Self { attempt_timeout, ..self }),
            Err(error) => Err(error),
        }
    }

    /// Sets the waits between attempts.
    ///
    /// # Errors
    /// [`RetryPolicyError::CapBelowBase`].
    #[inline]
    pub const fn with_backoff(self, backoff: Backoff) -> Result<Self, RetryPolicyError> {
        if let Backoff::Exponential { base, cap, .. } = backoff
            && is_shorter(cap, base)
        {
            return Err(RetryPolicyError::CapBelowBase { base, cap });
        }
        Ok(Self { waits: backoff.waits(), ..self })
    }

    /// Sends attempts beside those in flight; at most `attempts` and the hedges are sent in all.
    ///
    /// Only for requests that may be done twice.
    #[must_use]
    #[inline]
    pub const fn with_hedging(self, hedging: Hedging) -> Self {
        Self { hedge_delay: ticks(hedging.delay), hedges: hedging.hedges, ..self }
    }

    /// Sends one attempt at a time again: for a request that must not be done twice.
    #[must_use]
    pub const fn without_hedging(self) -> Self {
        Self { hedge_delay: 0, hedges: 0, ..self }
    }

    /// Returns the bound of the whole call; `None` for no bound.
    pub const fn timeout(&self) -> Option<Duration> {
        if self.timeout == 0 { None } else { Some(duration(self.timeout)) }
    }

    /// Sets the longest wait that the service may ask for: 300 s by default, as Envoy's.
    ///
    /// Longer than that, the call ends with [`End::PushBack`](super::End::PushBack) once
    /// nothing of it is in flight: to try earlier would be against its wish. With 0, every
    /// wish to wait ends it.
    #[must_use]
    #[inline]
    pub const fn with_max_push_back(self, longest: Duration) -> Self {
        Self { max_push_back: ticks(longest), ..self }
    }

    /// Makes each wait `d` that the service asks for a random one between `d` and 1.5 `d`, as Envoy,
    /// but not so long that it would miss the deadline.
    ///
    /// For services that tell many clients the same time: without it, they come back all together.
    /// Off by default, as gRPC: servers that spread their clients themselves are taken at their
    /// word.
    #[must_use]
    pub const fn with_push_back_jitter(self) -> Self {
        Self { push_back_jitter: true, ..self }
    }

    /// Takes [`Overloaded`](crate::Verdict::Overloaded) and
    /// [`NeverSent`](crate::Verdict::NeverSent) as failures like any other: nothing goes elsewhere at
    /// once. For firmware that knows no such answers: a type that stands for this policy links less.
    #[must_use]
    pub const fn without_elsewhere(self) -> Self {
        Self { elsewhere: false, ..self }
    }

    /// Makes one attempt, within the same limits of time: for requests that cannot be made anew.
    /// Only what never left the client goes elsewhere, unless
    /// [that is off](Self::without_elsewhere), too.
    #[must_use]
    pub const fn once(self) -> Self {
        Self { attempts: 1, hedges: 0, ..self }
    }

    /// Lets a call that finds no endpoint wait for one, up to its deadline, rather than end at once:
    /// gRPC's "wait for ready". Where endpoints are there and all are busy, it ends all the same.
    #[must_use]
    pub const fn with_wait_for_ready(self) -> Self {
        Self { wait_for_ready: true, ..self }
    }
}

impl Default for RetryPolicy {
    /// [`RetryPolicy::DEFAULT`].
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Compares durations in a constant.
const fn is_shorter(a: Duration, b: Duration) -> bool {
    a.as_secs() < b.as_secs() || a.as_secs() == b.as_secs() && a.subsec_nanos() < b.subsec_nanos()
}

/// Returns a timeout in ticks; 0 (no limit) for one that the clock cannot tell from never.
#[inline]
const fn limit(timeout: Duration) -> Result<Ticks, RetryPolicyError> {
    if timeout.is_zero() {
        return Err(RetryPolicyError::ZeroTimeout);
    }
    let limit = ticks(timeout);
    Ok(if limit < ticks(Duration::MAX) { limit } else { 0 })
}

/// Tells what is wrong with a [`RetryPolicy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetryPolicyError {
    /// A call without an attempt does nothing.
    ZeroAttempts,
    /// Nothing can be done in no time.
    ZeroTimeout,
    /// The longest wait is shorter than the first one.
    CapBelowBase {
        /// The longest first wait.
        base: Duration,
        /// The longest wait of all.
        cap: Duration,
    },
}

impl fmt::Display for RetryPolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ZeroAttempts => f.write_str("0 attempts: at least 1 is needed"),
            Self::ZeroTimeout => f.write_str("a timeout of 0: leave it out for no timeout"),
            Self::CapBelowBase { base, cap } => {
                write!(f, "the backoff's cap {cap:?} is below its base {base:?}")
            }
        }
    }
}

impl Error for RetryPolicyError {}
