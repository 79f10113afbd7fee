//! Why a body came to no good end.

use core::error::Error;
use core::fmt;
use core::time::Duration;

use crate::factory::BoxError;

/// Why a body came to no good end.
#[derive(Debug)]
#[non_exhaustive]
pub enum BodyError {
    /// The connection broke, or what came was no HTTP.
    Broken(BoxError),
    /// Nothing came for too long.
    Idle {
        /// How long that may be.
        limit: Duration,
    },
    /// It was not read before the deadline of its call.
    Deadline {
        /// How long the whole call may take.
        limit: Duration,
    },
    /// There is more of it than wanted.
    TooLarge {
        /// The most, in bytes.
        limit: usize,
    },
    /// It came whole, and is not what it was to be read as.
    Unreadable(BoxError),
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(error) => write!(f, "the body broke off: {error}"),
            Self::Idle { limit } => write!(f, "nothing of the body came for {limit:?}"),
            Self::Deadline { limit } => {
                write!(f, "the body was not read within the {limit:?} of its call")
            }
            Self::TooLarge { limit } => write!(f, "the body is larger than {limit} bytes"),
            Self::Unreadable(error) => write!(f, "the body cannot be read: {error}"),
        }
    }
}

impl Error for BodyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Broken(error) | Self::Unreadable(error) => Some(&**error),
            Self::Idle { .. } | Self::Deadline { .. } | Self::TooLarge { .. } => None,
        }
    }
}
