//! A call as its documentation has it, in durations alone.

use core::time::Duration;

use evenkeel_core::rand_core::Rng;
use evenkeel_core::retry::{Backoff, End, Verdict};
use rand_chacha::ChaCha8Rng;

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) attempts: u32,
    pub(super) timeout: Option<Duration>,
    pub(super) attempt_timeout: Option<Duration>,
    pub(super) backoff: Backoff,
    pub(super) budget: u32,
    pub(super) seed: u64,
    /// How every attempt ends when the events are over.
    pub(super) habit: Verdict,
}

/// The model: what a call may do, in the words of its documentation.
pub(super) struct Model<'a> {
    pub(super) settings: &'a Settings,
    pub(super) rng: ChaCha8Rng,
    pub(super) elapsed: Duration,
    pub(super) sent: u32,
    pub(super) free: u32,
    pub(super) tried: Vec<usize>,
    pub(super) tokens: u32,
    pub(super) doing: Doing,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Doing {
    /// Something failed, or nothing has happened yet; the next attempt may go when this much has elapsed.
    Waiting(Duration),
    /// Under way until this much has elapsed.
    Trying(Option<Duration>),
    /// It ended after this much, and has not been thought about.
    Ended(Duration, Verdict),
    Over(End),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Expected {
    Send(u32, Option<Duration>),
    Wait(Option<Duration>),
    Cancel(u32),
    Done(End),
}

impl Model<'_> {
    fn past_deadline(&self) -> bool {
        self.settings.timeout.is_some_and(|timeout| self.elapsed >= timeout)
    }

    pub(super) fn poll(&mut self) -> Expected {
        if let Doing::Trying(until) = self.doing {
            if until.is_none_or(|until| self.elapsed < until) {
                return Expected::Wait(until);
            }
            self.doing = Doing::Ended(self.elapsed, Verdict::Retry);
            return Expected::Cancel(self.sent);
        }
        if let Doing::Ended(after, verdict) = self.doing {
            self.doing = self.judge(after, verdict);
        }
        match self.doing {
            Doing::Over(end) => Expected::Done(end),
            Doing::Waiting(_) if self.past_deadline() => self.end(End::Deadline),
            Doing::Waiting(due) if self.elapsed < due => Expected::Wait(Some(due)),
            _ => {
                self.sent += 1;
                let own = self.settings.attempt_timeout.map(|timeout| self.elapsed + timeout);
                let until = own.into_iter().chain(self.settings.timeout).min();
                self.doing = Doing::Trying(until);
                Expected::Send(self.sent, until)
            }
        }
    }

    fn judge(&mut self, after: Duration, verdict: Verdict) -> Doing {
        let pushback = match verdict {
            Verdict::Success => return Doing::Over(End::Success),
            Verdict::Fatal => return Doing::Over(End::Fatal),
            Verdict::NeverSent if self.free < 8 => {
                self.free += 1;
                self.sent -= 1;
                return Doing::Waiting(after);
            }
            Verdict::RetryAfter(wait) => Some(wait),
            Verdict::Retry | Verdict::NeverSent => None,
        };
        if self.past_deadline() {
            return Doing::Over(End::Deadline);
        }
        if self.sent == self.settings.attempts {
            return Doing::Over(End::Attempts);
        }
        let due = after + pushback.unwrap_or_else(|| self.backoff());
        if self.settings.timeout.is_some_and(|timeout| due >= timeout) {
            return Doing::Over(End::Deadline);
        }
        if self.tokens == 0 {
            return Doing::Over(End::Budget);
        }
        self.tokens -= 1;
        Doing::Waiting(due)
    }

    fn backoff(&mut self) -> Duration {
        match self.settings.backoff {
            Backoff::Exponential { base, cap, .. } => {
                let most = (1..self.sent).fold(base.as_nanos(), |most, _| most * 2).min(cap.as_nanos());
                let wait = (u128::from(self.rng.next_u64()) * (most + 1)) >> 64;
                assert!(wait <= most);
                Duration::from_nanos(wait as u64)
            }
            Backoff::Constant(wait) => wait,
            _ => Duration::ZERO,
        }
    }

    fn end(&mut self, end: End) -> Expected {
        self.doing = Doing::Over(end);
        Expected::Done(end)
    }
}
