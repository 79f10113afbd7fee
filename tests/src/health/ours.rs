//! Our rule of ejection in the model, as the guide has it.

use evenkeel_core::health::{Held, Reason};
use evenkeel_core::{Book, Config, EventKind, Instant, Outcome};

use super::known::{Known, State};
use super::model::{Model, Time, in_intervals, nanos};

pub(super) const SLOW: u64 = 200_000_000;

/// What is decided.
enum Decided {
    Out,
    Undone,
    AllUndone,
    Held(Held),
}

/// The level of a calm of all.
const ALL: u16 = u16::MAX;

/// The last calm.
#[derive(Clone, Copy)]
pub(super) struct Calm {
    until: Time,
    /// Its level.
    of: u16,
    /// How many undos led to it.
    undos: u32,
    /// How many may be ejected all the same.
    most: usize,
}

impl Model {
    /// An answer ends a row of cancellations.
    pub(super) fn answered(&mut self, addr: u8) {
        self.longest = self.longest.max(self.known[&addr].cancels);
        self.at(addr).cancels = 0;
    }

    /// One was ejected: those that serve have not answered since.
    pub(super) fn await_answers(&mut self) {
        let served = self.known.values_mut().filter(|known| !known.out());
        served.for_each(|known| known.heard = false);
    }

    /// One that answered a request which decides is back, and others of its level may be.
    pub(super) fn come_back(&mut self, now: Instant, addr: u8) {
        self.readmit(now, addr);
        if self.config.book != Book::Evenkeel || !self.config.half_open {
            return;
        }
        let level = self.known[&addr].endpoint.priority;
        let out = |known: &Known| {
            known.endpoint.priority == level && matches!(known.state, State::Out(_))
        };
        let known = self.known.iter().filter(|(_, known)| out(known));
        let mut others: Vec<_> = known.map(|(addr, known)| (known.slot.index(), *addr)).collect();
        others.sort_unstable();
        for (_, addr) in others {
            self.open(now, addr);
        }
    }

    /// Notes of what kind a failure was that has been written down.
    pub(super) fn note_failure(&mut self, addr: u8, outcome: Outcome, time: Time, sent: Time) {
        if !self.follows(Book::Evenkeel) {
            return;
        }
        if matches!(outcome, Outcome::TimedOut | Outcome::NeverSent) {
            self.at(addr).cancels = 0;
        } else {
            self.answered(addr);
        }
        let known = self.at(addr);
        if known.streak() == 1 {
            (known.began, known.slow, known.held) = (sent, false, None);
        }
        known.slow |= outcome != Outcome::NeverSent && time.saturating_sub(sent) >= SLOW;
    }

    pub(super) fn judge(&mut self, now: Instant, addr: u8, settings: &Config) {
        let k = usize::from(settings.consecutive_failures);
        let row = self.known[&addr].streak();
        let mut undone = false;
        if k > 0 && row >= k {
            if row.is_multiple_of(k) {
                match self.decide(now, addr, true) {
                    Decided::Out => {
                        self.forgive(now, addr);
                        self.put_out(now, addr, Reason::ConsecutiveFailures);
                    }
                    decided @ (Decided::Undone | Decided::AllUndone) => {
                        self.undo(now, addr, matches!(decided, Decided::AllUndone));
                        undone = true;
                    }
                    Decided::Held(held) => self.hold(now, addr, held),
                }
            }
        } else if settings.failure_percentage > 0
            && self.shares_too_much(addr, settings)
            && self.may_eject_for_share(now, addr)
        {
            let enforcement = settings.failure_percentage_enforcement;
            self.eject(now, addr, Reason::FailurePercentage, enforcement);
            if !self.known[&addr].out() {
                self.hold(now, addr, Held::Percent);
            }
        }
        if settings.success_rate && !undone && !self.known[&addr].out() {
            let bad = self.known[&addr].window(None).1;
            if bad > 0
                && bad.is_multiple_of(settings.success_rate_minimum_failures.max(1).into())
                && self.outliers(settings).contains(&addr)
                && self.may_eject_for_share(now, addr)
            {
                self.eject(now, addr, Reason::SuccessRate, settings.success_rate_enforcement);
            }
        }
    }

    fn shares_too_much(&self, addr: u8, settings: &Config) -> bool {
        let length = (!in_intervals(settings)).then(|| nanos(settings.interval));
        let (good, bad) = self.known[&addr].window(length);
        good + bad >= settings.failure_percentage_request_volume.into()
            && bad >= settings.failure_percentage_minimum_failures.into()
            && bad * 100 >= u64::from(settings.failure_percentage) * (good + bad)
    }

    /// Tells that one may be ejected for a share; holds it, if not.
    pub(super) fn may_eject_for_share(&mut self, now: Instant, addr: u8) -> bool {
        match self.decide(now, addr, false) {
            Decided::Out => true,
            Decided::Undone | Decided::AllUndone => false,
            Decided::Held(held) => {
                self.hold(now, addr, held);
                false
            }
        }
    }

    /// Of another level, an old row tells nothing.
    fn troubled(&self, known: &Known, time: Time, elsewhere: bool) -> bool {
        let k = usize::from(self.config.consecutive_failures);
        let old = elsewhere && !self.lately(known.began, time);
        let length = (!in_intervals(&self.config)).then(|| nanos(self.config.interval));
        let (good, bad) = known.open_window(length, time);
        k > 0 && known.streak() >= k && !old || bad > 0 && 3 * bad >= good
    }

    fn is_calm(&self, level: u16, time: Time) -> bool {
        let most = nanos(self.config.interval) * 12;
        self.calm.is_some_and(|Calm { until, of, .. }| {
            (of == level || of == ALL) && time < until && until - time <= most
        })
    }

    fn decide(&self, now: Instant, addr: u8, by_row: bool) -> Decided {
        let time = self.time(now);
        let own = &self.known[&addr];
        let level = own.endpoint.priority;
        let others = || {
            let others = self.known.iter().filter(move |(other, _)| **other != addr);
            others.map(|(_, known)| known).filter(|known| known.eligible())
        };
        let serves = |known: &&Known| known.state == State::In && !known.down;
        let of_level = || others().filter(move |known| known.endpoint.priority == level);
        let elsewhere = others()
            .filter(|known| known.endpoint.priority != level)
            .any(|known| serves(&known) && !self.troubled(known, time, true));
        let serving = of_level().filter(serves).count();
        let well = of_level().filter(serves).filter(|known| !self.troubled(known, time, false));
        let well = well.count();
        let k = usize::from(self.config.consecutive_failures);
        let row = own.streak();
        let missed = of_level().any(|known| self.is_missed(known, own.slow, time));
        let left = |own_level| {
            let out = others().filter(|known| known.out());
            let of_it = |known: &&Known| (known.endpoint.priority == level) == own_level;
            out.filter(of_it).map(|known| known.began).max()
        };
        let (latest, latest_away) = (left(true), left(false));
        let [lately, lately_away] =
            [latest, latest_away].map(|left| left.is_some_and(|left| self.lately(left, time)));
        let since = if well == 0 { latest.max(latest_away) } else { latest };
        let suffers = own.slow && own.heard && since.is_some_and(|since| own.began > since);
        let back = own.state == State::In
            && own.ejections > 0
            && latest.is_some_and(|latest| own.back > latest);
        let gone = of_level().filter(|known| known.out()).count();
        // All others carry what the few that left were asked for: it fails for itself.
        let alone = serving == well && gone * 4 <= serving;
        let harm = gone > 0 && !back && lately && suffers && !alone;
        let gone_mostly = gone > serving;
        let out = if well == 0 {
            by_row && elsewhere
        } else {
            by_row && row >= 4 * k || !harm && well * 2 >= serving
        };
        let of_all = self.calm.is_some_and(|calm| calm.of == ALL);
        let calm = self.is_calm(level, time) && (of_all || !(elsewhere && well == 0));
        let all_calm = calm && of_all;
        let room = !all_calm && self.calm.is_some_and(|calm| gone < calm.most);
        let once_more = self.was_out(own, time) && by_row && row >= 4 * k && room;
        let in_vain = by_row && well == 0 && !elsewhere && row >= 2 * k;
        let by_chance = calm || gone_mostly && well == serving;
        match () {
            () if out && (!calm || once_more) => Decided::Out,
            () if in_vain && lately_away && suffers => Decided::AllUndone,
            () if !all_calm
                && (in_vain && missed || by_row && harm && (!by_chance || row >= 2 * k)) =>
            {
                Decided::Undone
            }
            () if calm => Decided::Held(Held::Calm),
            () if well == 0 => Decided::Held(Held::NobodyWell),
            () if harm => Decided::Held(Held::Harm),
            () => Decided::Held(Held::Minority),
        }
    }

    /// Tells that one may be lacking to another, which fails, slowly or not.
    fn is_missed(&self, known: &Known, slow: bool, time: Time) -> bool {
        known.out() && (!slow || known.slow || self.lately(known.began, time))
    }

    /// Tells that something was so less than an interval ago.
    fn lately(&self, then: Time, time: Time) -> bool {
        time.saturating_sub(then) < nanos(self.config.interval)
    }

    fn hold(&mut self, now: Instant, addr: u8, held: Held) {
        let known = self.at(addr);
        if known.held.replace(held) != Some(held) {
            let slot = known.slot;
            self.push(now, Some(slot), EventKind::Held { rule: held });
        }
    }

    fn undo(&mut self, now: Instant, addr: u8, all: bool) {
        let (time, interval) = (self.time(now), nanos(self.config.interval));
        let level = if all { ALL } else { self.known[&addr].endpoint.priority };
        let length = |undos: u32| interval * (3 << undos.min(2));
        let before = self
            .calm
            .filter(|calm| calm.of == level && time.saturating_sub(calm.until) < length(calm.undos))
            .map_or(0, |calm| calm.undos);
        let until = time + length(before);
        let gone = self.known.iter().filter(|(other, known)| {
            **other != addr && known.endpoint.priority == level && known.eligible() && known.out()
        });
        let most = gone.count() / 2;
        self.calm = Some(Calm { until, of: level, undos: before + 1, most });
        let slow = self.known[&addr].slow;
        for other in self.by_slot() {
            let known = &self.known[&other];
            let of_it = known.endpoint.priority == level && self.is_missed(known, slow, time);
            if of_it || all && known.out() {
                self.readmit(now, other);
            }
        }
        let known = self.at(addr);
        known.held = Some(Held::Calm);
        let slot = known.slot;
        let until = self.clock(until);
        self.push(now, Some(slot), EventKind::Undone { until });
        self.dirty = true;
    }

    /// A request to an endpoint in service was given up.
    pub(super) fn give_up(&mut self, now: Instant, addr: u8, outcome: Outcome) {
        let k = self.config.consecutive_failures;
        if self.config.book != Book::Evenkeel || k == 0 {
            return;
        }
        let fewest = if self.longest >= 8 { 16 } else { 8 } * u32::from(k);
        let limit = fewest.max(2 * u32::from(self.longest).min(64 * u32::from(k))).min(65_535);
        let known = self.at(addr);
        let before = known.cancels;
        if before == 0 && known.streak() == 0 {
            known.held = None;
        }
        known.cancels = before.saturating_add(outcome.cancellation_weight() as u16);
        let (before, row) = (u32::from(before), u32::from(known.cancels));
        let grows = before < limit || row / u32::from(k) > before / u32::from(k);
        if row < limit || !grows && row < 65_535 {
            return;
        }
        if let Some(held) = self.decide_given_up(now, addr, limit) {
            self.hold(now, addr, held);
        } else {
            self.forgive(now, addr);
            self.put_out(now, addr, Reason::Cancellations);
        }
    }

    /// Why one with a long row of cancellations is not ejected.
    fn decide_given_up(&self, now: Instant, addr: u8, limit: u32) -> Option<Held> {
        let time = self.time(now);
        let own = &self.known[&addr];
        let level = own.endpoint.priority;
        let of = |own_level| {
            let others = self.known.iter().filter(move |(other, known)| {
                **other != addr && (known.endpoint.priority == level) == own_level
            });
            others.map(|(_, known)| known)
        };
        let clear = |known: &&Known| {
            let few = 4 * u32::from(known.cancels) < limit;
            known.available() && few && known.streak() < self.config.consecutive_failures.into()
        };
        let serving = of(true).filter(|known| known.available()).count();
        let well = of(true).filter(clear).count();
        let elsewhere = of(false).any(|known| clear(&known));
        let hangs = u32::from(own.cancels) >= 4 * (limit / 2);
        let out = if well == 0 { elsewhere } else { hangs || 2 * well >= serving };
        let of_all = self.calm.is_some_and(|calm| calm.of == ALL);
        let calm = self.is_calm(level, time) && (of_all || !(elsewhere && well == 0));
        let gone = of(true).filter(|known| known.eligible() && known.out()).count();
        let room = !of_all && self.calm.is_some_and(|calm| gone < calm.most);
        match () {
            () if out && (!calm || hangs && room && self.was_out(own, time)) => None,
            () if calm => Some(Held::Calm),
            () if well == 0 => Some(Held::NobodyWell),
            () => Some(Held::Minority),
        }
    }

    /// It was ejected before, and came back no longer ago than calms last.
    fn was_out(&self, own: &Known, time: Time) -> bool {
        own.state == State::In
            && own.ejections > 0
            && own.back <= time
            && time - own.back < nanos(self.config.interval) * 12
    }

    /// What its status says.
    pub(super) fn held(known: &Known) -> Option<Held> {
        let suspect = known.state == State::In && (known.streak() > 0 || known.cancels > 0);
        known.held.filter(|_| suspect)
    }
}
