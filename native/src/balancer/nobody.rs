//! Why there is nobody to pick.

use core::error::Error;

use crate::discover::DiscoveryStatus;
use crate::error::SharedError;

/// Returns why no endpoint is known: the balancer has ended, discovery failed, or its answers name
/// none that can be used.
pub(super) fn why_none(status: &DiscoveryStatus, ended: bool) -> Option<SharedError> {
    if ended {
        return Some(error("the balancer has ended: it was closed, or its runtime was shut down"));
    }
    if status.error.is_some() || status.empty_held == 0 || status.absent {
        return status.error.clone();
    }
    let text = match status.skipped.reasons() {
        [] => "discovery answers that there are none".to_owned(),
        reasons => format!("nothing of discovery's answer can be used: {}", reasons.join("; ")),
    };
    Some(error(text))
}

fn error(text: impl Into<Box<dyn Error + Send + Sync>>) -> SharedError {
    text.into().into()
}
