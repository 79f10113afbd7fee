//! The client, and its settings.

use core::time::Duration;
use std::sync::Arc;

use ::http::HeaderName;
use ::http::response::Parts;
use ::reqwest::{Body, Client, Request, Response};
use evenkeel_core::http::Repeat;
use evenkeel_core::policy::AnyPolicy;
use evenkeel_core::{Policy, Verdict};

use super::error::Error;
use super::origin::{Origin, Origins, bad};
use super::template::Template;
use crate::balancer::Balancer;
use crate::call::{Attempt, Retry};
use crate::discover::Discover;
use crate::error::BuildError;
use crate::http::again::{AskedAgain, or_again};
use crate::http::api::settings;
use crate::http::exchange::{Plan, Repeats, Rest, Rules, exchange};
use crate::http::lease_body::LeaseBody;
use crate::http::path::Path;

/// A [`reqwest::Client`](Client) over a [`Balancer`]: it picks an endpoint for each request, and
/// tries elsewhere what fails there. Connections, TLS and redirects are the client's business.
///
/// Cheap to clone; all clones share the client, budgets and settings.
#[derive(Debug)]
pub struct ClientWithBalancer<P = AnyPolicy> {
    client: Client,
    balancer: Balancer<Origin, P>,
    rules: Arc<Rules<::reqwest::Error>>,
}

impl<P> Clone for ClientWithBalancer<P> {
    fn clone(&self) -> Self {
        let (client, balancer) = (self.client.clone(), self.balancer.clone());
        Self { client, balancer, rules: Arc::clone(&self.rules) }
    }
}

impl ClientWithBalancer {
    /// Balances by HTTP over the endpoints of `source`, with the defaults of [`Balancer::builder`].
    /// **Requests have no time limit** unless you set one, for all or for
    /// [one](super::RequestBuilder::timeout): what writes, such as a POST, waits for an endpoint
    /// that hangs for as long as it does; others are [hedged](crate::http::default_retry) after a
    /// second. Requests may be sent at once: they wait for the first answer of discovery, within
    /// their time limit.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use core::time::Duration;
    /// use evenkeel::{Fixed, http, reqwest::ClientWithBalancer};
    ///
    /// let addresses = Fixed::new(["10.0.0.1:80", "10.0.0.2:80"])?;
    /// let client = ClientWithBalancer::over(reqwest::Client::new(), addresses)?
    ///     .with_retry(http::default_retry().timeout(Duration::from_secs(5))?);
    /// # drop(client);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`BuildError`] outside a tokio runtime.
    pub fn over(client: Client, source: impl Discover) -> Result<Self, BuildError> {
        Ok(Self::new(client, Balancer::builder(source).build(Origins::http())?))
    }
}

impl<P: Policy + Send + Sync> ClientWithBalancer<P> {
    /// Sends by `client` what `balancer` spreads, which is built with [`Origins`], with the retries
    /// of [`default_retry`](crate::http::default_retry), which have **no time limit**; nor has
    /// `client` for a single attempt, unless you built it with one.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use core::time::Duration;
    /// use evenkeel::reqwest::{ClientWithBalancer, Origins};
    /// use evenkeel::{Balancer, Fixed, http};
    ///
    /// let addresses = Fixed::new(["10.0.0.1:80", "10.0.0.2:80"])?;
    /// let balancer = Balancer::builder(addresses).build(Origins::http().prefix("/v1")?)?;
    /// let retry = http::default_retry().timeout(Duration::from_secs(5))?;
    /// let client = ClientWithBalancer::new(reqwest::Client::new(), balancer).with_retry(retry);
    /// # drop(client);
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(client: Client, balancer: Balancer<Origin, P>) -> Self {
        Self { client, balancer, rules: Arc::default() }
    }

    settings!(Origin, ::reqwest::Error);

    pub(super) fn inner(&self) -> &Client {
        &self.client
    }
}

impl<P: Policy + Send + Sync + 'static> ClientWithBalancer<P> {
    pub(super) async fn exchange(
        &self,
        mut request: Request,
        key: Option<u64>,
        said: Option<Repeat>,
    ) -> Result<Response, Error> {
        let timeout = request.timeout_mut().take();
        if timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Err(Error::ZeroTimeout);
        }
        let url = request.url();
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let path = Path::new(&path).map_err(bad)?;
        let repeats = Repeats::new(said, request.method(), request.headers());
        let template = Template::new(request);
        let plan = Plan { key, repeats, begun: template.begun(), timeout };
        let answer = self.answer(Arc::new(Sent { template, path, plan }), None).await?;
        Ok(Response::from(answer.map(Body::wrap)))
    }

    /// Has a request answered, or goes on with what is left of it.
    async fn answer(
        &self,
        sent: Arc<Sent>,
        rest: Option<Box<Rest>>,
    ) -> Result<::http::Response<LeaseBody<Body>>, Error> {
        let Sent { template, path, plan } = &*sent;
        let send = |origin: Attempt<Origin>| {
            let mut request = template.next();
            origin.turn(&mut request, path);
            self.rules.tell_deadline(&origin, request.headers_mut());
            let answer = self.client.execute(request);
            async move {
                // A query may have secrets, and errors are logged.
                let answer = answer.await.map_err(::reqwest::Error::without_url);
                answer.map(::http::Response::<Body>::from)
            }
        };
        let answer = exchange(&self.balancer, &self.rules, plan, rest, send).await;
        let body_begun = plan.has_begun();
        let answer = answer.map_err(|call| Error::Call { call, body_begun })?;
        let client = self.clone();
        Ok(or_again(answer, move |rest| client.answer_again(sent, rest)))
    }

    fn answer_again(self, sent: Arc<Sent>, rest: Box<Rest>) -> AskedAgain<Body> {
        Box::pin(async move { self.answer(sent, Some(rest)).await.ok() })
    }
}

/// What is sent, at each attempt.
struct Sent {
    template: Template,
    path: Path,
    plan: Plan,
}
