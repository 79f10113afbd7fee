use alloc::vec::Vec;
use core::ops::Deref;

use evenkeel_core::Instant;
use evenkeel_core::retry::{self, AnyBudget, Attempt, Backoff, Hedging, Jitter, RetryPolicy, Step};
use wasm_bindgen::prelude::*;

use crate::balancer::Balancer;
use crate::budget::Budget;
use crate::convert::{duration, instant, maybe, millis};
use crate::names;

/// One logical request; the core's retry machine.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Call {
    policy: RetryPolicy,
    core: retry::Call<Own>,
    /// The one that the last step was about.
    attempt: Option<Attempt>,
    until: Option<Instant>,
    /// The index of the outcome or the end that the last step was about.
    detail: u8,
}

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
    /// wait.
    #[wasm_bindgen(constructor)]
    pub fn new(
        now: f64,
        attempts: u32,
        timeout: f64,
        attempt_timeout: f64,
        backoff: f64,
        cap: f64,
        jitter: u8,
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
        Self::with(now, policy)
    }

    /// Sets, before the first poll, the hedges: at most so many, each that many milliseconds after
    /// the attempt before it.
    pub fn hedge(&mut self, now: f64, delay: f64, hedges: u32) {
        if let Ok(hedging) = Hedging::new(duration(delay), hedges) {
            *self = Self::with(now, self.policy.with_hedging(hedging));
        }
    }

    /// Sets, before the first poll, the longest wait that the service may ask for.
    pub fn max_push_back(&mut self, now: f64, most: f64) {
        *self = Self::with(now, self.policy.with_max_push_back(duration(most)));
    }

    /// Makes, before the first poll, the waits that the service asks for longer at random.
    pub fn push_back_jitter(&mut self, now: f64) {
        *self = Self::with(now, self.policy.with_push_back_jitter());
    }

    /// Lets the call, before the first poll, wait until there is an endpoint.
    pub fn wait_for_ready(&mut self, now: f64) {
        *self = Self::with(now, self.policy.with_wait_for_ready());
    }

    /// Returns the index of the step: what to do now. The jitter comes from the balancer's random
    /// numbers.
    pub fn poll(&mut self, now: f64, balancer: &mut Balancer) -> u8 {
        self.step(now, balancer, &mut AnyBudget::Unlimited)
    }

    /// Does the same within a budget.
    pub fn poll_within(&mut self, now: f64, balancer: &mut Balancer, budget: &mut Budget) -> u8 {
        self.step(now, balancer, &mut budget.0)
    }

    /// Returns the number of the attempt that the last step was about, from 1.
    pub fn attempt(&self) -> u32 {
        self.attempt.map_or(0, Attempt::number)
    }

    /// Tells that that attempt goes beside others.
    pub fn hedged(&self) -> bool {
        self.attempt.is_some_and(Attempt::is_hedge)
    }

    /// Returns the time that the last step was about; infinity for never.
    pub fn until(&self) -> f64 {
        millis(self.until)
    }

    /// Returns the index of the outcome that a canceled attempt has, or of the call's end.
    pub fn detail(&self) -> u8 {
        self.detail
    }

    /// Tells that the endpoint behind this ticket was picked for the attempt, and that it goes there;
    /// if not, the ticket is redeemed.
    pub fn started(
        &mut self,
        now: f64,
        attempt: u32,
        balancer: &mut Balancer,
        ticket: u32,
    ) -> bool {
        self.start(now, attempt, balancer, ticket, &mut AnyBudget::Unlimited)
    }

    /// Does the same within a budget.
    pub fn started_within(
        &mut self,
        now: f64,
        attempt: u32,
        balancer: &mut Balancer,
        ticket: u32,
        budget: &mut Budget,
    ) -> bool {
        self.start(now, attempt, balancer, ticket, &mut budget.0)
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
        self.issue(now, call.core.tried())
    }

    /// Redeems a ticket: what the verdict on its attempt, by its index, says of the endpoint.
    pub fn conclude(&mut self, now: f64, ticket: u32, verdict: u8, wait: f64) {
        if let Some(verdict) = names::verdict(verdict, maybe(wait)) {
            self.report(now, ticket, verdict.outcome().index(), wait);
        }
    }
}

impl Call {
    fn with(now: f64, policy: RetryPolicy) -> Self {
        let core = retry::Call::new(Own(policy), instant(now));
        Self { policy, core, attempt: None, until: None, detail: 0 }
    }

    fn step(&mut self, now: f64, balancer: &mut Balancer, budget: &mut AnyBudget) -> u8 {
        let step = self.core.poll(instant(now), budget, &mut balancer.rng);
        match step {
            Step::Send(attempt) => {
                (self.attempt, self.until) = (Some(attempt), attempt.deadline());
            }
            Step::Wait(until) => self.until = until,
            Step::Cancel { attempt, outcome } => {
                (self.attempt, self.detail) = (Some(attempt), outcome.index());
            }
            Step::Done(end) => self.detail = end.index(),
        }
        step.index()
    }

    fn start(
        &mut self,
        now: f64,
        attempt: u32,
        balancer: &mut Balancer,
        ticket: u32,
        budget: &mut AnyBudget,
    ) -> bool {
        let (attempt, slot) = (self.under_way(attempt), balancer.slot_of(ticket));
        let (Some(attempt), Some(slot)) = (attempt, slot) else { return false };
        let starts = self.core.started(attempt, slot, budget);
        if !starts {
            balancer.withdraw(now, ticket);
        }
        starts
    }

    fn under_way(&self, number: u32) -> Option<Attempt> {
        self.core.in_flight().find(|attempt| attempt.number() == number)
    }
}
