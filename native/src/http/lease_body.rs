//! A body that is followed to its end: until then, its request counts as in flight.

mod again;
mod error;
mod limits;

use core::fmt;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use evenkeel_core::{Instant as CoreInstant, Outcome, Verdict};
#[cfg(any(feature = "http", feature = "reqwest"))]
use futures_util::future::BoxFuture;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use self::again::Substitute;
pub use self::error::BodyError;
use self::limits::{Due, Limits};
use crate::call::Meaning;
use crate::factory::BoxError;
use crate::lease::Lease;

/// The body of an answer, with the [lease](Lease) on the endpoint that sends it.
///
/// It is handed on as it comes: nothing is buffered. The request counts as in flight until the
/// body ends, breaks or is dropped. A body that breaks is a failure of its endpoint, and no success
/// before: the endpoint is told of a good head half a second later, or at the body's end if that
/// is earlier. How long the answer took is learnt at its head.
///
/// Where the body breaks before anybody had anything of it, clients of this crate ask for it again
/// elsewhere, for requests that they hedge (see `http::default_retry`): an answer with another
/// status, length, type, encoding, range or `ETag` is none, as it does not fit the head that the
/// caller has. [`bytes`](Self::bytes) gives nothing away before the end, so that it is covered
/// whole.
///
/// After a 101 the connection speaks another protocol, such as WebSocket: the request counts as in
/// flight until this is dropped. Keep it beside what `hyper::upgrade::on` gives.
///
/// For clients of your own, make one with [`new`](Self::new), or use
/// [`call_response`](crate::Balancer::call_response).
#[must_use = "an answer that is dropped unread may cost its connection"]
pub struct LeaseBody<B> {
    /// Gone once it has ended, which frees its connection.
    inner: Option<B>,
    lease: Option<Box<dyn Held>>,
    limits: Limits,
    substitute: Substitute<B>,
}

/// A lease whatever its client is.
trait Held: Send + Sync {
    /// Tells the outcome now; the request stays in flight.
    fn tell(&mut self);
    /// Ends the request.
    fn end(self: Box<Self>, outcome: Outcome);
}

/// A lease whose head was learnt of then.
struct Untold<C>(Lease<C>, CoreInstant);

impl<C: Send + Sync> Held for Untold<C> {
    fn tell(&mut self) {
        self.0.tell();
    }

    fn end(self: Box<Self>, outcome: Outcome) {
        let Self(lease, head) = *self;
        let client = lease.client();
        // Its head came soon, and was no answer: that must not attract. Only where a policy looks
        // at answer times has the endpoint any.
        if client.load.latency().is_some() {
            let _lends = client.load.observe(head, client.clock.now(), outcome);
        }
        lease.report(outcome);
    }
}

/// A lease whose endpoint has been told of a head that is a failure of its own: the body says
/// nothing more of it.
struct Told<C>(Lease<C>);

impl<C: Send + Sync> Held for Told<C> {
    fn tell(&mut self) {}

    fn end(self: Box<Self>, _outcome: Outcome) {
        drop(self.0);
    }
}

/// A lease that goes with an answer, and knows how its head was.
pub(crate) enum Following<C> {
    /// The head, which came then, was good, or its request at fault: how the body ends is still to
    /// be told.
    Untold(Lease<C>, CoreInstant),
    /// It was neither, and that has been told.
    Told(Lease<C>, CoreInstant),
}

impl<C: Send + Sync + 'static> Following<C> {
    /// Learns how the head was, which came at `now`. All answers are in flight until their bodies
    /// end.
    pub(crate) fn new(mut lease: Lease<C>, (verdict, outcome): Meaning, now: CoreInstant) -> Self {
        lease.learn(outcome, || now);
        if matches!(verdict, Verdict::Success | Verdict::Ignorable) {
            return Self::Untold(lease, now);
        }
        lease.tell();
        Self::Told(lease, now)
    }

    /// Tells that how the body ends is still to be told.
    #[cfg(any(feature = "http", feature = "reqwest"))]
    pub(super) fn is_untold(&self) -> bool {
        matches!(self, Self::Untold(..))
    }

    /// Returns when the head came, on tokio's clock.
    fn head(&self) -> Instant {
        match self {
            Self::Untold(lease, head) | Self::Told(lease, head) => lease.client().clock.at(*head),
        }
    }

    fn held(self) -> Box<dyn Held> {
        match self {
            Self::Untold(lease, head) => Box::new(Untold(lease, head)),
            Self::Told(lease, _) => Box::new(Told(lease)),
        }
    }
}

impl<B: Body> LeaseBody<B> {
    /// Follows the body of an answer whose head is good: its endpoint is told of a success unless
    /// the body breaks.
    ///
    /// So it is with the lease of a [pick](crate::Pick::lease). What
    /// [`call_lease`](crate::Balancer::call_lease) returns has told of the head already: a body
    /// that breaks is a failure after that success, and an endpoint that breaks all of them is not
    /// ejected for failures in a row. [`call_response`](crate::Balancer::call_response) waits for
    /// the body.
    pub fn new<C: Send + Sync + 'static>(body: B, lease: Lease<C>) -> Self {
        let now = lease.now();
        let lease = Following::new(lease, (Verdict::Success, Outcome::Success), now);
        Self::following(body, lease, None, None)
    }

    /// Follows a body. Between two pieces `idle` may pass, and it ends by the deadline, so long
    /// after its call began.
    pub(crate) fn following<C: Send + Sync + 'static>(
        body: B,
        lease: Following<C>,
        idle: Option<Duration>,
        deadline: Option<(Instant, Duration)>,
    ) -> Self {
        let limits = Limits::new(idle, deadline, lease.head());
        // Where there is no body, nothing is to be followed.
        let lease = (!body.is_end_stream()).then(|| lease.held());
        Self { inner: Some(body), lease, limits, substitute: Substitute::None }
    }

    /// Stands for a connection that speaks another protocol from here on (101): the request counts
    /// as in flight until this is dropped. The endpoint is told of the head at once.
    #[cfg(any(feature = "http", feature = "reqwest"))]
    pub(super) fn upgraded<C: Send + Sync + 'static>(lease: Following<C>) -> Self {
        let limits = Limits::new(None, None, lease.head());
        let mut lease = lease.held();
        lease.tell();
        Self { inner: None, lease: Some(lease), limits, substitute: Substitute::None }
    }

    /// Asks there for another body if this one breaks before anybody had anything of it.
    #[cfg(any(feature = "http", feature = "reqwest"))]
    pub(super) fn or_again(
        self,
        again: impl FnOnce() -> BoxFuture<'static, Option<Self>> + Send + Sync + 'static,
    ) -> Self {
        if self.lease.is_none() {
            return self;
        }
        Self { substitute: Substitute::May(Box::new(again)), ..self }
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
        while let Some(frame) = poll_fn(|cx| self.poll_own(cx)).await {
            let frame = match frame {
                Ok(frame) => frame,
                Err(error) => {
                    self.substitute.ask(error)?;
                    poll_fn(|cx| self.poll_substitute(cx)).await?;
                    whole.clear();
                    continue;
                }
            };
            // Trailers are no part of it.
            let Ok(mut data) = frame.into_data() else { continue };
            if data.remaining() > limit - whole.len() {
                return Err(BodyError::TooLarge { limit });
            }
            whole.put(data.copy_to_bytes(data.remaining()));
        }
        Ok(whole.freeze())
    }

    /// Waits for the body that was asked for in place of this one, if it was, and becomes that.
    fn poll_substitute(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        let Substitute::Asked(asked) = &mut self.substitute else { return Poll::Ready(Ok(())) };
        let Poll::Ready(answer) = asked.poll(cx) else {
            // Nobody reads of this one any more, and its times hold as before.
            let Poll::Ready(Due::Late(late)) = self.limits.poll(cx, false) else {
                return Poll::Pending;
            };
            self.substitute = Substitute::None;
            return Poll::Ready(Err(late));
        };
        match (answer, core::mem::replace(&mut self.substitute, Substitute::None)) {
            (Some(other), _) => {
                *self = other;
                Poll::Ready(Ok(()))
            }
            (None, Substitute::Asked(asked)) => {
                let error = self.limits.is_over().unwrap_or_else(|| asked.into_error());
                Poll::Ready(Err(error))
            }
            (None, Substitute::None | Substitute::May(_)) => Poll::Ready(Ok(())),
        }
    }

    /// Polls the body that there is.
    fn poll_own(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BodyError>>> {
        let this = self;
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
                    // Whoever answers in its place has all of the time.
                    this.limits.came();
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
}

impl<B> Body for LeaseBody<B>
where
    B: Body<Error: Into<BoxError>> + Unpin,
{
    type Data = B::Data;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BodyError>>> {
        let this = self.get_mut();
        loop {
            if let Err(error) = ready!(this.poll_substitute(cx)) {
                return Poll::Ready(Some(Err(error)));
            }
            match ready!(this.poll_own(cx)) {
                Some(Err(error)) => {
                    if let Err(error) = this.substitute.ask(error) {
                        return Poll::Ready(Some(Err(error)));
                    }
                }
                piece => {
                    // Another body may begin otherwise.
                    this.substitute = Substitute::None;
                    return Poll::Ready(piece);
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match (&self.inner, &self.substitute) {
            (Some(inner), _) => inner.is_end_stream(),
            (None, Substitute::Asked(_)) => false,
            (None, Substitute::None | Substitute::May(_)) => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.inner, &self.substitute) {
            (Some(inner), _) => inner.size_hint(),
            (None, Substitute::Asked(_)) => SizeHint::default(),
            (None, Substitute::None | Substitute::May(_)) => SizeHint::with_exact(0),
        }
    }
}

impl<B: fmt::Debug> fmt::Debug for LeaseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeaseBody").field("inner", &self.inner).finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "http"))]
mod tests;
