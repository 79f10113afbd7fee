use core::fmt;
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use evenkeel_core::retry::{
    Budget, Hedging, HedgingError, LatencyPercentile, RetryPolicy, RetryPolicyError,
};
use evenkeel_core::{Instant, Verdict};

/// How a [`call`](crate::Balancer::call) retries and hedges: its bounds, what it makes of errors,
/// and what it shares with others.
///
/// Clones share the budget and the latencies. Keep one for all calls to a service, as its balancer.
///
/// ```
/// use evenkeel::{LatencyPercentile, Retry, RetryBudget, RetryPolicy, Verdict};
/// use std::{io, time::Duration};
///
/// let policy = RetryPolicy::new(3)?.with_timeout(Duration::from_secs(5))?;
/// let retry = Retry::new(policy)
///     // Only for requests that may be done twice: one more attempt for the slowest 5 %.
///     .hedge(LatencyPercentile::new(950)?, 1)?
///     // Retries and hedges together: 20 % of the calls, and 10 per second.
///     .budget(RetryBudget::default())
///     .classify(|error: &io::Error| match error.kind() {
///         io::ErrorKind::InvalidInput => Verdict::Ignorable,
///         io::ErrorKind::ConnectionRefused => Verdict::NeverSent,
///         _ => Verdict::RetryableFailure,
///     });
/// # drop(retry);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Retry<K = EveryError> {
    policy: RetryPolicy,
    classify: K,
    budget: Option<Arc<Mutex<dyn Budget + Send>>>,
    latencies: Option<Latencies>,
}

/// When to hedge, as the calls find out.
#[derive(Clone, Debug)]
struct Latencies {
    shared: Arc<Mutex<LatencyPercentile>>,
    hedges: u32,
}

impl Retry {
    /// Tries again after every error, within the bounds of `policy`.
    pub fn new(policy: RetryPolicy) -> Self {
        Self { policy, classify: EveryError, budget: None, latencies: None }
    }

    /// Makes at most `attempts` attempts, the first included, with the defaults of [`RetryPolicy`].
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
        let Self { policy, budget, latencies, .. } = self;
        Retry { policy, classify, budget, latencies }
    }

    /// Bounds the retries and hedges of all calls together, by default not at all. A call takes a
    /// lock for a moment when it begins, at the end of each attempt, and before each retry or
    /// hedge.
    #[must_use]
    pub fn budget(self, budget: impl Budget + Send + 'static) -> Self {
        self.shared_budget(Arc::new(Mutex::new(budget)))
    }

    /// Sets a [`budget`](Self::budget) that others use, too: other clients of the service, or
    /// somebody who keeps its state over a restart.
    #[must_use]
    pub fn shared_budget<B: Budget + Send + 'static>(self, budget: Arc<Mutex<B>>) -> Self {
        Self { budget: Some(budget), ..self }
    }

    /// Hedges when an attempt takes longer than a percentile of those before: at most `hedges` (1
    /// to 4) in a call. As long as too little is known, calls hedge as
    /// [`RetryPolicy::with_hedging`] says, if it does.
    ///
    /// # Errors
    /// [`HedgingError::Hedges`].
    pub fn hedge(self, at: LatencyPercentile, hedges: u32) -> Result<Self, HedgingError> {
        Hedging::new(Duration::ZERO, hedges)?;
        Ok(Self { latencies: Some(Latencies { shared: Arc::new(Mutex::new(at)), hedges }), ..self })
    }

    /// Tells what the result of an attempt means.
    pub(super) fn verdict<T, E>(&self, result: &Result<T, E>) -> Verdict
    where
        K: Classify<E>,
    {
        result.as_ref().map_or_else(|error| self.classify.verdict(error), |_| Verdict::Success)
    }

    /// Returns the policy of a call that begins at `now`.
    pub(super) fn policy_at(&self, now: Instant) -> RetryPolicy {
        let learnt = self.latencies.as_ref().and_then(|Latencies { shared, hedges }| {
            let delay = lock(shared).delay(now)?;
            Hedging::new(delay, *hedges).ok()
        });
        learnt.map_or(self.policy, |hedging| self.policy.with_hedging(hedging))
    }

    /// Learns that an attempt was answered at `now`, or given up, after this time.
    pub(super) fn observe(&self, now: Instant, took: Duration) {
        if let Some(Latencies { shared, .. }) = &self.latencies {
            lock(shared).observe(now, took);
        }
    }

    pub(super) fn purse(&self) -> Purse<'_> {
        Purse(self.budget.as_deref())
    }
}

impl<K: fmt::Debug> fmt::Debug for Retry<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry")
            .field("policy", &self.policy)
            .field("classify", &self.classify)
            .finish_non_exhaustive()
    }
}

/// The budget of a call: one that many share, or none.
pub(super) struct Purse<'a>(Option<&'a Mutex<dyn Budget + Send>>);

impl Budget for Purse<'_> {
    fn on_call(&mut self, now: Instant) {
        if let Some(budget) = self.0 {
            lock(budget).on_call(now);
        }
    }

    fn on_verdict(&mut self, now: Instant, verdict: Verdict) {
        if let Some(budget) = self.0 {
            lock(budget).on_verdict(now, verdict);
        }
    }

    fn withdraw(&mut self, now: Instant) -> bool {
        self.0.is_none_or(|budget| lock(budget).withdraw(now))
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Of a budget that panicked, the worst to be had is a wrong count.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells which errors are worth another attempt. A function from `&E` to [`Verdict`] does.
pub trait Classify<E> {
    /// Tells what `error` means for the call; what it means for the endpoint
    /// [follows](Verdict::outcome).
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
        Verdict::RetryableFailure
    }
}
