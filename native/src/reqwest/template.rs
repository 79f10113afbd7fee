//! A request, as often as it may be sent.

use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use ::reqwest::Request;

/// What the attempts of a request send.
pub(super) enum Template {
    /// The same each time.
    Again(Request),
    /// A stream, which cannot be copied: the first attempt takes it.
    Once { request: Mutex<Option<Request>>, taken: Arc<AtomicBool> },
}

impl Template {
    pub(super) fn new(request: Request) -> Self {
        match request.try_clone() {
            Some(request) => Self::Again(request),
            None => Self::Once { request: Mutex::new(Some(request)), taken: Arc::default() },
        }
    }

    /// Returns what tells that a body which is sent once has begun.
    pub(super) fn begun(&self) -> Option<Arc<AtomicBool>> {
        match self {
            Self::Again(_) => None,
            Self::Once { taken, .. } => Some(Arc::clone(taken)),
        }
    }

    /// Returns what the next attempt sends.
    pub(super) fn next(&self) -> Request {
        let request = match self {
            Self::Again(request) => request.try_clone(),
            Self::Once { request, taken } => {
                taken.store(true, Relaxed);
                request.lock().unwrap_or_else(PoisonError::into_inner).take()
            }
        };
        // Once it is taken, no verdict allows another attempt, and it is never hedged.
        request.expect("a request that is sent once has one attempt")
    }
}
