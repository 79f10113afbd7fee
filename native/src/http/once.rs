//! The body of a request that can be sent once only.

use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use core::task::{Context, Poll};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::factory::BoxError;

/// A stream until somebody begins to send it.
pub(crate) struct Once<S> {
    stream: Arc<Mutex<Option<S>>>,
    begun: Arc<AtomicBool>,
    hint: SizeHint,
}

impl<S> Clone for Once<S> {
    fn clone(&self) -> Self {
        let (stream, begun) = (Arc::clone(&self.stream), Arc::clone(&self.begun));
        Self { stream, begun, hint: self.hint }
    }
}

impl<S: Body> Once<S> {
    pub(crate) fn new(stream: S) -> Self {
        let hint = stream.size_hint();
        Self { stream: Arc::new(Mutex::new(Some(stream))), begun: Arc::default(), hint }
    }

    /// Returns what is set as soon as it begins.
    pub(crate) fn begun(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.begun)
    }

    /// Returns it as one attempt sends it.
    pub(crate) fn wire(&self) -> OnceWire<S> {
        OnceWire { once: self.clone(), stream: None }
    }
}

/// A stream as one attempt sends it: the first that is asked for anything has it.
pub(crate) struct OnceWire<S> {
    once: Once<S>,
    /// Since it has begun.
    stream: Option<S>,
}

impl<S: Body<Data = Bytes, Error: Into<BoxError>> + Unpin> Body for OnceWire<S> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Self { once, stream } = &mut *self;
        if stream.is_none() {
            once.begun.store(true, Relaxed);
            *stream = once.stream.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
        match stream {
            Some(stream) => Pin::new(stream).poll_frame(cx).map_err(Into::into),
            None => Poll::Ready(Some(Err("the stream has been sent before".into()))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.stream {
            Some(stream) => stream.is_end_stream(),
            None => self.once.hint.exact() == Some(0),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.stream.as_ref().map_or(self.once.hint, Body::size_hint)
    }
}
