use core::time::Duration;

use rand_core::Rng;

use super::{Budget, RetryPolicy};
use crate::balancer::Outcome;
use crate::set::Slot;
use crate::time::Instant;

/// How many of the slots tried last a call remembers, to avoid them.
const REMEMBERED: usize = 8;
/// How many attempts that never left the client are free.
const FREE: u32 = 8;

/// One logical request, over as many attempts as it takes.
///
/// Poll it until [`Step::Done`]: it asks for an attempt to be sent or given up, or says until when to wait. The answer of
/// [`poll`](Self::poll) changes with time, [`on_outcome`](Self::on_outcome) and [`no_endpoint`](Self::no_endpoint).
#[derive(Debug)]
pub struct Call {
    policy: RetryPolicy,
    state: State,
    last: Instant,
    deadline: Instant,
    attempts: u32,
    never_sent: u32,
    tried: heapless::Vec<Slot, REMEMBERED>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    New,
    /// The next attempt is due at this time.
    Due(Instant),
    /// An attempt, and when it is given up: its own deadline, unless the clock went backwards since.
    InFlight(Attempt, Instant),
    /// The attempt under way ended at this time.
    Ended(Instant, Verdict),
    /// An attempt failed at this time; the server asked for at least this wait, if any.
    Failed(Instant, Option<Duration>),
    Done(End),
}

impl Call {
    /// A call that begins at `now`; its overall deadline counts from here.
    pub fn new(policy: &RetryPolicy, now: Instant) -> Self {
        Self {
            policy: *policy,
            state: State::New,
            last: now,
            deadline: deadline(now, policy.timeout),
            attempts: 0,
            never_sent: 0,
            tried: heapless::Vec::new(),
        }
    }

    /// What to do now.
    pub fn poll(&mut self, now: Instant, budget: &mut impl Budget, rng: &mut impl Rng) -> Step {
        self.follow_clock(now);
        loop {
            self.state = match self.state {
                State::Done(end) => return Step::Done(end),
                State::InFlight(attempt, deadline) => {
                    if now < deadline {
                        return Step::Wait(deadline);
                    }
                    self.state = State::Ended(now, Verdict::Retry);
                    return Step::Cancel { attempt, outcome: Outcome::Failure };
                }
                State::Ended(at, verdict) => {
                    budget.on_verdict(at, verdict);
                    self.judge(at, verdict)
                }
                _ if now >= self.deadline => State::Done(End::Deadline),
                State::New => {
                    budget.on_call(now);
                    State::Due(now)
                }
                State::Failed(..) if self.attempts >= self.policy.attempts.get() => State::Done(End::Attempts),
                State::Failed(at, pushback) => {
                    let wait = pushback.unwrap_or_else(|| self.policy.backoff.wait(self.attempts, Duration::ZERO, rng));
                    let due = at + wait;
                    // Waiting for an attempt that may not be sent helps nobody.
                    if due >= self.deadline {
                        State::Done(End::Deadline)
                    } else if budget.withdraw(now) {
                        State::Due(due)
                    } else {
                        State::Done(End::Budget)
                    }
                }
                State::Due(due) if now < due => return Step::Wait(due),
                State::Due(_) => {
                    self.attempts += 1;
                    let deadline = deadline(now, self.policy.attempt_timeout).min(self.deadline);
                    let attempt = Attempt { number: self.attempts, sent: self.attempts + self.never_sent, deadline };
                    self.state = State::InFlight(attempt, deadline);
                    return Step::Send(attempt);
                }
            };
        }
    }

    /// The attempt goes to the endpoint in `slot`; later attempts avoid it.
    pub fn started(&mut self, attempt: Attempt, slot: Slot) {
        if !self.is_in_flight(attempt) || self.tried.contains(&slot) {
            return;
        }
        if self.tried.is_full() {
            self.tried.remove(0);
        }
        // There is room for one.
        let _ = self.tried.push(slot);
    }

    /// There is no endpoint for the attempt: the call ends, since trying again at once would find none either.
    pub fn no_endpoint(&mut self, now: Instant) {
        self.follow_clock(now);
        if let State::InFlight(..) = self.state {
            self.attempts -= 1;
            self.state = State::Done(End::NoEndpoints);
        }
    }

    /// The attempt ended; poll until [`Step::Done`]. The end of an attempt that is not under way (any more) changes nothing.
    pub fn on_outcome(&mut self, now: Instant, attempt: Attempt, verdict: Verdict) {
        self.follow_clock(now);
        if self.is_in_flight(attempt) {
            self.state = State::Ended(now, verdict);
        }
    }

    /// The slots of the last attempts, at most 8, oldest first: what the next attempt had better avoid.
    pub fn tried(&self) -> &[Slot] {
        &self.tried
    }

    /// Attempts sent so far, not counting those that never left the client.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// When the call ends at the latest; [`Instant::MAX`] without a timeout.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// A clock that went backwards takes the deadlines along: no wait gets longer. All that learn the time call it.
    fn follow_clock(&mut self, now: Instant) {
        let back = self.last.saturating_since(now);
        self.last = now;
        if back.is_zero() {
            return;
        }
        self.deadline = self.deadline.saturating_sub(back);
        match &mut self.state {
            State::Due(at) | State::Ended(at, _) | State::Failed(at, _) => *at = at.saturating_sub(back),
            State::InFlight(_, deadline) => *deadline = deadline.saturating_sub(back),
            State::New | State::Done(_) => {}
        }
    }

    fn judge(&mut self, at: Instant, verdict: Verdict) -> State {
        match verdict {
            Verdict::Success => State::Done(End::Success),
            Verdict::Fatal => State::Done(End::Fatal),
            Verdict::RetryAfter(wait) => State::Failed(at, Some(wait)),
            Verdict::NeverSent if self.never_sent < FREE => {
                self.never_sent += 1;
                self.attempts -= 1;
                State::Due(at)
            }
            Verdict::Retry | Verdict::NeverSent => State::Failed(at, None),
        }
    }

    fn is_in_flight(&self, attempt: Attempt) -> bool {
        matches!(self.state, State::InFlight(current, _) if current.sent == attempt.sent)
    }
}

fn deadline(now: Instant, timeout: Option<Duration>) -> Instant {
    timeout.map_or(Instant::MAX, |timeout| now + timeout)
}

/// One attempt of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    number: u32,
    /// As `number`, but counting those that never left, too: no two attempts of a call share it.
    sent: u32,
    deadline: Instant,
}

impl Attempt {
    /// Which one it is: 1 for the first.
    pub const fn number(self) -> u32 {
        self.number
    }

    /// When it is given up; `None` for never.
    pub fn deadline(self) -> Option<Instant> {
        (self.deadline < Instant::MAX).then_some(self.deadline)
    }
}

/// What a [`Call`] asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Step {
    /// Pick an endpoint (avoiding [`Call::tried`]), say [`started`](Call::started) and send; or say
    /// [`no_endpoint`](Call::no_endpoint).
    Send(Attempt),
    /// Poll again at this time, or when the attempt under way ends. [`Instant::MAX`]: only then.
    Wait(Instant),
    /// Give this attempt up, and report this of it to the balancer.
    Cancel {
        /// The attempt.
        attempt: Attempt,
        /// What it says of the endpoint.
        outcome: Outcome,
    },
    /// The call is over.
    Done(End),
}

/// What the caller makes of an attempt's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The result is good.
    Success,
    /// It failed, and is worth another attempt.
    Retry,
    /// It failed, and the server said when to try again: not earlier, and without backoff.
    RetryAfter(Duration),
    /// It failed, and would fail again.
    Fatal,
    /// It never left the client. Tried again at once without counting as an attempt, 8 times in a call.
    NeverSent,
}

/// Why a call is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// An attempt succeeded.
    Success,
    /// All attempts failed.
    Attempts,
    /// The overall deadline passed, or would before the next attempt.
    Deadline,
    /// There was no endpoint to send to.
    NoEndpoints,
    /// An attempt failed in a way that is not worth retrying.
    Fatal,
    /// The budget allowed no other attempt.
    Budget,
}
