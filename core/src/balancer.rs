//! The whole path for one thread: update, pick, report.

mod pick;

use core::fmt;

use rand_core::Rng;

use crate::cluster::Cluster;
use crate::endpoint::{Address, Endpoint};
use crate::error::{InsertError, PickError, UpdateError};
use crate::policy::{Cx, Policy, Turn, View, choose};
use crate::set::{Changes, Slot};
use crate::stats::{Stats, Table};
use crate::store::Store;
use crate::time::Instant;
pub use pick::{Outcome, Pick, Request, Why};

/// Balances requests over a set of endpoints; for one thread, without locks, atomics or a clock.
///
/// Each request is one [`pick`](Self::pick) before it and one [`report`](Self::report) after it.
pub struct Balancer<A, P, #[cfg(feature = "alloc")] S: Store = crate::Heap, #[cfg(not(feature = "alloc"))] S: Store> {
    cluster: Cluster<A, S>,
    policy: P,
    stats: Table<S>,
    turn: Turn,
    id: u16,
}

impl<A: Address, P: Policy, S: Store> Balancer<A, P, S> {
    /// A balancer without endpoints.
    pub fn new(policy: P) -> Self {
        Self { cluster: Cluster::new(), policy, stats: Table::default(), turn: Turn::UNSET, id: pick::balancer_id() }
    }

    /// Replaces the whole set of endpoints; endpoints that stay keep their slots, counts and place in the rotation.
    ///
    /// An empty set is obeyed: protection against empty answers is the business of sources. Cost, capacity and duplicates
    /// as [`EndpointSet::update`](crate::EndpointSet::update) says; an identical update rebuilds nothing.
    ///
    /// # Errors
    /// [`UpdateError`] when the policy's table is too small; the set is updated all the same.
    pub fn update(
        &mut self,
        _now: Instant,
        endpoints: impl IntoIterator<Item = Endpoint<A>>,
    ) -> Result<Changes, UpdateError> {
        let next = self.next_address();
        let changes = self.cluster.update_with(endpoints, &mut self.stats);
        if !changes.is_empty() {
            self.rebuild(next)?;
        }
        Ok(changes)
    }

    /// Adds one endpoint, or changes the one of the same address.
    ///
    /// # Errors
    /// [`InsertError::Full`] when there is no room for it: nothing changes.
    pub fn insert(&mut self, _now: Instant, endpoint: Endpoint<A>) -> Result<Changes, InsertError> {
        let next = self.next_address();
        let changes = self.cluster.insert(endpoint, &mut self.stats)?;
        if !changes.is_empty() {
            self.rebuild(next)?;
        }
        Ok(changes)
    }

    /// Takes out the endpoint of this address and gives it back, if it was there.
    ///
    /// # Errors
    /// [`UpdateError`] when the policy cannot rebuild; the endpoint is out all the same.
    pub fn remove(&mut self, _now: Instant, addr: &A) -> Result<Option<Endpoint<A>>, UpdateError> {
        let next = self.next_address();
        let Some((_, endpoint)) = self.cluster.remove(addr) else { return Ok(None) };
        self.rebuild(next)?;
        Ok(Some(endpoint))
    }

    /// Picks the endpoint for the next request.
    ///
    /// # Errors
    /// [`PickError`] when there is no endpoint to pick.
    #[inline]
    pub fn pick(&mut self, now: Instant, rng: &mut impl Rng) -> Result<Pick, PickError> {
        self.pick_with(Request::at(now), rng)
    }

    /// Picks the endpoint for a request with a key, or with slots to avoid.
    ///
    /// # Errors
    /// [`PickError`] when there is no endpoint to pick.
    #[inline]
    pub fn pick_with(&mut self, request: Request<'_>, rng: &mut impl Rng) -> Result<Pick, PickError> {
        self.cluster.available()?;
        let view = View::new(self.cluster.candidates(), &self.stats, request.avoid);
        let mut cx = Cx::new(request.now, request.key, &mut self.turn, rng);
        let (place, why) = choose(&self.policy, &view, &mut cx)?;
        let slot = self.cluster.candidates().slots()[place];
        let counted = self.policy.counts();
        if counted && let Some(stats) = self.stats.get_mut(slot.index()) {
            stats.in_flight = stats.in_flight.saturating_add(1);
        }
        Ok(Pick { slot, started: request.now, balancer: self.id, why, counted })
    }

    /// The endpoint of a pick, unless it has left since.
    pub fn endpoint(&self, pick: &Pick) -> Option<&Endpoint<A>> {
        (pick.balancer == self.id).then(|| self.cluster.set().get(pick.slot))?
    }

    /// Tells how the request of a pick ended.
    ///
    /// The pick of an endpoint that has left, or of another balancer, changes no endpoint's counts.
    pub fn report(&mut self, _now: Instant, pick: Pick, outcome: Outcome) {
        if pick.balancer != self.id || !self.cluster.set().remembers(pick.slot) {
            return;
        }
        let Some(stats) = self.stats.get_mut(pick.slot.index()) else { return };
        stats.in_flight = stats.in_flight.saturating_sub(u32::from(pick.counted));
        let counter = match outcome {
            Outcome::Success => &mut stats.successes,
            Outcome::Failure | Outcome::Overloaded { .. } => &mut stats.failures,
            Outcome::Canceled => &mut stats.canceled,
        };
        *counter = counter.wrapping_add(1);
    }

    /// Every endpoint with its counts, in the order of addresses.
    pub fn endpoints(&self) -> impl ExactSizeIterator<Item = Status<'_, A>> {
        // Candidates are listed in the same order.
        let mut candidates = self.cluster.candidates().slots().iter().peekable();
        self.cluster.set().iter().map(move |(slot, endpoint)| Status {
            slot,
            endpoint,
            candidate: candidates.next_if_eq(&&slot).is_some(),
            stats: self.stats.get(slot.index()),
        })
    }

    /// How many endpoints there are, candidates or not.
    pub fn len(&self) -> usize {
        self.cluster.set().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.cluster.set().is_empty()
    }

    /// The address whose turn is next.
    fn next_address(&self) -> Option<A> {
        let slots = self.cluster.candidates().slots();
        let next = slots.get(self.turn.place()?).or(slots.first())?;
        self.cluster.set().get(*next).map(|endpoint| endpoint.addr.clone())
    }

    fn rebuild(&mut self, next: Option<A>) -> Result<(), crate::TableFull> {
        let candidates = self.cluster.candidates();
        if let Some(next) = next {
            let set = self.cluster.set();
            let before = |slot: &Slot| set.get(*slot).is_some_and(|endpoint| endpoint.addr < next);
            let place = candidates.slots().partition_point(before);
            // After an outage clients must not all begin with the first endpoint: the next turn is drawn.
            self.turn = if candidates.is_empty() { Turn::UNSET } else { Turn::at(place) };
        }
        self.policy.rebuild(&View::new(candidates, &self.stats, &[]))
    }
}

/// What a balancer knows of an endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Status<'a, A> {
    /// Its slot.
    pub slot: Slot,
    /// The endpoint.
    pub endpoint: &'a Endpoint<A>,
    /// Whether it may be picked now.
    pub candidate: bool,
    /// What was reported of it.
    pub stats: Stats,
}

impl<A: fmt::Debug, P, S: Store> fmt::Debug for Balancer<A, P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Balancer")
            .field("cluster", &self.cluster)
            .field("stats", &self.stats)
            .field("turn", &self.turn)
            .finish_non_exhaustive()
    }
}
