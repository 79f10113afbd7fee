use core::error::Error;
use core::fmt;
use std::sync::Arc;

/// Tells why a source will have no more news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    reason: Arc<str>,
}

impl Ended {
    /// Gives the reason, such as "every publisher was dropped".
    pub fn because(reason: &str) -> Self {
        Self { reason: reason.into() }
    }

    /// Returns the reason.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the source has ended: {}", self.reason)
    }
}

impl Error for Ended {}
