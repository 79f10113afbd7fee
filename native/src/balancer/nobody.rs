//! Why there is nobody to pick.

use core::error::Error;

use crate::discover::DiscoveryStatus;
use crate::error::SharedError;
use crate::shared::Shared;

/// Returns why there is no endpoint: the balancer has ended, or what discovery says.
pub(super) fn why_nobody<C, P>(shared: &Shared<C, P>) -> Option<SharedError> {
    if shared.supervisor.has_ended() {
        let text = "the balancer has ended: it was closed, or its runtime was shut down";
        return Some(Box::<dyn Error + Send + Sync>::from(text).into());
    }
    why_none(&shared.discovery.borrow())
}

/// Returns why discovery knows no endpoint: it failed, or its answers name none that can be used.
pub(super) fn why_none(status: &DiscoveryStatus) -> Option<SharedError> {
    if status.error.is_some() || status.empty_held == 0 || status.absent {
        return status.error.clone();
    }
    let text = match (status.skipped.reasons(), &status.why_none) {
        ([], None) => "discovery answers that there are none".to_owned(),
        ([], Some(why)) => why.to_string(),
        (reasons, _) => {
            format!("nothing of discovery's answer can be used: {}", reasons.join("; "))
        }
    };
    Some(Box::<dyn Error + Send + Sync>::from(text).into())
}
