//! Why there is nobody to pick.

use core::error::Error;

use evenkeel_core::discovery::poller::SourceHealth;

use crate::discover::{DiscoveryStatus, Ended};
use crate::error::SharedError;
use crate::shared::Shared;

/// Returns why there is no endpoint: the balancer has ended, or what discovery says.
pub(super) fn why_nobody<C, P>(shared: &Shared<C, P>) -> Option<SharedError> {
    if shared.supervisor.has_ended() {
        let text = "the balancer has ended: it was closed, or its runtime was shut down";
        return Some(told(text.to_owned()));
    }
    why_none(&shared.discovery.borrow())
}

/// Returns why discovery knows no endpoint: it failed, has not answered, or its answers name none
/// that can be used.
pub(super) fn why_none(status: &DiscoveryStatus) -> Option<SharedError> {
    if status.error.is_some() || status.absent {
        return status.error.clone();
    }
    if status.empty_held == 0 {
        let waits = status.health == SourceHealth::Pending;
        return waits.then(|| told(unanswered(status.ended.as_ref())));
    }
    let text = match (status.skipped.reasons(), &status.why_none) {
        ([], None) => "discovery answers that there are none".to_owned(),
        ([], Some(why)) => why.to_string(),
        (reasons, _) => {
            format!("nothing of discovery's answer can be used: {}", reasons.join("; "))
        }
    };
    Some(told(text))
}

/// Says that nothing is known yet, or never will be.
fn unanswered(ended: Option<&Ended>) -> String {
    match ended {
        None => "discovery has not answered yet".to_owned(),
        Some(ended) => format!("discovery ended without an answer: {}", ended.reason()),
    }
}

fn told(text: String) -> SharedError {
    Box::<dyn Error + Send + Sync>::from(text).into()
}
