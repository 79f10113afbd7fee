//! Who may be picked: the set, narrowed down to the candidates.

mod candidates;
mod durable;
mod health;
mod shared;
mod touched;

use core::fmt;

pub(crate) use candidates::Forming;
pub use candidates::{Candidates, GROUPS, Group};
pub use shared::Member;

use crate::config::Config;
use crate::endpoint::{Address, Endpoint};
use crate::error::{InsertError, PickError};
use crate::event::{Event, EventKind, Events};
use crate::health::{Judge, Scope, Table, judge};
use crate::set::{Change, Changes, EndpointSet, Observer, Slot};
use crate::store::{Store, is_short};
use crate::tier::{self, Levels, Warmth};
use crate::time::Instant;
use touched::Noting;
pub(crate) use touched::Touched;

/// The slow path of a balancer: the set of endpoints, how they are doing, and which of them are candidates.
///
/// An endpoint of weight 0 is never a candidate, a draining one only in a level that panics; nor is one that is
/// [ejected, overloaded or down](crate::health), unless nothing else is left. Among the others, the settings
/// decide: [`tier`] says how. Both the single-threaded [`Balancer`](crate::Balancer) and shared ones are built
/// on it.
///
/// What changes the set takes effect at once; what changes an endpoint's health, with [`handle_timeout`](Self::handle_timeout),
/// which is due at once then.
#[repr(C)]
pub struct Cluster<A, #[cfg(feature = "alloc")] S: Store = crate::Heap, #[cfg(not(feature = "alloc"))] S: Store> {
    panic: bool,
    /// The priority of all candidates, where a few differences can be made good without forming them anew.
    level: Option<u16>,
    /// When a candidate is due to weigh more.
    step: Instant,
    /// The latest time that it was told.
    last: Instant,
    /// From when on picks have to ask for what is due.
    due: Instant,
    shape: Shape<A, S>,
    /// The slots whose health changed since the candidates were formed.
    touched: Touched,
    set: EndpointSet<A, S>,
    candidates: Candidates<S>,
    health: Table<S>,
    events: Events<S>,
    warmth: Warmth<S>,
    config: Config,
}

/// Forms the candidates from the set, and weighs them. In the second form, health does not matter.
type Shape<A, S> = fn(&mut Cluster<A, S>, Instant, bool);

/// A clock that goes back by less than this (nanoseconds) is several clocks, or one that was read a while ago.
const DISORDER: u64 = 1_000_000_000;

impl<A: Address, S: Store> Cluster<A, S> {
    /// A cluster without endpoints, with the default settings.
    pub fn new() -> Self {
        // What other settings need is not linked where nobody has any.
        Self::assemble(EndpointSet::new(), Config::default(), Self::form_by_default, None)
    }

    /// The same, for those who never ask for the candidates' ids: each is 0.
    pub(crate) fn without_ids() -> Self {
        Self::assemble(EndpointSet::without_ids(), Config::default(), Self::form_by_default, None)
    }

    /// A cluster without endpoints; `config` has been [checked](Config::check).
    pub fn with_config(config: Config) -> Self {
        Self::assemble(EndpointSet::new(), config, Self::form_by_settings, Some(judge::<S>))
    }

    fn assemble(set: EndpointSet<A, S>, config: Config, shape: Shape<A, S>, judge: Option<Judge<S>>) -> Self {
        Self {
            set,
            candidates: Candidates::default(),
            health: Table::new(&config, judge),
            config,
            events: Events::default(),
            touched: Touched::default(),
            level: None,
            warmth: Warmth::default(),
            step: Instant::MAX,
            panic: false,
            last: Instant::ZERO,
            due: Instant::MAX,
            shape,
        }
    }

    /// Its settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// All endpoints.
    pub fn set(&self) -> &EndpointSet<A, S> {
        &self.set
    }

    /// The endpoints that may be picked.
    pub fn candidates(&self) -> &Candidates<S> {
        &self.candidates
    }

    /// Why there is no candidate, when there is none: [`PickError::NoEndpoints`], [`PickError::AllDrained`] or
    /// [`PickError::AllEjected`].
    #[cold]
    pub fn unavailable(&self) -> PickError {
        if self.set.is_empty() {
            PickError::NoEndpoints
        } else if self.set.iter().any(|(_, endpoint)| endpoint.eligible()) {
            PickError::AllEjected
        } else {
            PickError::AllDrained
        }
    }

    /// Replaces the whole set; see [`EndpointSet::update`].
    pub fn update(&mut self, now: Instant, endpoints: impl IntoIterator<Item = Endpoint<A>>) -> Changes {
        self.update_with(now, endpoints, &mut |_: Change<'_, A>| {})
    }

    /// Replaces the whole set and tells every difference to `observer`; see [`EndpointSet::update_with`].
    ///
    /// An update that changes nothing leaves the candidates alone.
    pub fn update_with(
        &mut self,
        now: Instant,
        endpoints: impl IntoIterator<Item = Endpoint<A>>,
        observer: &mut impl Observer<A>,
    ) -> Changes {
        self.follow_clock(now);
        let (mut noting, set) = self.noting(now, observer);
        let changes = set.update_with(endpoints, &mut noting);
        if !changes.is_empty() {
            self.refresh(now, false);
        }
        changes
    }

    /// Adds or changes one endpoint; see [`EndpointSet::insert_with`].
    ///
    /// # Errors
    /// [`InsertError::Full`] when the store has no room; nothing changes.
    pub fn insert(
        &mut self,
        now: Instant,
        endpoint: Endpoint<A>,
        observer: &mut impl Observer<A>,
    ) -> Result<Changes, InsertError> {
        self.follow_clock(now);
        let (mut noting, set) = self.noting(now, observer);
        let changes = set.insert_with(endpoint, &mut noting)?;
        if !changes.is_empty() {
            self.refresh(now, false);
        }
        Ok(changes)
    }

    /// Takes out one endpoint.
    pub fn remove(&mut self, now: Instant, addr: &A) -> Option<(Slot, Endpoint<A>)> {
        self.follow_clock(now);
        let (slot, endpoint) = self.set.remove(addr)?;
        let mut nobody = |_: Change<'_, A>| {};
        self.noting(now, &mut nobody).0.on_change(Change::Removed(slot, &endpoint));
        self.refresh(now, false);
        Some((slot, endpoint))
    }

    /// What changed since it was asked last, oldest first: at most 256 events (or the store's capacity); older ones are dropped
    /// and counted.
    pub fn events(&mut self) -> impl Iterator<Item = Event<'_, A>> {
        let set = &self.set;
        self.events.drain(|slot| set.remembers(slot).then(|| set.last_address(slot.index())).flatten())
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do: an endpoint's health has changed, an ejection or a
    /// probe ends, or a candidate takes the next step of its slow start.
    ///
    /// Moved by all that takes the time.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let timeout = if self.touched.is_empty() { self.step.min(self.health.timeout()) } else { self.last };
        (timeout < Instant::MAX).then_some(timeout)
    }

    /// From when on picks have to [ask](Self::handle_timeout) for what is due, or [probe](Self::start_probe).
    #[inline]
    pub(crate) fn due(&self) -> Instant {
        self.due
    }

    /// Does what is due at `now`; tells whether the candidates were formed anew. A call too early does nothing, one too late
    /// makes up for it.
    pub fn handle_timeout(&mut self, now: Instant) -> bool {
        self.follow_clock(now);
        let Self { set, health, events, touched, .. } = self;
        let mut scope = Scope { now, hosts: set.len(), slot: &|index| set.live(index), events, touched };
        health.handle_timeout(&mut scope);
        let stepped = self.step <= now;
        let changed = stepped || !self.touched.is_empty();
        if changed {
            self.refresh(now, stepped);
        } else {
            self.note_due();
        }
        changed
    }

    fn noting<'a, O: Observer<A>>(
        &'a mut self,
        now: Instant,
        observer: &'a mut O,
    ) -> (Noting<'a, S, O>, &'a mut EndpointSet<A, S>) {
        // A cold client learns of all endpoints at once: most of them are warm already.
        let warm_at = |window| if self.candidates.is_empty() { Instant::ZERO } else { now + window };
        let end = self.config.slow_start.map(|slow_start| warm_at(slow_start.window));
        let Self { set, health, events, touched, warmth, .. } = self;
        (Noting { now, touched, health, events, warmth, end, observer }, set)
    }

    /// A clock that goes backwards takes all times along: no ejection gets longer. A little disorder is ignored.
    pub(crate) fn follow_clock(&mut self, now: Instant) {
        let back = self.last.nanos_since(now);
        if back >= DISORDER {
            self.health.turn_back(now, back);
            self.warmth.turn_back(back);
            self.step = self.step.earlier(back);
            self.note_due();
        } else if back > 0 {
            return;
        }
        self.last = now;
    }

    fn note_due(&mut self) {
        let at_once = !self.touched.is_empty() || self.health.probes();
        self.due = if at_once { Instant::ZERO } else { self.step.min(self.health.timeout()) };
    }

    /// The worst priority among the candidates; the worst there is, without candidates.
    pub(crate) fn worst_priority(&self) -> u16 {
        let endpoints = self.candidates.slots().iter().filter_map(|slot| self.set.get(*slot));
        endpoints.map(|endpoint| endpoint.priority).max().unwrap_or(u16::MAX)
    }

    /// Makes the candidates follow the set and the health of its endpoints, of which only the slots touched changed unless it
    /// is to be done `anew`.
    fn refresh(&mut self, now: Instant, anew: bool) {
        let touched = core::mem::take(&mut self.touched);
        let Self { set, candidates, health, .. } = self;
        let available = |slot: Slot, endpoint: &Endpoint<A>| !endpoint.draining && health.row(slot.index()).admits();
        let patched = match (self.level, touched.few()) {
            (Some(level), Some(touched)) if !anew && !is_short::<S>() => {
                tier::patch(candidates, set, level, touched, available)
            }
            _ => false,
        };
        if !patched {
            (self.shape)(self, now, false);
            if self.candidates.is_empty() && self.config.levels == Levels::FirstAvailable {
                // Better ejected ones than none.
                (self.shape)(self, now, true);
                self.candidates.panic();
                self.level = None;
            }
        }
        let panic = self.candidates.panics();
        if panic != self.panic {
            self.panic = panic;
            self.events.push(now, None, if panic { EventKind::PanicOn } else { EventKind::PanicOff });
        }
        self.health.look_again(now);
        self.note_due();
    }

    fn form_by_default(&mut self, _now: Instant, any_health: bool) {
        let Self { set, candidates, health, .. } = self;
        let available = |slot: Slot, endpoint: &Endpoint<A>| {
            !endpoint.draining && (any_health || health.row(slot.index()).admits())
        };
        self.level = tier::form_first_available(candidates.form(), set, available);
    }

    fn form_by_settings(&mut self, now: Instant, any_health: bool) {
        let Self { set, candidates, health, config, warmth, .. } = self;
        let available = |slot: Slot, endpoint: &Endpoint<A>| {
            !endpoint.draining && (any_health || health.row(slot.index()).admits())
        };
        self.level = tier::form(candidates.form(), set, config, available);
        let Some(slow_start) = config.slow_start else { return };
        let end = |slot: Slot| warmth.end(slot, health.row(slot.index()), slow_start);
        let next = (0..candidates.groups()).filter_map(|index| {
            let (slots, weights) = candidates.weights_mut(index);
            slow_start.weigh(end, slots, weights, now)
        });
        // Steps that are due soon after each other are taken together.
        self.step = next.min().map_or(Instant::MAX, |next| next.max(now + slow_start.tick()));
    }
}

impl<A: Address, S: Store> Default for Cluster<A, S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: fmt::Debug, S: Store> fmt::Debug for Cluster<A, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("set", &self.set)
            .field("candidates", &self.candidates)
            .field("config", &self.config)
            .field("health", &self.health)
            .field("step", &self.step)
            .finish_non_exhaustive()
    }
}
