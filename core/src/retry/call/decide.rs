//! What a call does next, and why.

use rand_core::Rng;

use super::{Attempt, Call, End, FREE, Step, Verdict};
use crate::balancer::Outcome;
use crate::retry::{Budget, up_to};
use crate::time::{Instant, nanos};

impl<const ROOM: usize> Call<ROOM> {
    /// It is known how the call ends: all attempts are accounted for, and given up.
    pub(super) fn wind_up(&mut self, end: End, budget: &mut impl Budget) -> Step {
        while let Some((_, at, verdict)) = self.in_flight.take_ended() {
            budget.on_verdict(at, verdict);
        }
        match self.in_flight.take_under_way() {
            Some(attempt) => Step::Cancel { attempt, outcome: Outcome::Canceled },
            None => Step::Done(end),
        }
    }

    /// Nothing is in flight: the first attempt, or a retry.
    pub(super) fn next_round(&mut self, now: Instant, budget: &mut impl Budget) -> Option<Step> {
        if now >= self.deadline {
            self.end = Some(End::Deadline);
            return None;
        }
        if now < self.next {
            return Some(Step::Wait(self.next));
        }
        if self.rounds == 0 {
            budget.on_call(now);
        }
        self.rounds += 1;
        Some(self.send_another(now, false))
    }

    /// Something is in flight: how the first ended, if one did, then those that are late, then the next hedge.
    pub(super) fn attend(&mut self, now: Instant, budget: &mut impl Budget, rng: &mut impl Rng) -> Option<Step> {
        if let Some((attempt, at, verdict)) = self.in_flight.take_ended() {
            budget.on_verdict(at, verdict);
            if verdict == Verdict::NeverSent && self.never_sent < FREE {
                self.never_sent += 1;
                self.attempts -= 1;
                if now < self.deadline {
                    return Some(self.send(now, attempt.number, attempt.hedge));
                }
            } else {
                self.on_failure(now, at, verdict, budget, rng);
            }
        }
        if let Some(attempt) = self.in_flight.take_late(now) {
            budget.on_verdict(now, Verdict::Retry);
            self.on_failure(now, now, Verdict::Retry, budget, rng);
            return Some(Step::Cancel { attempt, outcome: Outcome::Failure });
        }
        match self.next_hedge() {
            Some(due) if due <= now => {
                self.hedges -= 1;
                if budget.withdraw(now) {
                    return Some(self.send_another(now, true));
                }
                self.restart_delay(now);
                None
            }
            due if self.in_flight.all_under_way() => {
                Some(Step::Wait(self.in_flight.deadline().min(due.unwrap_or(Instant::MAX))))
            }
            _ => None,
        }
    }

    /// When the next hedge is due, if there is to be one.
    fn next_hedge(&self) -> Option<Instant> {
        let wanted = ROOM > 1 && self.hedges > 0 && !self.too_long && self.in_flight().next().is_some();
        wanted.then_some(self.next)
    }

    fn send_another(&mut self, now: Instant, hedge: bool) -> Step {
        self.number = self.number.saturating_add(1);
        self.send(now, self.number, hedge)
    }

    fn send(&mut self, now: Instant, number: u32, hedge: bool) -> Step {
        self.attempts = self.attempts.saturating_add(1);
        self.sent = self.sent.wrapping_add(1);
        let deadline = now.later(self.policy.attempt_timeout).min(self.deadline);
        let attempt = Attempt { deadline, number, sent: self.sent, hedge };
        self.in_flight.push(attempt);
        self.restart_delay(now);
        Step::Send(attempt)
    }

    fn restart_delay(&mut self, now: Instant) {
        if ROOM > 1 && self.policy.hedges > 0 {
            self.next = now.later(self.policy.hedge_delay).max(self.not_before);
        }
    }

    /// An attempt failed at this time, and another one may do better.
    fn on_failure(
        &mut self,
        now: Instant,
        at: Instant,
        verdict: Verdict,
        budget: &mut impl Budget,
        rng: &mut impl Rng,
    ) {
        if let Verdict::RetryAfter(wait) = verdict {
            self.push_back(at, nanos(wait), rng);
        }
        if self.in_flight().next().is_some() {
            self.next = at.max(self.not_before);
        } else if self.in_flight.is_empty() {
            match self.retry_at(now, at, verdict, budget, rng) {
                Ok(due) => self.next = due,
                Err(end) => self.end = Some(end),
            }
        }
        // Otherwise it is for the last one that ended to decide.
    }

    fn push_back(&mut self, at: Instant, wait: u64, rng: &mut impl Rng) {
        (self.waited, self.waits) = (0, 0);
        self.too_long |= wait > self.policy.max_retry_after;
        let mut due = at.later(wait);
        if self.policy.retry_after_jitter {
            // It must not be what makes the attempt too late.
            let left = self.deadline.nanos_since(due).saturating_sub(1);
            let jitter = up_to((wait >> 1).min(left), rng);
            due = due.later(jitter);
        }
        self.not_before = self.not_before.max(due);
    }

    /// When to retry, now that nothing is in flight any more, or why not.
    fn retry_at(
        &mut self,
        now: Instant,
        at: Instant,
        verdict: Verdict,
        budget: &mut impl Budget,
        rng: &mut impl Rng,
    ) -> Result<Instant, End> {
        if now >= self.deadline {
            return Err(End::Deadline);
        }
        if self.rounds >= self.policy.attempts.get() {
            return Err(End::Attempts);
        }
        let mut due = self.not_before;
        if !matches!(verdict, Verdict::RetryAfter(_)) {
            self.waits = self.waits.saturating_add(1);
            self.waited = self.policy.waits.wait(self.waits, self.waited, rng);
            due = due.max(at.later(self.waited));
        }
        // Waiting for an attempt that may not be sent helps nobody.
        if due >= self.deadline {
            Err(End::Deadline)
        } else if self.too_long {
            Err(End::RetryAfter)
        } else if budget.withdraw(now) {
            Ok(due)
        } else {
            Err(End::Budget)
        }
    }
}
