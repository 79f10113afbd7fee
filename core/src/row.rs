//! Keeps all that is known of one endpoint in one row.
//!
//! A row has three parts. What a pick and the report of a success look at is hot: with many
//! endpoints, each line of the cache counts, so the heap keeps it in a list of its own. The endpoint
//! is what updates compare. The rest is looked at when something happens.

mod table;

use core::fmt;

use crate::counts::{Count, Counter, Counts};
use crate::endpoint::{Address, Endpoint};
use crate::hash;
use crate::health::{Health, HealthRow, Phase, Rules};
use crate::kit::Parts;
use crate::load::Load;
use crate::outcome::Outcome;
use crate::part::Part;
use crate::slot::Slot;
use crate::slow_start::{WarmAt, Warmth};
use crate::store::Store;
use crate::time::{Instant, Ticks, duration};
pub(crate) use table::Table;

/// What picks and reports look at.
#[repr(C)]
pub(crate) struct Hot<L, K: Parts> {
    pub(crate) load: L,
    /// The weight in effect, where it is not the endpoint's own.
    weight: <K::Warmth as Warmth>::Weight,
    pub(crate) successes: <K::Counts as Counter>::Successes,
    generation: u16,
    pub(crate) live: bool,
    marks: u8,
}

/// What is looked at when something happens.
#[repr(C)]
pub(crate) struct Rest<K: Parts> {
    pub(crate) others: <K::Counts as Counter>::Others,
    warm_at: <K::Warmth as Warmth>::End,
    health: <K::Rules as Rules>::Part<HealthRow>,
}

/// Active checks say that it is not there.
const DOWN: u8 = 1;
/// A success would change its health; only where rows are in columns.
const HEEDS: u8 = 2;
/// It warms up.
const WARMS: u8 = 4;
/// It drains, or has weight 0.
const OUT: u8 = 8;

impl<L: Load, K: Parts> Hot<L, K> {
    /// Returns this row's slot.
    #[inline]
    pub(crate) fn slot(&self, index: usize) -> Slot {
        Slot { index: index as u32, generation: self.generation.into() }
    }

    /// Tells that a slot still stands for this row's endpoint.
    #[inline]
    pub(crate) fn is(&self, slot: Slot) -> bool {
        self.live && self.was(slot)
    }

    /// Tells that a slot once given for an endpoint of this row still stands for it: one that left
    /// leaves the next generation behind.
    #[inline]
    pub(crate) fn was(&self, slot: Slot) -> bool {
        slot.generation == u32::from(self.generation)
    }

    /// Returns the generation of the endpoint, or of the one that left last.
    pub(crate) fn last_generation(&self) -> u16 {
        self.generation.wrapping_sub(u16::from(!self.live))
    }

    /// Tells that a success would not change its health; only where rows are in columns.
    #[inline]
    pub(crate) fn quiet(&self) -> bool {
        self.marks & HEEDS == 0
    }

    /// Returns the weight in effect, where it is not the endpoint's own.
    #[inline]
    pub(crate) fn weight(&self) -> Option<u32> {
        self.weight.get().copied()
    }

    fn has(&self, mark: u8) -> bool {
        self.marks & mark != 0
    }

    fn mark(&mut self, mark: u8, on: bool) {
        self.marks = self.marks & !mark | if on { mark } else { 0 };
    }
}

/// All that is known of one endpoint.
pub(crate) struct Row<'a, A, L, K: Parts> {
    pub(crate) hot: &'a Hot<L, K>,
    /// The endpoint; one that left stays until the slot is used again, for events of it.
    endpoint: &'a Endpoint<A>,
    rest: &'a Rest<K>,
}

/// All that is known of one endpoint, to be changed.
pub(crate) struct RowMut<'a, A, L, K: Parts> {
    pub(crate) hot: &'a mut Hot<L, K>,
    endpoint: &'a mut Endpoint<A>,
    rest: &'a mut Rest<K>,
}

impl<A, L, K: Parts> Clone for Row<'_, A, L, K> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<A, L, K: Parts> Copy for Row<'_, A, L, K> {}

impl<'a, A, L: Load, K: Parts> Row<'a, A, L, K> {
    /// Returns the endpoint, unless it has left.
    #[inline]
    pub(crate) fn endpoint(self) -> Option<&'a Endpoint<A>> {
        self.hot.live.then_some(self.endpoint)
    }

    /// Returns the address of the endpoint, or of the one that left last.
    pub(crate) fn last_address(self) -> &'a A {
        &self.endpoint.addr
    }

    /// Returns this row's slot.
    #[inline]
    pub(crate) fn slot(self, index: usize) -> Slot {
        self.hot.slot(index)
    }

    /// Tells that it takes requests, as far as its health goes.
    pub(crate) fn admits(self) -> bool {
        !self.is_down() && self.watched().is_none_or(|row| row.phase() == Phase::InService)
    }

    /// Tells that active checks say that it is not there.
    pub(crate) fn is_down(self) -> bool {
        self.hot.has(DOWN)
    }

    /// Returns the priority of the endpoint, or of the one that left last.
    pub(crate) fn priority(self) -> u16 {
        self.endpoint.priority
    }

    /// Returns the weight in effect.
    #[inline]
    pub(crate) fn weight(self) -> u32 {
        self.hot.weight().unwrap_or(self.endpoint.weight)
    }

    /// Returns how it is doing.
    pub(crate) fn health(self) -> Health {
        match self.watched() {
            _ if self.is_down() => Health::Down,
            Some(health) => health.health(),
            None => Health::Healthy,
        }
    }

    /// Returns what is known of its health, where there are rules.
    pub(crate) fn watched(self) -> Option<&'a HealthRow> {
        self.rest.health.get()
    }

    /// Returns a copy of the row's health; that of a new one, where none is kept.
    pub(crate) fn health_row(self) -> HealthRow {
        self.watched().copied().unwrap_or(HealthRow::NEW)
    }

    /// Returns what was reported of it.
    pub(crate) fn counts(self) -> Counts {
        K::Counts::counts(&self.hot.successes, &self.rest.others)
    }

    /// Returns when it has warmed up.
    pub(crate) fn warm_at(self) -> WarmAt {
        match self.rest.warm_at.get() {
            _ if self.hot.has(OUT) => WarmAt::Out,
            Some(&end) if self.hot.has(WARMS) => WarmAt::Then(end),
            Some(_) | None => WarmAt::Now,
        }
    }
}

impl<A: Address, L: Load, K: Parts> Row<'_, A, L, K> {
    /// Returns the hash of the address's key.
    #[inline]
    pub(crate) fn id(self) -> u64 {
        self.hot.load.id().unwrap_or_else(|| hash::of_key(&self.endpoint.addr))
    }
}

impl<A, L: Load, K: Parts> RowMut<'_, A, L, K> {
    /// Returns it not to be changed.
    pub(crate) fn as_row(&self) -> Row<'_, A, L, K> {
        Row { hot: self.hot, endpoint: self.endpoint, rest: self.rest }
    }

    /// Frees the row; picks of its endpoint are void from now on.
    pub(crate) fn vacate(&mut self) {
        self.hot.live = false;
        if let Some(health) = self.rest.health.get_mut() {
            health.set_phase(Phase::InService);
        }
        self.hot.generation = self.hot.generation.wrapping_add(1);
    }

    /// Returns the endpoint, unless it has left.
    pub(crate) fn endpoint_mut(&mut self) -> Option<&mut Endpoint<A>> {
        self.hot.live.then_some(&mut *self.endpoint)
    }

    /// Notes what active checks say.
    pub(crate) fn set_down(&mut self, down: bool) {
        self.hot.mark(DOWN, down);
    }

    /// Counts the end of a request, if it is no success.
    #[inline]
    pub(crate) fn count(&mut self, outcome: Outcome) {
        self.rest.others.count(outcome);
    }

    /// Changes its health, where there are rules: the only way to it, for what is hot follows it.
    #[inline]
    pub(crate) fn change<St: Store, T>(
        &mut self,
        change: impl FnOnce(&mut HealthRow) -> T,
    ) -> Option<T> {
        let health = self.rest.health.get_mut()?;
        let changed = change(health);
        if !St::FEW {
            self.hot.mark(HEEDS, !health.quiet());
        }
        Some(changed)
    }

    /// Takes all times along with a clock that went back.
    pub(crate) fn turn_back(&mut self, back: Ticks) {
        self.hot.load.turn_back(duration(back));
        if let Some(health) = self.rest.health.get_mut() {
            health.since = health.since.earlier(back);
            // One that was never taken out has no such time: a clock of 32 bits would make it one.
            if health.until != Instant::ZERO {
                health.until = health.until.earlier(back);
            }
            if health.began != Instant::ZERO {
                health.began = health.began.earlier(back);
            }
        }
        if let WarmAt::Then(end) = self.as_row().warm_at() {
            self.set_warm_at(WarmAt::Then(end.earlier(back)));
        }
    }

    /// Notes that it weighs what the endpoint says.
    pub(crate) fn set_own_weight(&mut self) {
        self.set_weight(self.endpoint.weight);
    }

    /// Notes the weight in effect.
    pub(crate) fn set_weight(&mut self, weight: u32) {
        if let Some(place) = self.hot.weight.get_mut() {
            *place = weight;
        }
    }

    /// Notes when it has warmed up.
    pub(crate) fn set_warm_at(&mut self, at: WarmAt) {
        let Some(place) = self.rest.warm_at.get_mut() else { return };
        *place = if let WarmAt::Then(end) = at { end } else { Instant::ZERO };
        self.hot.mark(WARMS, matches!(at, WarmAt::Then(_)));
        self.hot.mark(OUT, at == WarmAt::Out);
    }
}

impl<A: fmt::Debug, L: Load, K: Parts> fmt::Debug for Row<'_, A, L, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row")
            .field("endpoint", &self.endpoint)
            .field("live", &self.hot.live)
            .field("health", &self.health())
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}
