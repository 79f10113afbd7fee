//! One request over as many attempts as it takes, whatever client sends it.

use core::error::Error;
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use core::time::Duration;
use std::sync::Arc;

use ::http::response::Parts;
use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Response};
use evenkeel_core::grpc;
use evenkeel_core::http::{IDEMPOTENCY_KEY, Repeat};
use evenkeel_core::rand_core::Rng;
use evenkeel_core::retry::{RetryBudget, RetryPolicy};
use evenkeel_core::{Outcome, Policy, Verdict};
use http_body::Body;
use tokio::time::Instant;

use super::attempts::{AttemptEnd, Log};
use super::lease_body::LeaseBody;
use super::unused::MayBeUnused;
use super::verdict::judge;
use crate::balancer::Balancer;
use crate::call::{Accept, Attempt, CallError, Classify, Retry};
use crate::lease::Lease;
use crate::reason::with_sources;

/// An error of a client that sends a request.
pub(crate) trait Fault: Error + Send + Sync + 'static {
    /// Tells what it means if the caller does not say.
    fn usual(&self) -> Verdict;
}

type OfAnswer = dyn Fn(&Parts) -> Option<Verdict> + Send + Sync;
type OfError<E> = dyn Fn(&E) -> Option<Verdict> + Send + Sync;

/// What all requests of a client have in common.
pub(crate) struct Rules<E> {
    pub(crate) retry: Retry,
    pub(crate) accept: Option<Arc<OfAnswer>>,
    pub(crate) classify: Option<Arc<OfError<E>>>,
    /// How long nothing of a body may come.
    pub(crate) body_idle: Option<Duration>,
    /// What tells endpoints how much time is left.
    pub(crate) deadline: Option<HeaderName>,
}

impl<E> Rules<E> {
    /// Returns how a request is sent again.
    fn retry_of(&self, plan: &Plan) -> Retry {
        let mut retry = self.retry.clone();
        if !plan.repeat.hedges() || plan.begun.is_some() {
            retry = retry.unhedged();
        }
        if let Some(timeout) = plan.timeout
            && let Ok(bounded) = retry.clone().timeout(timeout)
        {
            retry = bounded;
        }
        retry
    }

    /// Tells the endpoint of an attempt how much time is left, unless the request says so itself.
    pub(crate) fn tell_deadline<C>(&self, attempt: &Attempt<C>, headers: &mut HeaderMap) {
        let Some(name) = &self.deadline else { return };
        let Some(left) = attempt.time_left() else { return };
        if headers.contains_key(name) {
            return;
        }
        let said = match name.as_str() {
            grpc::TIMEOUT => grpc::Timeout(left).to_string(),
            _ => left.as_millis().to_string(),
        };
        // Digits and a unit.
        if let Ok(value) = HeaderValue::try_from(said) {
            headers.insert(name, value);
        }
    }
}

/// Returns when a request may be sent again, by its method and headers.
pub(crate) fn repeat(method: &Method, headers: &HeaderMap) -> Repeat {
    if headers.contains_key(IDEMPOTENCY_KEY) {
        return Repeat::Idempotent;
    }
    Repeat::of_method(method.as_str())
}

/// What is special about one.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) key: Option<u64>,
    pub(crate) repeat: Repeat,
    /// Its body is sent once, and this tells that it has begun.
    pub(crate) begun: Option<Arc<AtomicBool>>,
    /// For the whole call, the body of its answer included.
    pub(crate) timeout: Option<Duration>,
}

impl Plan {
    /// Tells when the request may be sent again, as things are.
    fn repeat(&self) -> Repeat {
        if self.has_begun() { Repeat::Never } else { self.repeat }
    }

    /// Tells that the body, which is sent once, has begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun.as_ref().is_some_and(|begun| begun.load(Relaxed))
    }
}

impl<E> Default for Rules<E> {
    fn default() -> Self {
        let retry = Retry::new(RetryPolicy::DEFAULT).budget(RetryBudget::default());
        Self { retry, accept: None, classify: None, body_idle: None, deadline: None }
    }
}

impl<E> Clone for Rules<E> {
    fn clone(&self) -> Self {
        Self {
            retry: self.retry.clone(),
            accept: self.accept.clone(),
            classify: self.classify.clone(),
            body_idle: self.body_idle,
            deadline: self.deadline.clone(),
        }
    }
}

impl<E> fmt::Debug for Rules<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("retry", &self.retry)
            .field("body_idle", &self.body_idle)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// An answer, and what it means.
struct Answered<B: Body + Send + Unpin + 'static> {
    response: MayBeUnused<B>,
    /// Its place among the attempts.
    place: usize,
    means: (Verdict, Outcome),
}

/// Judges by what the attempts found out.
struct Judge<'a, E> {
    plan: &'a Plan,
    classify: Option<&'a OfError<E>>,
}

impl<B: Body + Send + Unpin + 'static, E> Accept<Answered<B>> for &Judge<'_, E> {
    fn verdict(&self, answer: &Answered<B>) -> Verdict {
        self.plan.repeat().limit(answer.means.0)
    }

    fn judge(&self, answer: &Answered<B>) -> (Verdict, Outcome) {
        (self.plan.repeat().limit(answer.means.0), answer.means.1)
    }
}

impl<E: Fault> Classify<E> for &Judge<'_, E> {
    fn verdict(&self, error: &E) -> Verdict {
        self.plan.repeat().limit(self.raw(error))
    }

    fn judge(&self, error: &E) -> (Verdict, Outcome) {
        let raw = self.raw(error);
        (self.plan.repeat().limit(raw), raw.outcome())
    }

    fn follows_late(&self) -> bool {
        self.plan.repeat().allows(Verdict::TimedOut)
    }
}

impl<E: Fault> Judge<'_, E> {
    fn raw(&self, error: &E) -> Verdict {
        let said = self.classify.and_then(|classify| classify(error));
        said.unwrap_or_else(|| error.usual())
    }
}

/// Sends a request until an answer is good, or no other attempt may better it.
///
/// # Errors
/// [`CallError`] if there was no answer at all.
pub(crate) async fn exchange<C, P, B, E, Fut>(
    balancer: &Balancer<C, P>,
    rules: &Rules<E>,
    plan: &Plan,
    mut send: impl FnMut(Attempt<C>) -> Fut,
) -> Result<Response<LeaseBody<B>>, CallError<E>>
where
    C: Send + Sync + 'static,
    P: Policy + Send + Sync,
    B: Body + Send + Unpin + 'static,
    E: Fault,
    Fut: Future<Output = Result<Response<B>, E>>,
{
    let judge = Judge { plan, classify: rules.classify.as_deref() };
    let retry = rules.retry_of(plan).classify(&judge).accept(&judge);
    let timeout = retry.whole().map(|limit| (Instant::now(), limit));
    let log = Log::default();
    let accept = rules.accept.as_deref();
    let attempt = |attempt: Attempt<C>| {
        let entry = log.begin(&attempt);
        let sent = send(attempt);
        async move {
            match sent.await {
                Ok(response) => {
                    let (head, body) = response.into_parts();
                    let place = entry.end(AttemptEnd::Answered(head.status));
                    let means = means(&head, accept, || balancer.rng());
                    Ok(Answered { response: MayBeUnused::new(head, body), place, means })
                }
                Err(error) => {
                    entry.end(AttemptEnd::Failed(with_sources(&error)));
                    Err(error)
                }
            }
        }
    };
    let (answer, lease) = balancer.call_with(plan.key, &retry, attempt, Lease::followed).await?;
    let attempts = log.attempts(answer.place);
    let response = answer.response.take().expect("it is taken once");
    let deadline = timeout.and_then(|(began, limit)| Some((began.checked_add(limit)?, limit)));
    let follow = |body| LeaseBody::following(body, lease, rules.body_idle, deadline);
    let mut response = response.map(follow);
    response.extensions_mut().insert(attempts);
    Ok(response)
}

/// Tells what an answer means, by the caller or else by the table.
fn means<R: Rng>(
    head: &Parts,
    accept: Option<&OfAnswer>,
    rng: impl FnOnce() -> R,
) -> (Verdict, Outcome) {
    if let Some(verdict) = accept.and_then(|accept| accept(head)) {
        return (verdict, verdict.outcome());
    }
    // All that are told the same time would come back together.
    judge(head.status, &head.headers, |wait| {
        let part = wait.mul_f64(f64::from(rng().next_u32()) / f64::from(u32::MAX) / 2.0);
        wait.saturating_add(part)
    })
}
