use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use evenkeel_core::retry::{
    Budget, Hedging, HedgingError, LatencyPercentile, RetryPolicy, RetryPolicyError,
};
use evenkeel_core::{Instant, Outcome, Verdict};

use super::judge::{Accept, Classify, EveryAnswer, EveryError};

/// How a [`call`](crate::Balancer::call) retries and hedges: its bounds, what it makes of errors
/// and answers, and what it shares with others.
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
///
/// Where it is kept in a struct, a function gives it a type with a name:
///
/// ```
/// use evenkeel::{Retry, Verdict};
/// use std::{io, time::Duration};
///
/// struct Users {
///     retry: Retry<fn(&io::Error) -> Verdict>,
/// }
///
/// fn judge(error: &io::Error) -> Verdict {
///     match error.kind() {
///         io::ErrorKind::ConnectionRefused => Verdict::NeverSent,
///         _ => Verdict::RetryableFailure,
///     }
/// }
///
/// let retry = Retry::attempts(3)?.timeout(Duration::from_secs(5))?;
/// let users = Users { retry: retry.classify(judge) };
/// # drop(users.retry);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Retry<K = EveryError, A = EveryAnswer> {
    policy: RetryPolicy,
    classify: K,
    accept: A,
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
        let (classify, accept) = (EveryError, EveryAnswer);
        Self { policy, classify, accept, budget: None, latencies: None }
    }

    /// Makes at most `attempts` attempts, the first included, with the defaults of [`RetryPolicy`].
    ///
    /// # Errors
    /// [`RetryPolicyError::ZeroAttempts`].
    pub fn attempts(attempts: u32) -> Result<Self, RetryPolicyError> {
        Ok(Self::new(RetryPolicy::new(attempts)?))
    }
}

impl<K, A> Retry<K, A> {
    /// Decides by `classify` what an error means; by default, each is worth another attempt.
    pub fn classify<L>(self, classify: L) -> Retry<L, A> {
        let Self { policy, accept, budget, latencies, .. } = self;
        Retry { policy, classify, accept, budget, latencies }
    }

    /// Changes what decides what an error means.
    #[cfg(feature = "tower")]
    pub(crate) fn map_classify<L>(self, change: impl FnOnce(K) -> L) -> Retry<L, A> {
        let Self { policy, classify, accept, budget, latencies } = self;
        Retry { policy, classify: change(classify), accept, budget, latencies }
    }

    /// Makes one attempt, within the same limits of time: for requests that cannot be made anew.
    /// Only what never left the client goes elsewhere.
    #[must_use]
    pub fn once(self) -> Self {
        Self { policy: self.policy.once(), latencies: None, ..self }
    }

    /// Changes the bounds of calls.
    #[cfg(any(feature = "tower", feature = "tonic"))]
    pub(crate) fn map_policy(self, change: impl FnOnce(RetryPolicy) -> RetryPolicy) -> Self {
        Self { policy: change(self.policy), ..self }
    }

    /// Returns the bounds of calls.
    #[cfg(feature = "tonic")]
    pub(crate) fn policy(&self) -> RetryPolicy {
        self.policy
    }

    /// Decides by `accept` what an answer means; by default, each is good.
    ///
    /// A call that ends without a good answer returns the last one all the same, if there was any.
    ///
    /// ```
    /// use evenkeel::{Attempt, Balancer, Fixed, Retry, Target, Verdict};
    /// use std::time::Duration;
    /// # use std::cell::Cell;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # #[derive(Debug, PartialEq)]
    /// struct Response {
    ///     status: u16,
    /// }
    ///
    /// let balancer = Balancer::builder(Fixed::new(["a:80", "b:80"])?)
    ///     .build(async |target: Target| Ok::<_, std::io::Error>(target.to_string()))?;
    /// balancer.ready().await;
    /// // HTTP clients say `Ok` of a 503, too.
    /// let retry = Retry::attempts(2)?.timeout(Duration::from_secs(5))?;
    /// let retry = retry.accept(|response: &Response| match response.status {
    ///     503 => Verdict::Overloaded { wait: None },
    ///     500.. => Verdict::RetryableFailure,
    ///     400.. => Verdict::Ignorable,
    ///     _ => Verdict::Success,
    /// });
    /// # let statuses = Cell::new([503, 200, 503, 503].as_slice());
    /// let send = |client: Attempt<String>| {
    ///     // … send the request to `*client` …
    ///     # drop(client);
    ///     # let (status, rest) = statuses.get().split_first().unwrap();
    ///     # statuses.set(rest);
    ///     # let status = *status;
    ///     async move { Ok::<_, std::io::Error>(Response { status }) }
    /// };
    /// // One says 503, and the other is asked.
    /// assert_eq!(balancer.call(&retry, send).await?, Response { status: 200 });
    /// // Both say 503: here is the last response.
    /// assert_eq!(balancer.call(&retry, send).await?, Response { status: 503 });
    /// # Ok(())
    /// # }
    /// ```
    pub fn accept<B>(self, accept: B) -> Retry<K, B> {
        let Self { policy, classify, budget, latencies, .. } = self;
        Retry { policy, classify, accept, budget, latencies }
    }

    /// Ends a call after `timeout`, above zero, with all its attempts and waits; by default, it may
    /// take for ever.
    ///
    /// # Errors
    /// [`RetryPolicyError`] if it is zero, or below the time of one attempt.
    pub fn timeout(self, timeout: Duration) -> Result<Self, RetryPolicyError> {
        Ok(Self { policy: self.policy.with_timeout(timeout)?, ..self })
    }

    /// Lets a call wait for an endpoint, until its time is over, where by default it ends when there
    /// is none: for calls that may begin before discovery has an answer, or sit an outage out. Give
    /// it a [`timeout`](Self::timeout). Where there are endpoints and all are full
    /// (`max_in_flight`), it ends all the same: such limits are there to say no at once.
    #[must_use]
    pub fn wait_for_ready(self) -> Self {
        Self { policy: self.policy.with_wait_for_ready(), ..self }
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

    /// Never hedges.
    #[cfg(any(feature = "http", feature = "reqwest"))]
    pub(crate) fn unhedged(self) -> Self {
        Self { policy: self.policy.without_hedging(), latencies: None, ..self }
    }

    /// Returns the bound of a whole call, if there is one.
    #[cfg(any(feature = "http", feature = "reqwest"))]
    pub(crate) fn whole(&self) -> Option<Duration> {
        self.policy.timeout()
    }

    /// Tells what the result of an attempt means, for the call and for the endpoint.
    pub(super) fn judge<T, E>(&self, result: &Result<T, E>) -> (Verdict, Outcome)
    where
        K: Classify<E>,
        A: Accept<T>,
    {
        match result {
            Ok(answer) => self.accept.judge(answer),
            Err(error) => self.classify.judge(error),
        }
    }

    /// Tells that another attempt may follow one that took too long.
    pub(super) fn follows_late<E>(&self) -> bool
    where
        K: Classify<E>,
    {
        self.classify.follows_late()
    }

    /// Returns the policy of a call that begins at `now`.
    #[inline]
    pub(super) fn policy_at(&self, now: Instant) -> RetryPolicy {
        let learnt = self.latencies.as_ref().and_then(|Latencies { shared, hedges }| {
            let delay = lock(shared).delay(now)?;
            Hedging::new(delay, *hedges).ok()
        });
        learnt.map_or(self.policy, |hedging| self.policy.with_hedging(hedging))
    }

    /// Learns that an attempt was answered at `now`, or given up, after this time.
    #[inline]
    pub(super) fn observe(&self, now: Instant, took: Duration) {
        if let Some(Latencies { shared, .. }) = &self.latencies {
            lock(shared).observe(now, took);
        }
    }

    /// Tells that it learns from attempts that were answered well.
    pub(super) fn learns(&self) -> bool {
        self.latencies.is_some() || self.budget.is_some()
    }

    /// Returns the budget of a call, which counts what is refused.
    pub(super) fn purse<'a>(&'a self, refused: &'a AtomicU32) -> Purse<'a> {
        Purse { budget: self.budget.as_deref(), refused }
    }
}

impl<K: fmt::Debug, A: fmt::Debug> fmt::Debug for Retry<K, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry")
            .field("policy", &self.policy)
            .field("classify", &self.classify)
            .field("accept", &self.accept)
            .finish_non_exhaustive()
    }
}

/// The budget of a call: one that many share, or none.
pub(super) struct Purse<'a> {
    budget: Option<&'a Mutex<dyn Budget + Send>>,
    refused: &'a AtomicU32,
}

impl Budget for Purse<'_> {
    fn on_call(&mut self, now: Instant) {
        if let Some(budget) = self.budget {
            lock(budget).on_call(now);
        }
    }

    fn on_verdict(&mut self, now: Instant, verdict: Verdict) {
        if let Some(budget) = self.budget {
            lock(budget).on_verdict(now, verdict);
        }
    }

    fn withdraw(&mut self, now: Instant) -> bool {
        let granted = self.budget.is_none_or(|budget| lock(budget).withdraw(now));
        if !granted {
            self.refused.fetch_add(1, Relaxed);
        }
        granted
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Of a budget that panicked, the worst to be had is a wrong count.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
