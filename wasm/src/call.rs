//! Calls: the core's retry machines.

use alloc::boxed::Box;
use core::ops::Deref;

use evenkeel_core::retry::{self, Attempt, Backoff, Hedging, Jitter, RetryPolicy, Step};
use evenkeel_core::{Instant, Pick};
use wasm_bindgen::prelude::*;

use crate::balancer::BALANCERS;
use crate::budget::BUDGETS;
use crate::convert::{instant, maybe, millis};
use crate::slab::Shelf;
use crate::{memory, names};

static POLICIES: Shelf<RetryPolicy> = Shelf::new();
/// Each in a place of its own: many that are dropped before the garbage collector tells of them would
/// otherwise take a list that doubles.
static CALLS: Shelf<Box<Call>> = Shelf::new();

/// One logical request; the core's retry machine.
#[derive(Debug)]
struct Call {
    core: retry::Call<Own>,
    /// The time that the last step was about.
    until: Option<Instant>,
}

/// How many steps, and how many outcomes or ends, fit into what a poll gives, in turn.
pub const STEPS: u32 = 1 << 2;
/// The outcomes or ends.
pub const DETAILS: u32 = 1 << 4;

/// Waits that the service asks for are made longer at random.
const PUSH_BACK_JITTER: u8 = 1;
/// Calls wait for an endpoint.
const WAIT_FOR_READY: u8 = 2;

/// A policy that goes with its call.
#[derive(Clone, Copy, Debug)]
struct Own(RetryPolicy);

impl Deref for Own {
    type Target = RetryPolicy;

    fn deref(&self) -> &RetryPolicy {
        &self.0
    }
}

/// Keeps a policy for many calls. Times are in milliseconds, where NaN leaves out; `ts/call.ts` has
/// checked them. `backoff` with a `cap` is the base of an exponential backoff, without one a
/// constant wait. The flags: 1 for `PUSH_BACK_JITTER`, 2 for `WAIT_FOR_READY`.
#[wasm_bindgen]
pub fn retry_policy(
    attempts: u32,
    attempt_timeout: f64,
    backoff: f64,
    cap: f64,
    jitter: u8,
    max_push_back: f64,
    flags: u8,
) -> u32 {
    let mut policy = RetryPolicy::new(attempts).unwrap_or_default();
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
    if flags & PUSH_BACK_JITTER > 0 {
        policy = policy.with_push_back_jitter();
    }
    if flags & WAIT_FOR_READY > 0 {
        policy = policy.with_wait_for_ready();
    }
    POLICIES.open().keep(policy)
}

/// Ends a policy; calls that began with it keep it.
#[wasm_bindgen]
pub fn free_retry_policy(policy: u32) {
    POLICIES.open().take(policy);
}

/// Begins a call of a policy, within `timeout` milliseconds if that is not NaN. At most `hedges` go,
/// each that `hedge_delay` after the attempt before it; none if that is NaN.
#[wasm_bindgen]
pub fn begin_call(policy: u32, now: f64, timeout: f64, hedge_delay: f64, hedges: u32) -> u32 {
    let mut policy = POLICIES.open().get(policy).copied().unwrap_or_default();
    if let Some(timeout) = maybe(timeout) {
        policy = policy.with_timeout(timeout).unwrap_or(policy);
    }
    if let Some(delay) = maybe(hedge_delay)
        && let Ok(hedging) = Hedging::new(delay, hedges)
    {
        policy = policy.with_hedging(hedging);
    }
    let core = retry::Call::new(Own(policy), instant(now));
    CALLS.open().keep(Box::new(Call { core, until: None }))
}

/// Ends a call, done or not.
#[wasm_bindgen]
pub fn end_call(call: u32) {
    CALLS.open().take(call);
}

/// Returns what to do now in one number: the index of the step; what it is about, the index of the
/// outcome of a canceled attempt or of the call's end, or 1 for an attempt that goes beside others;
/// and the number of the attempt. The jitter comes from the balancer's random numbers. Below 0 if a
/// handle stands for nothing.
#[wasm_bindgen]
pub fn poll(call: u32, now: f64, balancer: u32, budget: u32) -> f64 {
    let (Some(mut call), Some(mut balancer), Some(mut budget)) =
        (CALLS.find(call), BALANCERS.find(balancer), BUDGETS.find(budget))
    else {
        return -1.0;
    };
    let step = call.core.poll(instant(now), &mut *budget, &mut balancer.rng);
    let (detail, attempt) = match step {
        Step::Send(attempt) => {
            call.until = attempt.deadline();
            (u8::from(attempt.is_hedge()), attempt.number())
        }
        Step::Wait(until) => {
            call.until = until;
            (0, 0)
        }
        Step::Cancel { attempt, outcome } => (outcome.index(), attempt.number()),
        Step::Done(end) => (end.index(), 0),
    };
    let places = u32::from(detail) * STEPS + u32::from(step.index());
    f64::from(attempt) * f64::from(STEPS * DETAILS) + f64::from(places)
}

/// Returns the time that the last step was about; infinity for never.
#[wasm_bindgen]
pub fn step_until(call: u32) -> f64 {
    millis(CALLS.with(call, |call| call.until).flatten())
}

/// Picks as [`pick`](crate::request::pick) does, for an attempt of `call`, stepping over what it has
/// tried.
#[wasm_bindgen]
pub fn pick_for(balancer: u32, now: f64, call: u32) -> f64 {
    let Some(call) = CALLS.find(call) else { return -1.0 };
    let (tried, leaves) = (call.core.tried(), call.core.leaves_level());
    let pick = BALANCERS.with(balancer, |balancer| balancer.issue(instant(now), tried, leaves));
    pick.unwrap_or(-1.0)
}

/// Tells that the endpoint behind this ticket was picked for the attempt, and that it goes there; if
/// not, the ticket is redeemed.
#[wasm_bindgen]
pub fn started(call: u32, now: f64, attempt: u32, balancer: u32, ticket: u32, budget: u32) -> bool {
    let (Some(mut call), Some(mut balancer), Some(mut budget)) =
        (CALLS.find(call), BALANCERS.find(balancer), BUDGETS.find(budget))
    else {
        return false;
    };
    let slot = balancer.tickets.get(ticket).map(Pick::slot);
    let (Some(attempt), Some(slot)) = (call.under_way(attempt), slot) else { return false };
    let starts = call.core.started(attempt, slot, &mut *budget);
    if !starts {
        balancer.withdraw(instant(now), ticket);
    }
    starts
}

/// Tells that there is no endpoint for the attempt; or that there are, and all are busy.
#[wasm_bindgen]
pub fn no_endpoint(call: u32, now: f64, busy: bool) {
    CALLS.with(call, |call| {
        if busy {
            call.core.all_busy(instant(now));
        } else {
            call.core.no_endpoint(instant(now));
        }
    });
}

/// Tells that it waits until there is an endpoint.
#[wasm_bindgen]
pub fn waits_for_endpoint(call: u32) -> bool {
    CALLS.with(call, |call| call.core.waits_for_endpoint()) == Some(true)
}

/// Tells that there may be an endpoint now.
#[wasm_bindgen]
pub fn endpoints_changed(call: u32) {
    CALLS.with(call, |call| call.core.endpoints_changed());
}

/// Tells how the attempt ended, by the index of a verdict; and for how many milliseconds it asks to
/// wait, or NaN.
#[wasm_bindgen]
pub fn on_outcome(call: u32, now: f64, attempt: u32, verdict: u8, wait: f64) {
    let Some(verdict) = names::verdict(verdict, maybe(wait)) else { return };
    CALLS.with(call, |call| {
        if let Some(attempt) = call.under_way(attempt) {
            call.core.on_outcome(instant(now), attempt, verdict);
        }
    });
}

/// Writes the slot indices of the last attempts: how many.
#[wasm_bindgen]
pub fn tried(call: u32) -> usize {
    CALLS
        .with(call, |call| {
            memory::write_numbers(&mut |numbers| {
                numbers.extend(call.core.tried().iter().map(|slot| f64::from(slot.index() as u32)));
            })
        })
        .unwrap_or_default()
}

impl Call {
    fn under_way(&self, number: u32) -> Option<Attempt> {
        self.core.in_flight().find(|attempt| attempt.number() == number)
    }
}
