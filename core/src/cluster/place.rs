//! Puts slots into the sets that they belong to, and chooses what picks are made from.

use super::{Cluster, EventsOf, RulesOf};
use crate::endpoint::{Address, Endpoint};
use crate::event::{EventKind, EventLog};
use crate::health::{Phase, Rules};
use crate::kit::Kit;
use crate::load::Load;
use crate::part::Part;
use crate::plan;
use crate::row::Row;
use crate::set::{Fit, Levels, Limit, Set};
use crate::slot::Slot;
use crate::slow_start::{self, WarmAt, Warmth};
use crate::store::{List, Store};
use crate::time::{Instant, Ticks};

/// A group of candidates, as a pick sees it.
#[derive(Clone, Copy)]
pub(crate) struct Pool<'a, X: Set + 'a> {
    /// All of them.
    pub(crate) members: &'a X,
    /// Those that have room.
    pub(crate) ready: X::All<'a>,
    pub(crate) panic: bool,
}

impl<A: Address, L: Load, S: Kit, St: Store> Cluster<A, L, S, St> {
    /// Returns how many groups of candidates there are; 0 or 1 without zones and overprovisioned
    /// levels.
    #[inline]
    pub(crate) fn groups(&self) -> usize {
        if self.groups.is_empty() { 1 } else { self.groups.len() }
    }

    /// Tells that groups are formed.
    #[inline]
    pub(crate) fn is_grouped(&self) -> bool {
        !self.groups.is_empty()
    }

    /// Returns the candidates that have room where no groups are formed, and if they panic.
    #[inline]
    pub(crate) fn first_level(&self) -> (<St::Set as Set>::All<'_>, bool) {
        (self.levels.ready(), self.levels.panic())
    }

    /// Returns a group of candidates; the first level that is not empty, where none was formed.
    #[inline]
    pub(crate) fn pool(&self, index: usize) -> Pool<'_, St::Set> {
        if let Some(group) = self.groups.get(index) {
            let ready = match self.limit() {
                Limit::None => group.members.all(),
                // Tables are those of all members.
                Limit::Stay | Limit::Overflow => group.ready.part_of(&group.members),
            };
            Pool { members: &group.members, ready, panic: group.panic }
        } else {
            let (members, ready) = (self.levels.members(), self.levels.ready());
            Pool { members, ready, panic: self.levels.panic() }
        }
    }

    #[inline]
    pub(crate) fn limit(&self) -> Limit {
        match (self.settings.max_in_flight(), self.settings.overflow()) {
            _ if !L::NEEDS.in_flight => Limit::None,
            (0, _) => Limit::None,
            (_, true) => Limit::Overflow,
            (_, false) => Limit::Stay,
        }
    }

    pub(super) fn is_full(&self, row: Row<'_, A, L, S::Parts>) -> bool {
        self.limit() != Limit::None && row.hot.load.in_flight() >= self.settings.max_in_flight()
    }

    /// Puts a slot whose row has changed into the sets that it belongs to.
    pub(super) fn place(&mut self, slot: usize) {
        let Some(row) = self.rows.get(slot) else { return };
        let mut fit = Fit::NONE;
        if row.endpoint().is_some_and(Endpoint::eligible) {
            let service = row.admits();
            fit = Fit { service, spare: !service, full: self.is_full(row) };
        }
        let priority = row.priority();
        self.levels.put(slot, priority, fit);
        if self.limit() != Limit::None {
            self.levels.put_full(slot, fit.full);
        }
        if let (Some(watch), Some(health)) = (self.watch.get_mut(), row.watched()) {
            let (waits, ejected) = (health.waits(), health.ejected());
            let open = fit.spare && !row.is_down() && health.phase() == Phase::HalfOpen;
            let timed = health.phase() == Phase::Ejected && RulesOf::<S>::timed(&self.settings);
            if waits && !timed {
                watch.due(health.until);
            }
            if !St::FEW {
                watch.waiting.put(slot, waits);
            }
            watch.ejected.put(slot, ejected);
            watch.open.put(slot, open);
        }
    }

    /// Puts all slots where they belong: one pass, in their order.
    pub(super) fn place_all(&mut self) {
        self.levels = Levels::NEW;
        // They have to know of a limit before they are told who is full.
        self.levels.choose(self.limit(), core::iter::empty());
        if let Some(watch) = self.watch.get_mut() {
            watch.waiting.clear();
            watch.ejected.clear();
            watch.open.clear();
        }
        for slot in 0..self.rows.len() {
            if self.rows.is_live(slot) {
                self.place(slot);
            }
        }
    }

    /// Chooses what picks are made from, after slots were placed.
    pub(super) fn finish(&mut self) {
        let limit = self.limit();
        self.levels.choose(limit, self.rows.iter().map(Row::priority));
        if plan::is_needed::<S::Parts>(&self.settings) {
            self.plan();
        } else {
            self.groups.shorten(0);
        }
        if slow_start::is_on::<<S::Parts as crate::kit::Parts>::Warmth>(&self.settings) {
            self.weigh();
        }
        if EventsOf::<S, St>::ON && self.panics() != self.panic {
            self.panic = !self.panic;
            self.note(None, if self.panic { EventKind::PanicOn } else { EventKind::PanicOff });
        }
        let in_intervals = RulesOf::<S>::in_intervals(&self.settings);
        let interval = self.settings.ticks(self.settings.interval());
        let last = self.last;
        if let Some(watch) = self.watch.get_mut()
            && in_intervals
            && watch.interval_end.is_none()
        {
            watch.interval_end = Some(last.later(interval));
        }
        self.note_wake();
    }

    #[cold]
    fn plan(&mut self) {
        let mut groups = core::mem::take(&mut self.groups);
        plan::form::<A, L, S::Parts, S, St>(&self.rows, &self.settings, false, &mut groups);
        if groups.is_empty() && self.settings.overprovisioning_percent() == 0 {
            // Better ejected ones than none.
            plan::form::<A, L, S::Parts, S, St>(&self.rows, &self.settings, true, &mut groups);
        }
        if groups.is_empty() {
            // Nothing may be picked, whatever the first level has.
            let (members, ready) = (Set::EMPTY, Set::EMPTY);
            let _ = groups.try_push(plan::Group { members, ready, share: 100, panic: false });
        }
        if self.limit() != Limit::None {
            for group in groups.iter_mut() {
                for slot in group.members.iter() {
                    let full = self.rows.get(slot).is_none_or(|row| self.is_full(row));
                    group.ready.put(slot, !full);
                }
            }
        }
        self.groups = groups;
    }

    /// Weighs the candidates by how warm they are.
    #[cold]
    fn weigh(&mut self) {
        self.set_step(None);
        self.weigh_all_alike();
        let mut next = None;
        for index in 0..self.groups() {
            let members = self.pool(index).members.clone();
            next = super::watch::earlier(next, self.weigh_group(&members));
        }
        // Steps that are due soon after each other are taken together.
        let tick = slow_start::tick(&self.settings);
        self.set_step(next.map(|next| next.or_later(self.last.later(tick))));
    }

    /// Gives all endpoints their own weights.
    pub(super) fn weigh_all_alike(&mut self) {
        if !<S::Parts as crate::kit::Parts>::Warmth::ON {
            return;
        }
        for slot in 0..self.rows.len() {
            if let Some(mut row) = self.rows.get_mut(slot) {
                row.set_own_weight();
            }
        }
    }

    /// Returns when a candidate is due to weigh more.
    pub(super) fn step(&self) -> Option<Instant> {
        *self.step.get()?
    }

    pub(super) fn set_step(&mut self, at: Option<Instant>) {
        if let Some(step) = self.step.get_mut() {
            *step = at;
        }
    }

    /// Weighs the candidates of a group; returns when the next is due to weigh more.
    fn weigh_group(&mut self, members: &St::Set) -> Option<Instant> {
        let (now, settings) = (self.last, self.settings);
        // One that is to be warm later than that was so before a clock of 32 bits began anew.
        let latest = if cfg!(feature = "millis32") {
            settings.ticks(settings.slow_start())
        } else {
            Ticks::MAX
        };
        let end = |row: Row<'_, A, L, S::Parts>| match warm_at(row, &settings) {
            WarmAt::Then(end) if (1..=latest).contains(&end.since(now)) => Some(end),
            WarmAt::Now | WarmAt::Then(_) | WarmAt::Out => None,
        };
        let rows = || members.iter().filter_map(|slot| self.rows.get(slot));
        let count = rows().filter_map(end).count();
        if count == 0 {
            return None;
        }
        if count > members.len() / 2 {
            return rows().filter_map(end).reduce(Instant::or_earlier);
        }
        let whole = rows().all(|row| row.weight() <= u32::MAX / 10);
        let mut next = None;
        for slot in members.iter() {
            let Some(mut row) = self.rows.get_mut(slot) else { continue };
            let mut tenths = 10;
            if let Some(end) = end(row.as_row()) {
                let due;
                (tenths, due) = slow_start::step(&settings, end, now);
                next = super::watch::earlier(next, Some(due));
            }
            let weight = slow_start::weigh(row.as_row().weight(), tenths, whole);
            row.set_weight(weight);
        }
        next
    }

    /// Notes that a slot has no room any more, or has room again. Tells that picks are made from
    /// another level now.
    #[cold]
    #[inline(never)]
    pub(crate) fn change_room(&mut self, slot: usize) -> bool {
        let before = (self.levels.priority(), self.levels.panic());
        self.place(slot);
        let full = self.rows.get(slot).is_none_or(|row| self.is_full(row));
        for group in self.groups.iter_mut().filter(|group| group.members.has(slot)) {
            group.ready.put(slot, !full);
        }
        self.levels.choose(self.limit(), self.rows.iter().map(Row::priority));
        // A half-open one that has room again may be probed.
        self.note_wake();
        before != (self.levels.priority(), self.levels.panic())
    }

    /// Returns the endpoints that a request goes on to which has tried all candidates, or leaves
    /// its level: those in service, with room and not to be avoided, of the next level that has any.
    /// Where none has, and `or_ejected`, those of the best level with such that are ejected, but not
    /// known to be down: they may be well again. O(n) for each level.
    #[cold]
    pub(crate) fn elsewhere(&self, avoid: &[Slot], or_ejected: bool) -> St::Set {
        // A subset is one of all that serve: it cannot be cut out of what is left of them.
        let cuts = plan::is_linked::<S::Parts>() && self.settings.subset() > 0;
        let or_ejected = or_ejected && !cuts;
        let skips = |row: Row<'_, A, L, S::Parts>, slot| {
            avoid.contains(&row.slot(slot)) || self.is_full(row)
        };
        let mut worst = u32::from(self.worst_priority());
        loop {
            let (mut next, mut best) = (St::Set::EMPTY, None);
            for (slot, row) in self.rows.iter().enumerate() {
                if row.is_down() || !row.endpoint().is_some_and(Endpoint::eligible) {
                    continue;
                }
                // Ejected ones come after all levels.
                let mut rank = u32::from(row.priority());
                if let Some(health) = row.watched()
                    && health.phase() != Phase::InService
                {
                    if !or_ejected || !health.ejected() {
                        continue;
                    }
                    rank += 1 << 16;
                }
                if rank <= worst || best.is_some_and(|best| rank > best) {
                    continue;
                }
                if !cuts && skips(row, slot) {
                    continue;
                }
                if best != Some(rank) {
                    (next, best) = (St::Set::EMPTY, Some(rank));
                }
                next.put(slot, true);
            }
            let Some(rank) = best else { return next };
            if cuts {
                plan::keep_subset::<A, L, S::Parts, St>(&self.rows, &self.settings, &mut next);
                for (slot, row) in self.rows.iter().enumerate() {
                    if skips(row, slot) {
                        next.put(slot, false);
                    }
                }
            }
            if !cuts || !next.is_empty() {
                return next;
            }
            worst = rank;
        }
    }

    /// Tells that nothing may be picked, be there room or not.
    pub(super) fn has_no_members(&self) -> bool {
        (0..self.groups()).all(|index| self.pool(index).members.is_empty())
    }

    /// Returns the worst priority among the candidates; the worst there is, without candidates.
    pub(super) fn worst_priority(&self) -> u16 {
        if self.groups.is_empty() {
            return self.levels.priority();
        }
        let mut worst = None;
        for group in self.groups.iter() {
            for slot in group.members.iter() {
                worst = worst.max(self.rows.get(slot).map(Row::priority));
            }
        }
        worst.unwrap_or(u16::MAX)
    }

    /// Tells that something is due, or that a pick may find a slot to probe.
    #[inline]
    pub(crate) fn wakes(&self, now: Instant) -> bool {
        // Where something waits, a clock that went back is noticed: picks may be all that tells it.
        let asks = |at| now.has_reached(at) || !now.has_reached(self.last);
        Self::TIMED && self.wake.is_some_and(asks)
    }

    /// Tells that something is due at some time.
    #[inline]
    pub(crate) fn waits(&self) -> bool {
        Self::TIMED && self.wake.is_some()
    }

    /// Notes when picks have to ask; at the end of all that may change it.
    pub(super) fn note_wake(&mut self) {
        if !Self::TIMED {
            return;
        }
        let probes = self.next_open(0).is_some();
        self.wake = if probes { Some(self.last.long_ago()) } else { self.poll_timeout() };
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) has something to do: an ejection, a
    /// rest or a probe ends, an interval does, or a candidate takes the next step of its slow
    /// start.
    ///
    /// Moved by all that takes the time.
    pub fn poll_timeout(&self) -> Option<Instant> {
        super::watch::earlier(self.step(), self.next_watched())
    }

    /// Returns when a wait ends, or an interval.
    pub(super) fn next_watched(&self) -> Option<Instant> {
        let watch = self.watch.get()?;
        let in_intervals = RulesOf::<S>::in_intervals(&self.settings);
        let interval_end = if in_intervals { watch.interval_end } else { None };
        super::watch::earlier(watch.wait, interval_end)
    }
}

/// Returns when an endpoint has warmed up that came, or came back from an ejection.
pub(super) fn warm_at<A, L: Load, K: crate::kit::Parts>(
    row: Row<'_, A, L, K>,
    settings: &impl crate::settings::Settings,
) -> WarmAt {
    let own = row.warm_at();
    let Some(health) = row.watched() else { return own };
    let back =
        health.phase() == Phase::InService && !row.is_down() && health.until != Instant::ZERO;
    if !back || own == WarmAt::Out {
        return own;
    }
    let end = health.until.saturating_add(settings.slow_start());
    match own {
        WarmAt::Then(own) => WarmAt::Then(own.or_later(end)),
        WarmAt::Now | WarmAt::Out => WarmAt::Then(end),
    }
}
