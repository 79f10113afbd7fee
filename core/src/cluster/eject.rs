//! Judges endpoints by the others of their level, and undoes ejections that did harm.

use super::{Cluster, EventsOf, RulesOf};
use crate::endpoint::{Address, Endpoint};
use crate::event::{EventKind, EventLog};
use crate::health::{
    self, By, Effect, HealthRow, Held, Others, Past, Phase, Rules, Ruling, Scope, Suspect,
    cancellations,
};
use crate::kit::Kit;
use crate::load::Load;
use crate::part::Part;
use crate::row::Row;
use crate::settings::Book;
use crate::slot::Slot;
use crate::store::Store;
use crate::time::Instant;

impl<A: Address, L: Load, S: Kit, St: Store> Cluster<A, L, S, St> {
    /// Returns the end of the calm of a level, whose ejections were undone: until then at most half
    /// as many of its endpoints are ejected again, unless none of them is well and another level
    /// is. Where those of all levels were undone, all are calm; an undo of another level ends it.
    pub fn calm_until(&self, priority: u16) -> Option<Instant> {
        let interval = self.settings.ticks(self.settings.interval());
        self.watch.get()?.calm.until(priority, self.last, interval)
    }

    /// Judges a suspect endpoint; tells that the candidates changed. O(n)
    #[cold]
    pub(super) fn judge(&mut self, slot: Slot, by: By) -> bool {
        match self.rule(slot, by) {
            Some(Ruling::Eject) => self.eject(slot, by),
            Some(Ruling::Undo { scope, most }) => {
                self.undo(slot, scope, most);
                true
            }
            Some(Ruling::Hold(held)) => {
                self.hold(slot, held);
                false
            }
            None => false,
        }
    }

    /// Tells that an endpoint may be ejected that is suspect for its success rate.
    pub(super) fn may_eject_for_share(&mut self, slot: Slot) -> bool {
        match self.rule(slot, By::Share) {
            Some(Ruling::Eject) => true,
            Some(Ruling::Hold(held)) => {
                self.hold(slot, held);
                false
            }
            Some(Ruling::Undo { .. }) | None => false,
        }
    }

    /// Looks at the endpoints beside a suspect, as far as they may get requests, and says what
    /// follows.
    fn rule(&self, slot: Slot, by: By) -> Option<Ruling> {
        let (now, s) = (self.last, &self.settings);
        let (own, watch) = (self.row(slot)?, self.watch.get()?);
        let (level, health) = (own.priority(), own.watched()?);
        let (k, interval) = (s.consecutive_failures(), s.ticks(s.interval()));
        let canceled = by == By::Cancels;
        let limit = cancellations::limit(k, watch.memory.longest);
        let mut others = Others {
            elsewhere: false,
            serving: 0,
            well: 0,
            out: 0,
            slow_out: false,
            latest: now.long_ago(),
            latest_away: now.long_ago(),
        };
        for index in (0..self.rows.len()).filter(|&index| index != slot.index()) {
            let Some(row) = self.rows.get(index) else { continue };
            let Some(health) = row.watched() else { continue };
            if !row.endpoint().is_some_and(Endpoint::eligible) {
                continue;
            }
            let (admits, elsewhere) = (row.admits(), row.priority() != level);
            let well = admits
                && if canceled {
                    cancellations::is_clear(health, k, limit)
                } else {
                    !health::troubled(health, s, now, elsewhere)
                };
            let ejected = !admits && health.ejected();
            if ejected {
                let latest = if elsewhere { &mut others.latest_away } else { &mut others.latest };
                *latest = latest.or_later(health.began);
            }
            if elsewhere {
                others.elsewhere |= well;
            } else {
                others.serving += u32::from(admits);
                others.well += u32::from(well);
                others.out += u32::from(ejected);
                others.slow_out |= ejected && health.slow();
            }
        }
        // One that came back after now came back before a clock of 32 bits began anew.
        let lately = health.ejections > 0
            && now.has_reached(health.until)
            && now.since(health.until) < health::longest_calm(interval);
        let past = match health.phase() == Phase::InService && lately {
            false => Past::Clean,
            true if others.latest.has_reached(health.until) => Past::Ejected,
            true => Past::Back,
        };
        let (row, k) = if canceled {
            (health.cancels.into(), limit / 2)
        } else {
            (health.streak.into(), k.into())
        };
        let suspect = Suspect {
            by,
            row,
            k,
            slow: !canceled && health.slow(),
            began: health.began,
            heard: health.heard(),
            past,
        };
        let calm = watch.calm.over(level, now, interval);
        Some(health::judge(&suspect, &others, calm, watch.calm.most(), now, interval))
    }

    fn eject(&mut self, slot: Slot, by: By) -> bool {
        let effect = self.alter(slot, |row, s, facts| {
            if health::eject_by_rule::<RulesOf<S>, S>(row, s, facts, by) {
                Effect::Ejected
            } else {
                Effect::None
            }
        });
        let ejected = matches!(effect, Effect::Ejected);
        if ejected {
            self.await_answers();
        } else {
            self.hold(slot, Held::Percent);
        }
        ejected
    }

    /// Has those in service heard anew, of all levels, when our rule has ejected one: they are well
    /// if they answer from now on.
    pub(super) fn await_answers(&mut self) {
        self.turn(None, Turn::Heard);
    }

    /// Lets those of the level of the endpoint in `slot` come back that it misses, or all of any
    /// level; `most` of the level may be ejected again.
    fn undo(&mut self, slot: Slot, scope: Scope, most: u32) {
        let (now, interval) = (self.last, self.settings.ticks(self.settings.interval()));
        let Some(own) = self.row(slot) else { return };
        let (level, slow) = match scope {
            Scope::Level => (Some(own.priority()), own.watched().is_some_and(HealthRow::slow)),
            Scope::All => (None, false),
        };
        let Some(watch) = self.watch.get_mut() else { return };
        let until = watch.calm.begin(level, most, now, interval);
        self.turn(level, Turn::Missed { slow });
        self.set_held(slot, Held::Calm);
        self.note(Some(slot), EventKind::Undone { until });
    }

    /// Notes why an endpoint is not ejected, and tells of it where that is news.
    fn hold(&mut self, slot: Slot, held: Held) {
        if self.set_held(slot, held) {
            self.note(Some(slot), EventKind::Held { rule: held });
        }
    }

    /// Notes why an endpoint is not ejected; tells that this is news.
    fn set_held(&mut self, slot: Slot, held: Held) -> bool {
        if !EventsOf::<S, St>::ON {
            return false;
        }
        let Some(mut row) = self.row_mut(slot) else { return false };
        row.change::<St, _>(|row| row.held.replace(held) != Some(held)).unwrap_or(false)
    }

    /// Opens all that are ejected of the level of an endpoint that came back to a probe: an outage
    /// seldom ends for one.
    pub(super) fn open_level(&mut self, slot: Slot) {
        let ours = RulesOf::<S>::book(&self.settings) == Book::Evenkeel;
        if ours
            && self.settings.half_open()
            && let Some(level) = self.row(slot).map(Row::priority)
        {
            self.turn(Some(level), Turn::Opened);
        }
    }

    /// Has what follows become of all endpoints of a level; without one, of all. O(n)
    #[inline(never)]
    fn turn(&mut self, level: Option<u16>, turn: Turn) {
        let (now, interval) = (self.last, self.settings.ticks(self.settings.interval()));
        for index in 0..self.rows.len() {
            let Some(slot) = self.live(index) else { continue };
            let Some(mut row) = self.rows.of_mut(slot) else { continue };
            if level.is_some_and(|level| row.as_row().priority() != level) {
                continue;
            }
            let effect = row.change::<St, _>(|row| match turn {
                Turn::Missed { slow } if health::is_missed(row, slow, now, interval) => {
                    row.admit(now);
                    Effect::Readmitted
                }
                Turn::Opened if row.phase() == Phase::Ejected => {
                    row.set_phase(Phase::HalfOpen);
                    Effect::HalfOpen
                }
                Turn::Heard => {
                    row.await_answer();
                    Effect::None
                }
                Turn::Missed { .. } | Turn::Opened => Effect::None,
            });
            if let Some(effect @ (Effect::Readmitted | Effect::HalfOpen)) = effect {
                self.settle(slot, effect, false);
            }
        }
    }
}

/// What becomes of endpoints.
#[derive(Clone, Copy)]
enum Turn {
    /// Those come back that one misses which fails, slowly or not.
    Missed { slow: bool },
    /// Those that are ejected are open to a probe.
    Opened,
    /// Those in service are heard anew.
    Heard,
}
