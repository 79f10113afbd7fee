//! Why there is no answer.

use core::error::Error as StdError;
use core::fmt;

use evenkeel_core::Verdict;
use hyper_util::client::legacy;

use super::exchange::Fault;
use super::path::BadPath;
use crate::call::CallError;
use crate::factory::BoxError;
use crate::reason::with_sources;
use crate::unread::is_unread;

/// Why a request has no answer.
///
/// Where any attempt was answered, whatever its status, that answer is returned instead.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The request cannot be sent anywhere.
    Request(BadRequest),
    /// No attempt was answered.
    Call {
        /// Every attempt with its endpoint, its error and its time, and why there was no other.
        call: CallError<SendError>,
        /// A body that is sent once had begun: that is why.
        body_begun: bool,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(bad) => bad.fmt(f),
            Self::Call { call, body_begun: false } => call.fmt(f),
            Self::Call { call, body_begun: true } => {
                write!(f, "{call}; its body is a stream that is sent once, and it had begun")
            }
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Request(bad) => Some(bad),
            Self::Call { call, .. } => call.source(),
        }
    }
}

impl From<BadRequest> for Error {
    fn from(bad: BadRequest) -> Self {
        Self::Request(bad)
    }
}

/// What is wrong with a request, or with how requests are to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadRequest {
    /// The path is none.
    Path {
        /// As it was given.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The host is none.
    Host {
        /// As it was given.
        host: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A header is none.
    Header {
        /// Its name, as it was given.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The body cannot be written.
    Body {
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing can be done in no time.
    ZeroTimeout,
}

impl From<BadPath> for BadRequest {
    fn from(BadPath { path, reason }: BadPath) -> Self {
        Self::Path { path, reason }
    }
}

impl fmt::Display for BadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path { path, reason } => write!(f, "{path:?} is no path: {reason}"),
            Self::Host { host, reason } => write!(f, "{host:?} is no host: {reason}"),
            Self::Header { name, reason } => write!(f, "the header {name:?}: {reason}"),
            Self::Body { reason } => write!(f, "the body cannot be written: {reason}"),
            Self::ZeroTimeout => f.write_str("a timeout of 0: leave it out for no timeout"),
        }
    }
}

impl StdError for BadRequest {}

/// Why an attempt was not answered.
#[derive(Debug)]
#[non_exhaustive]
pub enum SendError {
    /// Nothing left the client: there was no connection, or the endpoint refused the request
    /// unread.
    NeverSent(BoxError),
    /// The connection broke before the head of the answer, or what came was no HTTP.
    Broken(BoxError),
    /// The request cannot be sent: it is at fault.
    Request(BoxError),
}

impl SendError {
    pub(super) fn request(error: impl Into<BoxError>) -> Self {
        Self::Request(error.into())
    }

    /// Takes an error of hyper's client, which takes so many headers of an answer.
    pub(super) fn of(error: legacy::Error, max_headers: usize) -> Self {
        if error.is_connect() {
            return Self::NeverSent(error.into());
        }
        let hyper = error.source().and_then(|source| source.downcast_ref::<hyper::Error>());
        let h2 = |error: &hyper::Error| error.source()?.downcast_ref().map(is_unread);
        if hyper.is_some_and(hyper::Error::is_parse_too_large) {
            return Self::Broken(TooLarge { max_headers, error }.into());
        }
        // Taken back before the first byte; or its own stream of HTTP/2 was.
        if hyper.is_some_and(|error| error.is_canceled() || h2(error) == Some(true)) {
            return Self::NeverSent(error.into());
        }
        // Its connection is gone, and hyper counts that to the user's errors, under no name.
        let gone = |error: &hyper::Error| error.to_string().starts_with("dispatch task is gone");
        let is_at_fault = |error: &hyper::Error| error.is_user() && !error.is_body_write_aborted();
        if hyper.is_some_and(|error| is_at_fault(error) && !gone(error)) {
            return Self::Request(error.into());
        }
        Self::Broken(error.into())
    }
}

/// An answer's head is above a limit.
#[derive(Debug)]
struct TooLarge {
    max_headers: usize,
    error: legacy::Error,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the answer has more than {} headers (see `Connections::max_headers`), or they are \
             larger than 408 KiB",
            self.max_headers
        )
    }
}

impl StdError for TooLarge {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.error)
    }
}

impl Fault for SendError {
    fn usual(&self) -> Verdict {
        match self {
            Self::NeverSent(_) => Verdict::NeverSent,
            Self::Broken(_) => Verdict::RetryableFailure,
            Self::Request(_) => Verdict::Ignorable,
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, error) = match self {
            Self::NeverSent(error) => ("never sent", error),
            Self::Broken(error) => ("no answer", error),
            Self::Request(error) => ("cannot be sent", error),
        };
        write!(f, "{what}: {}", with_sources(&**error))
    }
}

impl StdError for SendError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::NeverSent(error) | Self::Broken(error) | Self::Request(error) => Some(&**error),
        }
    }
}
