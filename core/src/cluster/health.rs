//! Learns from reports and active checks, and does what is due.

use super::{Cluster, RulesOf};
use crate::counts::Count;
use crate::endpoint::Address;
use crate::event::EventKind;
use crate::health::{self, Effect, Facts, Health, HealthRow, Hosts, Phase, Report, Rules, Tally};
use crate::kit::{Kit, Parts};
use crate::load::Load;
use crate::outcome::Outcome;
use crate::part::Part;
use crate::row::{Hot, Row};
use crate::set::{Limit, Set};
use crate::slot::Slot;
use crate::slow_start;
use crate::store::Store;
use crate::time::Instant;

/// Says what follows from the end of a request.
pub(crate) struct Ended {
    /// The endpoint has room again.
    pub(crate) has_room: bool,
    /// The outcome may change its health.
    pub(crate) heeds: bool,
}

impl<A: Address, L: Load, S: Kit, St: Store> Cluster<A, L, S, St> {
    /// Returns how the endpoint in `slot` is doing; healthy, if it has left.
    pub fn health(&self, slot: Slot) -> Health {
        self.row(slot).map_or(Health::Healthy, Row::health)
    }

    /// Tells that a success of the endpoint in `slot` changes its health. If not, successes need
    /// not be counted until the next failure.
    pub fn watches(&self, slot: Slot) -> bool {
        let quiet = self.row(slot).is_none_or(|row| row.health_row().quiet());
        RulesOf::<S>::in_intervals(&self.settings) || !quiet
    }

    /// Tells that a success matters while nothing has happened yet: outcomes are counted in
    /// intervals.
    pub fn watches_all(&self) -> bool {
        RulesOf::<S>::in_intervals(&self.settings)
    }

    /// Counts the begin of a request to a candidate; tells that it has no room for more.
    #[inline]
    pub(crate) fn begin(&mut self, index: usize) -> Option<(Slot, bool)> {
        let (slot, in_flight) = self.rows.look_mut(index, |row| {
            row.load.begin();
            (row.slot(index), row.load.in_flight())
        })?;
        let full = self.limit() != Limit::None && in_flight >= self.settings.max_in_flight();
        Some((slot, full))
    }

    /// Counts the end of a request that was sent then to the endpoint in `slot`; tells what
    /// follows from it.
    #[inline]
    pub(crate) fn end(
        &mut self,
        now: Instant,
        slot: Slot,
        outcome: Outcome,
        sent: Instant,
        decides: bool,
    ) -> Option<Ended> {
        let watched = <RulesOf<S> as Rules>::Part::<HealthRow>::PRESENT;
        let tuning = &self.tuning;
        let end = |row: &mut Hot<L, S::Parts>| {
            row.load.end(tuning, sent, now, outcome);
            row.successes.count(outcome);
            row.load.in_flight()
        };
        let (in_flight, quiet);
        if St::FEW {
            let mut row = self.rows.of_mut(slot)?;
            row.count(outcome);
            quiet = row.as_row().watched().is_none_or(HealthRow::quiet);
            in_flight = end(row.hot);
        } else {
            let end = |row: &mut _| Hot::was(row, slot).then(|| (end(row), row.quiet()));
            (in_flight, quiet) = self.rows.look_mut(slot.index(), end)??;
            if outcome != Outcome::Success {
                self.count(slot, outcome);
            }
        }
        let has_room =
            self.limit() != Limit::None && in_flight + 1 == self.settings.max_in_flight();
        let heeds = watched
            && match outcome {
                Outcome::Success => !quiet,
                Outcome::Canceled => decides,
                Outcome::Failure | Outcome::Overloaded { .. } => true,
            };
        Some(Ended { has_room, heeds: heeds || self.counts_all() })
    }

    /// Counts the end of a request that is no success.
    #[cold]
    #[inline(never)]
    fn count(&mut self, slot: Slot, outcome: Outcome) {
        if let Some(mut row) = self.row_mut(slot) {
            row.count(outcome);
        }
    }

    /// Tells that a request to the endpoint in `slot`, sent then, says nothing of its health any
    /// more, unless it comes back as overloaded: the endpoint has been ejected since, and has come
    /// back. Requests that hung must not eject it again.
    #[cold]
    pub fn outdated(&self, slot: Slot, sent: Instant) -> bool {
        let row = self.row(slot).and_then(Row::watched);
        row.is_some_and(|row| {
            health::outdated::<RulesOf<S>, S>(row, &self.settings, self.last, sent)
        })
    }

    /// Learns from the end of a request to the endpoint in `slot`. One that was a
    /// [probe](Self::start_probe), or was sent in panic, says when it was sent: it decides if an
    /// ejected endpoint comes back. Tells that the candidates changed.
    ///
    /// O(1), except by success rates: O(n) for some failures.
    #[cold]
    #[inline(never)]
    pub fn observe(
        &mut self,
        now: Instant,
        slot: Slot,
        outcome: Outcome,
        decides: Option<Instant>,
    ) -> bool {
        self.follow_clock(now);
        let report = Report { outcome, decides };
        let effect = self
            .alter(slot, |row, s, facts| health::report::<RulesOf<S>, S>(row, s, facts, report));
        self.follow(slot, effect)
    }

    /// Learns from the end of a request that was sent then, unless it is
    /// [outdated](Self::outdated).
    pub(crate) fn learn(
        &mut self,
        now: Instant,
        slot: Slot,
        outcome: Outcome,
        sent: Instant,
        decides: bool,
    ) -> bool {
        // Times from before a clock that went back would make it look outdated.
        self.follow_clock(now);
        let asks = matches!(outcome, Outcome::Overloaded { retry_after: Some(_) });
        let report = Report { outcome, decides: decides.then_some(sent) };
        let effect = self.alter(slot, |row, s, facts| {
            if !asks && health::outdated::<RulesOf<S>, S>(row, s, facts.now, sent) {
                return Effect::None;
            }
            health::report::<RulesOf<S>, S>(row, s, facts, report)
        });
        self.follow(slot, effect)
    }

    /// Learns from the ends of many requests to the endpoint in `slot` at once: all since the last
    /// tally, in bulk.
    ///
    /// Tells that rows of failures begin anew: so they do while the endpoint is out of service.
    /// Then, the ends of those that [decide](Self::observe) are to be told one by one besides.
    /// O(1), except by success rates: O(n) for some failures.
    #[cold]
    pub fn tally(&mut self, now: Instant, slot: Slot, tally: Tally) -> bool {
        self.follow_clock(now);
        let mut anew = false;
        let effect = self.alter(slot, |row, s, facts| {
            let effect;
            (effect, anew) = health::tally::<RulesOf<S>, S>(row, s, facts, tally);
            effect
        });
        self.follow(slot, effect);
        anew || self.row(slot).is_some_and(|row| !row.health_row().serves())
    }

    /// Takes over what active checks find of the endpoint in `slot`: see
    /// [`Checker`](crate::health::Checker). Good news bring an ejected endpoint back, too. Tells
    /// that the candidates changed.
    pub fn set_down(&mut self, now: Instant, slot: Slot, down: bool) -> bool {
        self.follow_clock(now);
        let now = self.last;
        let Some(mut row) = self.row_mut(slot) else { return false };
        let ejected = row.as_row().watched().is_some_and(HealthRow::ejected);
        let changed = row.as_row().is_down() != down;
        row.set_down(down);
        row.change::<St, _>(|health| {
            if !down && ejected {
                health.admit(now);
            } else if changed && health.phase() == Phase::InService {
                health.until = now;
            }
        });
        if !down && ejected {
            self.note(Some(slot), EventKind::Readmitted);
        } else if changed {
            self.note(Some(slot), if down { EventKind::Down } else { EventKind::Readmitted });
        } else {
            return false;
        }
        self.place(slot.index());
        self.finish();
        true
    }

    /// Lists the slots of half-open endpoints whose next request decides. O(n)
    pub fn probes(&self) -> impl Iterator<Item = Slot> + '_ {
        let worst = self.worst_priority();
        let open = self.watch.get().into_iter().flat_map(|watch| watch.open.iter());
        open.filter_map(move |index| {
            let row = self.rows.get(index)?;
            self.may_probe(row, worst).then(|| row.slot(index))
        })
    }

    /// Starts a probe of a half-open endpoint, if there is one at a priority in use: the next
    /// request has to go to it, and what becomes of it has to be [told](Self::observe).
    pub fn start_probe(&mut self, now: Instant) -> Option<Slot> {
        self.follow_clock(now);
        let next = self.watch.get()?.next_probe as usize;
        let index = self.next_open(next).or_else(|| self.next_open(0))?;
        self.watch.get_mut()?.next_probe = index as u32 + 1;
        let slot = self.live(index)?;
        self.probe(slot, now, self.last);
        Some(slot)
    }

    /// Makes a request that was sent to the half-open endpoint in `slot` a moment ago its
    /// [probe](Self::start_probe). Tells that it is: the endpoint may have come back meanwhile, or
    /// be probed already.
    pub fn begin_probe(&mut self, now: Instant, slot: Slot, sent: Instant) -> bool {
        self.follow_clock(now);
        let half_open = self.row(slot).is_some_and(|r| r.health_row().phase() == Phase::HalfOpen);
        if half_open {
            self.probe(slot, sent, sent);
        }
        half_open
    }

    /// Lets the request sent to a half-open endpoint at this time decide; its timeout counts from
    /// `begin` on.
    fn probe(&mut self, slot: Slot, sent: Instant, begin: Instant) {
        let timeout = self.settings.ticks(self.settings.probe_timeout());
        if let Some(mut row) = self.row_mut(slot) {
            row.change::<St, _>(|health| {
                health.since = sent;
                health.enter(Phase::Probing, begin.later(timeout));
            });
        }
        self.place(slot.index());
        self.note(Some(slot), EventKind::Probing);
        self.note_wake();
    }

    /// Does what is due at `now`; tells that the candidates or their weights changed. A call too
    /// early does nothing, one too late makes up for it.
    #[cold]
    #[inline(never)]
    pub fn handle_timeout(&mut self, now: Instant) -> bool {
        self.follow_clock(now);
        // The time stands still while the clock is a little behind.
        let now = self.last;
        let mut changed = self.expire(now);
        let settings = self.settings;
        let due = |at: Option<Instant>| at.is_some_and(|at| now.has_reached(at));
        let in_intervals = RulesOf::<S>::in_intervals(&settings);
        if in_intervals && self.watch.get().is_some_and(|watch| due(watch.interval_end)) {
            let mut all = All { cluster: self, now, changed };
            health::end_interval::<RulesOf<S>, S>(&mut all, &settings);
            changed = all.changed;
            if let Some(watch) = self.watch.get_mut() {
                watch.interval_end = Some(now.later(settings.ticks(settings.interval())));
            }
        }
        let stepped =
            slow_start::is_on::<<S::Parts as Parts>::Warmth>(&settings) && due(self.step());
        if changed || stepped {
            self.finish();
        } else {
            self.note_wake();
        }
        changed || stepped
    }

    /// Ends the waits that are over.
    fn expire(&mut self, now: Instant) -> bool {
        let Some(watch) = self.watch.get_mut() else { return false };
        if !watch.wait.is_some_and(|at| now.has_reached(at)) {
            return false;
        }
        watch.wait = None;
        let (mut at, mut changed) = (0, false);
        while let Some(index) = self.next_waiting(at) {
            at = index + 1;
            let Some(slot) = self.live(index) else { continue };
            let expire = |row: &mut HealthRow, s: &S, facts: &mut Facts<'_>| {
                health::expire::<RulesOf<S>, S>(row, s, facts)
            };
            changed |= self.alter(slot, expire) != Effect::None;
            // What waits on is due later.
            self.place(index);
        }
        changed
    }

    /// Ejects by other rules from now on: what was counted in another way is dropped. Without any
    /// rule, all that are ejected come back. Other settings take effect at once, too.
    ///
    /// The settings should have been [checked](crate::Config::check).
    pub fn configure(&mut self, now: Instant, settings: S) {
        self.follow_clock(now);
        let before = core::mem::replace(&mut self.settings, settings);
        let intervals = |s: &S| RulesOf::<S>::in_intervals(s);
        let keeps = intervals(&before) && intervals(&settings);
        let ejects = RulesOf::<S>::ejects(&settings);
        if let Some(watch) = self.watch.get_mut() {
            // An interval under way keeps its beginning.
            watch.interval_end = watch.interval_end.filter(|_| keeps).map(|end| {
                end.earlier(before.ticks(before.interval()))
                    .later(settings.ticks(settings.interval()))
            });
            watch.wait = None;
        }
        self.tune();
        self.set_step(None);
        for index in 0..self.rows.len() {
            let Some(slot) = self.live(index) else { continue };
            self.alter(slot, |row, _, facts| health::configure(row, ejects, keeps, facts.now));
        }
        self.weigh_all_alike();
        self.place_all();
        self.finish();
    }

    /// Does what follows from a change of an endpoint's health. Tells that the candidates changed.
    fn follow(&mut self, slot: Slot, mut effect: Effect) -> bool {
        let settings = self.settings;
        if let Effect::Failed { before } = effect
            && RulesOf::<S>::in_intervals(&settings)
        {
            let now = self.last;
            let mut all = All { cluster: self, now, changed: false };
            health::judge_success_rate::<RulesOf<S>, S>(&mut all, &settings, slot.index(), before);
            if all.changed {
                effect = Effect::Ejected;
            }
        }
        match effect {
            Effect::None | Effect::Failed { .. } => false,
            Effect::Ejected | Effect::HalfOpen | Effect::Readmitted | Effect::Rests => {
                self.finish();
                true
            }
        }
    }

    /// Changes the health of an endpoint, puts it where it belongs then, and tells of it.
    pub(super) fn alter(
        &mut self,
        slot: Slot,
        apply: impl FnOnce(&mut HealthRow, &S, &mut Facts<'_>) -> Effect,
    ) -> Effect {
        let Self { rows, watch, settings, last, hosts, .. } = self;
        let (Some(mut row), Some(watch)) = (rows.of_mut(slot), watch.get_mut()) else {
            return Effect::None;
        };
        let mut facts = Facts {
            now: *last,
            hosts: *hosts,
            ejected: watch.ejected.len() as u32,
            slot: slot.index(),
            draws: &mut watch.draws,
        };
        let changed = row.change::<St, _>(|health| {
            let served = health.phase() == Phase::InService;
            (apply(health, settings, &mut facts), served)
        });
        let row = row.as_row();
        let (Some((effect, served)), Some(health)) = (changed, row.watched()) else {
            return Effect::None;
        };
        let kind = match effect {
            Effect::None | Effect::Failed { .. } => return effect,
            Effect::Ejected => {
                Some(EventKind::Ejected { reason: health.reason(), until: health.until })
            }
            Effect::Rests => Some(EventKind::Overloaded { until: health.until }),
            Effect::Readmitted if !row.is_down() => Some(EventKind::Readmitted),
            Effect::HalfOpen | Effect::Readmitted => None,
        };
        let serves = health.phase() == Phase::InService;
        if let Some(kind) = kind {
            self.note(Some(slot), kind);
        }
        self.place(slot.index());
        let waits_on = matches!(effect, Effect::HalfOpen | Effect::Rests) && served == serves;
        // Weights are not weighed anew for it. Without weights, it does not matter where there are few.
        let weighs = slow_start::is_on::<<S::Parts as Parts>::Warmth>(&self.settings);
        if waits_on && (!St::FEW || weighs) {
            self.note_wake();
            return Effect::None;
        }
        effect
    }

    /// Returns a slot from `from` on that may wait: the first of all, where there are few.
    fn next_waiting(&self, from: usize) -> Option<usize> {
        if St::FEW {
            return (from < self.rows.len()).then_some(from);
        }
        self.watch.get()?.waiting.from(from)
    }

    /// Returns the first half-open slot from `from` on that may be probed.
    pub(super) fn next_open(&self, from: usize) -> Option<usize> {
        let (open, worst) = (&self.watch.get()?.open, self.worst_priority());
        let mut slot = open.from(from)?;
        while !self.rows.get(slot).is_some_and(|row| self.may_probe(row, worst)) {
            slot = open.from(slot + 1)?;
        }
        Some(slot)
    }

    /// Tells that a half-open endpoint may be probed: it is at a priority in use, and has room.
    fn may_probe(&self, row: Row<'_, A, L, S::Parts>, worst: u16) -> bool {
        row.priority() <= worst && !self.is_full(row)
    }
}

/// All endpoints of a cluster, for rules that compare them.
struct All<'a, A, L: Load, S: Kit, St: Store> {
    cluster: &'a mut Cluster<A, L, S, St>,
    now: Instant,
    changed: bool,
}

impl<A: Address, L: Load, S: Kit, St: Store> Hosts for All<'_, A, L, S, St> {
    fn slots(&self) -> usize {
        self.cluster.rows.len()
    }

    fn health(&self, slot: usize) -> Option<HealthRow> {
        self.cluster.rows.get(slot).filter(|row| row.hot.live)?.watched().copied()
    }

    fn alter(&mut self, slot: usize, apply: impl FnOnce(&mut HealthRow, &mut Facts<'_>) -> Effect) {
        let Some(id) = self.cluster.live(slot) else { return };
        let now = self.now;
        let effect = self.cluster.alter(id, |row, _, facts| {
            facts.now = now;
            apply(row, facts)
        });
        self.changed |= effect != Effect::None;
    }
}
