//! Decides the next step of a call.

use core::ops::Deref;
use core::time::Duration;

use rand_core::Rng;

use super::in_flight::{Flight, Kind};
use super::step::{Attempt, End, Step};
use super::{Call, FREE};
use crate::outcome::Outcome;
use crate::retry::backoff::up_to;
use crate::retry::budget::Budget;
use crate::retry::policy::RetryPolicy;
use crate::time::{Instant, Ticks, ticks};

/// A wait that the clock cannot tell from never.
const NEVER: Ticks = ticks(Duration::MAX);

/// What a retry waits for.
enum Pause {
    Backoff,
    /// Until the service said.
    PushBack,
    /// Until the first endpoint that rests is back.
    Rest,
}

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
                if let Some(verdict) = over.verdict() {
                    budget.on_verdict(at, verdict);
                }
                late_first = ROOM > 1 && self.end.is_none();
                if self.end.is_none()
                    && let Some(kind) = self.go_on(now, at, &over, budget, rng)
                {
                    if kind == Kind::Elsewhere {
                        return self.send_another(now, kind);
                    }
                    return self.send(now, over.number, kind);
                }
                if late {
                    return Step::Cancel { attempt: over.attempt(), outcome: Outcome::TimedOut };
                }
                continue;
            }
            late_first = false;
            if let Some(end) = self.end {
                return match self.in_flight.find(Flight::is_under_way) {
                    Some(loser) => {
                        let attempt = self.in_flight.remove(loser).attempt();
                        let canceled = end == End::Canceled;
                        let outcome = if canceled { Outcome::Abandoned } else { Outcome::LostRace };
                        Step::Cancel { attempt, outcome }
                    }
                    None => Step::Done(end),
                };
            }
            if self.in_flight.is_empty() {
                if self.is_too_late(now) {
                    self.end = Some(End::Deadline);
                    continue;
                }
                if self.waits_for_endpoint {
                    return Step::Wait(self.deadline());
                }
                if !now.has_reached(self.next) {
                    return Step::Wait(Some(self.next));
                }
                if !self.told {
                    self.told = true;
                    budget.on_call(now);
                }
            } else {
                let mut due = None;
                if ROOM > 1 && self.hedges > 0 && !self.too_long && self.has_others() {
                    due = Some(self.next);
                    if now.has_reached(self.next) {
                        self.hedges = self.hedges.saturating_sub(1);
                        self.hedged = self.hedged.wrapping_add(1);
                        return self.send_another(now, Kind::HedgeDue);
                    }
                }
                if self.in_flight.any(Flight::is_over) {
                    continue;
                }
                return Step::Wait(self.in_flight.first_deadline(due));
            }
            return self.send_another(now, Kind::Plain);
        }
    }

    fn send_another(&mut self, now: Instant, kind: Kind) -> Step {
        self.number = self.number.saturating_add(1);
        self.send(now, self.number, kind)
    }

    fn send(&mut self, now: Instant, number: u32, kind: Kind) -> Step {
        self.sent = self.sent.wrapping_add(1);
        let mut deadline = self.deadline();
        let limit = self.policy.attempt_timeout;
        if limit > 0 {
            let own = now.later(limit);
            deadline = Some(deadline.map_or(own, |deadline| deadline.or_earlier(own)));
        }
        let attempt = Attempt { deadline, number, sent: self.sent, hedge: kind.is_hedge() };
        self.in_flight.push(attempt, kind);
        self.restart_delay(now);
        Step::Send(attempt)
    }

    fn restart_delay(&mut self, now: Instant) {
        if ROOM > 1 && self.policy.hedges > 0 {
            self.next = now.later(self.policy.hedge_delay).or_later(self.not_before);
        }
    }

    /// An attempt ended at `at` without deciding the call: returns where another one goes, if that is
    /// at once.
    #[cfg_attr(not(target_has_atomic = "32"), inline(never))]
    fn go_on(
        &mut self,
        now: Instant,
        at: Instant,
        over: &Flight,
        budget: &mut impl Budget,
        rng: &mut impl Rng,
    ) -> Option<Kind> {
        if self.policy.elsewhere && over.was_never_sent() && self.never_sent < FREE {
            self.never_sent += 1;
            if self.is_too_late(now) {
                self.uncounted = self.uncounted.wrapping_add(1);
                return None;
            }
            let hedge = ROOM > 1 && over.kind.is_hedge();
            return Some(if hedge { Kind::HedgeResend } else { Kind::Resend });
        }
        let mut pause = Pause::Backoff;
        if let Some(wait) = over.push_back() {
            pause = Pause::PushBack;
            self.push_back(at, wait, rng);
        } else if let Some(rest) = over.rest().filter(|_| self.policy.elsewhere) {
            pause = Pause::Rest;
            let rest = if rest > 0 { rest } else { self.back_off(rng) };
            self.rest(now, at, over.place, rest);
        } else if self.asks() && over.never_was() {
            self.discount(over.kind);
            if over.kind == Kind::Elsewhere {
                pause = Pause::Rest;
            }
        }
        if self.has_others() {
            self.next = at.or_later(self.not_before);
            return None;
        }
        if !self.in_flight.is_empty() {
            // It is for the last one that ended to decide.
            return None;
        }
        if self.policy.elsewhere && over.rest().is_some() && now.has_reached(self.not_before) {
            self.end = self.bounds(now);
            return self.end.is_none().then_some(Kind::Elsewhere);
        }
        self.end = self.retry(now, at, pause, budget, rng);
        None
    }

    /// Heeds the service's wish that the call wait.
    fn push_back(&mut self, at: Instant, wait: Ticks, rng: &mut impl Rng) {
        (self.waited, self.waits) = (0, 0);
        // What cannot be told from never is longer than anything that is allowed.
        self.too_long |= wait > self.policy.max_push_back || wait == NEVER;
        let mut due = at.later(wait);
        if self.policy.push_back_jitter {
            // It must not be what makes the attempt too late.
            let left = self.deadline().map(|deadline| deadline.since(due).saturating_sub(1));
            due = due.later(up_to((wait >> 1).min(left.unwrap_or(Ticks::MAX)), rng));
        }
        self.not_before = self.not_before.or_later(due);
    }

    /// Returns the next wait of the backoff.
    fn back_off(&mut self, rng: &mut impl Rng) -> Ticks {
        self.waits = self.waits.saturating_add(1);
        self.waited = self.policy.waits.next(self.waits.into(), self.waited, rng);
        self.waited
    }

    /// Decides when to retry, now that nothing is in flight any more, or returns why not.
    fn retry(
        &mut self,
        now: Instant,
        at: Instant,
        pause: Pause,
        budget: &mut impl Budget,
        rng: &mut impl Rng,
    ) -> Option<End> {
        if let Some(end) = self.bounds(now) {
            return Some(end);
        }
        self.next = self.not_before;
        match pause {
            Pause::PushBack => {}
            Pause::Backoff => {
                let wait = self.back_off(rng);
                self.next = self.next.or_later(at.later(wait));
            }
            Pause::Rest => {
                self.next = self.next.or_later(self.back);
                self.resting = 0;
            }
        }
        // Waiting for an attempt that may not be sent helps nobody.
        if self.is_too_late(self.next) {
            Some(End::Deadline)
        } else if budget.withdraw(now) {
            None
        } else {
            Some(End::Budget)
        }
    }

    /// Returns why there is no other attempt, whenever it would go.
    fn bounds(&self, now: Instant) -> Option<End> {
        if self.is_too_late(now) {
            Some(End::Deadline)
        } else if self.number.wrapping_sub(self.hedged.into()) >= self.policy.attempts {
            Some(End::Attempts)
        } else if self.too_long {
            Some(End::PushBack)
        } else {
            None
        }
    }

    /// Tells that some attempts do not go to whatever endpoint is found for them.
    #[inline]
    pub(super) fn asks(&self) -> bool {
        ROOM > 1 || self.policy.elsewhere
    }

    /// Tells that attempts are under way.
    fn has_others(&self) -> bool {
        self.in_flight.any(Flight::is_under_way)
    }

    fn is_too_late(&self, at: Instant) -> bool {
        self.deadline().is_some_and(|deadline| at.has_reached(deadline))
    }
}
