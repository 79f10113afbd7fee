//! The balanced service.

use core::fmt;
use core::future::poll_fn;
use core::task::{Context, Poll};
use std::sync::Arc;

use evenkeel_core::Policy;
use evenkeel_core::policy::AnyPolicy;
use evenkeel_core::retry::RetryPolicy;
use tower::util::Oneshot;
use tower_layer::Layer;
use tower_service::Service;

use super::answer::ResponseFuture;
use super::error::{EndpointError, Failure, boxed};
use super::layer::BalanceLayer;
use super::ready::Readiness;
use crate::balancer::Balancer;
use crate::call::{Accept, Attempt, CallError, Classify, EveryAnswer, EveryError, Retry};
use crate::factory::BoxError;

/// A balancer whose clients are services, as one service: see [`crate::tower`].
pub type BalanceService<C, Req, P = AnyPolicy, K = EveryError, A = EveryAnswer> =
    Balance<Direct, C, Req, P, K, A>;

/// A service that sends each request to an endpoint which its balancer picks, again elsewhere where
/// that fails. `I` is the service that attempts go through.
///
/// It is ready when there is a candidate, or room in its [queue](BalanceLayer::queue). The endpoint
/// is picked when the request is there: readiness takes nobody's turn, and what becomes of the
/// endpoint in between does not matter. Each attempt clones the inner service, and waits until
/// that is ready. A call allocates its future.
pub struct Balance<I, C, Req, P = AnyPolicy, K = EveryError, A = EveryAnswer> {
    inner: I,
    settings: BalanceLayer<C, Req, P, K, A>,
    readiness: Readiness,
}

impl<C, Req, P> BalanceService<C, Req, P> {
    /// Sends each request once, and fails it where there is no candidate.
    pub fn new(balancer: Balancer<C, P>) -> Self {
        BalanceLayer::new(balancer).layer(Direct)
    }
}

impl<I, C, Req, P, K, A> Balance<I, C, Req, P, K, A> {
    pub(super) fn over(inner: I, settings: BalanceLayer<C, Req, P, K, A>) -> Self {
        Self { inner, settings, readiness: Readiness::Unknown }
    }

    /// Tries again with clones of the request: see [`BalanceLayer::retry`].
    #[must_use]
    pub fn retry<L: Clone, B: Clone>(self, retry: Retry<L, B>) -> Balance<I, C, Req, P, L, B>
    where
        Req: Clone + 'static,
    {
        Balance::over(self.inner, self.settings.retry(retry))
    }

    /// Tries again with requests that `again` makes: see [`BalanceLayer::retry_by`].
    #[must_use]
    pub fn retry_by<L: Clone, B: Clone>(
        self,
        retry: Retry<L, B>,
        again: impl Fn(&Req) -> Option<Req> + Send + Sync + 'static,
    ) -> Balance<I, C, Req, P, L, B> {
        Balance::over(self.inner, self.settings.retry_by(retry, again))
    }

    /// Reads the key of a request: see [`BalanceLayer::key`].
    #[must_use]
    pub fn key(self, key: impl Fn(&Req) -> Option<u64> + Send + Sync + 'static) -> Self {
        Self::over(self.inner, self.settings.key(key))
    }

    /// Lets so many calls wait while there is no candidate: see [`BalanceLayer::queue`].
    #[must_use]
    pub fn queue(self, calls: usize) -> Self {
        Self::over(self.inner, self.settings.queue(calls))
    }

    /// Returns the balancer, for its status and its events.
    pub fn balancer(&self) -> &Balancer<C, P> {
        &self.settings.balancer
    }
}

impl<I, C, Req, P, K, A> Service<Req> for Balance<I, C, Req, P, K, A>
where
    I: Service<Directed<C, Req>> + Clone + Send + 'static,
    I::Response: Send + 'static,
    I::Error: Into<BoxError> + Send + 'static,
    I::Future: Send + 'static,
    C: Send + Sync + 'static,
    Req: Send + 'static,
    P: Policy + Send + Sync + 'static,
    K: Classify<I::Error> + Clone + Send + Sync + 'static,
    A: Accept<I::Response> + Clone + Send + Sync + 'static,
{
    type Response = I::Response;
    type Error = CallError<EndpointError>;
    type Future = ResponseFuture<I::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let BalanceLayer { balancer, queue, .. } = &self.settings;
        self.readiness.poll(cx, balancer, queue).map(Ok)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let (place, inner) = (self.readiness.take(), self.inner.clone());
        let BalanceLayer { balancer, retry, again, key, .. } = self.settings.clone();
        let key = key.and_then(|key| key(&request));
        let mut first = again.as_ref().and_then(|again| again(&request));
        let mut retry = retry;
        if first.is_none() {
            retry =
                Arc::new(Retry::clone(&retry).once().map_policy(RetryPolicy::without_elsewhere));
        }
        if place.is_some() {
            retry = Arc::new(Retry::clone(&retry).map_policy(RetryPolicy::with_wait_for_ready));
        }
        let mut held = Some(request);
        let attempt = move |attempt: Attempt<C>| {
            let next = || again.as_ref()?(held.as_ref()?);
            let request = first.take().or_else(next).or_else(|| held.take());
            let mut inner = inner.clone();
            async move {
                let request = request.ok_or(Failure::Spent)?;
                poll_fn(|cx| inner.poll_ready(cx)).await.map_err(Failure::Service)?;
                let answer = inner.call(Directed { attempt, request });
                answer.await.map_err(Failure::Service)
            }
        };
        ResponseFuture::new(async move {
            let _place = place;
            let answer = match key {
                None => balancer.call(&retry, attempt).await,
                Some(key) => balancer.call_for(key, &retry, attempt).await,
            };
            answer.map_err(boxed)
        })
    }
}

impl<I, C, Req, P, K, A> Layer<I> for BalanceLayer<C, Req, P, K, A> {
    type Service = Balance<I, C, Req, P, K, A>;

    fn layer(&self, inner: I) -> Self::Service {
        Balance::over(inner, self.clone())
    }
}

impl<I: Clone, C, Req, P, K, A> Clone for Balance<I, C, Req, P, K, A> {
    fn clone(&self) -> Self {
        Self::over(self.inner.clone(), self.settings.clone())
    }
}

impl<I: fmt::Debug, C, Req, P, K, A> fmt::Debug for Balance<I, C, Req, P, K, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Balance")
            .field("inner", &self.inner)
            .field("settings", &self.settings)
            .field("readiness", &self.readiness)
            .finish()
    }
}

/// One attempt of a request, and the endpoint that it is for.
#[derive(Debug)]
#[non_exhaustive]
pub struct Directed<C, Req> {
    /// The endpoint's client, which number the attempt has, and how much time is left.
    pub attempt: Attempt<C>,
    /// What to send there.
    pub request: Req,
}

/// Sends a request through a clone of its endpoint's own client.
#[derive(Clone, Copy, Debug, Default)]
pub struct Direct;

impl<C: Service<Req> + Clone, Req> Service<Directed<C, Req>> for Direct {
    type Response = C::Response;
    type Error = C::Error;
    type Future = Oneshot<C, Req>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), C::Error>> {
        // Which client it will be is not known before the request.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, Directed { attempt, request }: Directed<C, Req>) -> Self::Future {
        Oneshot::new(C::clone(&attempt), request)
    }
}
