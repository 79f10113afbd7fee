//! The channel: one call over as many attempts as it takes.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::Arc;

use evenkeel_core::Policy;
use evenkeel_core::grpc::{self, Timeout};
use evenkeel_core::policy::AnyPolicy;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderName, HeaderValue, Uri};
use hyper::body::Incoming;
use tokio::time::Instant;
use tonic::Status;
use tower_service::Service;

use super::body::AnswerBody;
use super::calls::{Calls, Judge};
use super::failure::{self, Failure};
use super::link::Link;
use super::links::Links;
use super::meter::{AnswerMeter, CallMeter};
use super::request::{Outgoing, Parcel};
use super::seat::Census;
use crate::balancer::Balancer;
use crate::call::{Attempt, CallError, Cause, Retry};
use crate::error::PickError;
use crate::lease::Lease;
use crate::target::Target;
use evenkeel_core::connection::Connectivity;

const TIMEOUT: HeaderName = HeaderName::from_static(grpc::TIMEOUT);
const PREVIOUS_ATTEMPTS: HeaderName = HeaderName::from_static(grpc::PREVIOUS_ATTEMPTS);

/// A balanced channel for generated gRPC clients: see [`crate::tonic`]. Cheap to clone; all clones
/// share the connections.
pub struct Channel<P = AnyPolicy> {
    shared: Arc<Shared<P>>,
}

struct Shared<P> {
    balancer: Balancer<Link, P>,
    links: Arc<Links>,
    calls: Calls,
}

impl<P> Channel<P> {
    pub(super) fn new(balancer: Balancer<Link, P>, links: Arc<Links>, calls: Calls) -> Self {
        Self { shared: Arc::new(Shared { balancer, links, calls }) }
    }

    /// Returns the balancer, for its status and its events.
    pub fn balancer(&self) -> &Balancer<Link, P> {
        &self.shared.balancer
    }

    /// Waits until an endpoint is connected. It may be that this never happens.
    pub async fn ready(&self) {
        // The sender lives as long as this handle.
        let _ = self.shared.links.census.subscribe().wait_for(|census| census.ready > 0).await;
    }

    /// Lists how far the connection of each endpoint is, in the order of addresses. O(n).
    pub fn connections(&self) -> Vec<(Target, Connectivity)> {
        let listing = self.shared.balancer.shared.listing.load();
        listing
            .clients()
            .map(|client| (client.target.clone(), client.inner.connectivity()))
            .collect()
    }

    /// Connects to all endpoints at once that wait after a failure: the network is back. Endpoints
    /// that discovery removes and finds again are connected at once, too.
    pub fn reset_backoff(&self) {
        self.shared.links.resets.send_replace(());
    }
}

impl<P: Policy + Send + Sync + 'static> Service<http::Request<tonic::body::Body>> for Channel<P> {
    type Response = http::Response<AnswerBody>;
    type Error = Status;
    type Future = ResponseFuture;

    /// Is always ready: a call waits for its endpoint itself, as its deadline allows.
    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> ResponseFuture {
        let shared = Arc::clone(&self.shared);
        ResponseFuture(Box::pin(async move { shared.send(request).await }))
    }
}

impl<P: Policy + Send + Sync> Shared<P> {
    async fn send(
        &self,
        request: http::Request<tonic::body::Body>,
    ) -> Result<http::Response<AnswerBody>, Status> {
        let asked = request.headers().get(TIMEOUT).and_then(|value| value.to_str().ok());
        let limits = [asked.and_then(Timeout::parse), self.calls.retry.policy().timeout()];
        let limit = limits.into_iter().flatten().min();
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let parcel = Parcel::new(request, self.calls.resend_limit).await?;
        let meter = CallMeter::begin(&self.links.settings.target, parcel.parts());
        let key = self.calls.key.as_ref().and_then(|key| (key.0)(parcel.parts()));
        // Others may be connected of which the balancer does not know yet: those that turn out to
        // have no connection cost the call none of its attempts, once.
        let mut again = true;
        let is_ready = || self.links.census.borrow().ready > 0;
        loop {
            let ready = self.wait_for_connection(deadline).await;
            let retry = ready.and_then(|()| self.retry(&parcel, deadline));
            let retry = retry.inspect_err(|status| meter.end(failure::code_of(status.code())))?;
            let attempt = |attempt| self.attempt(attempt, &parcel, &meter);
            let end =
                |lease: Lease<Link>, (verdict, outcome), _: &_| lease.followed(verdict, outcome);
            match self.balancer.call_with(None, key, &retry, attempt, end).await {
                Ok((mut answer, lease)) => {
                    let (judge, meter) =
                        (self.calls.judge.clone(), AnswerMeter::of(meter, &mut answer));
                    let body = |body| AnswerBody::new(body, deadline, lease, judge, meter);
                    return Ok(answer.map(body));
                }
                Err(error)
                    if was_down(&error)
                        && !self.balancer.shared.supervisor.has_ended()
                        && (self.calls.wait_for_ready && may_pass(&error)
                            || again && is_ready()) =>
                {
                    again = false;
                    // Without that, a call that waits could keep the balancer from its turn.
                    let told = by(deadline, self.links.told()).await;
                    told.inspect_err(|status| meter.end(failure::code_of(status.code())))?;
                }
                Err(error) => {
                    let status = failure::status(error);
                    meter.end(failure::code_of(status.code()));
                    return Err(status);
                }
            }
        }
    }

    fn retry(
        &self,
        parcel: &Parcel,
        deadline: Option<Instant>,
    ) -> Result<Retry<Judge, Judge>, Status> {
        let Calls { retry, judge, .. } = &self.calls;
        let mut retry = retry.clone();
        if !parcel.is_whole() {
            retry = retry.once();
        }
        if let Some(deadline) = deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            let policy = retry.policy().with_timeout(left).map_err(|_| late("it was sent"))?;
            retry = retry.map_policy(|_| policy);
        }
        Ok(retry.classify(judge.clone()).accept(judge.clone()))
    }

    async fn attempt(
        &self,
        attempt: Attempt<Link>,
        parcel: &Parcel,
        meter: &CallMeter,
    ) -> Result<http::Response<Incoming>, Failure> {
        let meter = meter.attempt(attempt.number(), attempt.is_hedge());
        meter.answered(attempt.send(parcel, |request| self.direct(&attempt, request)).await)
    }

    /// Makes a request one to the endpoint of this attempt.
    fn direct(&self, attempt: &Attempt<Link>, request: &mut http::Request<Outgoing>) {
        let Calls { scheme, authority, .. } = &self.calls;
        let mut uri = request.uri().clone().into_parts();
        uri.scheme.get_or_insert_with(|| scheme.clone());
        if uri.authority.is_none() {
            uri.authority = authority.clone().or_else(|| own(attempt.target()));
        }
        uri.path_and_query.get_or_insert_with(|| PathAndQuery::from_static("/"));
        // All three parts are there.
        if let Ok(uri) = Uri::from_parts(uri) {
            *request.uri_mut() = uri;
        }
        let headers = request.headers_mut();
        if let Some(left) = attempt.time_left()
            && let Ok(left) = HeaderValue::try_from(Timeout(left).to_string())
        {
            headers.insert(TIMEOUT, left);
        }
        if attempt.number() > 1 {
            headers.insert(PREVIOUS_ATTEMPTS, HeaderValue::from(attempt.number() - 1));
        }
    }

    /// Waits for the first connections, and for any where the call is to wait. Where all have
    /// failed, the call finds out why.
    async fn wait_for_connection(&self, deadline: Option<Instant>) -> Result<(), Status> {
        let settled = |census: Census| {
            let is_there = census.ready > 0 && self.balancer.shared.snapshot.load().len() > 0;
            let none_comes = || self.balancer.shared.supervisor.has_ended();
            is_there || !self.calls.wait_for_ready && !self.may_come(census) || none_comes()
        };
        if settled(*self.links.census.borrow()) {
            return Ok(());
        }
        let mut census = self.links.census.subscribe();
        let mut clients = self.balancer.shared.clients.subscribe();
        let mut discovery = self.balancer.shared.discovery.subscribe();
        let mut task = self.balancer.task();
        let waits = async {
            while !settled(*census.borrow_and_update()) {
                // The senders live as long as this.
                tokio::select! {
                    _ = census.changed() => {}
                    _ = clients.changed() => {}
                    _ = discovery.changed() => {}
                    _ = task.wait_for(|task| task.ended) => {}
                }
            }
        };
        by(deadline, waits).await
    }

    /// Tells that there may soon be a connection, because none has failed so far.
    fn may_come(&self, census: Census) -> bool {
        let counts = self.balancer.shared.clients.borrow().counts;
        if counts.endpoints == 0 {
            // No answer of discovery has been taken over yet.
            let discovery = self.balancer.shared.discovery.borrow();
            let has_none = discovery.error.is_some() || discovery.empty_held > 0;
            return counts.none.is_none() && !has_none;
        }
        census.pending > 0 || !counts.settled
    }
}

/// Waits for a connection until the deadline.
async fn by(deadline: Option<Instant>, waits: impl Future<Output = ()>) -> Result<(), Status> {
    match deadline {
        None => waits.await,
        Some(deadline) => tokio::time::timeout_at(deadline, waits)
            .await
            .map_err(|_| late("an endpoint was connected"))?,
    }
    Ok(())
}

/// Tells that waiting for a connection helps: not where there is one, and the limit of requests in
/// flight or the policy refused it.
fn may_pass(error: &CallError<Failure>) -> bool {
    error.unavailable.as_ref().is_none_or(|error| match error {
        PickError::NoEndpoints { .. }
        | PickError::NoClients { .. }
        | PickError::AllDrained
        | PickError::AllEjected
        | PickError::Table(_) => true,
        PickError::Busy { .. } | PickError::Declined => false,
    })
}

/// Returns the authority of an endpoint, with its port: no port is the usual one of gRPC.
fn own(target: &Target) -> Option<Authority> {
    target.authority(0).parse().ok()
}

fn late(what: &str) -> Status {
    Status::deadline_exceeded(format!("the call's time was over before {what}"))
}

/// Tells that no attempt left the client.
fn was_down(error: &CallError<Failure>) -> bool {
    error.attempts.iter().all(|attempt| match &attempt.cause {
        Cause::Failed(failure) => match failure {
            Failure::Down(_) | Failure::Unsent { lost: false, .. } => true,
            Failure::Unsent { lost: true, .. }
            | Failure::Broken { .. }
            | Failure::Request(_)
            | Failure::Spent => false,
        },
        Cause::TimedOut | Cause::GivenUp => false,
    })
}

/// The future of a call: all of its attempts. Dropped, it gives up those under way.
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture(Answering);

type Answering = Pin<Box<dyn Future<Output = Result<http::Response<AnswerBody>, Status>> + Send>>;

impl Future for ResponseFuture {
    type Output = Result<http::Response<AnswerBody>, Status>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<P> Clone for Channel<P> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<P> fmt::Debug for Channel<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("connections", &self.connections()).finish_non_exhaustive()
    }
}
