//! A request that is being made.

use core::time::Duration;
use std::borrow::Cow;
use std::sync::LazyLock;

use ::reqwest::{Method, Response, Url};
use evenkeel_core::Policy;
use evenkeel_core::http::Repeat;
use evenkeel_core::policy::AnyPolicy;

use super::client::ClientWithBalancer;
use super::error::Error;
use super::origin::below;
use crate::http::api::{marks, methods};
use crate::http::path::names_origin;

/// A request that is being made; [`send`](Self::send) sends it.
#[derive(Debug)]
#[must_use = "a request does nothing before it is sent"]
pub struct RequestBuilder<P = AnyPolicy> {
    client: ClientWithBalancer<P>,
    inner: ::reqwest::RequestBuilder,
    key: Option<u64>,
    repeat: Option<Repeat>,
}

/// Stands for the endpoint until that is picked.
static SERVICE: LazyLock<Url> =
    LazyLock::new(|| "http://service.invalid".parse().expect("it is a URL"));

methods!(ClientWithBalancer);

impl<P: Policy + Send + Sync + 'static> ClientWithBalancer<P> {
    /// Begins a request with this method.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder<P> {
        let inner = self.inner();
        let inner = if names_origin(path) {
            inner.request(method, path)
        } else {
            let path = if path.starts_with('/') {
                Cow::Borrowed(path)
            } else {
                Cow::Owned(format!("/{path}"))
            };
            match below(&SERVICE, &path) {
                Some(url) => inner.request(method, url),
                // `reqwest` tells why.
                None => inner.request(method, format!("{}{path}", *SERVICE)),
            }
        };
        RequestBuilder::new(self.clone(), inner)
    }
}

impl<P: Policy + Send + Sync + 'static> RequestBuilder<P> {
    fn new(client: ClientWithBalancer<P>, inner: ::reqwest::RequestBuilder) -> Self {
        Self { client, inner, key: None, repeat: None }
    }

    /// Makes of `reqwest`'s own builder what that can: `.with(|request| request.json(&user))`.
    pub fn with(
        self,
        make: impl FnOnce(::reqwest::RequestBuilder) -> ::reqwest::RequestBuilder,
    ) -> Self {
        Self { inner: make(self.inner), ..self }
    }

    /// Adds a header. With `Idempotency-Key`, the request may be done twice whatever its method.
    pub fn header(self, name: &str, value: &str) -> Self {
        self.with(|request| request.header(name, value))
    }

    /// Sets the body; default: none. A stream is sent once.
    pub fn body(self, body: impl Into<::reqwest::Body>) -> Self {
        self.with(|request| request.body(body))
    }

    /// Bounds the whole call, above zero: all attempts, and the body of the answer.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.with(|request| request.timeout(timeout))
    }

    marks!();

    /// Sends the request; returns with the head of its answer, whatever its status. What it took is
    /// in its extensions, as [`Attempts`](crate::http::Attempts).
    ///
    /// # Errors
    /// [`Error`] if there was no answer at all, or the request cannot be sent.
    pub async fn send(self) -> Result<Response, Error> {
        let Self { client, inner, key, repeat } = self;
        let request = inner.build().map_err(Error::Request)?;
        client.exchange(request, key, repeat).await
    }
}
