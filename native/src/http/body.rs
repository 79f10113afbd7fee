//! The body of a request, and how it is sent again.

use core::fmt;
use core::pin::Pin;
use core::sync::atomic::AtomicBool;
use core::task::{Context, Poll};
use std::sync::Arc;

use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;

use super::once::{Once, OnceWire};
use crate::factory::BoxError;

/// The body of a request: bytes, which are sent again as they are; a stream that is sent
/// [once](Self::once); or a function that makes the stream [anew](Self::anew) for each attempt.
///
/// ```
/// use evenkeel::http::Body;
///
/// let text = Body::from("7 apples");
/// let nothing = Body::default();
/// # drop((text, nothing));
/// ```
#[derive(Clone)]
pub struct Body(Kind);

#[derive(Clone)]
enum Kind {
    Bytes(Bytes),
    Once(Once<Stream>),
    Anew(Arc<dyn Fn() -> Stream + Send + Sync>),
}

type Stream = UnsyncBoxBody<Bytes, BoxError>;

impl Body {
    /// Sends a stream once. Its request may go to another endpoint as long as nothing of the stream
    /// has been read; after that, it is not sent again. Where it ends before anything came, as that
    /// of a GET which a proxy hands on, there is nothing to be sent once.
    pub fn once<B>(stream: B) -> Self
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        if stream.is_end_stream() {
            return Self::default();
        }
        Self(Kind::Once(Once::new(boxed(stream))))
    }

    /// Sends what `make` makes for each attempt.
    pub fn anew<B>(make: impl Fn() -> B + Send + Sync + 'static) -> Self
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        Self(Kind::Anew(Arc::new(move || boxed(make()))))
    }

    /// Returns what is set as soon as a stream that is sent once begins.
    pub(super) fn begun(&self) -> Option<Arc<AtomicBool>> {
        match &self.0 {
            Kind::Once(once) => Some(once.begun()),
            Kind::Bytes(_) | Kind::Anew(_) => None,
        }
    }

    /// Returns what one attempt sends.
    pub(super) fn wire(&self) -> Wire {
        let sent = match &self.0 {
            Kind::Bytes(bytes) if bytes.is_empty() => return Wire(None),
            Kind::Bytes(bytes) => Sent::Bytes(Full::new(bytes.clone())),
            Kind::Once(once) => Sent::Once(once.wire()),
            Kind::Anew(make) => Sent::Stream(make()),
        };
        Wire(Some(Box::new(sent)))
    }
}

fn boxed<B>(stream: B) -> Stream
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    stream.map_err(Into::into).boxed_unsync()
}

impl Default for Body {
    /// An empty body.
    fn default() -> Self {
        Self::from(Bytes::new())
    }
}

macro_rules! from {
    ($($of:ty),*) => {$(
        impl From<$of> for Body {
            fn from(bytes: $of) -> Self {
                Self(Kind::Bytes(Bytes::from(bytes)))
            }
        }
    )*};
}

from!(Bytes, String, Vec<u8>, &'static str, &'static [u8]);

impl From<()> for Body {
    fn from((): ()) -> Self {
        Self::default()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Bytes(bytes) => write!(f, "Body({} bytes)", bytes.len()),
            Kind::Once(_) => f.write_str("Body(once)"),
            Kind::Anew(_) => f.write_str("Body(anew)"),
        }
    }
}

/// What one attempt sends; `None`: nothing. Boxed: a request is moved some 20 times on its way to
/// its connection.
pub(super) struct Wire(Option<Box<Sent>>);

enum Sent {
    Bytes(Full<Bytes>),
    Once(OnceWire<Stream>),
    Stream(Stream),
}

impl HttpBody for Wire {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(sent) = &mut self.0 else { return Poll::Ready(None) };
        match &mut **sent {
            Sent::Bytes(bytes) => Pin::new(bytes).poll_frame(cx).map_err(|never| match never {}),
            Sent::Stream(stream) => Pin::new(stream).poll_frame(cx),
            Sent::Once(once) => Pin::new(once).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        let Some(sent) = &self.0 else { return true };
        match &**sent {
            Sent::Bytes(bytes) => bytes.is_end_stream(),
            Sent::Stream(stream) => stream.is_end_stream(),
            Sent::Once(once) => once.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        let Some(sent) = &self.0 else { return SizeHint::with_exact(0) };
        match &**sent {
            Sent::Bytes(bytes) => bytes.size_hint(),
            Sent::Stream(stream) => stream.size_hint(),
            Sent::Once(once) => once.size_hint(),
        }
    }
}
