//! The attempts of a call that are under way.

use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll};

use evenkeel_core::Instant;
use evenkeel_core::retry::Attempt;

use crate::lease::Lease;
use crate::telemetry::spans::AttemptSpan;

/// What an attempt under way owes.
#[derive(Debug)]
pub(super) struct Flight<C> {
    pub(super) attempt: Attempt,
    pub(super) lease: Lease<C>,
    pub(super) span: AttemptSpan,
    pub(super) began: Instant,
}

/// Where one is among those under way.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    First,
    /// The hedge with this index.
    Hedge(usize),
}

/// All that are under way. Only one is not a hedge: it has its place in the call's own future, so
/// that calls which do not hedge allocate nothing for it.
pub(super) struct InFlight<'a, C, Fut> {
    first: Option<Flight<C>>,
    future: Pin<&'a mut Option<Fut>>,
    hedges: Vec<(Flight<C>, Pin<Box<Fut>>)>,
}

impl<'a, C, Fut: Future> InFlight<'a, C, Fut> {
    pub(super) fn new(place: Pin<&'a mut Option<Fut>>) -> Self {
        Self { first: None, future: place, hedges: Vec::new() }
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "out of line, the lease is copied through memory")]
    pub(super) fn send(&mut self, flight: Flight<C>, future: Fut) {
        if flight.attempt.is_hedge() {
            self.hedges.push((flight, Box::pin(future)));
        } else {
            self.future.set(Some(future));
            self.first = Some(flight);
        }
    }

    /// Returns the next that ends by itself, and its place; never, if nothing is under way. It is to
    /// [`land`](Self::land) then.
    pub(super) async fn next(&mut self) -> (Place, Fut::Output) {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    #[inline]
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<(Place, Fut::Output)> {
        if let Some(first) = &self.first
            && let Some(future) = self.future.as_mut().as_pin_mut()
            && let Poll::Ready(output) = first.span.run(|| future.poll(cx))
        {
            self.future.set(None);
            return Poll::Ready((Place::First, output));
        }
        for index in 0..self.hedges.len() {
            let (flight, future) = &mut self.hedges[index];
            if let Poll::Ready(output) = flight.span.run(|| future.as_mut().poll(cx)) {
                return Poll::Ready((Place::Hedge(index), output));
            }
        }
        Poll::Pending
    }

    /// Takes out the one in this place, which has ended. It is not moved before: it is large.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "out of line, the lease is copied through memory")]
    pub(super) fn land(&mut self, place: Place) -> Option<Flight<C>> {
        match place {
            Place::First => self.first.take(),
            Place::Hedge(index) => Some(self.hedges.remove(index).0),
        }
    }

    /// Gives one up.
    pub(super) fn take(&mut self, attempt: Attempt) -> Option<Flight<C>> {
        if let Some(first) = self.first.take_if(|first| first.attempt == attempt) {
            self.future.set(None);
            return Some(first);
        }
        let index = self.hedges.iter().position(|(flight, _)| flight.attempt == attempt)?;
        Some(self.hedges.remove(index).0)
    }
}
