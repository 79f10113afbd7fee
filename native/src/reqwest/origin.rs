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
    /// As `http://10.0.0.1:80`.
    base: Url,
    prefix: String,
    /// Its name, where it is asked at its address.
    host: Option<HeaderValue>,
}

impl Origin {
    fn new(target: &Target, secure: bool, prefix: String) -> Result<Self, BoxError> {
        // No target has port 0.
        let whole = target.authority(0);
        let base = if secure { format!("https://{whole}") } else { format!("http://{target}") };
        let base = Url::parse(&base).map_err(|error| format!("{base} is no URL: {error}"))?;
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
        let url = below(&self.base, &path.text_below(&self.prefix));
        *request.url_mut() = url.expect("a base and a path make a URL");
        if let Some(host) = &self.host {
            request.headers_mut().entry(HOST).or_insert_with(|| host.clone());
        }
    }
}

/// Returns the URL of a path that begins with a slash, on the origin of `base`, which is read but
/// once: that takes most of the time of reading a URL.
pub(super) fn below(base: &Url, path: &str) -> Option<Url> {
    // After two slashes, a host would follow; and some characters count as none.
    let may_name_a_host = |path: &str| path.starts_with(['/', '\\', '\t', '\n', '\r']);
    match path.strip_prefix('/') {
        Some(rest) if !may_name_a_host(rest) => base.join(path).ok(),
        Some(_) | None => {
            let origin = base.as_str();
            Url::parse(&format!("{}{path}", origin.strip_suffix('/').unwrap_or(origin))).ok()
        }
    }
}

pub(super) fn bad(BadPath { path, reason }: BadPath) -> Error {
    Error::Url { path, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_below_a_base_is_as_in_one_text() {
        for base in ["http://10.0.0.1:8080", "https://users.example.com", "http://[::1]"] {
            let url = Url::parse(base).expect("a URL");
            for path in [
                "/",
                "/users/7",
                "/a/../b/./c?x=1&y=/../z",
                "/a b?c d#e f",
                "/ü?ü",
                "/%2e%2e/a",
                "/?",
                "//host/a",
                "/\\host/a",
                "/\t/host/a",
                "/\n\\host",
                "/a//b",
                "/a:b@c",
                "/:80",
                "/@h",
            ] {
                let whole = Url::parse(&format!("{base}{path}")).expect("a URL");
                assert_eq!(below(&url, path), Some(whole), "{base} and {path:?}");
            }
        }
    }
}
