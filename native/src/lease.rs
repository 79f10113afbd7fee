//! A picked client: borrowed for a moment, or owned until its request ends.

use core::fmt;
use core::ops::Deref;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::Arc;

use arc_swap::Guard;
use evenkeel_core::policy::Loads;
use evenkeel_core::{Outcome, Slot, Why};

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
    why: Why,
}

impl Due {
    fn report<C>(self, client: &Client<C>, outcome: Outcome) {
        if self.counted {
            client.counters.subtract(self.slot.index());
        }
        if matches!(outcome, Outcome::Failure | Outcome::Overloaded { .. }) {
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
    due: Option<Due>,
}

impl<C, P> Pick<C, P> {
    pub(crate) fn new(snapshot: Guard<Arc<Snapshot<C, P>>>, place: usize, why: Why, counted: bool) -> Self {
        let slot = snapshot.candidates.slots()[place];
        if counted {
            snapshot.clients[place].counters.add(slot.index());
        }
        Self { snapshot, place, due: Some(Due { slot, counted, why }) }
    }

    /// Calls `f` with the client.
    pub fn with<R>(&self, f: impl FnOnce(&C) -> R) -> R {
        f(&self.client().inner)
    }

    /// Where the client leads.
    pub fn target(&self) -> &Target {
        &self.client().target
    }

    /// The request was answered well.
    pub fn success(self) {
        self.end(Outcome::Success);
    }

    /// The request was not answered well.
    pub fn failure(self) {
        self.end(Outcome::Failure);
    }

    /// Makes it owned, so that it may live across awaits; costs one more count on a shared line.
    pub fn lease(mut self) -> Lease<C> {
        Lease { client: Arc::clone(self.client()), due: self.due.take() }
    }

    fn client(&self) -> &Arc<Client<C>> {
        &self.snapshot.clients[self.place]
    }

    fn end(mut self, outcome: Outcome) {
        if let Some(due) = self.due.take() {
            due.report(self.client(), outcome);
        }
    }
}

impl<C, P> Drop for Pick<C, P> {
    fn drop(&mut self) {
        if let Some(due) = self.due.take() {
            due.report(self.client(), Outcome::Canceled);
        }
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
    due: Option<Due>,
}

impl<C> Lease<C> {
    /// Where the client leads.
    pub fn target(&self) -> &Target {
        &self.client.target
    }

    /// Why this endpoint.
    pub fn why(&self) -> Why {
        self.due.map_or(Why::Policy, |due| due.why)
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
        if let Some(due) = self.due.take() {
            due.report(&self.client, outcome);
        }
    }

    pub(crate) fn slot(&self) -> Option<Slot> {
        self.due.map(|due| due.slot)
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
        if let Some(due) = self.due.take() {
            due.report(&self.client, Outcome::Canceled);
        }
    }
}

impl<C> fmt::Debug for Lease<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("target", self.target()).field("due", &self.due).finish_non_exhaustive()
    }
}
