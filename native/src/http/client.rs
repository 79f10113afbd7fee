//! The client, and its settings.

use core::time::Duration;
use std::sync::Arc;

use ::http::response::Parts;
use ::http::{HeaderName, Request, Response};
use evenkeel_core::http::Repeat;
use evenkeel_core::policy::AnyPolicy;
use evenkeel_core::{Policy, Verdict};
use hyper::body::Incoming;

use super::again::{AskedAgain, or_again};
use super::api::settings;
use super::body::Body;
use super::error::{BadRequest, Error, SendError};
use super::exchange::{Plan, Repeats, Rest, Rules, exchange};
use super::lease_body::LeaseBody;
use super::path::Path;
use super::pool::{Connections, Pool};
use crate::balancer::Balancer;
use crate::call::{Attempt, Retry};
use crate::discover::Discover;
use crate::error::BuildError;

/// An HTTP client over a [`Balancer`]: it picks an endpoint for each request, and tries elsewhere
/// what fails there.
///
/// Cheap to clone; all clones share connections, budgets and settings.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use evenkeel::{DnsSrv, http::Client};
/// use std::time::Duration;
///
/// let client = Client::over(DnsSrv::new("_http._tcp.users.example.com")?)?;
/// let response = client.get("/users/7").timeout(Duration::from_secs(5)).send().await?;
/// let user = response.into_body().bytes(1 << 20).await?;
/// # drop(user);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Client<P = AnyPolicy> {
    balancer: Balancer<Pool, P>,
    rules: Arc<Rules<SendError>>,
}

impl<P> Clone for Client<P> {
    fn clone(&self) -> Self {
        Self { balancer: self.balancer.clone(), rules: Arc::clone(&self.rules) }
    }
}

impl Client {
    /// Balances over the endpoints of `source`, with the defaults of [`Balancer::builder`] and
    /// [`Connections`]. **Requests have no time limit** unless you set one, for all or for
    /// [one](super::RequestBuilder::timeout): what writes, such as a POST, waits for an endpoint
    /// that hangs for as long as it does; others are [hedged](super::default_retry) after a second.
    ///
    /// Requests may be sent at once: they wait for the first answer of discovery, within their time
    /// limit. Where that fails or names nobody, they fail and say why; so do later ones, unless
    /// they [wait](Retry::wait_for_ready).
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
    /// # Errors
    /// [`BuildError`] outside a tokio runtime.
    pub fn over(source: impl Discover) -> Result<Self, BuildError> {
        Ok(Self::new(Balancer::builder(source).build(Connections::default())?))
    }
}

impl<P: Policy + Send + Sync> Client<P> {
    /// Sends what `balancer` spreads, which is built with [`Connections`], with the retries of
    /// [`default_retry`](super::default_retry), which have **no time limit**.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use core::time::Duration;
    /// use evenkeel::http::{Client, Connections, default_retry};
    /// use evenkeel::{Balancer, Fixed, RoundRobin};
    ///
    /// let balancer = Balancer::builder(Fixed::new(["10.0.0.1:80", "10.0.0.2:80"])?)
    ///     .policy(RoundRobin::new())
    ///     .build(Connections::default().max_age(Duration::from_secs(300)))?;
    /// let retry = default_retry().timeout(Duration::from_secs(5))?;
    /// let client = Client::new(balancer).with_retry(retry);
    /// # drop(client);
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(balancer: Balancer<Pool, P>) -> Self {
        Self { balancer, rules: Arc::default() }
    }

    settings!(Pool, SendError);
}

impl<P: Policy + Send + Sync + 'static> Client<P> {
    /// Sends a request as it is, but for its origin, for which an endpoint stands in: what a proxy
    /// needs. It may be sent again as its method and headers say.
    ///
    /// # Errors
    /// [`Error`] if there was no answer at all.
    pub async fn send<B: Into<Body>>(
        &self,
        request: Request<B>,
    ) -> Result<Response<LeaseBody<Incoming>>, Error> {
        let (head, body) = request.into_parts();
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let path = Path::new(path).map_err(BadRequest::from)?;
        let mut sent = Request::new(body.into());
        *sent.method_mut() = head.method;
        *sent.headers_mut() = head.headers;
        self.answer(Sent::new(path, sent, None, None, None), None).await
    }

    /// Has a request answered, or goes on with what is left of it.
    pub(super) async fn answer(
        &self,
        sent: Arc<Sent>,
        rest: Option<Box<Rest>>,
    ) -> Result<Response<LeaseBody<Incoming>>, Error> {
        let Sent { request, path, plan } = &*sent;
        let send = |pool: Attempt<Pool>| {
            let mut sent = Request::new(request.body().wire());
            request.method().clone_into(sent.method_mut());
            request.headers().clone_into(sent.headers_mut());
            self.rules.tell_deadline(&pool, sent.headers_mut());
            pool.send(sent, path)
        };
        let answer = exchange(&self.balancer, &self.rules, plan, rest, send).await;
        let body_begun = plan.has_begun();
        let answer = answer.map_err(|call| Error::Call { call, body_begun })?;
        let client = self.clone();
        Ok(or_again(answer, move |rest| client.answer_again(sent, rest)))
    }

    fn answer_again(self, sent: Arc<Sent>, rest: Box<Rest>) -> AskedAgain<Incoming> {
        Box::pin(async move { self.answer(sent, Some(rest)).await.ok() })
    }
}

/// What is sent, at each attempt.
pub(super) struct Sent {
    request: Request<Body>,
    path: Path,
    plan: Plan,
}

impl Sent {
    pub(super) fn new(
        path: Path,
        request: Request<Body>,
        key: Option<u64>,
        said: Option<Repeat>,
        timeout: Option<Duration>,
    ) -> Arc<Self> {
        let repeats = Repeats::new(said, request.method(), request.headers());
        let plan = Plan { key, repeats, begun: request.body().begun(), timeout };
        Arc::new(Self { request, path, plan })
    }
}
