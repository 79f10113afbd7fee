//! Calls over the balancers, step by step.

use core::time::Duration;

use first::Instant;
use first::retry::Verdict;

use super::{Clash, Life, Open, same};
use crate::chance::Chance;
use crate::edition::{CallSettings, Request, Step};
use crate::script::{Drive, wait};

/// A call of both editions.
#[derive(Debug)]
pub(super) struct Call {
    ids: [usize; 2],
    /// By attempt; those that are over are gone.
    flights: Vec<Option<Open>>,
}

impl Life<'_> {
    pub(super) fn begin(&mut self, settings: &CallSettings) -> Result<(), Clash> {
        let now = self.now;
        let ids = self.both(|side| side.call(now, settings));
        self.calls.push(Call { ids, flights: Vec::new() });
        self.tally.calls += 1;
        self.compare_call(self.calls.len() - 1)
    }

    pub(super) fn drive(&mut self, drive: &Drive) -> Result<(), Clash> {
        for _ in 0..drive.calls {
            self.begin(&drive.settings)?;
        }
        for _ in 0..drive.steps {
            if self.calls.is_empty() {
                return Ok(());
            }
            let index = self.chance.below(self.calls.len() as u64) as usize;
            let (now, chance) = (self.now, Chance::new(self.chance.bits()));
            let polled =
                self.of_call(index, |side, call| side.poll(call, now, &mut chance.clone()));
            same("step", &polled[0], &polled[1])?;
            self.compare_call(index)?;
            match polled[0] {
                Step::Send { attempt, .. } => {
                    self.tally.attempts += 1;
                    self.send(index, attempt)?;
                }
                Step::Wait(until) => self.wait(index, until)?,
                Step::Cancel { attempt, outcome } => {
                    let open = self.calls[index].flights[attempt].take().expect("it is in flight");
                    self.report(open, outcome)?;
                }
                Step::Done(end) => {
                    self.tally.end(end);
                    self.calls.swap_remove(index);
                    continue;
                }
            }
            self.compare_call(index)?;
        }
        Ok(())
    }

    fn of_call<T>(
        &mut self,
        index: usize,
        mut act: impl FnMut(&mut dyn crate::edition::Edition, usize) -> T,
    ) -> [T; 2] {
        let [one, other] = self.calls[index].ids;
        [act(&mut *self.sides[0], one), act(&mut *self.sides[1], other)]
    }

    fn send(&mut self, index: usize, attempt: usize) -> Result<(), Clash> {
        let mut open = None;
        if !self.chance.one_in(30) {
            let key = Some(self.chance.bits());
            // The editions know what their calls have tried; both calls have the same number.
            let call = Some(self.calls[index].ids[0]);
            open = self.pick(Request { now: self.now, key, avoid: &[], call })?;
        }
        self.calls[index].flights.push(open);
        let (now, [one, other]) = (self.now, self.calls[index].ids);
        match open {
            Some(Open { picks, .. }) => {
                self.sides[0].started(one, attempt, picks[0]);
                self.sides[1].started(other, attempt, picks[1]);
            }
            None => drop(self.of_call(index, |side, call| side.no_endpoint(call, now))),
        }
        Ok(())
    }

    /// An attempt ends, or the time comes.
    fn wait(&mut self, index: usize, until: Instant) -> Result<(), Clash> {
        let flights = &self.calls[index].flights;
        let under_way: Vec<usize> =
            (0..flights.len()).filter(|attempt| flights[*attempt].is_some()).collect();
        if under_way.is_empty() || until < Instant::MAX && self.chance.one_in(2) {
            return self.advance(until);
        }
        let attempt = self.chance.one_of(&under_way);
        let open = self.calls[index].flights[attempt].take().expect("it is under way");
        let verdict = self.verdict(&open);
        let now = self.now;
        let outcomes = self.sides.each_ref().map(|side| side.outcome(verdict));
        same("outcome of a verdict", &outcomes[0], &outcomes[1])?;
        self.of_call(index, |side, call| side.on_outcome(call, now, attempt, verdict));
        if self.chance.one_in(10) {
            // What comes a second time changes nothing.
            self.of_call(index, |side, call| side.on_outcome(call, now, attempt, Verdict::Success));
        }
        self.report(open, outcomes[0])
    }

    fn verdict(&mut self, open: &Open) -> Verdict {
        match self.outcome(open.addr) {
            _ if self.chance.one_in(40) => Verdict::Fatal,
            first::Outcome::Success if self.chance.one_in(3) => Verdict::Retry,
            first::Outcome::Success => Verdict::Success,
            first::Outcome::Overloaded { retry_after: Some(wait) } => allowed(wait),
            _ if self.chance.one_in(8) => allowed(wait(&mut self.chance)),
            _ => Verdict::Retry,
        }
    }

    fn compare_call(&mut self, index: usize) -> Result<(), Clash> {
        let now = self.now;
        let [one, other] = self.of_call(index, |side, call| side.look(call));
        same("call", &one, &other)?;
        let [one, other] = self.both(|side| {
            let mut entries = Vec::new();
            side.account(&mut entries);
            entries
        });
        same("told to the budget", &one, &other)?;
        self.tally.account(&one);
        let [one, other] = self.both(|side| side.left(now));
        same("left in the budget", &one, &other)
    }
}

/// A push-back no longer than what is allowed.
fn allowed(wait: Duration) -> Verdict {
    Verdict::RetryAfter(wait.min(Duration::from_secs(300)))
}
