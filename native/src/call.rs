//! A call: one request over as many attempts as it takes.

mod error;
mod retry;

use core::fmt;
use core::ops::Deref;
use core::time::Duration;
use std::sync::Arc;

use evenkeel_core::retry::{Call, End, Step, Unlimited, Verdict};
use evenkeel_core::{Instant, Outcome, Policy, retry as core_retry};

use crate::balancer::Balancer;
use crate::clock::Clock;
use crate::lease::{Client, Lease};
use crate::target::Target;
pub use error::{AttemptError, CallError, Cause};
pub use retry::{Classify, EveryError, Retry};

impl<C, P: Policy> Balancer<C, P> {
    /// Calls `attempt` with a client until it succeeds, or `retry` says that it is enough.
    ///
    /// Each attempt goes to an endpoint not tried before, as long as there is one. Everything runs in the caller's task: a
    /// call that is dropped stops where it is, and a panic of `attempt` is the caller's.
    ///
    /// # Errors
    /// [`CallError`] with every attempt's error, and why there was no other attempt.
    pub async fn call<T, E, K, F, Fut>(&self, retry: &Retry<K>, attempt: F) -> Result<T, CallError<E>>
    where
        K: Classify<E>,
        // Not `AsyncFnMut`: a future that borrows from its closure cannot be shown to be `Send`, and so not be spawned.
        F: FnMut(Attempt<C>) -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        self.call_with(None, retry, attempt).await
    }

    /// [`call`](Self::call) for a request with a key, as [`pick_for`](Self::pick_for) takes it: policies that hash begin with
    /// the key's endpoint and go on with its next choices.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn call_for<T, E, K, F, Fut>(&self, key: u64, retry: &Retry<K>, attempt: F) -> Result<T, CallError<E>>
    where
        K: Classify<E>,
        F: FnMut(Attempt<C>) -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        self.call_with(Some(key), retry, attempt).await
    }

    async fn call_with<T, E, K, F, Fut>(
        &self,
        key: Option<u64>,
        retry: &Retry<K>,
        mut attempt: F,
    ) -> Result<T, CallError<E>>
    where
        K: Classify<E>,
        F: FnMut(Attempt<C>) -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let clock = self.shared.clock;
        let mut call = Call::new(&retry.policy, clock.now());
        let mut rng = self.rng();
        let mut failed = CallError { attempts: Vec::new(), end: End::NoEndpoints, unavailable: None };
        let mut answer = None;
        let mut expired: Option<Lease<C>> = None;
        loop {
            match call.poll(clock.now(), &mut Unlimited, &mut rng) {
                Step::Send(sent) => {
                    let lease = match self.pick_with(key, call.tried()) {
                        Ok(pick) => pick.lease(),
                        Err(error) => {
                            failed.unavailable = Some(error);
                            call.no_endpoint(clock.now());
                            continue;
                        }
                    };
                    call.started(sent, lease.slot());
                    let began = clock.now();
                    let result = tokio::select! {
                        biased;
                        result = attempt(Attempt { client: lease.client(), sent, clock }) => result.map_err(Cause::Failed),
                        () = clock.sleep_until(sent.deadline().unwrap_or(Instant::MAX)) => Err(Cause::TimedOut),
                    };
                    let now = clock.now();
                    let target = lease.target().clone();
                    let verdict = match &result {
                        Ok(_) => Some(Verdict::Success),
                        Err(Cause::Failed(error)) => Some(retry.classify.verdict(error)),
                        Err(Cause::TimedOut) => None,
                    };
                    match verdict {
                        Some(verdict) => {
                            call.on_outcome(now, sent, verdict);
                            lease.report(outcome(verdict));
                        }
                        None => expired = Some(lease),
                    }
                    match result {
                        Ok(value) => answer = Some(value),
                        Err(cause) => {
                            let elapsed = now.saturating_since(began);
                            failed.attempts.push(AttemptError { target, cause, elapsed });
                        }
                    }
                }
                Step::Wait(until) => clock.sleep_until(until).await,
                Step::Cancel { outcome, .. } => {
                    if let Some(lease) = expired.take() {
                        lease.report(outcome);
                    }
                }
                Step::Done(end) => return answer.ok_or(CallError { end, ..failed }),
            }
        }
    }
}

/// What a verdict on an attempt says of its endpoint: a request that would fail anywhere says nothing against it.
fn outcome(verdict: Verdict) -> Outcome {
    match verdict {
        Verdict::Success | Verdict::Fatal => Outcome::Success,
        Verdict::Retry | Verdict::NeverSent => Outcome::Failure,
        Verdict::RetryAfter(wait) => Outcome::Overloaded { retry_after: Some(wait) },
    }
}

/// One attempt of a call; dereferences to the client.
pub struct Attempt<C> {
    client: Arc<Client<C>>,
    sent: core_retry::Attempt,
    clock: Clock,
}

impl<C> Attempt<C> {
    /// Where it goes.
    pub fn target(&self) -> &Target {
        &self.client.target
    }

    /// Which one it is: 1 for the first.
    pub fn number(&self) -> u32 {
        self.sent.number()
    }

    /// The time left until it is given up; `None` without a deadline.
    pub fn time_left(&self) -> Option<Duration> {
        self.sent.deadline().map(|deadline| deadline.saturating_since(self.clock.now()))
    }
}

impl<C> Deref for Attempt<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.client.inner
    }
}

impl<C> fmt::Debug for Attempt<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt").field("target", self.target()).field("number", &self.number()).finish_non_exhaustive()
    }
}
