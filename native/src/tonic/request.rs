//! A request as it is sent: again and again, or once.

use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http_body::{Body, Frame};
use tonic::Status;

/// The body of an attempt.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// What is known of it: all, or the beginning.
    known: Option<Bytes>,
    rest: Option<tonic::body::Body>,
}

impl Outgoing {
    fn whole(bytes: &Bytes) -> Self {
        Self { known: Some(bytes.clone()).filter(|bytes| !bytes.is_empty()), rest: None }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(known) = self.known.take() {
            return Poll::Ready(Some(Ok(Frame::data(known))));
        }
        match &mut self.rest {
            Some(rest) => Pin::new(rest).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.known.is_none() && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }
}

/// A request, and how often it can be sent.
#[derive(Clone, Debug)]
pub(super) enum Parcel {
    /// All of it is there.
    Whole { parts: Box<Parts>, bytes: Bytes },
    /// A stream that goes on: with whoever sends it, or here.
    Stream { parts: Box<Parts>, body: Arc<Mutex<Option<Outgoing>>> },
}

impl Parcel {
    /// Takes as much of the body as is there without waiting, up to a bit more than `limit` bytes.
    ///
    /// # Errors
    /// The body's own.
    pub(super) async fn new(
        request: http::Request<tonic::body::Body>,
        limit: usize,
    ) -> Result<Self, Status> {
        let (parts, mut body) = request.into_parts();
        let parts = Box::new(parts);
        let mut known = BytesMut::new();
        let whole = loop {
            if known.len() > limit {
                break false;
            }
            let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut body).poll_frame(cx))).await;
            match polled {
                Poll::Ready(Some(Ok(frame))) => {
                    // Requests have no trailers in gRPC.
                    if let Ok(data) = frame.into_data() {
                        known.extend_from_slice(&data);
                    }
                }
                Poll::Ready(Some(Err(status))) => return Err(status),
                Poll::Ready(None) => break true,
                Poll::Pending => break false,
            }
        };
        let bytes = known.freeze();
        if whole && bytes.len() <= limit {
            return Ok(Self::Whole { parts, bytes });
        }
        let known = Some(bytes).filter(|bytes| !bytes.is_empty());
        let body = Outgoing { known, rest: (!whole).then_some(body) };
        Ok(Self::Stream { parts, body: Arc::new(Mutex::new(Some(body))) })
    }

    /// Tells that it can be sent again.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self, Self::Whole { .. })
    }

    pub(super) fn parts(&self) -> &Parts {
        match self {
            Self::Whole { parts, .. } | Self::Stream { parts, .. } => parts,
        }
    }

    /// Returns a request to send; `None` if it is with somebody else.
    pub(super) fn take(&self) -> Option<http::Request<Outgoing>> {
        let body = match self {
            Self::Whole { bytes, .. } => Outgoing::whole(bytes),
            Self::Stream { body, .. } => {
                body.lock().unwrap_or_else(PoisonError::into_inner).take()?
            }
        };
        Some(http::Request::from_parts(self.parts().clone(), body))
    }

    /// Takes a request back that was not sent.
    pub(super) fn give_back(&self, request: http::Request<Outgoing>) {
        match self {
            Self::Whole { .. } => {}
            Self::Stream { body, .. } => {
                let unsent = Some(request.into_body());
                *body.lock().unwrap_or_else(PoisonError::into_inner) = unsent;
            }
        }
    }
}
