//! One request over as many attempts as it takes, whatever client sends it.

use core::error::Error;
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use core::time::Duration;
use std::sync::Arc;

use ::http::response::Parts;
use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use evenkeel_core::grpc;
use evenkeel_core::http::{IDEMPOTENCY_KEY, Repeat};
use evenkeel_core::rand_core::Rng;
use evenkeel_core::retry::{Hedging, RetryBudget, RetryPolicy};
use evenkeel_core::{Outcome, Policy, Verdict};
use http_body::Body;
use tokio::time::Instant;

use super::attempts::{AttemptEnd, Log};
use super::first::first;
use super::lease_body::{Following, LeaseBody};
use super::unused::MayBeUnused;
use super::verdict::judge;
use crate::balancer::Balancer;
use crate::call::{Accept, Attempt, CallError, Classify, Meaning, Retry, Unanswered};
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
    /// Endpoints are keys: for how long those rest that are refused.
    pub(crate) keys: Option<Duration>,
    /// How long nothing of a body may come.
    pub(crate) body_idle: Option<Duration>,
    /// What tells endpoints how much time is left.
    pub(crate) deadline: Option<HeaderName>,
}

impl<E> Rules<E> {
    /// Returns how a request is sent again.
    fn retry_of(&self, plan: &Plan) -> Retry {
        let mut retry = self.retry.clone();
        if !plan.may_go_again() {
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

/// After a second, another endpoint is asked beside the one that does not answer: as in JavaScript.
const HEDGING: Hedging = match Hedging::new(Duration::from_secs(1), 1) {
    Ok(hedging) => hedging,
    Err(_) => unreachable!(),
};

/// Returns how clients over HTTP retry where nobody says how: three attempts with backoff, a
/// [`RetryBudget`], and one hedge after a second.
///
/// Hedged are requests of safe methods (GET, HEAD, OPTIONS, TRACE), with an `Idempotency-Key`, or
/// of which you say that they may be done twice; the same are sent again where the body of an
/// answer breaks unread. An endpoint that hangs costs them a second.
///
/// A PUT or DELETE is sent again only after a failure without an answer, or an answer such as 500:
/// beside the first, a second DELETE would find nothing (404), and a PUT with `If-Match` another
/// version (412). So it waits for an endpoint that hangs as long as that does, as a POST does, and
/// as all do where every endpoint hangs. Give them a time limit:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use core::time::Duration;
/// use evenkeel::{Fixed, http};
///
/// let client = http::Client::over(Fixed::new(["10.0.0.1:80", "10.0.0.2:80"])?)?
///     .with_retry(http::default_retry().timeout(Duration::from_secs(5))?);
/// # drop(client);
/// # Ok(())
/// # }
/// ```
///
/// It is for the clients of this crate: [`call`](Balancer::call) and
/// [`call_response`](Balancer::call_response) do not know what may be done twice.
pub fn default_retry() -> Retry {
    Retry::new(RetryPolicy::DEFAULT.with_hedging(HEDGING)).budget(RetryBudget::default())
}

/// When a request may be sent again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Repeats {
    /// After a failure.
    after: Repeat,
    /// Also beside an attempt that takes long, and after an answer whose body broke.
    anytime: bool,
}

impl Repeats {
    /// Returns what the caller says, or else the method and headers.
    pub(crate) fn new(said: Option<Repeat>, method: &Method, headers: &HeaderMap) -> Self {
        // Most have no headers yet: then, the name is not even read.
        let keyed = !headers.is_empty() && headers.contains_key(IDEMPOTENCY_KEY);
        let usual = || {
            if keyed { Repeat::Idempotent } else { Repeat::of_method(method.as_str()) }
        };
        let after = said.unwrap_or_else(usual);
        // A PUT or DELETE is idempotent alone: others may have written between its two attempts,
        // and the second of two DELETEs is told that there is nothing. RFC 9110 §9.2.2 has clients
        // repeat them by themselves only where there was no answer.
        let anytime = after.hedges() && (said.is_some() || keyed || method.is_safe());
        Self { after, anytime }
    }
}

/// What is special about one.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) key: Option<u64>,
    pub(crate) repeats: Repeats,
    /// Its body is sent once, and this tells that it has begun.
    pub(crate) begun: Option<Arc<AtomicBool>>,
    /// For the whole call, the body of its answer included.
    pub(crate) timeout: Option<Duration>,
}

impl Plan {
    /// Tells when the request may be sent again, as things are.
    fn repeat(&self) -> Repeat {
        if self.has_begun() { Repeat::Never } else { self.repeats.after }
    }

    /// Tells that the request may be hedged, and sent again where the body of its answer broke; its
    /// own body can be.
    fn may_go_again(&self) -> bool {
        self.repeats.anytime && self.begun.is_none()
    }

    /// Tells that the body, which is sent once, has begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun.as_ref().is_some_and(|begun| begun.load(Relaxed))
    }
}

impl<E> Default for Rules<E> {
    fn default() -> Self {
        Self {
            retry: default_retry(),
            accept: None,
            classify: None,
            keys: None,
            body_idle: None,
            deadline: None,
        }
    }
}

impl<E> Clone for Rules<E> {
    fn clone(&self) -> Self {
        Self {
            retry: self.retry.clone(),
            accept: self.accept.clone(),
            classify: self.classify.clone(),
            keys: self.keys,
            body_idle: self.body_idle,
            deadline: self.deadline.clone(),
        }
    }
}

impl<E> fmt::Debug for Rules<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("retry", &self.retry)
            .field("keys", &self.keys)
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
    means: Meaning,
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

/// What is left of a request whose answer has a body that may break yet.
pub(crate) struct Rest {
    call: Unanswered,
    deadline: Option<(Instant, Duration)>,
}

/// An answer, and what may be done if its body breaks before anybody had anything of it.
pub(crate) type Followed<B> = (Response<LeaseBody<B>>, Option<Box<Rest>>);

/// Sends a request until an answer is good, or no other attempt may better it; or goes on with what
/// is left of it.
///
/// # Errors
/// [`CallError`] if there was no answer at all.
pub(crate) async fn exchange<C, P, B, E, Fut>(
    balancer: &Balancer<C, P>,
    rules: &Rules<E>,
    plan: &Plan,
    rest: Option<Box<Rest>>,
    mut send: impl FnMut(Attempt<C>) -> Fut,
) -> Result<Followed<B>, CallError<E>>
where
    C: Send + Sync + 'static,
    P: Policy + Send + Sync,
    B: Body + Send + Unpin + 'static,
    E: Fault,
    Fut: Future<Output = Result<Response<B>, E>>,
{
    let mut retry = rules.retry_of(plan);
    let until = |limit| Some((Instant::now().checked_add(limit)?, limit));
    let deadline = match &rest {
        Some(rest) => rest.deadline,
        None => retry.whole().and_then(until),
    };
    if rest.is_none() && !balancer.shared.begun.load(Relaxed) {
        retry = first(balancer, retry, deadline).await;
    }
    let judge = Judge { plan, classify: rules.classify.as_deref() };
    let retry = retry.classify(&judge).accept(&judge);
    let log = Log::default();
    let (accept, keys) = (rules.accept.as_deref(), rules.keys);
    let attempt = |attempt: Attempt<C>| {
        let entry = log.begin(&attempt);
        let sent = send(attempt);
        async move {
            match sent.await {
                Ok(response) => {
                    let (head, body) = response.into_parts();
                    let place = entry.end(AttemptEnd::Answered(head.status));
                    let means = means(&head, accept, keys, || balancer.chance());
                    Ok(Answered { response: MayBeUnused::new(head, body), place, means })
                }
                Err(error) => {
                    entry.end(AttemptEnd::Failed(with_sources(&error)));
                    Err(error)
                }
            }
        }
    };
    let again = plan.may_go_again();
    let end = |lease: Lease<C>, means: Meaning, call: &_| {
        let lease = Following::new(lease, means, log.last());
        let unanswered = lease.is_untold() && again;
        let rest = || Box::new(Rest { call: Unanswered::new(call), deadline });
        (lease, unanswered.then(rest))
    };
    let unanswered = rest.as_ref().map(|rest| &rest.call);
    let called = balancer.call_with(unanswered, plan.key, &retry, attempt, end);
    let (answer, (lease, rest)) = called.await?;
    let attempts = log.attempts(answer.place);
    let response = answer.response.take().expect("it is taken once");
    let upgrades = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let follow = |body| {
        if upgrades {
            return LeaseBody::upgraded(lease);
        }
        LeaseBody::following(body, lease, rules.body_idle, deadline)
    };
    let mut response = response.map(follow);
    response.extensions_mut().insert(attempts);
    Ok((response, rest))
}

/// Tells what an answer means, by the caller or else by the table.
fn means<R: Rng>(
    head: &Parts,
    accept: Option<&OfAnswer>,
    keys: Option<Duration>,
    rng: impl FnOnce() -> R,
) -> Meaning {
    if let Some(verdict) = accept.and_then(|accept| accept(head)) {
        return (verdict, verdict.outcome());
    }
    let is_refused = matches!(head.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    if let Some(rest) = keys.filter(|_| is_refused) {
        // The endpoint rests; a call whose keys are all bad does not wait for one to be back.
        let outcome = Outcome::Overloaded { retry_after: Some(rest) };
        return (Verdict::Overloaded { wait: None }, outcome);
    }
    // All that are told the same time would come back together.
    judge(head.status, &head.headers, |wait| {
        let part = wait.mul_f64(f64::from(rng().next_u32()) / f64::from(u32::MAX) / 2.0);
        wait.saturating_add(part)
    })
}
