//! A picked client: borrowed for a moment, or owned until its request ends.

use core::fmt;
use core::ops::Deref;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::Arc;

use arc_swap::Guard;
use evenkeel_core::policy::Loads;
use evenkeel_core::{Instant, Outcome, Policy, Slot, Why};

use crate::balancer::Status;
use crate::counters::Counters;
use crate::snapshot::Snapshot;
use crate::target::Target;

/// A client, where it leads, and what was reported of it.
#[derive(Debug)]
pub(crate) struct Client<C> {
    pub(crate) inner: C,
    pub(crate) target: Target,
    pub(crate) failures: AtomicU32,
    pub(crate) counters: Arc<Counters>,
}

impl<C> Client<C> {
    pub(crate) fn new(inner: C, target: Target, counters: &Arc<Counters>) -> Self {
        Self { inner, target, failures: AtomicU32::new(0), counters: Arc::clone(counters) }
    }

    pub(crate) fn status(&self, slot: Slot) -> Status {
        let in_flight = self.counters.in_flight(slot.index());
        Status { target: self.target.clone(), in_flight, failures: self.failures.load(Relaxed) }
    }
}

/// What is due when a request ends.
#[derive(Clone, Copy, Debug)]
struct Due {
    slot: Slot,
    counted: bool,
    /// When it was sent, where the policy looks at answer times.
    sent: Option<Instant>,
    why: Why,
    outcome: Outcome,
}

impl Due {
    #[inline]
    fn report<C>(&self, client: &Client<C>) {
        // Learnt from before it is taken off: in between, a new endpoint would look as if it had never been asked.
        if let Some(sent) = self.sent {
            client.counters.observe(self.slot.index(), sent, self.outcome);
        }
        if self.counted {
            client.counters.subtract(self.slot.index());
        }
        if matches!(self.outcome, Outcome::Failure | Outcome::Overloaded { .. }) {
            client.failures.fetch_add(1, Relaxed);
        }
    }
}

/// A picked client, borrowed from the balancer: the cheapest way to use one, for requests that end in the same breath.
///
/// To be ended by [`success`](Self::success) or [`failure`](Self::failure); dropped without, the request counts as canceled.
/// A request that lives across an `await` wants a [`Lease`].
#[must_use = "a pick that is dropped counts as a canceled request"]
pub struct Pick<C, P> {
    snapshot: Guard<Arc<Snapshot<C, P>>>,
    place: usize,
    due: Due,
}

impl<C, P> Pick<C, P> {
    #[inline]
    pub(crate) fn new(snapshot: Guard<Arc<Snapshot<C, P>>>, place: usize, why: Why, sent: Option<Instant>) -> Self
    where
        P: Policy,
    {
        let slot = snapshot.candidates.slots()[place];
        let counted = snapshot.groups[0].policy.counts();
        if counted {
            snapshot.clients[place].counters.add(slot.index());
        }
        Self { snapshot, place, due: Due { slot, counted, sent, why, outcome: Outcome::Canceled } }
    }

    /// Calls `f` with the client.
    #[inline]
    pub fn with<R>(&self, f: impl FnOnce(&C) -> R) -> R {
        f(&self.client().inner)
    }

    /// Where the client leads.
    pub fn target(&self) -> &Target {
        &self.client().target
    }

    /// Why this endpoint.
    pub fn why(&self) -> Why {
        self.due.why
    }

    /// The request was answered well.
    #[inline]
    pub fn success(mut self) {
        self.due.outcome = Outcome::Success;
    }

    /// The request was not answered well.
    #[inline]
    pub fn failure(mut self) {
        self.due.outcome = Outcome::Failure;
    }

    /// Makes it owned, so that it may live across awaits; costs one more count on a shared line.
    pub fn lease(mut self) -> Lease<C> {
        let lease = Lease { client: Arc::clone(self.client()), due: self.due };
        // The lease owes the report now.
        self.due = Due { counted: false, sent: None, ..self.due };
        lease
    }

    fn client(&self) -> &Arc<Client<C>> {
        &self.snapshot.clients[self.place]
    }
}

impl<C, P> Drop for Pick<C, P> {
    #[inline]
    fn drop(&mut self) {
        self.due.report(self.client());
    }
}

impl<C, P> fmt::Debug for Pick<C, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pick").field("target", self.target()).field("due", &self.due).finish_non_exhaustive()
    }
}

/// A picked client for one request, as long as that takes; dereferences to the client.
///
/// To be ended by [`success`](Self::success) or [`failure`](Self::failure); dropped without, the request counts as canceled. The
/// client of an endpoint that left is dropped with its last lease.
#[must_use = "a lease that is dropped counts as a canceled request"]
pub struct Lease<C> {
    client: Arc<Client<C>>,
    due: Due,
}

impl<C> Lease<C> {
    /// Where the client leads.
    pub fn target(&self) -> &Target {
        &self.client.target
    }

    /// Why this endpoint.
    pub fn why(&self) -> Why {
        self.due.why
    }

    /// The request was answered well.
    pub fn success(self) {
        self.report(Outcome::Success);
    }

    /// The request was not answered well.
    pub fn failure(self) {
        self.report(Outcome::Failure);
    }

    /// The request ended like this.
    pub fn report(mut self, outcome: Outcome) {
        self.due.outcome = outcome;
    }

    pub(crate) fn slot(&self) -> Slot {
        self.due.slot
    }

    pub(crate) fn client(&self) -> Arc<Client<C>> {
        Arc::clone(&self.client)
    }
}

impl<C> Deref for Lease<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.client.inner
    }
}

impl<C> Drop for Lease<C> {
    fn drop(&mut self) {
        self.due.report(&self.client);
    }
}

impl<C> fmt::Debug for Lease<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("target", self.target()).field("due", &self.due).finish_non_exhaustive()
    }
}
