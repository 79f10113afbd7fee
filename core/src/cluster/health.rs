//! Learns from the ends of requests, and does what follows for the health of an endpoint.

use super::hosts::All;
use super::{Cluster, RulesOf};
use crate::counts::Count;
use crate::endpoint::Address;
use crate::event::EventKind;
use crate::health::{self, Effect, Facts, Health, HealthRow, Phase, Report, Rules};
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
    /// not be counted until the next failure, or until another one of its level is ejected.
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
        let nanos = |row: &Hot<L, _>| if row.live { row.load.estimate().nanos } else { 0 };
        let all = (0..self.rows.len()).filter_map(|index| self.rows.look(index, nanos));
        let lent = Estimate::lent(all, now);
        if let (Some(lent), Some(row)) = (lent, self.row_mut(slot)) {
            row.hot.load.set_estimate(lent);
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

    /// Does what follows from a change of an endpoint's health. Tells that the candidates changed.
    /// There were so many failures in its window before.
    pub(super) fn follow(&mut self, slot: Slot, mut effect: Effect, before: health::Count) -> bool {
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
    pub(super) fn failures(&self, slot: Slot) -> health::Count {
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
}
