//! Decides the next step of a call.

use core::ops::Deref;

use rand_core::Rng;

use super::in_flight::Flight;
use super::step::{Attempt, End, Step};
use super::{Call, FREE};
use crate::outcome::Outcome;
use crate::retry::backoff::up_to;
use crate::retry::budget::Budget;
use crate::retry::policy::RetryPolicy;
use crate::time::{Instant, Ticks};

impl<P, const ROOM: usize, const TRIED: usize> Call<P, ROOM, TRIED>
where
    P: Deref<Target = RetryPolicy>,
{
    /// Looks at one attempt that ended; then, until it is known how the call ends, at one that is
    /// late and at the next hedge or retry; and again, until there is something to do.
    pub(super) fn next_step(
        &mut self,
        now: Instant,
        budget: &mut impl Budget,
        rng: &mut impl Rng,
    ) -> Step {
        // One that is late comes before the second that ended.
        let mut late_first = false;
        loop {
            let mut over = None;
            if !late_first {
                over = self.in_flight.find(Flight::is_over);
            }
            let mut late = false;
            if over.is_none() && self.end.is_none() {
                over = self.in_flight.find(|flight| flight.is_late(now));
                late = over.is_some();
            }
            if let Some(index) = over {
                let over = self.in_flight.remove(index);
                let at = if late { now } else { over.time };
                budget.on_verdict(at, over.verdict());
                late_first = ROOM > 1 && self.end.is_none();
                if self.end.is_none() {
                    if !over.was_never_sent() || self.never_sent >= FREE {
                        self.on_failure(now, at, over.push_back(), budget, rng);
                    } else {
                        self.never_sent += 1;
                        if !self.is_too_late(now) {
                            return self.send(now, over.number, over.hedge);
                        }
                        self.uncounted = self.uncounted.wrapping_add(1);
                    }
                }
                if late {
                    return Step::Cancel { attempt: over.attempt(), outcome: Outcome::Failure };
                }
                continue;
            }
            late_first = false;
            if let Some(end) = self.end {
                return match self.in_flight.find(Flight::is_under_way) {
                    Some(loser) => {
                        let attempt = self.in_flight.remove(loser).attempt();
                        Step::Cancel { attempt, outcome: Outcome::Canceled }
                    }
                    None => Step::Done(end),
                };
            }
            if self.in_flight.is_empty() {
                if self.is_too_late(now) {
                    self.end = Some(End::Deadline);
                    continue;
                }
                if !now.has_reached(self.next) {
                    return Step::Wait(Some(self.next));
                }
                if self.number == 0 {
                    budget.on_call(now);
                }
            } else {
                let mut due = None;
                if ROOM > 1 && self.hedges > 0 && !self.too_long && self.has_others() {
                    due = Some(self.next);
                    if now.has_reached(self.next) {
                        self.hedges = self.hedges.saturating_sub(1);
                        if !budget.withdraw(now) {
                            self.restart_delay(now);
                            continue;
                        }
                        self.hedged = self.hedged.wrapping_add(1);
                        return self.send_another(now, true);
                    }
                }
                if self.in_flight.any(Flight::is_over) {
                    continue;
                }
                return Step::Wait(self.in_flight.first_deadline(due));
            }
            return self.send_another(now, false);
        }
    }

    fn send_another(&mut self, now: Instant, hedge: bool) -> Step {
        self.number = self.number.saturating_add(1);
        self.send(now, self.number, hedge)
    }

    fn send(&mut self, now: Instant, number: u32, hedge: bool) -> Step {
        self.sent = self.sent.wrapping_add(1);
        let mut deadline = self.deadline();
        let limit = self.policy.attempt_timeout;
        if limit > 0 {
            let own = now.later(limit);
            deadline = Some(deadline.map_or(own, |deadline| deadline.or_earlier(own)));
        }
        let attempt = Attempt { deadline, number, sent: self.sent, hedge };
        self.in_flight.push(attempt);
        self.restart_delay(now);
        Step::Send(attempt)
    }

    fn restart_delay(&mut self, now: Instant) {
        if ROOM > 1 && self.policy.hedges > 0 {
            self.next = now.later(self.policy.hedge_delay).or_later(self.not_before);
        }
    }

    /// An attempt failed at `at`, and another one may do better.
    #[cfg_attr(not(target_has_atomic = "32"), inline(never))]
    fn on_failure(
        &mut self,
        now: Instant,
        at: Instant,
        push_back: Option<Ticks>,
        budget: &mut impl Budget,
        rng: &mut impl Rng,
    ) {
        if let Some(wait) = push_back {
            (self.waited, self.waits) = (0, 0);
            self.too_long |= wait > self.policy.max_retry_after;
            let mut due = at.later(wait);
            if self.policy.retry_after_jitter {
                // It must not be what makes the attempt too late.
                let left = self.deadline().map(|deadline| deadline.since(due).saturating_sub(1));
                due = due.later(up_to((wait >> 1).min(left.unwrap_or(Ticks::MAX)), rng));
            }
            self.not_before = self.not_before.or_later(due);
        }
        if self.has_others() {
            self.next = at.or_later(self.not_before);
        } else if self.in_flight.is_empty() {
            self.end = self.retry(now, at, push_back.is_some(), budget, rng);
        }
        // Otherwise it is for the last one that ended to decide.
    }

    /// Decides when to retry, now that nothing is in flight any more, or returns why not.
    fn retry(
        &mut self,
        now: Instant,
        at: Instant,
        pushed_back: bool,
        budget: &mut impl Budget,
        rng: &mut impl Rng,
    ) -> Option<End> {
        if self.is_too_late(now) {
            return Some(End::Deadline);
        }
        if self.number.wrapping_sub(self.hedged.into()) >= self.policy.attempts {
            return Some(End::Attempts);
        }
        self.next = self.not_before;
        if !pushed_back {
            self.waits = self.waits.saturating_add(1);
            self.waited = self.policy.waits.next(self.waits.into(), self.waited, rng);
            self.next = self.next.or_later(at.later(self.waited));
        }
        // Waiting for an attempt that may not be sent helps nobody.
        if self.is_too_late(self.next) {
            Some(End::Deadline)
        } else if self.too_long {
            Some(End::RetryAfter)
        } else if budget.withdraw(now) {
            None
        } else {
            Some(End::Budget)
        }
    }

    /// Tells that attempts are under way.
    fn has_others(&self) -> bool {
        self.in_flight.any(Flight::is_under_way)
    }

    fn is_too_late(&self, at: Instant) -> bool {
        self.deadline().is_some_and(|deadline| at.has_reached(deadline))
    }
}
