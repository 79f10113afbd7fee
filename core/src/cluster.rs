//! Keeps the endpoints, how they are doing, and which of them may be picked.

mod due;
mod eject;
mod health;
mod hosts;
mod members;
mod place;
mod readmit;
mod shell;
mod state;
mod tally;
mod update;
mod watch;

use core::fmt;

pub use members::{Candidacy, Member};
pub use shell::{CandidateGroup, draw_group};
pub use update::Changes;
pub(crate) use watch::Watch;

use crate::endpoint::{Address, Endpoint};
use crate::error::PickError;
use crate::event::{Event, EventKind, EventLog, Note};
use crate::health::Rules;
use crate::kit::{Kit, Parts};
use crate::load::Load;
use crate::part::Part;
use crate::plan::Group;
use crate::row::{Row, RowMut, Table};
use crate::set::{Levels, Set};
use crate::slot::Slot;
use crate::slow_start::Warmth;
use crate::store::{Index, List, Store};
use crate::time::{Instant, Ticks};

/// The slow path of a balancer: the endpoints, how they are doing, and which are candidates.
///
/// An endpoint of weight 0 is never a candidate, a draining one only in a level that panics; nor is
/// one that is [ejected, overloaded or down](crate::health), unless nothing else is left. Among the
/// others, the settings decide. A [`Balancer`](crate::Balancer) is one with a policy; a shell whose
/// threads share a balancer keeps one beside what they pick from, with a load of `()`.
///
/// A change takes effect at once: the endpoint's row is changed, its slot placed into the sets
/// that it belongs to, and the first level that is not empty chosen.
#[repr(C)]
pub struct Cluster<A, L: Load, S: Kit, St: Store> {
    // Small fields first: it takes small processors less code to reach them.
    /// The tuning was derived from the settings: at the first change, as no constant could.
    tuned: bool,
    /// All outcomes are counted, in intervals.
    counts_all: bool,
    /// The candidates were taken for want of better ones.
    panic: bool,
    /// The time from which picks ask for what is due, or for a slot to probe.
    wake: Option<Instant>,
    /// The latest time that it was told.
    last: Instant,
    levels: <St::Set as Set>::Levels,
    watch: <RulesOf<S> as Rules>::Part<Watch<St::Set>>,
    /// The number of endpoints.
    hosts: u32,
    /// The time at which a candidate is due to weigh more.
    step: <<S::Parts as Parts>::Warmth as Warmth>::Step,
    tuning: L::Tuning,
    groups: <S::Parts as Parts>::Groups<Group<St::Set>>,
    settings: S,
    index: St::Index,
    rows: Table<A, L, S::Parts, St>,
    events: EventsOf<S, St>,
}

/// The rules of a kit.
pub(crate) type RulesOf<S> = <<S as Kit>::Parts as Parts>::Rules;

/// A clock that goes back by less than a second is several clocks, or one that was read a while
/// ago.
const DISORDER: Ticks = crate::time::ticks(core::time::Duration::from_secs(1));

/// The events of a kit.
type EventsOf<S, St> = <<S as Kit>::Parts as Parts>::Events<St>;

impl<A: Address, L: Load, S: Kit, St: Store> Cluster<A, L, S, St> {
    /// Something may become due.
    const TIMED: bool =
        <RulesOf<S> as Rules>::Part::<Watch<St::Set>>::PRESENT || <S::Parts as Parts>::Warmth::ON;

    /// Makes a cluster without endpoints. Settings known at run time should have been
    /// [checked](crate::Config::check).
    pub const fn new(settings: S) -> Self {
        Self {
            rows: Table::NEW,
            index: Index::NEW,
            levels: Levels::NEW,
            groups: List::NEW,
            watch: Part::NEW,
            events: EventLog::NEW,
            settings,
            tuning: L::TUNING,
            tuned: false,
            counts_all: false,
            hosts: 0,
            last: Instant::ZERO,
            step: Part::NEW,
            wake: None,
            panic: false,
        }
    }

    /// Returns its settings.
    pub fn settings(&self) -> &S {
        &self.settings
    }

    /// Returns how many endpoints there are.
    pub fn len(&self) -> usize {
        self.hosts as usize
    }

    /// Tells that there is none.
    pub fn is_empty(&self) -> bool {
        self.hosts == 0
    }

    /// Returns how many slots were ever in use; every [`Slot::index`] is below it.
    pub fn slots(&self) -> usize {
        self.rows.len()
    }

    /// Returns the endpoint in `slot`, unless it has left. O(1)
    #[inline]
    pub fn get(&self, slot: Slot) -> Option<&Endpoint<A>> {
        self.row(slot)?.endpoint()
    }

    /// Returns the slot of an address. O(log n), O(n) for few.
    pub fn find(&self, addr: &A) -> Option<Slot> {
        let slot = self.index.find(&self.rows, addr, &mut 0)?;
        self.live(slot)
    }

    /// Returns the slot with this index, if an endpoint is in it.
    pub fn live(&self, index: usize) -> Option<Slot> {
        self.rows.look(index, |row| row.live.then(|| row.slot(index)))?
    }

    /// Lists the endpoints in the order of their addresses, with their slots.
    pub fn iter(&self) -> impl Iterator<Item = (Slot, &Endpoint<A>)> {
        self.by_address().filter_map(|index| {
            let row = self.rows.get(index)?;
            Some((row.slot(index), row.endpoint()?))
        })
    }

    /// Takes out what changed since it was asked last, oldest first: at most 256 events (or the
    /// store's capacity). Older ones are dropped and counted.
    pub fn events(&mut self) -> impl Iterator<Item = Event<'_, A>> {
        let (notes, rows) = (self.events.drain(), &self.rows);
        notes.map(move |Note { at, slot, kind }| {
            let address = |slot: Slot| {
                let row = rows.get(slot.index())?;
                (u32::from(row.hot.last_generation()) == slot.generation)
                    .then(|| row.last_address())
            };
            Event { at, endpoint: slot.map(|slot| (slot, address(slot))), kind }
        })
    }

    /// Says why there is no candidate, when there is none.
    #[cold]
    pub fn unavailable(&self) -> PickError {
        let endpoints = || self.rows.iter().filter_map(Row::endpoint);
        if self.hosts == 0 {
            return PickError::NoEndpoints;
        }
        if !self.has_no_members() {
            // Among them may be some that drain, in a level that panics.
            return PickError::Busy { until: self.next_watched() };
        }
        if !endpoints().any(Endpoint::eligible) {
            return PickError::AllDrained;
        }
        PickError::AllEjected
    }

    /// Lists the slots in the order of their addresses.
    pub fn by_address(&self) -> impl Iterator<Item = usize> + '_ {
        let (mut searched, mut places) = (self.after(None), 0..);
        core::iter::from_fn(move || {
            // Where the order is kept, nothing has to be looked for.
            if St::FEW { searched.next() } else { self.index.at(places.next()?) }
        })
    }

    /// Lists the slots whose addresses follow that of a slot, or all.
    pub(crate) fn after(&self, slot: Option<usize>) -> impl Iterator<Item = usize> + '_ {
        let next = |slot: usize| {
            let addr = &self.rows.last_endpoint(slot)?.addr;
            self.index.after(&self.rows, Some(addr))
        };
        let first = slot.map_or_else(|| self.index.after(&self.rows, None), next);
        core::iter::successors(first, move |&slot| next(slot))
    }

    /// Returns the slot of the least address above another.
    pub(crate) fn after_address(&self, addr: &A) -> Option<usize> {
        self.index.after(&self.rows, Some(addr))
    }

    /// Tells that the endpoint in `slot` is there still.
    #[inline]
    pub(crate) fn has(&self, slot: Slot) -> bool {
        self.rows.look(slot.index(), |row| row.is(slot)).unwrap_or(false)
    }

    #[inline]
    pub(crate) fn row(&self, slot: Slot) -> Option<Row<'_, A, L, S::Parts>> {
        self.rows.of(slot)
    }

    #[inline]
    pub(crate) fn row_mut(&mut self, slot: Slot) -> Option<RowMut<'_, A, L, S::Parts>> {
        self.rows.of_mut(slot)
    }

    #[inline]
    pub(crate) fn rows(&self) -> &Table<A, L, S::Parts, St> {
        &self.rows
    }

    /// Returns what the arithmetic of loads needs of the settings.
    #[inline]
    pub(crate) fn tuning(&self) -> &L::Tuning {
        &self.tuning
    }

    /// Tells that a success matters while nothing has happened yet.
    #[inline]
    pub(crate) fn counts_all(&self) -> bool {
        if self.watch.get().is_none() || !S::AT_RUN_TIME {
            return RulesOf::<S>::in_intervals(&self.settings);
        }
        self.counts_all
    }

    /// Derives from the settings what is looked at often.
    fn tune(&mut self) {
        self.tuning = L::tune(&self.settings);
        self.counts_all = RulesOf::<S>::in_intervals(&self.settings);
        self.tuned = true;
    }

    /// Lets decisions by chance follow from another place than the first of the settings' seed.
    pub(crate) fn begin_draws_at(&mut self, draws: u32) {
        if let Some(watch) = self.watch.get_mut() {
            watch.memory.draws = draws;
        }
    }

    fn note(&mut self, slot: Option<Slot>, kind: EventKind) {
        self.events.push(Note { at: self.last, slot, kind });
    }

    /// Follows the clock. One that goes backwards takes all times along: no ejection gets longer.
    /// A little disorder is ignored.
    pub(crate) fn follow_clock(&mut self, now: Instant) {
        if !Self::TIMED && !EventsOf::<S, St>::ON && !L::NEEDS.time {
            return;
        }
        if now.has_reached(self.last) {
            self.last = now;
            return;
        }
        let back = self.last.since(now);
        if back >= DISORDER {
            self.turn_back(now, back);
        }
    }

    #[cold]
    fn turn_back(&mut self, now: Instant, back: Ticks) {
        self.last = now;
        if let Some(step) = self.step.get_mut() {
            *step = step.map(|step| step.earlier(back));
        }
        for slot in 0..self.rows.len() {
            if let Some(mut row) = self.rows.get_mut(slot) {
                row.turn_back(back);
            }
        }
        if let Some(watch) = self.watch.get_mut() {
            watch.turn_back(now, back);
        }
        self.note_wake();
    }
}

impl<A: fmt::Debug, L: Load, S: Kit, St: Store> fmt::Debug for Cluster<A, L, S, St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("rows", &self.rows)
            .field("panic", &self.panic)
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}
