use evenkeel_core::retry::{RetryPolicy, RetryPolicyError, Verdict};

/// How a [`call`](crate::Balancer::call) retries: its bounds, and what it makes of errors.
///
/// ```
/// use evenkeel::{Retry, RetryPolicy, Verdict};
/// use std::{io, time::Duration};
///
/// let policy = RetryPolicy::new(3)?.with_timeout(Duration::from_secs(5))?;
/// let retry = Retry::new(policy).classify(|error: &io::Error| match error.kind() {
///     io::ErrorKind::InvalidInput => Verdict::Fatal,
///     _ => Verdict::Retry,
/// });
/// # drop(retry);
/// # Ok::<(), evenkeel::RetryPolicyError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Retry<K = EveryError> {
    pub(super) policy: RetryPolicy,
    pub(super) classify: K,
}

impl Retry {
    /// Within the bounds of `policy`, every error is worth another attempt.
    pub fn new(policy: RetryPolicy) -> Self {
        Self { policy, classify: EveryError }
    }

    /// At most `attempts` attempts, the first included, with the defaults of [`RetryPolicy`].
    ///
    /// # Errors
    /// [`RetryPolicyError::ZeroAttempts`].
    pub fn attempts(attempts: u32) -> Result<Self, RetryPolicyError> {
        Ok(Self::new(RetryPolicy::new(attempts)?))
    }
}

impl<K> Retry<K> {
    /// Decides by `classify` what an error means.
    pub fn classify<L>(self, classify: L) -> Retry<L> {
        Retry { policy: self.policy, classify }
    }
}

/// Tells which errors are worth another attempt. A function from `&E` to [`Verdict`] does.
pub trait Classify<E> {
    /// What `error` means for the call.
    fn verdict(&self, error: &E) -> Verdict;
}

impl<E, F: Fn(&E) -> Verdict> Classify<E> for F {
    fn verdict(&self, error: &E) -> Verdict {
        self(error)
    }
}

/// Every error is worth another attempt.
#[derive(Clone, Copy, Debug, Default)]
pub struct EveryError;

impl<E> Classify<E> for EveryError {
    fn verdict(&self, _error: &E) -> Verdict {
        Verdict::Retry
    }
}
