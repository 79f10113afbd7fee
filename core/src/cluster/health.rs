//! Learns from reports and active checks, and does what is due.

use super::{Cluster, RulesOf};
use crate::counts::Count;
use crate::endpoint::Address;
use crate::event::EventKind;
use crate::health::{
    self, By, Counted, Effect, Facts, Health, HealthRow, Hosts, Phase, Report, Rules, Tally,
};
use crate::kit::{Kit, Parts};
use crate::load::{Estimate, Load};
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
                Outcome::Success | Outcome::PushedBack => !quiet,
                Outcome::Ignorable => decides || !quiet,
                Outcome::Abandoned | Outcome::LostRace => {
                    decides || RulesOf::<S>::by_row(&self.settings)
                }
                Outcome::Failure
                | Outcome::TimedOut
                | Outcome::NeverSent
                | Outcome::Overloaded { .. } => true,
            };
        Some(Ended { has_room, heeds: heeds || self.counts_all() })
    }

    /// Gives an endpoint that has only met requests at fault the mean answer time of the others, so
    /// that its fast refusals do not attract. O(n), once for an endpoint.
    #[cold]
    #[inline(never)]
    pub(crate) fn lend_estimate(&mut self, now: Instant, slot: Slot) {
        if self.row(slot).is_none_or(|row| row.hot.load.estimate().nanos > 0) {
            return;
        }
        let (mut sum, mut known) = (0_u64, 0_u64);
        for index in 0..self.rows.len() {
            let nanos = |row: &Hot<L, _>| if row.live { row.load.estimate().nanos } else { 0 };
            let nanos = self.rows.look(index, nanos).unwrap_or(0);
            sum = sum.saturating_add(nanos);
            known += u64::from(nanos > 0);
        }
        if let (Some(nanos), Some(row)) = (sum.checked_div(known), self.row_mut(slot)) {
            row.hot.load.set_estimate(Estimate { nanos: nanos.max(1), stamp: now });
        }
    }

    /// Takes a request that was never sent off those in flight; tells that there is room for
    /// another one now.
    pub(crate) fn withdraw(&mut self, now: Instant, slot: Slot, sent: Instant) -> bool {
        let tuning = &self.tuning;
        let Some(row) = self.rows.of_mut(slot) else { return false };
        // No load learns from it.
        row.hot.load.end(tuning, sent, now, Outcome::NeverSent);
        let in_flight = row.hot.load.in_flight();
        self.limit() != Limit::None && in_flight + 1 == self.settings.max_in_flight()
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
    /// O(1); O(n) where it has failed so often that it is judged.
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
        let report = Report { outcome, sent: decides.unwrap_or(self.last), decides };
        let before = self.failures(slot);
        let effect = self
            .alter(slot, |row, s, facts| health::report::<RulesOf<S>, S>(row, s, facts, report));
        self.follow_report(slot, effect, before)
    }

    /// Learns from the end of a request as [`observe`](Self::observe) does, from when it was sent as
    /// well: our rule asks if a failure was slow, and if an ejection came before it. One that is
    /// [outdated](Self::outdated) says nothing.
    pub fn learn(
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
        let report = Report { outcome, sent, decides: decides.then_some(sent) };
        let before = self.failures(slot);
        let effect = self.alter(slot, |row, s, facts| {
            if !asks && health::outdated::<RulesOf<S>, S>(row, s, facts.now, sent) {
                return Effect::None;
            }
            health::report::<RulesOf<S>, S>(row, s, facts, report)
        });
        self.follow_report(slot, effect, before)
    }

    /// Learns from the ends of many requests to the endpoint in `slot` at once: all since the last
    /// tally, in bulk. Those of several endpoints are to be [counted](Self::count_tally) first.
    ///
    /// Tells that rows of failures begin anew: so they do while the endpoint is out of service.
    /// Then, the ends of those that [decide](Self::observe) are to be told one by one besides.
    /// O(1); O(n) where it has failed so often that it is judged.
    pub fn tally(&mut self, now: Instant, slot: Slot, tally: Tally) -> bool {
        let counted = self.count_tally(now, slot, tally);
        self.settle_tally(counted)
    }

    /// Counts the ends of many requests to the endpoint in `slot`, and leaves the judgement to
    /// [`settle_tally`](Self::settle_tally). An endpoint is judged by the others: where all of them
    /// fail at once, the first to be judged must not find the others well because nobody has
    /// counted theirs yet.
    #[cold]
    pub fn count_tally(&mut self, now: Instant, slot: Slot, tally: Tally) -> Counted {
        self.follow_clock(now);
        let mut counted = Counted {
            slot,
            streak: tally.streak,
            failures: self.failures(slot),
            given_up: None,
            anew: false,
            effect: Effect::None,
        };
        counted.effect = self.alter(slot, |row, s, facts| {
            let before = row.cancels;
            let (effect, anew) = health::tally::<RulesOf<S>, S>(row, s, facts, tally);
            counted.anew = anew;
            counted.given_up = (row.cancels > before).then_some(before);
            effect
        });
        counted
    }

    /// Judges an endpoint by what was [counted](Self::count_tally); returns what
    /// [`tally`](Self::tally) does.
    #[cold]
    pub fn settle_tally(&mut self, counted: Counted) -> bool {
        let Counted { slot, streak, failures, given_up, anew, effect } = counted;
        self.follow(slot, effect, failures);
        if RulesOf::<S>::by_row(&self.settings) {
            self.go_on_with_rows(slot, streak, given_up);
        }
        anew || self.row(slot).is_some_and(|row| !row.health_row().serves())
    }

    /// Goes on with the rows of now, after those were judged that were longer since the last tally.
    fn go_on_with_rows(&mut self, slot: Slot, streak: u32, given_up: Option<u16>) {
        let longest = self.watch.get().map_or(0, |watch| watch.memory.longest);
        let mut judged = false;
        let effect = self.alter(slot, |row, s, _| {
            if !row.serves() {
                return Effect::None;
            }
            row.streak = row.streak.min(streak.try_into().unwrap_or(u16::MAX));
            let k = s.consecutive_failures();
            judged = given_up.is_some_and(|before| {
                health::cancellations::crosses(k, longest, before, row.cancels)
            });
            Effect::None
        });
        debug_assert_eq!(effect, Effect::None);
        if judged && self.judge(slot, By::Cancels) {
            self.finish();
        }
    }

    /// Takes over what active checks find of the endpoint in `slot`: see
    /// [`Checker`](crate::health::Checker). Good news open an ejected endpoint to a probe, or
    /// [bring it back](crate::Settings::check_readmits). Tells that the candidates changed.
    pub fn set_down(&mut self, now: Instant, slot: Slot, down: bool) -> bool {
        self.follow_clock(now);
        let now = self.last;
        let readmits = self.settings.check_readmits();
        let half_open = self.settings.half_open() && !RulesOf::<S>::timed(&self.settings);
        let Some(mut row) = self.row_mut(slot) else { return false };
        let ejected = row.as_row().watched().is_some_and(HealthRow::ejected);
        let changed = row.as_row().is_down() != down;
        row.set_down(down);
        let mut opened = false;
        row.change::<St, _>(|health| {
            if !down && ejected && readmits {
                health.admit(now);
            } else if !down && half_open && health.phase() == Phase::Ejected {
                health.set_phase(Phase::HalfOpen);
                opened = true;
            } else if changed && health.phase() == Phase::InService {
                health.until = now;
            }
        });
        if !down && ejected && readmits {
            self.note(Some(slot), EventKind::Readmitted);
        } else if changed && (down || !ejected) {
            self.note(Some(slot), if down { EventKind::Down } else { EventKind::Readmitted });
        } else if opened {
            self.note(Some(slot), EventKind::HalfOpen);
        } else if !changed {
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
            changed |= !matches!(self.alter(slot, expire), Effect::None);
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
    /// There were so many failures in its window before.
    fn follow(&mut self, slot: Slot, mut effect: Effect, before: health::Count) -> bool {
        let settings = self.settings;
        let mut changed = match effect {
            Effect::Suspect(by) => self.judge(slot, by),
            Effect::None
            | Effect::Failed
            | Effect::Ejected
            | Effect::HalfOpen
            | Effect::Readmitted
            | Effect::Rests => false,
        };
        if matches!(effect, Effect::Failed | Effect::Suspect(_))
            && !changed
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
            Effect::None | Effect::Failed | Effect::Suspect(_) => {}
            Effect::Ejected | Effect::HalfOpen | Effect::Readmitted | Effect::Rests => {
                changed = true;
            }
        }
        if changed {
            self.finish();
        }
        changed
    }

    /// Does what follows from the end of a request. One that brought its endpoint back opens the
    /// others of its level to a probe.
    fn follow_report(&mut self, slot: Slot, effect: Effect, before: health::Count) -> bool {
        if matches!(effect, Effect::Readmitted) {
            self.open_level(slot);
        }
        self.follow(slot, effect, before)
    }

    /// Returns the failures in an endpoint's window, where success rates are judged by them.
    fn failures(&self, slot: Slot) -> health::Count {
        if RulesOf::<S>::in_intervals(&self.settings) {
            self.row(slot).and_then(Row::watched).map_or(0, |row| row.failures)
        } else {
            0
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
            memory: &mut watch.memory,
        };
        let changed = row.change::<St, _>(|health| {
            let served = health.phase() == Phase::InService;
            (apply(health, settings, &mut facts), served)
        });
        let Some((effect, served)) = changed else { return Effect::None };
        if matches!(effect, Effect::None | Effect::Failed | Effect::Suspect(_))
            || self.settle(slot, effect, served)
        {
            effect
        } else {
            Effect::None
        }
    }

    /// Puts an endpoint whose health changed where it belongs, and tells of it. Tells that weights
    /// or candidates may have changed.
    #[inline(never)]
    pub(super) fn settle(&mut self, slot: Slot, effect: Effect, served: bool) -> bool {
        let Some(row) = self.row(slot) else { return false };
        let Some(health) = row.watched() else { return false };
        let kind = match effect {
            Effect::Ejected => {
                Some(EventKind::Ejected { reason: health.reason(), until: health.until })
            }
            Effect::Rests => Some(EventKind::Overloaded { until: health.until }),
            Effect::HalfOpen => Some(EventKind::HalfOpen),
            Effect::Readmitted if !row.is_down() => Some(EventKind::Readmitted),
            Effect::Readmitted | Effect::None | Effect::Failed | Effect::Suspect(_) => None,
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
            return false;
        }
        true
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

    fn may_eject(&mut self, slot: usize) -> bool {
        self.cluster.live(slot).is_some_and(|slot| self.cluster.may_eject_for_share(slot))
    }

    fn alter(&mut self, slot: usize, apply: impl FnOnce(&mut HealthRow, &mut Facts<'_>) -> Effect) {
        let Some(id) = self.cluster.live(slot) else { return };
        let now = self.now;
        let effect = self.cluster.alter(id, |row, _, facts| {
            facts.now = now;
            apply(row, facts)
        });
        self.changed |= !matches!(effect, Effect::None);
    }
}
