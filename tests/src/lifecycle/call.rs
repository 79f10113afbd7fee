//! A `Call` beside a plain account of what it may do.

use core::time::Duration;

use evenkeel_core::retry::{Attempt, Backoff, End, Step, Unlimited, Verdict};
use evenkeel_core::{Call, Instant, Outcome, RetryPolicy, Slot};
use rand_chacha::ChaCha8Rng;

use crate::input::Input;

/// Attempts that never left the client and are not counted, and slots that are remembered.
const FREE: u32 = 8;
const REMEMBERED: usize = 8;

pub(super) struct CheckedCall {
    call: Call,
    attempts: u32,
    attempt_timeout: Option<Duration>,
    waits: (Duration, Duration),
    deadline: Instant,
    /// The latest time the call was told.
    last: Instant,
    tried: Vec<Slot>,
    counted: u32,
    never_sent: u32,
    open: Option<Attempt>,
    attempt_deadline: Instant,
    /// An attempt that is over: what is said of it must change nothing.
    stale: Option<Attempt>,
    /// Between which times the next attempt is due.
    due: (Instant, Instant),
    end: Option<End>,
}

impl CheckedCall {
    pub(super) fn start(input: &mut Input<'_>, now: Instant) -> Self {
        let attempts = 1 + input.below(12) as u32;
        let (timeout, attempt_timeout) = (Some(input.duration()), Some(input.duration()));
        let (base, cap) = (input.duration(), input.duration());
        let (backoff, waits) = match input.below(3) {
            0 => (Backoff::None, (Duration::ZERO, Duration::ZERO)),
            1 => (Backoff::Constant(base), (base, base)),
            _ => (Backoff::exponential(base, cap.max(base)), (Duration::ZERO, cap.max(base))),
        };
        let policy = RetryPolicy::new(attempts).and_then(|policy| policy.with_backoff(backoff)).expect("a good policy");
        // Zero is refused, and stands for "none" here.
        let timeout = timeout.filter(|timeout| policy.with_timeout(*timeout).is_ok());
        let attempt_timeout = attempt_timeout.filter(|timeout| policy.with_attempt_timeout(*timeout).is_ok());
        let policy = timeout.map_or(policy, |timeout| policy.with_timeout(timeout).unwrap_or(policy));
        let policy = attempt_timeout.map_or(policy, |timeout| policy.with_attempt_timeout(timeout).unwrap_or(policy));
        Self {
            call: Call::new(&policy, now),
            attempts,
            attempt_timeout,
            waits,
            deadline: timeout.map_or(Instant::MAX, |timeout| now + timeout),
            last: now,
            tried: Vec::new(),
            counted: 0,
            never_sent: 0,
            open: None,
            attempt_deadline: Instant::MAX,
            stale: None,
            due: (Instant::ZERO, Instant::ZERO),
            end: None,
        }
    }

    pub(super) fn poll(&mut self, now: Instant, rng: &mut ChaCha8Rng) -> Step {
        self.follow_clock(now);
        let step = self.call.poll(now, &mut Unlimited, rng);
        match step {
            Step::Send(attempt) => self.on_send(now, attempt),
            Step::Wait(until) => {
                assert!(until > now, "waiting until {until} at {now} would spin");
                assert_eq!(self.end, None);
                match self.open {
                    Some(_) => assert_eq!(until, self.attempt_deadline),
                    None => assert!(
                        until <= self.deadline && self.due.0 <= until && until <= self.due.1,
                        "waiting until {until}, due between {:?}, deadline {}",
                        self.due,
                        self.deadline
                    ),
                }
            }
            Step::Cancel { attempt, outcome } => {
                assert_eq!((self.open.map(Attempt::number), outcome), (Some(attempt.number()), Outcome::Failure));
                assert!(self.attempt_deadline <= now, "canceled early");
                self.on_failure(now, self.waits);
            }
            Step::Done(end) => self.on_done(now, end),
        }
        step
    }

    pub(super) fn tried(&self) -> &[Slot] {
        assert_eq!(self.call.tried(), self.tried);
        self.call.tried()
    }

    pub(super) fn started(&mut self, slot: Slot) {
        let Some(attempt) = self.open else { return };
        self.call.started(attempt, slot);
        if !self.tried.contains(&slot) {
            self.tried.push(slot);
            self.tried = self.tried.split_off(self.tried.len().saturating_sub(REMEMBERED));
        }
    }

    pub(super) fn no_endpoint(&mut self, now: Instant) {
        self.follow_clock(now);
        self.call.no_endpoint(now);
        if self.open.take().is_some() {
            self.counted -= 1;
            self.end = Some(End::NoEndpoints);
        }
    }

    /// How the attempt under way ended; tells whether there was one.
    pub(super) fn on_outcome(&mut self, now: Instant, verdict: Verdict) -> bool {
        let Some(attempt) = self.open else { return false };
        self.follow_clock(now);
        self.call.on_outcome(now, attempt, verdict);
        match verdict {
            Verdict::Success => self.end = Some(End::Success),
            Verdict::Fatal => self.end = Some(End::Fatal),
            Verdict::RetryAfter(wait) => self.on_failure(now, (wait, wait)),
            Verdict::NeverSent if self.never_sent < FREE => {
                self.never_sent += 1;
                self.counted -= 1;
                self.on_failure(now, (Duration::ZERO, Duration::ZERO));
            }
            Verdict::Retry | Verdict::NeverSent => self.on_failure(now, self.waits),
        }
        self.open = None;
        true
    }

    /// Something is heard of an attempt long over.
    pub(super) fn on_stale_outcome(&mut self, now: Instant, verdict: Verdict) {
        if let Some(attempt) = self.stale {
            self.follow_clock(now);
            self.follow_clock(now);
            self.call.on_outcome(now, attempt, verdict);
        }
    }

    /// A clock that goes backwards takes every time to come along, "never" aside.
    fn follow_clock(&mut self, now: Instant) {
        let back = self.last.saturating_since(now);
        self.last = now;
        for time in [&mut self.deadline, &mut self.attempt_deadline, &mut self.due.0] {
            if *time < Instant::MAX {
                *time = time.saturating_sub(back);
            }
        }
    }

    fn on_send(&mut self, now: Instant, attempt: Attempt) {
        assert_eq!((self.open, self.end), (None, None));
        assert!(now < self.deadline, "sent at {now}, after the deadline {}", self.deadline);
        assert!(now >= self.due.0, "sent at {now}, before {}", self.due.0);
        self.counted += 1;
        assert!(attempt.number() == self.counted && self.counted <= self.attempts, "{attempt:?} of {}", self.attempts);
        let own = self.attempt_timeout.map_or(Instant::MAX, |timeout| now + timeout);
        self.attempt_deadline = own.min(self.deadline);
        assert_eq!(attempt.deadline().unwrap_or(Instant::MAX), self.attempt_deadline);
        self.open = Some(attempt);
    }

    fn on_failure(&mut self, now: Instant, (least, most): (Duration, Duration)) {
        self.due = (now + least, now + most);
        self.stale = self.open.take();
    }

    fn on_done(&mut self, now: Instant, end: End) {
        assert_eq!(self.open, None);
        let allowed = match end {
            End::Attempts => self.counted == self.attempts,
            End::Deadline => now >= self.deadline || self.due.1 >= self.deadline,
            _ => false,
        };
        assert!(self.end.map_or(allowed, |known| known == end), "{end:?} at {now}");
        self.end = Some(end);
    }
}
