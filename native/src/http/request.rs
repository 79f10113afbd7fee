//! A request that is being made.

use core::time::Duration;

#[cfg(feature = "json")]
use ::http::header::CONTENT_TYPE;
use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use evenkeel_core::Policy;
use evenkeel_core::http::Repeat;
use evenkeel_core::policy::AnyPolicy;
use hyper::body::Incoming;

use super::api::{marks, methods};
use super::body::Body;
use super::client::{Client, Sent};
use super::error::{BadRequest, Error};
use super::lease_body::LeaseBody;
use super::path::Path;

/// A request that is being made; [`send`](Self::send) sends it.
///
/// What is wrong with it is told there.
#[derive(Clone, Debug)]
#[must_use = "a request does nothing before it is sent"]
pub struct RequestBuilder<P = AnyPolicy> {
    client: Client<P>,
    path: Result<Path, BadRequest>,
    request: Request<Body>,
    key: Option<u64>,
    repeat: Option<Repeat>,
    timeout: Option<Duration>,
}

methods!(Client);

impl<P: Policy + Send + Sync + 'static> Client<P> {
    /// Begins a request with this method.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder<P> {
        RequestBuilder::new(self.clone(), method, path)
    }
}

impl<P: Policy + Send + Sync + 'static> RequestBuilder<P> {
    fn new(client: Client<P>, method: Method, path: &str) -> Self {
        let mut request = Request::new(Body::default());
        *request.method_mut() = method;
        let path = Path::new(path).map_err(BadRequest::from);
        Self { client, path, request, key: None, repeat: None, timeout: None }
    }

    /// Adds a header. `Host` is asked for at every endpoint; with `Idempotency-Key`, the request
    /// may be done twice whatever its method.
    ///
    /// Over TLS and with [`http2`](super::Connections::http2), each value of `Host` has connections
    /// of its own, as many idle ones as [`max_idle`](super::Connections::max_idle) allows.
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName, Error: Into<::http::Error>> + AsRef<str>,
        V: TryInto<HeaderValue, Error: Into<::http::Error>>,
    {
        let said = name.as_ref().to_owned();
        let header = name.try_into().map_err(Into::into);
        let header = header.and_then(|name| Ok((name, value.try_into().map_err(Into::into)?)));
        match header {
            Ok((name, value)) => {
                self.request.headers_mut().append(name, value);
            }
            Err(error) => {
                let reason = error.to_string();
                self.path = self.path.and(Err(BadRequest::Header { name: said, reason }));
            }
        }
        self
    }

    /// Sets headers, in place of those of the same names.
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        for name in headers.keys() {
            self.request.headers_mut().remove(name);
        }
        self.request.headers_mut().extend(headers);
        self
    }

    /// Sets the body; default: none.
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        *self.request.body_mut() = body.into();
        self
    }

    /// Sets the body to a value as JSON, and `Content-Type` to `application/json` unless it is set.
    ///
    /// What serde cannot write is told by [`send`](Self::send).
    #[cfg(feature = "json")]
    pub fn json(mut self, value: &(impl serde::Serialize + ?Sized)) -> Self {
        match serde_json::to_vec(value) {
            Ok(json) => {
                let json_type = HeaderValue::from_static("application/json");
                self.request.headers_mut().entry(CONTENT_TYPE).or_insert(json_type);
                self.body(json)
            }
            Err(error) => {
                let reason = error.to_string();
                self.path = self.path.and(Err(BadRequest::Body { reason }));
                self
            }
        }
    }

    marks!();

    /// Bounds the whole call, above zero: all attempts, and the body of the answer.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self }
    }

    /// Sends the request; returns with the head of its answer, whatever its status.
    ///
    /// # Errors
    /// [`Error`] if there was no answer at all, or the request cannot be sent.
    pub fn send(self) -> impl Future<Output = Result<Response<LeaseBody<Incoming>>, Error>> + Send {
        let Self { client, path, request, key, repeat, timeout } = self;
        let is_zero = timeout.is_some_and(|timeout| timeout.is_zero());
        let sent = match path {
            Ok(_) if is_zero => Err(BadRequest::ZeroTimeout),
            Ok(path) => Ok(Sent::new(path, request, key, repeat, timeout)),
            Err(bad) => Err(bad),
        };
        // Boxed: it is as large as a whole call, and each future of the caller's around it would be
        // as large, too.
        Box::pin(async move { client.answer(sent?, None).await })
    }
}
