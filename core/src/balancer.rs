//! The whole path for one thread: update, pick, report.

mod durable;
mod pick;
mod policies;
mod status;

use core::fmt;

use rand_core::Rng;

use crate::cluster::{Cluster, GROUPS};
use crate::config::{Config, ConfigError};
use crate::endpoint::{Address, Endpoint};
use crate::error::{InsertError, PickError, TableFull, UpdateError};
use crate::event::Event;
use crate::health::OutlierDetection;
use crate::policy::{Cx, Policy, Turn, View, choose};
use crate::set::{Changes, Slot};
use crate::stats::{Estimator, Latency, Table};
use crate::store::Store;
use crate::time::Instant;
pub use pick::{Outcome, Pick, Request, Why};
use policies::Policies;
pub use status::{Candidacy, Status};

/// Balances requests over a set of endpoints; for one thread, without locks, atomics or a clock.
///
/// Each request is one [`pick`](Self::pick) before it and one [`report`](Self::report) after it.
#[repr(C)]
pub struct Balancer<A, P, #[cfg(feature = "alloc")] S: Store = crate::Heap, #[cfg(not(feature = "alloc"))] S: Store> {
    id: u16,
    policies: Policies<P>,
    turns: [Turn; GROUPS],
    cluster: Cluster<A, S>,
    stats: Table<S>,
}

impl<A: Address, P: Policy, S: Store> Balancer<A, P, S> {
    /// A balancer without endpoints.
    pub fn new(policy: P) -> Self {
        let cluster = if policy.hashes() { Cluster::new() } else { Cluster::without_ids() };
        Self::assemble(Policies::one(policy), cluster, const { Estimator::new(Latency::DEFAULT) })
    }

    /// A balancer without endpoints, with settings of its own.
    ///
    /// # Errors
    /// [`ConfigError`] for settings that make no sense; it names the setting and its limit.
    pub fn with_config(policy: P, config: Config) -> Result<Self, ConfigError>
    where
        P: Clone,
    {
        config.check()?;
        let mut policy = policy;
        policy.seed(config.seed);
        Ok(Self::assemble(Policies::cloning(policy), Cluster::with_config(config), Estimator::new(config.latency)))
    }

    fn assemble(policies: Policies<P>, cluster: Cluster<A, S>, estimator: Estimator) -> Self {
        Self { policies, turns: [Turn::UNSET; GROUPS], stats: Table::new(estimator), cluster, id: pick::balancer_id() }
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
        now: Instant,
        endpoints: impl IntoIterator<Item = Endpoint<A>>,
    ) -> Result<Changes, UpdateError> {
        let next = self.next_addresses();
        let changes = self.cluster.update_with(now, endpoints, &mut self.stats);
        if !changes.is_empty() {
            self.rebuild(next)?;
        }
        Ok(changes)
    }

    /// Adds one endpoint, or changes the one of the same address.
    ///
    /// # Errors
    /// [`InsertError::Full`] when there is no room for it: nothing changes.
    pub fn insert(&mut self, now: Instant, endpoint: Endpoint<A>) -> Result<Changes, InsertError> {
        let next = self.next_addresses();
        let changes = self.cluster.insert(now, endpoint, &mut self.stats)?;
        if !changes.is_empty() {
            self.rebuild(next)?;
        }
        Ok(changes)
    }

    /// Takes out the endpoint of this address and gives it back, if it was there.
    ///
    /// # Errors
    /// [`UpdateError`] when the policy cannot rebuild; the endpoint is out all the same.
    pub fn remove(&mut self, now: Instant, addr: &A) -> Result<Option<Endpoint<A>>, UpdateError> {
        let next = self.next_addresses();
        let Some((_, endpoint)) = self.cluster.remove(now, addr) else { return Ok(None) };
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
        if request.now >= self.cluster.due()
            && let Some(probe) = self.attend(&request)
        {
            return Ok(probe);
        }
        let candidates = self.cluster.candidates();
        let index = match candidates.groups() {
            0 => return Err(self.cluster.unavailable()),
            1 => 0,
            _ => candidates.draw(request.key, request.avoid, rng),
        };
        let group = candidates.group(index);
        let policy = self.policies.get(index);
        let view = View::new(group, self.stats.loads(policy.timed()), self.cluster.set(), request.avoid);
        let mut cx = Cx::new(request.now, request.key, &mut self.turns[index], rng);
        let (place, mut why) = choose(policy, &view, &mut cx)?;
        if group.panic && why == Why::Policy {
            why = Why::Panic;
        }
        let (slot, panic) = (group.slots[place], group.panic);
        Ok(self.begin(slot, request.now, why, panic))
    }

    #[inline]
    fn begin(&mut self, slot: Slot, now: Instant, why: Why, decides: bool) -> Pick {
        let counted = self.policies.get(0).counts();
        if counted && let Some(stats) = self.stats.get_mut(slot.index()) {
            stats.in_flight = stats.in_flight.saturating_add(1);
        }
        Pick { slot, started: now, balancer: self.id, why, counted, decides }
    }

    /// Does what is due before a pick; the pick itself, if it has to be a probe. A retry is not: it should succeed.
    #[cold]
    #[inline(never)]
    fn attend(&mut self, request: &Request<'_>) -> Option<Pick> {
        self.handle_timeout(request.now);
        let slot = request.avoid.is_empty().then(|| self.cluster.start_probe(request.now))??;
        Some(self.begin(slot, request.now, Why::Probe, true))
    }

    /// The endpoint of a pick, unless it has left since.
    pub fn endpoint(&self, pick: &Pick) -> Option<&Endpoint<A>> {
        (pick.balancer == self.id).then(|| self.cluster.set().get(pick.slot))?
    }

    /// Tells how the request of a pick ended.
    ///
    /// The pick of an endpoint that has left, or of another balancer, changes no endpoint's counts.
    #[inline]
    pub fn report(&mut self, now: Instant, pick: Pick, outcome: Outcome) {
        if pick.balancer != self.id || !self.cluster.set().remembers(pick.slot) {
            return;
        }
        let index = pick.slot.index();
        if self.policies.get(0).timed() {
            self.stats.observe(index, pick.started, now, outcome);
        }
        let Some(stats) = self.stats.get_mut(index) else { return };
        stats.in_flight = stats.in_flight.saturating_sub(u32::from(pick.counted));
        let counter = match outcome {
            Outcome::Success => &mut stats.successes,
            Outcome::Failure | Outcome::Overloaded { .. } => &mut stats.failures,
            Outcome::Canceled => &mut stats.canceled,
        };
        *counter = counter.wrapping_add(1);
        if self.cluster.heeds(outcome) {
            self.observe(now, &pick, outcome);
        }
    }

    #[cold]
    fn observe(&mut self, now: Instant, pick: &Pick, outcome: Outcome) {
        // Times from before a clock that went back would make this look outdated.
        self.cluster.follow_clock(now);
        let asks = matches!(outcome, Outcome::Overloaded { retry_after: Some(_) });
        if asks || !self.cluster.outdated(pick.slot, pick.started) {
            self.cluster.observe(now, pick.slot, outcome, pick.decides.then_some(pick.started));
        }
    }

    /// Takes over what active checks find of the endpoint in `slot`: a [`Checker`](crate::health::Checker) says it.
    pub fn set_down(&mut self, now: Instant, slot: Slot, down: bool) {
        self.cluster.set_down(now, slot, down);
    }

    /// Ejects by other rules from now on, or no longer; see [`Cluster::set_outlier_detection`].
    ///
    /// # Errors
    /// [`ConfigError`] for settings that make no sense; nothing changes.
    pub fn set_outlier_detection(
        &mut self,
        now: Instant,
        settings: Option<OutlierDetection>,
    ) -> Result<(), ConfigError> {
        self.cluster.set_outlier_detection(now, settings)
    }

    /// What changed since it was asked last, for logs and metrics; see [`Cluster::events`].
    pub fn events(&mut self) -> impl Iterator<Item = Event<'_, A>> {
        self.cluster.events()
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do; see [`Cluster::poll_timeout`].
    ///
    /// Moved by all that takes the time.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.cluster.poll_timeout()
    }

    /// Does what is due at `now`: ejections and probes end, new endpoints get more of their weight. Harmless when called too early
    /// or too late; without any call, the next pick does it.
    pub fn handle_timeout(&mut self, now: Instant) {
        let next = self.next_addresses();
        if self.cluster.handle_timeout(now) {
            // A policy whose table is too small for the new weights goes on as it does after an update, which would say so.
            let _ = self.rebuild(next);
        }
    }

    /// Every endpoint with what is known of it, in the order of addresses.
    pub fn endpoints(&self) -> impl ExactSizeIterator<Item = Status<'_, A>> {
        status::all(&self.cluster, &self.stats)
    }

    /// How many endpoints there are, candidates or not.
    pub fn len(&self) -> usize {
        self.cluster.set().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.cluster.set().is_empty()
    }

    /// The address whose turn is next in each group.
    fn next_addresses(&self) -> [Option<A>; GROUPS] {
        if !self.policies.get(0).rotates() {
            return [const { None }; GROUPS];
        }
        core::array::from_fn(|index| self.next_address(index, self.turns[index]).cloned())
    }

    /// The address whose turn it is in a group.
    fn next_address(&self, index: usize, turn: Turn) -> Option<&A> {
        let slots = self.cluster.candidates().group(index).slots;
        let candidate = self.policies.get(index).candidate_at(turn.place()?);
        let next = slots.get(candidate).or(slots.first())?;
        self.cluster.set().get(*next).map(|endpoint| &endpoint.addr)
    }

    /// Gives the next turn in a group to this address, or the one that follows it.
    fn go_on_at(&mut self, index: usize, addr: &A) {
        let (slots, set) = (self.cluster.candidates().group(index).slots, self.cluster.set());
        let before = |slot: &Slot| set.get(*slot).is_some_and(|endpoint| endpoint.addr < *addr);
        let candidate = slots.partition_point(before);
        let candidate = if candidate < slots.len() { candidate } else { 0 };
        self.turns[index] = Turn::at(self.policies.get(index).place_of(candidate));
    }

    fn rebuild(&mut self, next: [Option<A>; GROUPS]) -> Result<(), TableFull> {
        let groups = self.cluster.candidates().groups();
        self.policies.cover(groups);
        let mut result = Ok(());
        for (index, next) in next.iter().enumerate().take(groups) {
            let (group, set) = (self.cluster.candidates().group(index), self.cluster.set());
            // A group without room must not leave the others with tables of earlier candidates.
            let policy = self.policies.get_mut(index);
            let view = View::new(group, self.stats.loads(policy.timed()), set, &[]);
            result = result.and(policy.rebuild(&view));
            let rotates = policy.rotates();
            if let Some(next) = next.as_ref().filter(|_| rotates) {
                self.go_on_at(index, next);
            }
        }
        result
    }
}

impl<A: fmt::Debug, P, S: Store> fmt::Debug for Balancer<A, P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Balancer")
            .field("cluster", &self.cluster)
            .field("stats", &self.stats)
            .field("turns", &self.turns)
            .finish_non_exhaustive()
    }
}
