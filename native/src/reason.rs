//! Errors in one line.

use core::error::Error;

/// Writes an error with all that caused it.
pub(crate) fn with_sources(error: &(dyn Error + 'static)) -> String {
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        reason = format!("{reason}: {error}");
        source = error.source();
    }
    reason
}
