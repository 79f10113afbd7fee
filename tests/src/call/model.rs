//! A call as its documentation has it.
//!
//! The model knows no points in time: it counts how long the call has been under way. A clock that
//! goes backwards adds nothing to that.

use core::time::Duration;

use evenkeel_core::Outcome;
use evenkeel_core::rand_core::Rng;
use evenkeel_core::retry::{End, Verdict};

use super::{FREE, Settings};

#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) settings: Settings,
    pub(super) elapsed: Duration,
    /// Under way, in the order they were sent; over, in the order they ended, and not thought about
    /// yet.
    open: Vec<Open>,
    over: Vec<(Open, Duration, Verdict)>,
    /// The last number given, and whether that attempt may still turn out to have nowhere to go.
    number: u32,
    newest: Option<u32>,
    rounds: u32,
    hedges: u32,
    free: u32,
    pub(super) attempts: u32,
    /// When the next hedge or retry goes.
    due: Duration,
    not_before: Duration,
    too_long: bool,
    waits: u32,
    waited: Duration,
    /// How often the budget was asked.
    pub(super) asks: u32,
    end: Option<End>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    number: u32,
    hedge: bool,
    until: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Expected {
    Send { number: u32, hedge: bool, until: Option<Duration> },
    Wait(Option<Duration>),
    Cancel(u32, Outcome),
    Done(End),
}

/// What the budget is told and asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Entry {
    Call,
    Verdict(Duration, Verdict),
    Withdraw,
}

impl Model {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            settings: *settings,
            elapsed: Duration::ZERO,
            open: Vec::new(),
            over: Vec::new(),
            number: 0,
            newest: None,
            rounds: 0,
            hedges: settings.hedging.map_or(0, |(_, hedges)| hedges),
            free: 0,
            attempts: 0,
            due: Duration::ZERO,
            not_before: Duration::ZERO,
            too_long: false,
            waits: 0,
            waited: Duration::ZERO,
            asks: 0,
            end: None,
        }
    }

    pub(super) fn past_deadline(&self) -> bool {
        self.settings.timeout.is_some_and(|timeout| self.elapsed >= timeout)
    }

    /// In flight, by number.
    pub(super) fn open(&self) -> impl Iterator<Item = u32> {
        self.open.iter().map(|open| open.number)
    }

    pub(super) fn on_outcome(&mut self, number: u32, verdict: Verdict) {
        let Some(index) = self.open.iter().position(|open| open.number == number) else { return };
        self.over.push((self.open.remove(index), self.elapsed, verdict));
        self.newest = self.newest.filter(|&newest| newest != number);
        if self.end.is_none() {
            self.end = match verdict {
                Verdict::Success => Some(End::Success),
                Verdict::Fatal => Some(End::Fatal),
                _ => None,
            };
        }
    }

    /// Tells whether there was an attempt to which this may apply.
    pub(super) fn no_endpoint(&mut self) -> bool {
        let Some(newest) = self.newest.take() else { return false };
        let Some(index) = self.open.iter().position(|open| open.number == newest) else {
            return false;
        };
        self.open.remove(index);
        self.attempts -= 1;
        self.hedges = 0;
        if self.open.is_empty() && self.over.is_empty() && self.end.is_none() {
            self.end = Some(End::NoEndpoints);
        }
        true
    }

    pub(super) fn poll(&mut self, rng: &mut impl Rng, log: &mut Vec<Entry>) -> Expected {
        loop {
            if let Some(step) = self.step(rng, log) {
                return step;
            }
        }
    }

    fn step(&mut self, rng: &mut impl Rng, log: &mut Vec<Entry>) -> Option<Expected> {
        if let Some(end) = self.end {
            log.extend(
                self.over.drain(..).map(|(_, after, verdict)| Entry::Verdict(after, verdict)),
            );
            let loser = (!self.open.is_empty()).then(|| self.open.remove(0));
            return Some(loser.map_or(Expected::Done(end), |loser| {
                Expected::Cancel(loser.number, Outcome::Canceled)
            }));
        }
        if self.open.is_empty() && self.over.is_empty() {
            return self.begin(log);
        }
        if !self.over.is_empty() {
            let (attempt, after, verdict) = self.over.remove(0);
            log.push(Entry::Verdict(after, verdict));
            if verdict == Verdict::NeverSent && self.free < FREE {
                self.free += 1;
                self.attempts -= 1;
                if !self.past_deadline() {
                    return Some(self.send(attempt.number, attempt.hedge));
                }
            } else {
                self.failed(after, verdict, rng, log);
            }
        }
        let late = |open: &Open| open.until.is_some_and(|until| self.elapsed >= until);
        if let Some(index) = self.open.iter().position(late) {
            let late = self.open.remove(index);
            log.push(Entry::Verdict(self.elapsed, Verdict::Retry));
            self.failed(self.elapsed, Verdict::Retry, rng, log);
            return Some(Expected::Cancel(late.number, Outcome::Failure));
        }
        if self.open.is_empty() {
            return None;
        }
        let hedge = (self.hedges > 0 && !self.too_long).then_some(self.due);
        if hedge.is_some_and(|due| self.elapsed >= due) {
            self.hedges -= 1;
            if self.withdraw(log) {
                return Some(self.send_next(true));
            }
            self.put_off();
            return None;
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
        if self.elapsed < self.due {
            return Some(Expected::Wait(Some(self.due)));
        }
        if self.rounds == 0 {
            log.push(Entry::Call);
        }
        self.rounds += 1;
        Some(self.send_next(false))
    }

    fn send_next(&mut self, hedge: bool) -> Expected {
        self.number += 1;
        self.send(self.number, hedge)
    }

    fn send(&mut self, number: u32, hedge: bool) -> Expected {
        let own = self.settings.attempt_timeout.map(|timeout| self.elapsed + timeout);
        let until = own.into_iter().chain(self.settings.timeout).min();
        self.open.push(Open { number, hedge, until });
        self.newest = Some(number);
        self.attempts += 1;
        self.put_off();
        Expected::Send { number, hedge, until }
    }

    /// The next hedge comes a delay from now.
    fn put_off(&mut self) {
        if let Some((delay, _)) = self.settings.hedging {
            self.due = self.not_before.max(self.elapsed + delay);
        }
    }

    fn failed(
        &mut self,
        after: Duration,
        verdict: Verdict,
        rng: &mut impl Rng,
        log: &mut Vec<Entry>,
    ) {
        if let Verdict::RetryAfter(wait) = verdict {
            (self.waits, self.waited) = (0, Duration::ZERO);
            self.too_long |= wait > self.settings.max_retry_after;
            self.not_before =
                self.not_before.max(after + wait + self.jitter(after + wait, wait, rng));
        }
        if !self.open.is_empty() {
            self.due = self.not_before.max(after);
        } else if self.over.is_empty() {
            self.end = self.retry(after, verdict, rng, log);
        }
    }

    fn jitter(&self, due: Duration, wait: Duration, rng: &mut impl Rng) -> Duration {
        if !self.settings.retry_after_jitter {
            return Duration::ZERO;
        }
        let left = self
            .settings
            .timeout
            .map(|timeout| timeout.as_nanos().saturating_sub(due.as_nanos() + 1));
        let most = left.map_or(wait.as_nanos() / 2, |left| left.min(wait.as_nanos() / 2));
        Duration::from_nanos(((u128::from(rng.next_u64()) * (most + 1)) >> 64) as u64)
    }

    /// The last one failed: when to go on, or why not.
    fn retry(
        &mut self,
        after: Duration,
        verdict: Verdict,
        rng: &mut impl Rng,
        log: &mut Vec<Entry>,
    ) -> Option<End> {
        if self.past_deadline() {
            return Some(End::Deadline);
        }
        if self.rounds == self.settings.attempts {
            return Some(End::Attempts);
        }
        self.due = self.not_before;
        if !matches!(verdict, Verdict::RetryAfter(_)) {
            self.waits += 1;
            self.waited = self.settings.backoff.wait(self.waits, self.waited, rng);
            self.due = self.due.max(after + self.waited);
        }
        if self.settings.timeout.is_some_and(|timeout| self.due >= timeout) {
            Some(End::Deadline)
        } else if self.too_long {
            Some(End::RetryAfter)
        } else if self.withdraw(log) {
            None
        } else {
            Some(End::Budget)
        }
    }

    fn withdraw(&mut self, log: &mut Vec<Entry>) -> bool {
        log.push(Entry::Withdraw);
        self.asks += 1;
        self.settings.grants(self.asks)
    }
}
