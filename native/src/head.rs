//! Heads of answers whose bodies are still to come.

use core::time::Duration;

/// An endpoint is told of a good head so long after it, if the body still goes on. One that breaks
/// all bodies would do well every other time otherwise.
pub(crate) const HEAD: Duration = Duration::from_millis(500);
