//! Does what is due, and goes on by other settings.

use super::hosts::All;
use super::{Cluster, RulesOf};
use crate::endpoint::Address;
use crate::health::{self, Effect, Facts, HealthRow, Rules};
use crate::kit::{Kit, Parts};
use crate::load::Load;
use crate::part::Part;
use crate::set::Set;
use crate::slow_start;
use crate::store::Store;
use crate::time::Instant;

impl<A: Address, L: Load, S: Kit, St: Store> Cluster<A, L, S, St> {
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

    /// Returns a slot from `from` on that may wait: the first of all, where there are few.
    fn next_waiting(&self, from: usize) -> Option<usize> {
        if St::FEW {
            return (from < self.rows.len()).then_some(from);
        }
        self.watch.get()?.waiting.from(from)
    }
}
