//! A body that is followed to its end: until then, its request counts as in flight.

mod limits;

use core::error::Error;
use core::fmt;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use evenkeel_core::Outcome;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use self::limits::{Due, Limits};
use crate::factory::BoxError;
use crate::lease::Lease;

/// The body of an answer, with the [lease](Lease) on the endpoint that sends it.
///
/// It is handed on as it comes: nothing is buffered. The request counts as in flight until the
/// body ends, breaks or is dropped. A body that breaks is a failure of its endpoint, and no success
/// before: the endpoint is told of a good head half a second later, or at the body's end if that
/// is earlier. How long the answer took is learnt at its head.
///
/// For clients of your own, make one with [`new`](Self::new).
#[must_use = "an answer that is dropped unread may cost its connection"]
pub struct LeaseBody<B> {
    /// Gone once it has ended, which frees its connection.
    inner: Option<B>,
    lease: Option<Box<dyn Held>>,
    limits: Limits,
}

/// A lease whatever its client is.
trait Held: Send + Sync {
    /// Tells the outcome now; the request stays in flight.
    fn tell(&mut self);
    /// Ends the request.
    fn end(self: Box<Self>, outcome: Outcome);
}

impl<C: Send + Sync> Held for Lease<C> {
    fn tell(&mut self) {
        self.tell();
    }

    fn end(self: Box<Self>, outcome: Outcome) {
        self.report(outcome);
    }
}

impl<B: Body> LeaseBody<B> {
    /// Follows the body of an answer whose head is good: its endpoint is told of a success unless
    /// the body breaks.
    ///
    /// So it is with the lease of a [pick](crate::Pick::lease). What
    /// [`call_lease`](crate::Balancer::call_lease) returns has told of the head already: a body that
    /// breaks is a failure after that success, and an endpoint that breaks all of them is not ejected
    /// for failures in a row.
    pub fn new<C: Send + Sync + 'static>(body: B, mut lease: Lease<C>) -> Self {
        lease.learn(Outcome::Success);
        Self::following(body, Some(lease), None, None)
    }

    /// Follows a body whose lease, if there is one, knows how the head was. Between two pieces
    /// `idle` may pass, and it ends by the deadline, so long after its call began.
    pub(crate) fn following<C: Send + Sync + 'static>(
        body: B,
        lease: Option<Lease<C>>,
        idle: Option<Duration>,
        deadline: Option<(Instant, Duration)>,
    ) -> Self {
        // Where there is no body, nothing is to be followed.
        let lease = lease.filter(|_| !body.is_end_stream());
        let lease = lease.map(|lease| Box::new(lease) as Box<dyn Held>);
        Self { inner: Some(body), lease, limits: Limits::new(idle, deadline) }
    }
}

impl<B> LeaseBody<B> {
    /// Ends the request as its head was.
    fn finish(&mut self) {
        self.inner = None;
        // Dropped, it tells.
        self.lease = None;
    }

    fn fail(&mut self, outcome: Outcome) {
        self.inner = None;
        if let Some(lease) = self.lease.take() {
            lease.end(outcome);
        }
    }
}

impl<B> LeaseBody<B>
where
    B: Body<Error: Into<BoxError>> + Unpin,
{
    /// Reads the whole body, of at most so many bytes.
    ///
    /// # Errors
    /// [`BodyError`]; [`BodyError::TooLarge`] as soon as there is more, of which nothing is read.
    pub async fn bytes(mut self, limit: usize) -> Result<Bytes, BodyError> {
        let mut whole = BytesMut::new();
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut self).poll_frame(cx)).await {
            // Trailers are no part of it.
            let Ok(mut data) = frame?.into_data() else { continue };
            if data.remaining() > limit - whole.len() {
                return Err(BodyError::TooLarge { limit });
            }
            whole.put(data.copy_to_bytes(data.remaining()));
        }
        Ok(whole.freeze())
    }
}

impl<B> Body for LeaseBody<B>
where
    B: Body<Error: Into<BoxError>> + Unpin,
{
    type Data = B::Data;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BodyError>>> {
        let this = &mut *self;
        loop {
            let Some(inner) = &mut this.inner else { return Poll::Ready(None) };
            // One that never stops is never late otherwise.
            if let Some(late) = this.limits.is_over() {
                this.fail(Outcome::TimedOut);
                return Poll::Ready(Some(Err(late)));
            }
            match Pin::new(&mut *inner).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    this.limits.came();
                    if inner.is_end_stream() {
                        this.finish();
                    }
                    return Poll::Ready(Some(Ok(frame)));
                }
                Poll::Ready(None) => {
                    this.finish();
                    return Poll::Ready(None);
                }
                Poll::Ready(Some(Err(error))) => {
                    this.fail(Outcome::Failure);
                    return Poll::Ready(Some(Err(BodyError::Broken(error.into()))));
                }
                Poll::Pending => {}
            }
            match this.limits.poll(cx, this.lease.is_some()) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Due::Head) => {
                    if let Some(lease) = &mut this.lease {
                        lease.tell();
                    }
                }
                Poll::Ready(Due::Late(error)) => {
                    this.fail(Outcome::TimedOut);
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl<B: fmt::Debug> fmt::Debug for LeaseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeaseBody").field("inner", &self.inner).finish_non_exhaustive()
    }
}

/// Why a body came to no good end.
#[derive(Debug)]
#[non_exhaustive]
pub enum BodyError {
    /// The connection broke, or what came was no HTTP.
    Broken(BoxError),
    /// Nothing came for too long.
    Idle {
        /// How long that may be.
        limit: Duration,
    },
    /// It was not read before the deadline of its call.
    Deadline {
        /// How long the whole call may take.
        limit: Duration,
    },
    /// There is more of it than wanted.
    TooLarge {
        /// The most, in bytes.
        limit: usize,
    },
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(error) => write!(f, "the body broke off: {error}"),
            Self::Idle { limit } => write!(f, "nothing of the body came for {limit:?}"),
            Self::Deadline { limit } => {
                write!(f, "the body was not read within the {limit:?} of its call")
            }
            Self::TooLarge { limit } => write!(f, "the body is larger than {limit} bytes"),
        }
    }
}

impl Error for BodyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Broken(error) => Some(&**error),
            Self::Idle { .. } | Self::Deadline { .. } | Self::TooLarge { .. } => None,
        }
    }
}
