//! A call as its documentation has it.
//!
//! The model knows no points in time: it counts how long the call has been under way. A clock that
//! goes backwards adds nothing to that.

mod poll;

use core::time::Duration;

use evenkeel_core::rand_core::Rng;
use evenkeel_core::retry::{End, Verdict};
use evenkeel_core::{Outcome, Slot};

use super::{FREE, REMEMBERED, Settings};

#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) settings: Settings,
    pub(super) elapsed: Duration,
    /// Under way, in the order they were sent; over, in the order they ended, and not thought about
    /// yet.
    open: Vec<Open>,
    over: Vec<(Open, Duration, Over)>,
    /// The last number given, and the attempt that may still turn out to have nowhere to go.
    number: u32,
    newest: Option<u32>,
    told: bool,
    /// Attempts that are no hedges, and hedges that are left.
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
    tried: Vec<Slot>,
    /// Of those, the ones that want to be left alone; the first of them is back then.
    resting: Vec<Slot>,
    back: Duration,
    pub(super) waits_for_endpoint: bool,
    /// How often the budget was asked.
    pub(super) asks: u32,
    end: Option<End>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    number: u32,
    kind: Kind,
    hedge: bool,
    until: Option<Duration>,
    /// Where it went, as long as that is remembered.
    slot: Option<Slot>,
}

/// What is open about an attempt that was asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Settled,
    Hedge,
    Resend,
    Elsewhere,
}

#[derive(Clone, Copy, Debug)]
enum Over {
    Verdict(Verdict),
    /// There was nobody to send it to.
    NobodyElse,
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

/// What a retry waits for.
enum Pause {
    Backoff,
    PushBack,
    Rest,
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
            told: false,
            rounds: 0,
            hedges: settings.hedging.map_or(0, |(_, hedges)| hedges),
            free: 0,
            attempts: 0,
            due: Duration::ZERO,
            not_before: Duration::ZERO,
            too_long: false,
            waits: 0,
            waited: Duration::ZERO,
            tried: Vec::new(),
            resting: Vec::new(),
            back: Duration::ZERO,
            waits_for_endpoint: false,
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

    fn position(&self, number: u32) -> Option<usize> {
        self.open.iter().position(|open| open.number == number)
    }

    pub(super) fn on_outcome(&mut self, number: u32, verdict: Verdict) {
        let Some(index) = self.position(number) else { return };
        self.over.push((self.open.remove(index), self.elapsed, Over::Verdict(plain(verdict))));
        self.newest = self.newest.filter(|&newest| newest != number);
        if self.end.is_none() {
            self.end = match verdict {
                Verdict::Success => Some(End::Success),
                Verdict::NonRetryableFailure => Some(End::NonRetryableFailure),
                Verdict::Ignorable => Some(End::Ignorable),
                Verdict::Canceled => Some(End::Canceled),
                Verdict::RetryableFailure
                | Verdict::TimedOut
                | Verdict::Overloaded { .. }
                | Verdict::PushBack { .. }
                | Verdict::NeverSent => None,
            };
        }
    }

    /// An endpoint was picked for an attempt in flight; tells that it goes there.
    pub(super) fn started(&mut self, number: u32, slot: Slot, log: &mut Vec<Entry>) -> bool {
        let index = self.position(number).expect("it is in flight");
        let Open { kind, .. } = self.open[index];
        let tried = self.tried.contains(&slot);
        let newest = self.newest == Some(number);
        let fits = match kind {
            _ if !newest => true,
            Kind::Settled => true,
            Kind::Hedge | Kind::Resend => !tried,
            Kind::Elsewhere => !self.resting.contains(&slot),
        };
        if !fits {
            self.turn_away(index);
            return false;
        }
        if newest && matches!(kind, Kind::Hedge | Kind::Elsewhere) && !self.withdraw(log) {
            self.take_back(index);
            if kind == Kind::Elsewhere {
                self.end = Some(End::Budget);
            }
            return false;
        }
        if !tried {
            self.tried.push(slot);
            if self.tried.len() > REMEMBERED {
                let oldest = self.tried.remove(0);
                self.resting.retain(|resting| *resting != oldest);
                for open in self.open.iter_mut().chain(self.over.iter_mut().map(|over| &mut over.0))
                {
                    open.slot = open.slot.filter(|slot| *slot != oldest);
                }
            }
        }
        self.open[index].kind = Kind::Settled;
        self.open[index].slot = Some(slot);
        true
    }

    /// Tells whether there was an attempt to which this may apply.
    pub(super) fn no_endpoint(&mut self) -> bool {
        let Some(index) = self.newest.and_then(|newest| self.position(newest)) else {
            return false;
        };
        if self.open[index].slot.is_some() {
            return false;
        }
        if self.open[index].kind != Kind::Settled {
            self.turn_away(index);
            return true;
        }
        self.take_back(index);
        if self.settings.wait_for_ready && self.end.is_none() {
            self.waits_for_endpoint = true;
        } else if self.end.is_none() {
            self.end = Some(End::NoEndpoints);
        }
        true
    }

    pub(super) fn endpoints_changed(&mut self) {
        if self.waits_for_endpoint {
            self.waits_for_endpoint = false;
            self.due = self.elapsed;
        }
    }

    fn turn_away(&mut self, index: usize) {
        if self.open[index].kind == Kind::Hedge {
            self.hedges = 0;
            if self.open.len() + self.over.len() > 1 {
                self.take_back(index);
                return;
            }
        }
        self.over.push((self.open.remove(index), self.elapsed, Over::NobodyElse));
        self.newest = None;
    }

    /// As if the attempt had not been asked for.
    fn take_back(&mut self, index: usize) {
        let Open { hedge, .. } = self.open.remove(index);
        self.newest = None;
        self.discount(hedge);
    }

    /// The last attempt was not sent.
    fn discount(&mut self, hedge: bool) {
        self.attempts -= 1;
        self.number -= 1;
        self.rounds -= u32::from(!hedge);
    }

    /// Two attempts have failed since the service last asked to wait, or never left.
    pub(super) fn leaves_level(&self) -> bool {
        self.waits + self.free > 1
    }

    /// What follows from the end of an attempt.
    fn failed(
        &mut self,
        attempt: &Open,
        after: Duration,
        over: Over,
        rng: &mut impl Rng,
        log: &mut Vec<Entry>,
    ) -> Option<Expected> {
        let mut pause = Pause::Backoff;
        let mut elsewhere = false;
        match over {
            Over::Verdict(Verdict::NeverSent) if self.free < FREE => {
                self.free += 1;
                self.attempts -= 1;
                let resends = !self.past_deadline();
                return resends.then(|| self.send(attempt.number, Kind::Resend, attempt.hedge));
            }
            Over::Verdict(Verdict::PushBack { wait }) => {
                pause = Pause::PushBack;
                (self.waits, self.waited) = (0, Duration::ZERO);
                self.too_long |= wait > self.settings.max_push_back || wait.as_nanos() >= NEVER;
                self.not_before =
                    self.not_before.max(after + wait + self.jitter(after + wait, wait, rng));
            }
            Over::Verdict(Verdict::Overloaded { wait }) => {
                (pause, elsewhere) = (Pause::Rest, true);
                let rest = wait.unwrap_or_else(|| self.back_off(rng));
                self.rest(attempt.slot, after + rest);
            }
            Over::NobodyElse if attempt.kind == Kind::Elsewhere => {
                pause = Pause::Rest;
                self.discount(false);
            }
            Over::NobodyElse if attempt.kind == Kind::Hedge => self.discount(true),
            Over::Verdict(_) | Over::NobodyElse => {}
        }
        if !self.open.is_empty() {
            self.due = self.not_before.max(after);
        } else if self.over.is_empty() {
            if elsewhere && self.elapsed >= self.not_before {
                self.end = self.bounds();
                return self.end.is_none().then(|| self.send_next(Kind::Elsewhere));
            }
            self.end = self.retry(after, &pause, rng, log);
        }
        None
    }

    /// An endpoint is to be left alone until then.
    fn rest(&mut self, slot: Option<Slot>, until: Duration) {
        if self.resting.is_empty() || self.elapsed >= self.back {
            self.resting.clear();
            self.back = until;
        } else {
            self.back = self.back.min(until);
        }
        self.resting.extend(slot.filter(|slot| self.tried.contains(slot)));
    }

    fn back_off(&mut self, rng: &mut impl Rng) -> Duration {
        self.waits += 1;
        self.waited = self.settings.backoff.wait(self.waits, self.waited, rng);
        self.waited
    }

    fn jitter(&self, due: Duration, wait: Duration, rng: &mut impl Rng) -> Duration {
        if !self.settings.push_back_jitter {
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
        pause: &Pause,
        rng: &mut impl Rng,
        log: &mut Vec<Entry>,
    ) -> Option<End> {
        if let Some(end) = self.bounds() {
            return Some(end);
        }
        self.due = match pause {
            Pause::PushBack => self.not_before,
            Pause::Backoff => self.not_before.max(after + self.back_off(rng)),
            Pause::Rest => {
                self.resting.clear();
                self.not_before.max(self.back)
            }
        };
        if self.settings.timeout.is_some_and(|timeout| self.due >= timeout) {
            Some(End::Deadline)
        } else if self.withdraw(log) {
            None
        } else {
            Some(End::Budget)
        }
    }

    /// Why there is no other attempt, whenever it would go.
    fn bounds(&self) -> Option<End> {
        if self.past_deadline() {
            Some(End::Deadline)
        } else if self.rounds == self.settings.attempts {
            Some(End::Attempts)
        } else {
            self.too_long.then_some(End::PushBack)
        }
    }

    fn withdraw(&mut self, log: &mut Vec<Entry>) -> bool {
        log.push(Entry::Withdraw);
        self.asks += 1;
        self.settings.grants(self.asks)
    }
}

/// From so many nanoseconds on, a wait is one for ever.
const NEVER: u128 = u64::MAX as u128;

/// To be left alone for no time is as not to say for how long.
fn plain(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Overloaded { wait: Some(Duration::ZERO) } => Verdict::Overloaded { wait: None },
        _ => verdict,
    }
}
