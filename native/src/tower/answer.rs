//! The future of a balanced call.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::error::EndpointError;
use crate::call::CallError;

type Boxed<T> = Pin<Box<dyn Future<Output = Result<T, CallError<EndpointError>>> + Send>>;

/// The future of a balanced call: all of its attempts. Dropped, it gives up those under way.
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture<T>(Boxed<T>);

impl<T> ResponseFuture<T> {
    pub(super) fn new(
        call: impl Future<Output = Result<T, CallError<EndpointError>>> + Send + 'static,
    ) -> Self {
        Self(Box::pin(call))
    }
}

impl<T> Future for ResponseFuture<T> {
    type Output = Result<T, CallError<EndpointError>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<T> fmt::Debug for ResponseFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
