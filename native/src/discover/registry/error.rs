use core::error::Error;
use core::fmt;
use core::time::Duration;
use std::io;

use crate::discover::json::Bad;
use crate::discover::url::BadUrl;
use crate::tls::TlsError;

/// Why a registry cannot be asked, or does not say where the endpoints are. No password or token is
/// in it, nor the query of a URL.
#[derive(Debug)]
#[non_exhaustive]
pub enum RegistryError {
    /// The URL of the registry is not one that can be asked.
    Url {
        /// The URL, without what may be secret.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A setting is bad.
    Setting {
        /// Its name.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Certificates or keys are bad.
    Tls {
        /// What is wrong with which.
        reason: String,
    },
    /// No connection, or not a secure one.
    Connect {
        /// What was asked.
        at: String,
        /// Why not.
        error: io::Error,
    },
    /// There was no answer in time.
    Timeout {
        /// What was asked.
        at: String,
    },
    /// The connection broke before the answer was whole, or what came was no HTTP.
    Broken {
        /// What was asked.
        at: String,
        /// What happened.
        reason: String,
    },
    /// The registry answered with an error.
    Status {
        /// What was asked.
        at: String,
        /// The status of HTTP.
        status: u16,
        /// How the answer begins.
        body: String,
        /// How long the registry wants not to be asked.
        retry_after: Option<Duration>,
    },
    /// The answer, or a line of it, is larger than may be.
    TooLarge {
        /// What was asked.
        at: String,
        /// The most, in bytes.
        limit: usize,
    },
    /// The answer is not what it should be.
    Content {
        /// What was asked.
        at: String,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong there, and what was expected.
        message: String,
    },
    /// The registry ended a watch with an error.
    Watch {
        /// What was asked.
        at: String,
        /// What it said.
        reason: String,
    },
}

impl RegistryError {
    pub(in crate::discover) fn content(at: impl Into<String>, bad: Bad) -> Self {
        let Bad { line, column, message } = bad;
        Self::Content { at: at.into(), line, column, message }
    }

    /// Tells that the registry would say the same again: the wrong name, password or request.
    pub(in crate::discover) fn refused(&self) -> bool {
        // 404, 408, 425 and 429 get better by themselves.
        matches!(self, Self::Status { status, .. }
            if (400..500).contains(status) && ![404, 408, 425, 429].contains(status))
    }

    /// Tells that the registry refused with this status, and this in its text.
    #[cfg(feature = "etcd")]
    pub(in crate::discover) fn says(&self, code: u16, text: &str) -> bool {
        matches!(self, Self::Status { status, body, .. } if *status == code && body.contains(text))
    }

    pub(in crate::discover) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            Self::Url { .. }
            | Self::Setting { .. }
            | Self::Tls { .. }
            | Self::Connect { .. }
            | Self::Timeout { .. }
            | Self::Broken { .. }
            | Self::TooLarge { .. }
            | Self::Content { .. }
            | Self::Watch { .. } => None,
        }
    }
}

impl From<TlsError> for RegistryError {
    fn from(error: TlsError) -> Self {
        Self::Tls { reason: error.reason }
    }
}

impl From<BadUrl> for RegistryError {
    fn from(bad: BadUrl) -> Self {
        Self::Url { url: bad.url, reason: bad.reason }
    }
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url { url, reason } => write!(f, "'{url}': {reason}"),
            Self::Setting { name, reason } => write!(f, "`{name}`: {reason}"),
            Self::Tls { reason } => write!(f, "TLS: {reason}"),
            Self::Connect { at, error } => write!(f, "{at}: no connection: {error}"),
            Self::Timeout { at } => write!(f, "{at}: no answer in time"),
            Self::Broken { at, reason } => write!(f, "{at}: {reason}"),
            Self::Status { at, status, body, .. } if body.is_empty() => {
                write!(f, "{at}: status {status}")
            }
            Self::Status { at, status, body, .. } => write!(f, "{at}: status {status}: {body}"),
            Self::TooLarge { at, limit } => write!(f, "{at}: larger than {limit} bytes"),
            Self::Content { at, line, column, message } => {
                write!(f, "{at}:{line}:{column}: {message}")
            }
            Self::Watch { at, reason } => write!(f, "{at}: the watch ended: {reason}"),
        }
    }
}

impl Error for RegistryError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Connect { error, .. } => Some(error),
            Self::Url { .. }
            | Self::Setting { .. }
            | Self::Tls { .. }
            | Self::Timeout { .. }
            | Self::Broken { .. }
            | Self::Status { .. }
            | Self::TooLarge { .. }
            | Self::Content { .. }
            | Self::Watch { .. } => None,
        }
    }
}
