//! The path of a request below the prefix of its endpoint.

use core::fmt;

use ::http::uri::{PathAndQuery, Uri};

/// A request's path and query, as they are asked for at any endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path(String);

/// A text that is no path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadPath {
    pub(crate) path: String,
    pub(crate) reason: String,
}

impl Path {
    /// Reads a path, with a query or without. Where the text names an origin, that is a
    /// placeholder, as a service's name is: an endpoint stands in for it. Dots are resolved, so that
    /// no request leaves its endpoint's prefix.
    pub(crate) fn new(text: &str) -> Result<Self, BadPath> {
        let bad = |reason: String| BadPath { path: text.to_owned(), reason };
        let path = if names_origin(text) {
            let uri: Uri = text.parse().map_err(|error| bad(format!("{error}")))?;
            uri.path_and_query().map_or("/", PathAndQuery::as_str).to_owned()
        } else {
            text.split('#').next().unwrap_or_default().to_owned()
        };
        let (path, query) = path.split_at(path.find('?').unwrap_or(path.len()));
        let mut whole = if path.is_empty() { String::new() } else { resolved(path) };
        whole.push_str(query);
        // The parser wants a path.
        let probe = if whole.starts_with('/') { whole.clone() } else { format!("/{whole}") };
        probe.parse::<PathAndQuery>().map_err(|error| bad(format!("{error}")))?;
        Ok(Self(whole))
    }

    /// Returns path and query at an endpoint with this prefix, which does not end in a slash, with
    /// exactly one slash between.
    pub(crate) fn below(&self, prefix: &str) -> String {
        let slash = if self.0.starts_with('/') || !prefix.is_empty() { "" } else { "/" };
        format!("{prefix}{slash}{}", self.0)
    }
}

impl fmt::Display for BadPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no path: {}", self.path, self.reason)
    }
}

/// Tells that a text names an origin: a scheme stands before it, and not in its path or query.
pub(crate) fn names_origin(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| !scheme.contains(['/', '?', '#']))
}

/// Resolves `.` and `..` (RFC 3986 §5.2.4), encoded ones too; it begins with a slash then.
fn resolved(path: &str) -> String {
    let path = path.strip_prefix('/').unwrap_or(path);
    let mut kept = Vec::new();
    let mut ends_in_dots = false;
    for segment in path.split('/') {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        ends_in_dots = matches!(&*plain, "." | "..");
        if plain == ".." {
            kept.pop();
        } else if plain != "." {
            kept.push(segment);
        }
    }
    let mut whole = String::with_capacity(path.len() + 1);
    for segment in &kept {
        whole.push('/');
        whole.push_str(segment);
    }
    if ends_in_dots || whole.is_empty() {
        whole.push('/');
    }
    whole
}

/// Returns a prefix without slashes at its end, and with one before it.
pub(crate) fn prefix(text: &str) -> Result<String, BadPath> {
    let path = Path::new(text)?;
    if path.0.contains('?') {
        let reason = "a prefix has no query".to_owned();
        return Err(BadPath { path: text.to_owned(), reason });
    }
    Ok(path.0.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_appended_with_one_slash() {
        for (at, path, wanted) in [
            ("", "/users?x=1", "/users?x=1"),
            ("", "users", "/users"),
            ("", "", "/"),
            ("", "/", "/"),
            ("", "?x=1", "/?x=1"),
            ("/v1/", "/users?x=1", "/v1/users?x=1"),
            ("/v1", "users", "/v1/users"),
            ("v1", "", "/v1"),
            ("/v1", "/", "/v1/"),
            ("/v1", "?x=1", "/v1?x=1"),
            ("/v1", "http://users/7?x=/../y#part", "/v1/7?x=/../y"),
            ("/v1", "http://users", "/v1/"),
            ("/v1", "/a?to=http://b/c", "/v1/a?to=http://b/c"),
            ("/v1", "/../../secret", "/v1/secret"),
            ("/v1", "/a/%2E./%2e/b", "/v1/b"),
            ("/v1", "/a/..", "/v1/"),
            ("/v1", "/a/./", "/v1/a/"),
            ("/v1", "/a//b", "/v1/a//b"),
            ("/v1", "/...", "/v1/..."),
        ] {
            let prefix = prefix(at).expect("a prefix");
            assert_eq!(Path::new(path).expect("a path").below(&prefix), wanted, "{at} {path}");
        }
    }

    #[test]
    fn what_is_no_path_is_named() {
        for path in ["/a b", "/\n", "http://", "://", "/ä\u{0}"] {
            let error = Path::new(path).expect_err(path);
            assert!(error.to_string().starts_with(&format!("{path:?} is no path: ")), "{error}");
        }
        assert!(prefix("/v1?x").is_err());
    }
}
