//! A request, as often as it may be sent.

use core::sync::atomic::AtomicBool;
use std::sync::Arc;

use ::reqwest::{Body, Request};

use crate::http::once::Once;

/// What the attempts of a request send.
pub(super) struct Template {
    /// Without its body, if that is a stream.
    request: Request,
    stream: Option<Once<Body>>,
}

impl Template {
    pub(super) fn new(mut request: Request) -> Self {
        let streams = request.body().is_some_and(|body| body.as_bytes().is_none());
        let stream = if streams { request.body_mut().take().map(Once::new) } else { None };
        Self { request, stream }
    }

    /// Returns what is set as soon as a body that is sent once begins.
    pub(super) fn begun(&self) -> Option<Arc<AtomicBool>> {
        self.stream.as_ref().map(Once::begun)
    }

    /// Returns what the next attempt sends.
    pub(super) fn next(&self) -> Request {
        let mut request = self.request.try_clone().expect("its body is none, or bytes");
        if let Some(stream) = &self.stream {
            *request.body_mut() = Some(Body::wrap(stream.wire()));
        }
        request
    }
}
