//! Where the requests to an endpoint go.

use core::future::ready;

use ::reqwest::Url;
use ::reqwest::header::{HOST, HeaderValue};

use super::error::Error;
use crate::factory::{BoxError, Factory};
use crate::http::path::{self, BadPath, Path};
use crate::target::Target;

/// Makes the [`Origin`] of each endpoint of a [`Balancer`](crate::Balancer).
#[derive(Clone, Debug)]
pub struct Origins {
    secure: bool,
    prefix: String,
}

impl Origins {
    /// Asks endpoints by HTTP, at the addresses that discovery found for them.
    pub const fn http() -> Self {
        Self { secure: false, prefix: String::new() }
    }

    /// Asks endpoints by HTTPS, at their names, for which their certificates are.
    ///
    /// `reqwest` finds the addresses of a name itself, and keeps connections by name: several
    /// addresses of one name are one endpoint to it. [`http::Client`](crate::http) tells them apart.
    pub const fn https() -> Self {
        Self { secure: true, prefix: String::new() }
    }

    /// Puts this path before that of each request, with exactly one slash between them.
    ///
    /// # Errors
    /// [`Error::Url`] if it is no path, or has a query.
    pub fn prefix(self, prefix: &str) -> Result<Self, Error> {
        Ok(Self { prefix: path::prefix(prefix).map_err(bad)?, ..self })
    }
}

impl Factory for Origins {
    type Client = Origin;

    fn make(
        &self,
        target: Target,
    ) -> impl Future<Output = Result<Origin, BoxError>> + Send + 'static {
        let Self { secure, prefix } = self.clone();
        ready(Origin::new(&target, secure, prefix))
    }
}

/// Where the requests to one endpoint go: what a
/// [`ClientWithBalancer`](super::ClientWithBalancer) balances over.
#[derive(Clone, Debug)]
pub struct Origin {
    /// As `http://10.0.0.1:80`: with a path, it is a URL.
    base: String,
    prefix: String,
    /// Its name, where it is asked at its address.
    host: Option<HeaderValue>,
}

impl Origin {
    fn new(target: &Target, secure: bool, prefix: String) -> Result<Self, BoxError> {
        // No target has port 0.
        let whole = target.authority(0);
        let base = if secure { format!("https://{whole}") } else { format!("http://{target}") };
        Url::parse(&base).map_err(|error| format!("{base} is no URL: {error}"))?;
        if secure {
            return Ok(Self { base, prefix, host: None });
        }
        let named = target.socket_addr().is_some_and(|addr| addr.to_string() != whole);
        let host = if named { Some(HeaderValue::from_str(&target.authority(80))?) } else { None };
        Ok(Self { base, prefix, host })
    }

    /// Turns a request to this endpoint.
    pub(super) fn turn(&self, request: &mut ::reqwest::Request, path: &Path) {
        // One that is too long is refused where it is sent.
        let url = format!("{}{}", self.base, path.text_below(&self.prefix));
        *request.url_mut() = Url::parse(&url).expect("a base and a path make a URL");
        if let Some(host) = &self.host {
            request.headers_mut().entry(HOST).or_insert_with(|| host.clone());
        }
    }
}

pub(super) fn bad(BadPath { path, reason }: BadPath) -> Error {
    Error::Url { path, reason }
}
