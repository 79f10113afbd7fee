//! A picked client: borrowed for a moment, or owned until its request ends.

use core::fmt;
use core::ops::Deref;
use core::time::Duration;
use std::sync::Arc;

use arc_swap::Guard;
use evenkeel_core::{Instant, Outcome, Policy, Slot, Why};

use crate::client::Client;
use crate::snapshot::Snapshot;
use crate::target::Target;

/// What is due when a request ends.
#[derive(Clone, Copy, Debug)]
struct Due {
    slot: Slot,
    /// Whether it is among the requests in flight.
    counted: bool,
    /// Whether the policy looks at answer times.
    timed: bool,
    /// Whether it may decide if an ejected endpoint comes back.
    decides: bool,
    /// Known where the policy looks at answer times, and of a request that decides.
    sent: Instant,
    /// The snapshot that it was picked from.
    version: u64,
    why: Why,
    outcome: Outcome,
}

impl Due {
    #[inline]
    fn report<C>(&self, client: &Client<C>) {
        let index = self.slot.index();
        // Learnt from before it is taken off: in between, a new endpoint would look as if it had never been asked.
        if self.timed {
            client.counters.observe(index, self.sent, self.outcome);
        }
        if self.counted {
            client.counters.subtract(index);
        }
        if self.decides || client.vitals.heeds(self.outcome) {
            self.tell(client);
        }
    }

    #[inline(never)]
    fn tell<C>(&self, client: &Client<C>) {
        // In panic there are others to decide.
        let decides = self.decides && (self.why == Why::Probe || self.outcome != Outcome::Canceled);
        if client.vitals.report(self.outcome, self.version, decides.then_some(self.sent)) {
            client.counters.marks.mark(self.slot.index());
        }
    }

    /// Nothing is due any more.
    fn settled(self) -> Self {
        Self { counted: false, timed: false, decides: false, outcome: Outcome::Canceled, ..self }
    }
}

/// Whom a pick goes to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chosen {
    /// Its place among the snapshot's clients.
    pub(crate) place: usize,
    pub(crate) slot: Slot,
    pub(crate) why: Why,
    /// Whether it may decide if an ejected endpoint comes back.
    pub(crate) decides: bool,
    /// Needed where the policy looks at answer times, and of a request that decides.
    pub(crate) sent: Instant,
}

/// A picked client, borrowed from the balancer: the cheapest way to use one, for requests that end in the same breath.
///
/// To be ended by [`success`](Self::success), [`failure`](Self::failure) or [`overloaded`](Self::overloaded); dropped without, the
/// request counts as canceled. A request that lives across an `await` wants a [`Lease`].
#[must_use = "a pick that is dropped counts as a canceled request"]
pub struct Pick<C, P> {
    snapshot: Guard<Arc<Snapshot<C, P>>>,
    place: usize,
    due: Due,
}

impl<C, P> Pick<C, P> {
    #[inline]
    pub(crate) fn new(snapshot: Guard<Arc<Snapshot<C, P>>>, chosen: Chosen) -> Self
    where
        P: Policy,
    {
        let Chosen { place, slot, why, decides, sent } = chosen;
        let (policy, version) = (&snapshot.groups[0].policy, snapshot.version);
        let (counted, timed) = (policy.counts(), policy.timed());
        if counted {
            snapshot.clients[place].counters.add(slot.index());
        }
        let outcome = Outcome::Canceled;
        Self { snapshot, place, due: Due { slot, counted, timed, decides, sent, version, why, outcome } }
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

    /// The endpoint refused the request for now, and asked to be left alone for this long if it said so: no failure then.
    #[inline]
    pub fn overloaded(mut self, retry_after: Option<Duration>) {
        self.due.outcome = Outcome::Overloaded { retry_after };
    }

    /// Makes it owned, so that it may live across awaits; costs one more count on a shared line.
    pub fn lease(mut self) -> Lease<C> {
        let lease = Lease { client: Arc::clone(self.client()), due: self.due };
        // The lease owes the report now.
        self.due = self.due.settled();
        lease
    }

    /// As if it had never been picked.
    pub(crate) fn undo(mut self) {
        if self.due.counted {
            self.client().counters.subtract(self.due.slot.index());
        }
        self.due = self.due.settled();
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
/// To be ended by [`success`](Self::success), [`failure`](Self::failure) or [`overloaded`](Self::overloaded); dropped without, the
/// request counts as canceled. The client of an endpoint that left is dropped with its last lease.
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

    /// The endpoint refused the request for now, and asked to be left alone for this long if it said so: no failure then.
    pub fn overloaded(self, retry_after: Option<Duration>) {
        self.report(Outcome::Overloaded { retry_after });
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
