//! The path of a request below the prefix of its endpoint.

use core::fmt;
use std::borrow::Cow;

use ::http::uri::{InvalidUri, PathAndQuery, Uri};
use percent_encoding::{AsciiSet, utf8_percent_encode};

/// A request's path and query, as they are asked for at any endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    /// As it is asked for where there is no prefix.
    whole: PathAndQuery,
    /// Nothing stands before its query: a prefix stays as it is.
    bare: bool,
}

/// A text that is no path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadPath {
    pub(crate) path: String,
    pub(crate) reason: String,
}

impl Path {
    /// Reads a path, with a query or without. Where the text names an origin, that is a
    /// placeholder, as a service's name is: an endpoint stands in for it. Dots are resolved, so
    /// that no request leaves its endpoint's prefix. What a URL cannot have is encoded, as browsers
    /// do; but for control characters, which are somebody's mistake.
    pub(crate) fn new(text: &str) -> Result<Self, BadPath> {
        let bad = |reason: String| BadPath { path: text.to_owned(), reason };
        let encoded: Cow<'_, str> = utf8_percent_encode(text, &ENCODED).into();
        let text = &*encoded;
        if is_plain(text) {
            let whole = text.try_into().map_err(|error: InvalidUri| bad(format!("{error}")))?;
            return Ok(Self { whole, bare: false });
        }
        let uri: Uri;
        let path = if names_origin(text) {
            uri = text.parse().map_err(|error| bad(format!("{error}")))?;
            uri.path_and_query().map_or("/", PathAndQuery::as_str)
        } else {
            text.split('#').next().unwrap_or_default()
        };
        let (path, query) = path.split_at(path.find('?').unwrap_or(path.len()));
        let mut whole = String::with_capacity(path.len() + query.len() + 1);
        resolve(path, &mut whole);
        whole.push_str(query);
        let whole = PathAndQuery::try_from(whole).map_err(|error| bad(format!("{error}")))?;
        Ok(Self { whole, bare: path.is_empty() })
    }

    /// Returns path and query at an endpoint with this prefix, which does not end in a slash, with
    /// exactly one slash between.
    ///
    /// # Errors
    /// Both together are too long.
    #[cfg(any(feature = "http", test))]
    pub(crate) fn below(&self, prefix: &str) -> Result<PathAndQuery, InvalidUri> {
        if prefix.is_empty() {
            return Ok(self.whole.clone());
        }
        self.text_below(prefix).try_into()
    }

    /// Returns the same as text, however long that is.
    pub(crate) fn text_below(&self, prefix: &str) -> String {
        let whole = self.whole.as_str();
        let bare = self.bare && !prefix.is_empty();
        let rest = if bare { whole.strip_prefix('/').unwrap_or(whole) } else { whole };
        format!("{prefix}{rest}")
    }
}

/// The characters that are not in paths and queries (the WHATWG's URL Standard, "path percent-encode
/// set"), besides all that are not ASCII.
const ENCODED: AsciiSet =
    AsciiSet::EMPTY.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`').add(b'{').add(b'}');

/// Writes what is wrong with a text that is no path, however long that is.
pub(crate) fn write_bad(f: &mut fmt::Formatter<'_>, path: &str, reason: &str) -> fmt::Result {
    match path.char_indices().nth(SHOWN) {
        None => write!(f, "{path:?} is no path: {reason}"),
        Some((end, _)) => {
            write!(f, "{:?}… ({} bytes) is no path: {reason}", &path[..end], path.len())
        }
    }
}

/// How many characters of a text that is no path are told.
const SHOWN: usize = 100;

/// Tells that a text names an origin: a scheme stands before it, and not in its path or query.
pub(crate) fn names_origin(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| !scheme.contains(['/', '?', '#']))
}

/// Tells that a path is as it is to be: it has neither dots nor anything encoded nor backslashes,
/// and no fragment follows. Most are.
fn is_plain(text: &str) -> bool {
    let special = text.bytes().find(|byte| matches!(byte, b'.' | b'%' | b'\\' | b'?' | b'#'));
    text.starts_with('/') && special.is_none_or(|byte| byte == b'?' && !text.contains('#'))
}

/// Writes a path with `.` and `..` resolved (RFC 3986 §5.2.4), encoded ones too; it begins with a
/// slash then. A backslash is a slash, as in browsers: some servers take it for one.
fn resolve(path: &str, whole: &mut String) {
    let mut ends_in_dots = false;
    for segment in path.strip_prefix(SLASHES).unwrap_or(path).split(SLASHES) {
        let dots = dots(segment);
        ends_in_dots = matches!(dots, Some(1 | 2));
        if dots == Some(2) {
            whole.truncate(whole.rfind('/').unwrap_or_default());
        } else if !ends_in_dots {
            whole.push('/');
            whole.push_str(segment);
        }
    }
    if ends_in_dots || whole.is_empty() {
        whole.push('/');
    }
}

const SLASHES: [char; 2] = ['/', '\\'];

/// Counts the dots of a segment that has nothing else, encoded or not.
fn dots(segment: &str) -> Option<usize> {
    let (mut rest, mut count) = (segment, 0);
    while !rest.is_empty() {
        rest = [".", "%2e", "%2E"].into_iter().find_map(|dot| rest.strip_prefix(dot))?;
        count += 1;
    }
    Some(count)
}

/// Returns a prefix without slashes at its end, and with one before it.
pub(crate) fn prefix(text: &str) -> Result<String, BadPath> {
    let path = Path::new(text)?.whole;
    if path.query().is_some() {
        let reason = "a prefix has no query".to_owned();
        return Err(BadPath { path: text.to_owned(), reason });
    }
    Ok(path.path().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    impl fmt::Display for BadPath {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write_bad(f, &self.path, &self.reason)
        }
    }

    #[test]
    fn paths_are_appended_with_one_slash() {
        for (at, path, wanted) in [
            ("", "/users?x=1", "/users?x=1"),
            ("", "users", "/users"),
            ("", "", "/"),
            ("", "/", "/"),
            ("", "?x=1", "/?x=1"),
            ("", "/users?to=../7#part", "/users?to=../7"),
            ("", "/users?to=../7", "/users?to=../7"),
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
            ("/v1", "/a/.b/c%2e/../%2E%2e/d", "/v1/a/d"),
            ("/v1", "/a\\..\\..\\b\\c?d\\e", "/v1/b/c?d\\e"),
            (
                "/v1",
                "/a b/ä?q={\"x\": \"<ü>\"}",
                "/v1/a%20b/%C3%A4?q=%7B%22x%22:%20%22%3C%C3%BC%3E%22%7D",
            ),
            ("", "/%20%zz|^'", "/%20%zz|^'"),
            ("", "http://users/a b", "/a%20b"),
        ] {
            let prefix = prefix(at).expect("a prefix");
            let whole = Path::new(path).expect("a path").below(&prefix).expect("it is short");
            assert_eq!(whole, wanted, "{at} {path}");
        }
    }

    #[test]
    fn what_is_no_path_is_named() {
        for path in ["/a\tb", "/\n", "http://", "://", "/ä\u{0}", "/a\r\nhost: b"] {
            let error = Path::new(path).expect_err(path);
            assert!(error.to_string().starts_with(&format!("{path:?} is no path: ")), "{error}");
        }
        assert!(prefix("/v1?x").is_err());
        let long = Path::new(&"/ä".repeat(50_000)).expect_err("it is too long").to_string();
        let shown = "/ä".repeat(50);
        assert_eq!(long, format!("{shown:?}… (150000 bytes) is no path: uri too long"));
    }
}
