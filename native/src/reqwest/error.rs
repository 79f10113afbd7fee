//! Why there is no answer.

use core::error::Error as StdError;
use core::fmt;

use crate::call::CallError;
use crate::http::path::write_bad;

/// Why a request has no answer.
///
/// Where any attempt was answered, whatever its status, that answer is returned instead.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The request cannot be built.
    Request(::reqwest::Error),
    /// Its URL cannot be asked for below an endpoint's.
    Url {
        /// Its path and query.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A timeout of zero: nothing can be done in no time.
    ZeroTimeout,
    /// No attempt was answered.
    Call {
        /// Every attempt with its endpoint, its error and its time, and why there was no other.
        call: CallError<::reqwest::Error>,
        /// A body that is sent once had begun: that is why.
        body_begun: bool,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(error) => write!(f, "the request cannot be built: {error}"),
            Self::Url { path, reason } => write_bad(f, path, reason),
            Self::ZeroTimeout => f.write_str("a timeout of 0: leave it out for no timeout"),
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
            Self::Request(error) => Some(error),
            Self::Url { .. } | Self::ZeroTimeout => None,
            Self::Call { call, .. } => call.source(),
        }
    }
}
