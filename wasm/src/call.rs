use alloc::vec::Vec;
use core::ops::Deref;

use evenkeel_core::Instant;
use evenkeel_core::retry::{self, Attempt, Backoff, Hedging, Jitter, RetryPolicy, Step};
use wasm_bindgen::prelude::*;

use crate::balancer::Balancer;
use crate::budget::Budget;
use crate::convert::{instant, maybe, millis};
use crate::names;

/// One logical request; the core's retry machine.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Call {
    core: retry::Call<Own>,
    /// The time that the last step was about.
    until: Option<Instant>,
}

/// How many steps, and how many outcomes or ends, fit into what a poll gives, in turn.
pub const STEPS: u32 = 1 << 2;
/// The outcomes or ends.
pub const DETAILS: u32 = 1 << 4;

/// A policy that goes with its call.
#[derive(Clone, Copy, Debug)]
struct Own(RetryPolicy);

impl Deref for Own {
    type Target = RetryPolicy;

    fn deref(&self) -> &RetryPolicy {
        &self.0
    }
}

#[wasm_bindgen]
impl Call {
    /// Begins a call. Times are in milliseconds, where NaN leaves out; `ts/call.ts` has checked
    /// them. `backoff` with a `cap` is the base of an exponential backoff, without one a constant
    /// wait. At most `hedges` go, each that `hedge_delay` after the attempt before it.
    #[wasm_bindgen(constructor)]
    #[expect(clippy::too_many_arguments, reason = "one crossing for all")]
    pub fn new(
        now: f64,
        attempts: u32,
        timeout: f64,
        attempt_timeout: f64,
        backoff: f64,
        cap: f64,
        jitter: u8,
        max_push_back: f64,
        push_back_jitter: bool,
        wait_for_ready: bool,
        hedge_delay: f64,
        hedges: u32,
    ) -> Self {
        let mut policy = RetryPolicy::new(attempts).unwrap_or_default();
        if let Some(timeout) = maybe(timeout) {
            policy = policy.with_timeout(timeout).unwrap_or(policy);
        }
        if let Some(timeout) = maybe(attempt_timeout) {
            policy = policy.with_attempt_timeout(timeout).unwrap_or(policy);
        }
        if let Some(base) = maybe(backoff) {
            let jitter = Jitter::ALL.get(usize::from(jitter)).copied().unwrap_or_default();
            let exponential = |cap| Backoff::Exponential { base, cap, jitter };
            let backoff = maybe(cap).map_or(Backoff::Constant(base), exponential);
            policy = policy.with_backoff(backoff).unwrap_or(policy);
        }
        if let Some(most) = maybe(max_push_back) {
            policy = policy.with_max_push_back(most);
        }
        if push_back_jitter {
            policy = policy.with_push_back_jitter();
        }
        if wait_for_ready {
            policy = policy.with_wait_for_ready();
        }
        if let Some(delay) = maybe(hedge_delay)
            && let Ok(hedging) = Hedging::new(delay, hedges)
        {
            policy = policy.with_hedging(hedging);
        }
        let core = retry::Call::new(Own(policy), instant(now));
        Self { core, until: None }
    }

    /// Returns what to do now in one number: the index of the step; what it is about, the index of
    /// the outcome of a canceled attempt or of the call's end, or 1 for an attempt that goes beside
    /// others; and the number of the attempt. The jitter comes from the balancer's random numbers.
    pub fn poll(&mut self, now: f64, balancer: &mut Balancer, budget: &mut Budget) -> f64 {
        let step = self.core.poll(instant(now), &mut budget.0, &mut balancer.rng);
        let (detail, attempt) = match step {
            Step::Send(attempt) => {
                self.until = attempt.deadline();
                (u8::from(attempt.is_hedge()), attempt.number())
            }
            Step::Wait(until) => {
                self.until = until;
                (0, 0)
            }
            Step::Cancel { attempt, outcome } => (outcome.index(), attempt.number()),
            Step::Done(end) => (end.index(), 0),
        };
        let places = u32::from(detail) * STEPS + u32::from(step.index());
        f64::from(attempt) * f64::from(STEPS * DETAILS) + f64::from(places)
    }

    /// Returns the time that the last step was about; infinity for never.
    pub fn until(&self) -> f64 {
        millis(self.until)
    }

    /// Tells that the endpoint behind this ticket was picked for the attempt, and that it goes there;
    /// if not, the ticket is redeemed.
    pub fn started(
        &mut self,
        now: f64,
        attempt: u32,
        balancer: &mut Balancer,
        ticket: u32,
        budget: &mut Budget,
    ) -> bool {
        let (attempt, slot) = (self.under_way(attempt), balancer.slot_of(ticket));
        let (Some(attempt), Some(slot)) = (attempt, slot) else { return false };
        let starts = self.core.started(attempt, slot, &mut budget.0);
        if !starts {
            balancer.withdraw(now, ticket);
        }
        starts
    }

    /// Tells that there is no endpoint for the attempt; or that there are, and all are busy.
    pub fn no_endpoint(&mut self, now: f64, busy: bool) {
        if busy {
            self.core.all_busy(instant(now));
        } else {
            self.core.no_endpoint(instant(now));
        }
    }

    /// Tells that it waits until there is an endpoint.
    pub fn waits_for_endpoint(&self) -> bool {
        self.core.waits_for_endpoint()
    }

    /// Tells that there may be an endpoint now.
    pub fn endpoints_changed(&mut self) {
        self.core.endpoints_changed();
    }

    /// Tells how the attempt ended, by the index of a verdict; and for how many milliseconds it
    /// asks to wait, or NaN.
    pub fn on_outcome(&mut self, now: f64, attempt: u32, verdict: u8, wait: f64) {
        let verdict = names::verdict(verdict, maybe(wait));
        if let (Some(attempt), Some(verdict)) = (self.under_way(attempt), verdict) {
            self.core.on_outcome(instant(now), attempt, verdict);
        }
    }

    /// Returns the slot indices of the last attempts.
    pub fn tried(&self) -> Vec<u32> {
        self.core.tried().iter().map(|slot| slot.index() as u32).collect()
    }
}

#[wasm_bindgen]
impl Balancer {
    /// Does as [`pick`](Self::pick) for an attempt of `call`, stepping over what it has tried.
    pub fn pick_for(&mut self, now: f64, call: &Call) -> f64 {
        self.issue(now, call.core.tried(), call.core.leaves_level())
    }
}

impl Call {
    fn under_way(&self, number: u32) -> Option<Attempt> {
        self.core.in_flight().find(|attempt| attempt.number() == number)
    }
}
