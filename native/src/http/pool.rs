//! The connections to one endpoint, and how they are made.

use core::fmt;
use core::future::ready;
use core::time::Duration;
use std::sync::Arc;

use ::http::header::HOST;
use ::http::uri::{Authority, Parts, Scheme};
use ::http::{HeaderValue, Method, Request, Response, Uri};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::capture_connection;
use hyper_util::client::legacy::{Builder, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::body::Wire;
use super::connect::{Age, Connector, Settings};
use super::error::{BadRequest, SendError};
use super::path::{self, Path};
use crate::factory::{BoxError, Factory};
use crate::target::Target;
#[cfg(feature = "tls")]
use crate::tls::{Connector as TlsConnector, Tls};

/// How connections to endpoints are made and kept: what makes a [`Pool`] for each endpoint of a
/// [`Balancer`](crate::Balancer).
///
/// ```
/// use core::time::Duration;
/// use evenkeel::http::Connections;
///
/// let connections = Connections::default()
///     .max_age(Duration::from_secs(300))
///     .prefix("/v1")?;
/// # drop(connections);
/// # Ok::<(), evenkeel::http::BadRequest>(())
/// ```
#[derive(Clone, Debug)]
pub struct Connections {
    #[cfg(feature = "tls")]
    tls: Option<TlsConnector>,
    http2: bool,
    prefix: String,
    host: Option<Authority>,
    connect_timeout: Duration,
    idle_timeout: Duration,
    max_idle: usize,
    max_age: Option<Duration>,
    max_headers: Option<usize>,
    keep_alive: Duration,
}

impl Default for Connections {
    /// HTTP/1.1 without TLS; 5 s to connect; at most 32 idle connections to an endpoint, each for
    /// 60 s; no age at which they retire.
    fn default() -> Self {
        Self {
            #[cfg(feature = "tls")]
            tls: None,
            http2: false,
            prefix: String::new(),
            host: None,
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(60),
            max_idle: 32,
            max_age: None,
            max_headers: None,
            keep_alive: Duration::from_secs(20),
        }
    }
}

impl Connections {
    /// Speaks TLS, and HTTP/2 where the endpoint agrees to it. The certificate has to be for the
    /// name that discovery gave the endpoint, for [`host`](Self::host) if that is set, or for what
    /// `tls` says.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(self, tls: Tls) -> Self {
        Self { tls: Some(TlsConnector::new(tls)), ..self }
    }

    /// Speaks HTTP/2 from the first byte on: over TLS as the only protocol, without TLS by prior
    /// knowledge (RFC 9113 §3.3).
    ///
    /// There is one connection to an endpoint then, with as many requests at a time as the endpoint
    /// allows; others wait for their turn on it. An endpoint that gets only as many requests as it
    /// can take wants a [`max_in_flight`](crate::Config::max_in_flight).
    #[must_use]
    pub fn http2(self) -> Self {
        Self { http2: true, ..self }
    }

    /// Puts this path before that of each request, with exactly one slash between them.
    ///
    /// # Errors
    /// [`BadRequest::Path`] if it is no path, or has a query.
    pub fn prefix(self, prefix: &str) -> Result<Self, BadRequest> {
        Ok(Self { prefix: path::prefix(prefix)?, ..self })
    }

    /// Asks for this host everywhere, rather than for each endpoint by its own name: a name, and a
    /// port if that is to be in the `Host` header.
    ///
    /// # Errors
    /// [`BadRequest::Host`] if it is none.
    pub fn host(self, host: &str) -> Result<Self, BadRequest> {
        Ok(Self { host: Some(authority(host)?), ..self })
    }

    /// Sets how long it may take to connect, TLS included; default: 5 s. What takes longer never
    /// left, and goes to another endpoint.
    #[must_use]
    pub fn connect_timeout(self, timeout: Duration) -> Self {
        Self { connect_timeout: timeout, ..self }
    }

    /// Sets how long a connection is kept that nobody uses; default: 60 s. It should be shorter
    /// than the endpoints' own time.
    #[must_use]
    pub fn idle_timeout(self, timeout: Duration) -> Self {
        Self { idle_timeout: timeout, ..self }
    }

    /// Sets how many connections to an endpoint are kept that nobody uses; default: 32.
    #[must_use]
    pub fn max_idle(self, connections: usize) -> Self {
        Self { max_idle: connections, ..self }
    }

    /// Retires connections at this age; default: never. What is under way on one goes on to its
    /// end, and new requests get another: how endpoints behind an address that stays the same, or
    /// those that were drained elsewhere, lose their clients. An idle one is closed within the
    /// [`idle_timeout`](Self::idle_timeout).
    #[must_use]
    pub fn max_age(self, age: Duration) -> Self {
        Self { max_age: Some(age), ..self }
    }

    /// Takes answers of HTTP/1 with so many headers; default: 100. Those with more are an error, so
    /// that no endpoint fills the memory. Another number costs an allocation for each answer.
    #[must_use]
    pub fn max_headers(self, headers: usize) -> Self {
        Self { max_headers: Some(headers), ..self }
    }

    /// Makes the pool of an endpoint, with no connection in it yet.
    ///
    /// # Errors
    /// [`BadRequest::Host`] if the endpoint's name cannot be in a URL.
    pub fn pool(&self, target: Target) -> Result<Pool, BadRequest> {
        let own = target.authority(if self.is_secure() { 443 } else { 80 });
        let authority = self.host.clone().map_or_else(|| authority(&own), Ok)?;
        let connector = Connector(Arc::new(Settings {
            #[cfg(feature = "tls")]
            tls: self.tls.clone().map(|tls| {
                let name = self.host.as_ref().map_or(target.host(), Authority::host);
                let h2: &[&[u8]] = if self.http2 { &[b"h2"] } else { &[b"h2", b"http/1.1"] };
                (tls.speaking(h2), name.trim_matches(['[', ']']).into())
            }),
            target,
            timeout: self.connect_timeout,
            max_age: self.max_age,
        }));
        let h2 = self.http2 || self.is_secure();
        let mut builder = Builder::new(TokioExecutor::new());
        if let Some(headers) = self.max_headers {
            builder.http1_max_headers(headers);
        }
        let client = builder
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(self.idle_timeout)
            .pool_max_idle_per_host(self.max_idle)
            // A connection that is dead and does not say so would take all requests for minutes.
            .http2_keep_alive_interval(self.keep_alive)
            .http2_keep_alive_timeout(self.keep_alive / 2)
            .http2_only(self.http2)
            // Until the endpoint has said how many it takes, others would be refused.
            .http2_initial_max_send_streams(1)
            .set_host(h2)
            .build(connector);
        let scheme = if self.is_secure() { Scheme::HTTPS } else { Scheme::HTTP };
        let ages = self.max_age.is_some();
        let host = host(&authority, self.is_secure())?;
        let authority = if h2 { authority } else { Authority::from_static("e") };
        Ok(Pool { client, scheme, authority, host, prefix: self.prefix.clone(), ages, h2 })
    }

    #[cfg(feature = "tls")]
    fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    #[cfg(not(feature = "tls"))]
    #[expect(clippy::unused_self, reason = "with TLS, it has some")]
    fn is_secure(&self) -> bool {
        false
    }
}

fn authority(text: &str) -> Result<Authority, BadRequest> {
    let bad = |reason: String| BadRequest::Host { host: text.to_owned(), reason };
    let authority: Authority = text.parse().map_err(|error| bad(format!("{error}")))?;
    if authority.host().is_empty() || text.contains('@') {
        return Err(bad("it names no host, or a user".to_owned()));
    }
    Ok(authority)
}

/// Returns what to ask for by default: without the usual port.
fn host(authority: &Authority, secure: bool) -> Result<HeaderValue, BadRequest> {
    let usual = if secure { 443 } else { 80 };
    let said = match authority.port_u16().filter(|port| *port != usual) {
        Some(port) => format!("{}:{port}", authority.host()),
        None => authority.host().to_owned(),
    };
    let bad = |error| BadRequest::Host { host: said.clone(), reason: format!("{error}") };
    HeaderValue::from_str(&said).map_err(bad)
}

impl Factory for Connections {
    type Client = Pool;

    fn make(
        &self,
        target: Target,
    ) -> impl Future<Output = Result<Pool, BoxError>> + Send + 'static {
        ready(self.pool(target).map_err(Into::into))
    }
}

/// The connections to one endpoint: what a [`Client`](super::Client) balances over.
#[derive(Clone)]
pub struct Pool {
    client: Client<Connector, Wire>,
    scheme: Scheme,
    /// That of URLs. Without HTTP/2, it goes nowhere: it is as short as can be, as hyper's pool
    /// hashes each byte of it several times for each request.
    authority: Authority,
    /// Whom requests ask for.
    host: HeaderValue,
    prefix: String,
    ages: bool,
    /// Its connections may speak HTTP/2.
    h2: bool,
}

impl Pool {
    /// Sends a request to this endpoint; returns with the head of its answer. The future is small:
    /// it holds neither the request nor the pool.
    pub(super) fn send(
        &self,
        mut request: Request<Wire>,
        path: &Path,
    ) -> impl Future<Output = Result<Response<Incoming>, SendError>> + Send + use<> {
        let uri = self.uri(&mut request, path);
        let captured = self.ages.then(|| capture_connection(&mut request));
        let response = uri.map(|uri| {
            *request.uri_mut() = uri;
            self.client.request(request)
        });
        async move {
            let mut response = response?.await.map_err(SendError::of)?;
            if let Some(captured) = captured
                && let Some(age) = response.extensions_mut().remove::<Age>()
            {
                age.learn(captured);
            }
            Ok(response)
        }
    }

    /// Returns the URL of a request here. Where HTTP/2 may be spoken, a `Host` header of the
    /// caller's goes into it, which is the only place for it there. Else it stays a header:
    /// connections are kept by the host of the URL.
    fn uri(&self, request: &mut Request<Wire>, path: &Path) -> Result<Uri, SendError> {
        if request.method() == Method::CONNECT {
            return Err(SendError::request("CONNECT is for proxies: it leads to no path"));
        }
        let headers = request.headers_mut();
        let mut parts = Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path.below(&self.prefix).map_err(SendError::request)?);
        if let Some(host) = headers.remove(HOST) {
            let said = authority(host.to_str().map_err(SendError::request)?);
            let said = said.map_err(SendError::request)?;
            if self.h2 {
                parts.authority = Some(said);
            } else {
                headers.insert(HOST, host);
            }
        } else if !self.h2 {
            headers.insert(HOST, self.host.clone());
        }
        Uri::from_parts(parts).map_err(SendError::request)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({}://{}{})", self.scheme, self.host.to_str().unwrap_or("?"), self.prefix)
    }
}
