//! The way of a request: a pick, and the report of how it ended.

#[cfg(feature = "full")]
use evenkeel_core::hash;
use evenkeel_core::retry::LatencyPercentile;
use wasm_bindgen::prelude::*;

use crate::balancer::BALANCERS;
#[cfg(feature = "full")]
use crate::balancer::number;
use crate::convert::{fraction, instant, maybe, millis};
#[cfg(feature = "full")]
use crate::memory;
use crate::names;

/// Steps over this slot at the next [`pick`], if it can.
#[wasm_bindgen]
pub fn avoid(balancer: u32, index: u32) {
    BALANCERS.with(balancer, |balancer| balancer.avoid.extend(balancer.slot(index)));
}

/// Sets the key of the next pick; the five policies have no use for one.
#[cfg(feature = "full")]
#[wasm_bindgen]
pub fn key(balancer: u32, hi: u32, lo: u32) {
    BALANCERS.with(balancer, |balancer| balancer.key = Some(number(hi, lo)));
}

/// Makes the hash of the text that was written into [`room`](memory::room) the key of the next pick.
#[cfg(feature = "full")]
#[wasm_bindgen]
pub fn key_of_text(balancer: u32) {
    let key = hash::bytes(&memory::bytes());
    BALANCERS.with(balancer, |balancer| balancer.key = Some(key));
}

/// Picks: why, slot and ticket in one number, or one below 0 that says why there is none.
#[wasm_bindgen]
pub fn pick(balancer: u32, now: f64) -> f64 {
    let mut balancers = BALANCERS.open_inline();
    let Some(balancer) = balancers.get_mut(balancer) else { return -1.0 };
    if balancer.avoid.is_empty() {
        return balancer.issue(instant(now), &[], false);
    }
    let avoid = core::mem::take(&mut balancer.avoid);
    balancer.issue(instant(now), &avoid, false)
}

/// Returns when there will be something to pick, if the last pick found all busy.
#[wasm_bindgen]
pub fn until(balancer: u32) -> f64 {
    millis(BALANCERS.with(balancer, |balancer| balancer.until).flatten())
}

/// Redeems a ticket: how its request ended, and the milliseconds for which an overloaded endpoint
/// asked to be left alone, or NaN.
#[wasm_bindgen]
pub fn report(balancer: u32, now: f64, ticket: u32, outcome: u8, retry_after: f64) {
    let Some(outcome) = names::outcome(outcome, maybe(retry_after)) else { return };
    let mut balancers = BALANCERS.open_inline();
    let Some(balancer) = balancers.get_mut(balancer) else { return };
    if let Some(pick) = balancer.tickets.take(ticket) {
        let now = instant(now);
        balancer.note_latency(now, &pick, outcome);
        balancer.core.report(now, pick, outcome);
    }
}

/// Tells how the head of an answer says that its request ended, whose body is still to come: the
/// ticket stands for that. Tells that the endpoint is there still.
#[wasm_bindgen]
pub fn answered(balancer: u32, now: f64, ticket: u32, outcome: u8, retry_after: f64) -> bool {
    let Some(outcome) = names::outcome(outcome, maybe(retry_after)) else { return false };
    let kept = BALANCERS.with(balancer, |balancer| {
        let (pick, now) = (balancer.tickets.take(ticket)?, instant(now));
        balancer.note_latency(now, &pick, outcome);
        let body = balancer.core.answered(now, pick, outcome)?;
        Some(balancer.tickets.keep(body) == ticket)
    });
    kept.flatten() == Some(true)
}

/// Redeems a ticket of which nothing is to be learned.
#[wasm_bindgen]
pub fn withdraw(balancer: u32, now: f64, ticket: u32) {
    BALANCERS.with(balancer, |balancer| balancer.withdraw(instant(now), ticket));
}

/// Returns the percentile of how long requests took lately, in milliseconds, or NaN if not enough
/// is known; it is kept from the first time that it is asked for.
#[wasm_bindgen]
pub fn percentile(balancer: u32, now: f64, per_mille: u16) -> f64 {
    let delay = BALANCERS.with(balancer, |balancer| {
        let known = balancer.percentiles.iter().find(|(known, _)| *known == per_mille);
        if let Some((_, latencies)) = known {
            return latencies.delay(instant(now));
        }
        let latencies = LatencyPercentile::new(per_mille);
        balancer.percentiles.extend(latencies.map(|latencies| (per_mille, latencies)));
        None
    });
    delay.flatten().map_or(f64::NAN, |delay| fraction(delay.as_nanos() as u64))
}

/// Returns when something is due: an endpoint may come back then.
#[wasm_bindgen]
pub fn due(balancer: u32) -> f64 {
    millis(BALANCERS.with(balancer, |balancer| balancer.core.poll_timeout()).flatten())
}
