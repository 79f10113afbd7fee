//! Where servers answer that speak HTTP.

use core::fmt;

use hyper::Uri;
#[cfg(feature = "http-list")]
use percent_encoding::percent_decode_str;

/// Where a server answers: `http://host:port/path?query`.
#[derive(Clone)]
pub(in crate::discover) struct Url {
    pub(in crate::discover) https: bool,
    /// Without brackets.
    pub(in crate::discover) host: String,
    pub(in crate::discover) port: u16,
    /// As in the URL.
    authority: String,
    path: String,
    query: String,
}

/// Why a text is no URL that can be asked.
#[derive(Debug)]
pub(in crate::discover) struct BadUrl {
    /// Without what may be secret.
    pub(in crate::discover) url: String,
    pub(in crate::discover) reason: &'static str,
}

impl Url {
    /// Reads a URL. What is before an `@` is in no error.
    ///
    /// # Errors
    /// [`BadUrl`] when it is none, or not one that can be asked.
    pub(in crate::discover) fn new(text: &str) -> Result<Self, BadUrl> {
        let shown = text.rsplit_once('@').map_or(text, |(_, after)| after);
        let shown = shown.split_once('?').map_or(shown, |(before, _)| before);
        let bad = |reason| BadUrl { url: shown.to_owned(), reason };
        let uri: Uri = text.parse().map_err(|_| bad("it is no URL"))?;
        let https = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            Some(_) | None => return Err(bad("it begins neither with http:// nor with https://")),
        };
        let authority = uri.authority().ok_or_else(|| bad("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(bad("it has a user or password before the host: give them by a method"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(bad("it names no host"));
        }
        let default = if https { 443 } else { 80 };
        let has_port = !authority.as_str().ends_with(authority.host());
        let port = authority.port_u16().unwrap_or(if has_port { 0 } else { default });
        if port == 0 {
            return Err(bad("its port is not one"));
        }
        let authority = authority.as_str().to_owned();
        let query = uri.query().unwrap_or_default().to_owned();
        Ok(Self { https, host, port, authority, path: uri.path().to_owned(), query })
    }

    /// Goes on to a path below this one.
    #[cfg(any(feature = "consul", feature = "etcd", feature = "kubernetes"))]
    pub(in crate::discover) fn join(&self, path: &str) -> Self {
        let path = format!("{}{path}", self.path.trim_end_matches('/'));
        Self { path, ..self.clone() }
    }

    /// Adds a part of the query, whose text is encoded.
    #[cfg(any(feature = "http-list", feature = "consul", feature = "kubernetes"))]
    pub(in crate::discover) fn add(&mut self, name: &str, value: &str) {
        let separator = if self.query.is_empty() { "" } else { "&" };
        for part in [separator, name, "=", &*encoded(value)] {
            self.query.push_str(part);
        }
    }

    /// Returns the query, and the values of four bytes and more that are in it, encoded and not.
    #[cfg(feature = "http-list")]
    pub(in crate::discover) fn query_texts(&self) -> impl Iterator<Item = String> {
        let values = self.query.split('&').filter_map(|part| Some(part.split_once('=')?.1));
        let values = values.filter(|value| value.len() >= 4);
        let texts = values.flat_map(|value| {
            let decoded = percent_decode_str(value).decode_utf8_lossy();
            [value.to_owned(), decoded.into_owned()]
        });
        core::iter::once(self.query.clone()).chain(texts)
    }

    /// Returns the host, and the port if it is not the usual one.
    pub(in crate::discover) fn authority(&self) -> &str {
        &self.authority
    }

    /// What to ask for.
    pub(in crate::discover) fn origin_form(&self) -> String {
        let separator = if self.query.is_empty() { "" } else { "?" };
        format!("{}{separator}{}", self.path, self.query)
    }
}

impl fmt::Display for Url {
    /// Leaves the query out, which may have secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority, self.path)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Encodes all that is not plain in a part of a URL.
#[cfg(any(feature = "http-list", feature = "consul", feature = "kubernetes"))]
pub(in crate::discover) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            for digit in [byte >> 4, byte & 15] {
                encoded
                    .extend(char::from_digit(digit.into(), 16).map(|hex| hex.to_ascii_uppercase()));
            }
        }
    }
    encoded
}
