//! What a call does next.

use evenkeel_core::Outcome;
use evenkeel_core::rand_core::Rng;
use evenkeel_core::retry::{End, Verdict};

use super::{Entry, Expected, Kind, Model, Open, Over};

impl Model {
    pub(in crate::call) fn poll(&mut self, rng: &mut impl Rng, log: &mut Vec<Entry>) -> Expected {
        loop {
            if let Some(step) = self.step(rng, log) {
                return step;
            }
        }
    }

    fn step(&mut self, rng: &mut impl Rng, log: &mut Vec<Entry>) -> Option<Expected> {
        if let Some(end) = self.end {
            for (_, after, over) in self.over.drain(..) {
                if let Over::Verdict(verdict) = over {
                    log.push(Entry::Verdict(after, verdict));
                }
            }
            let loser = (!self.open.is_empty()).then(|| self.open.remove(0));
            let canceled = end == End::Canceled;
            let outcome = if canceled { Outcome::Abandoned } else { Outcome::LostRace };
            let cancel = |loser: Open| Expected::Cancel(loser.number, outcome);
            return Some(loser.map_or(Expected::Done(end), cancel));
        }
        if self.open.is_empty() && self.over.is_empty() {
            return self.begin(log);
        }
        if !self.over.is_empty() {
            let (attempt, after, over) = self.over.remove(0);
            if let Over::Verdict(verdict) = over {
                log.push(Entry::Verdict(after, verdict));
            }
            if let Some(step) = self.failed(&attempt, after, over, rng, log) {
                return Some(step);
            }
        }
        let late = |open: &Open| open.until.is_some_and(|until| self.elapsed >= until);
        if self.end.is_none()
            && let Some(index) = self.open.iter().position(late)
        {
            let late = self.open.remove(index);
            log.push(Entry::Verdict(self.elapsed, Verdict::TimedOut));
            let over = Over::Verdict(Verdict::TimedOut);
            let step = self.failed(&late, self.elapsed, over, rng, log);
            assert_eq!(step, None, "what is late goes nowhere at once");
            return Some(Expected::Cancel(late.number, Outcome::TimedOut));
        }
        if self.open.is_empty() {
            return None;
        }
        let hedge = (self.hedges > 0 && !self.too_long).then_some(self.due);
        if hedge.is_some_and(|due| self.elapsed >= due) {
            self.hedges -= 1;
            return Some(self.send_next(Kind::Hedge));
        }
        let first = self.open.iter().filter_map(|open| open.until).chain(hedge).min();
        self.over.is_empty().then_some(Expected::Wait(first))
    }

    /// Nothing is in flight.
    fn begin(&mut self, log: &mut Vec<Entry>) -> Option<Expected> {
        if self.past_deadline() {
            self.end = Some(End::Deadline);
            return None;
        }
        if self.waits_for_endpoint {
            return Some(Expected::Wait(self.settings.timeout));
        }
        if self.elapsed < self.due {
            return Some(Expected::Wait(Some(self.due)));
        }
        if !self.told {
            log.push(Entry::Call);
        }
        self.told = true;
        Some(self.send_next(Kind::Settled))
    }

    pub(super) fn send_next(&mut self, kind: Kind) -> Expected {
        self.number += 1;
        self.rounds += u32::from(kind != Kind::Hedge);
        self.send(self.number, kind, kind == Kind::Hedge)
    }

    pub(super) fn send(&mut self, number: u32, kind: Kind, hedge: bool) -> Expected {
        let own = self.settings.attempt_timeout.map(|timeout| self.elapsed + timeout);
        let until = own.into_iter().chain(self.settings.timeout).min();
        self.open.push(Open { number, kind, hedge, until, slot: None });
        self.newest = Some(number);
        self.attempts += 1;
        // The next hedge comes a delay from now.
        if let Some((delay, _)) = self.settings.hedging {
            self.due = self.not_before.max(self.elapsed + delay);
        }
        Expected::Send { number, hedge, until }
    }
}
