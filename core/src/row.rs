//! Keeps all that is known of one endpoint in one place.

use core::fmt;

use crate::counts::Counter;
use crate::endpoint::{Address, Endpoint};
use crate::hash;
use crate::health::{Health, HealthRow, Phase, Rules};
use crate::kit::Parts;
use crate::load::Load;
use crate::part::Part;
use crate::slot::Slot;
use crate::slow_start::{WarmAt, Warmth};
use crate::store::Addresses;
use crate::time::{Instant, Ticks};

/// One endpoint: its load, its counts, its health, what it says of itself.
///
/// Fields that picks and reports read come first: with many endpoints, each cache line counts.
#[repr(C)]
pub(crate) struct Row<A, L, K: Parts> {
    pub(crate) load: L,
    pub(crate) generation: u16,
    /// Active checks say that it is not there.
    pub(crate) down: bool,
    /// It stands between zeros of a new row: more than 16 bytes of those would take a call.
    pub(crate) live: bool,
    pub(crate) counts: K::Counts,
    pub(crate) warmth: K::Warmth,
    pub(crate) health: <K::Rules as Rules>::Part<HealthRow>,
    /// The endpoint; one that left stays until the slot is used again, for events of it.
    endpoint: Endpoint<A>,
}

impl<A, L: Load, K: Parts> Row<A, L, K> {
    /// Makes the row of an endpoint that comes, in a slot that was used so many times before.
    #[inline]
    pub(crate) fn new(endpoint: Endpoint<A>, generation: u16) -> Self {
        Self {
            endpoint,
            generation,
            live: true,
            down: false,
            health: Part::NEW,
            warmth: Warmth::NEW,
            counts: Counter::NEW,
            load: L::NEW,
        }
    }

    /// Frees the row; picks of its endpoint are void from now on.
    pub(crate) fn vacate(&mut self) {
        self.live = false;
        if let Some(health) = self.health.get_mut() {
            health.set_phase(Phase::InService);
        }
        self.generation = self.generation.wrapping_add(1);
    }

    /// Returns the endpoint, unless it has left.
    #[inline]
    pub(crate) fn endpoint(&self) -> Option<&Endpoint<A>> {
        self.live.then_some(&self.endpoint)
    }

    /// Returns the endpoint, unless it has left.
    pub(crate) fn endpoint_mut(&mut self) -> Option<&mut Endpoint<A>> {
        self.live.then_some(&mut self.endpoint)
    }

    /// Returns the endpoint, or the one that left last.
    pub(crate) fn last_endpoint(&self) -> &Endpoint<A> {
        &self.endpoint
    }

    /// Returns the address of the endpoint, or of the one that left last.
    pub(crate) fn last_address(&self) -> &A {
        &self.endpoint.addr
    }

    /// Returns this row's slot.
    #[inline]
    pub(crate) fn slot(&self, index: usize) -> Slot {
        Slot { index: index as u32, generation: self.generation.into() }
    }

    /// Tells that a slot still stands for this row's endpoint.
    #[inline]
    pub(crate) fn is(&self, slot: Slot) -> bool {
        self.live && slot.generation == u32::from(self.generation)
    }

    /// Tells that it takes requests, as far as its health goes.
    pub(crate) fn admits(&self) -> bool {
        !self.down && self.health.get().is_none_or(|health| health.phase() == Phase::InService)
    }

    /// Returns the priority of the endpoint, or of the one that left last.
    pub(crate) fn priority(&self) -> u16 {
        self.endpoint.priority
    }

    /// Takes all times along with a clock that went back.
    pub(crate) fn turn_back(&mut self, back: Ticks) {
        if let Some(health) = self.health.get_mut() {
            health.since = health.since.earlier(back);
            // One that was never taken out has no such time: a clock of 32 bits would make it one.
            if health.until != Instant::ZERO {
                health.until = health.until.earlier(back);
            }
        }
        if let WarmAt::Then(end) = self.warmth.end() {
            self.warmth.set_end(WarmAt::Then(end.earlier(back)));
        }
    }

    /// Returns the weight in effect.
    #[inline]
    pub(crate) fn weight(&self) -> u32 {
        self.warmth.weight(self.endpoint.weight)
    }

    pub(crate) fn health(&self) -> Health {
        match self.health.get() {
            _ if self.down => Health::Down,
            Some(health) => health.health(),
            None => Health::Healthy,
        }
    }

    /// Returns a copy of the row's health; that of a new one, where none is kept.
    pub(crate) fn health_row(&self) -> HealthRow {
        self.health.get().copied().unwrap_or(HealthRow::NEW)
    }
}

impl<A: Address, L: Load, K: Parts> Row<A, L, K> {
    /// Returns the hash of the address's key.
    #[inline]
    pub(crate) fn id(&self) -> u64 {
        self.load.id().unwrap_or_else(|| hash::of_key(&self.endpoint.addr))
    }

    /// Notes the hash of the address's key, where the policy needs it.
    pub(crate) fn note_id(&mut self) {
        let Self { load, endpoint, .. } = self;
        load.set_id(|| hash::of_key(&endpoint.addr));
    }
}

impl<A, L: Load, K: Parts> Addresses<A> for [Row<A, L, K>] {
    #[inline]
    fn endpoint(&self, slot: usize) -> Option<&Endpoint<A>> {
        self.get(slot)?.endpoint()
    }

    fn slots(&self) -> usize {
        self.len()
    }
}

impl<A: fmt::Debug, L: Load, K: Parts> fmt::Debug for Row<A, L, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row")
            .field("endpoint", &self.endpoint)
            .field("live", &self.live)
            .field("health", &self.health())
            .field("counts", &self.counts.counts())
            .finish_non_exhaustive()
    }
}
