//! What a balancer is told before it is [seeded](crate::balancer::seed).

use wasm_bindgen::prelude::*;

use crate::balancer::BALANCERS;
#[cfg(feature = "full")]
use crate::fault::Fault;
use crate::parts::Policy;

/// Without `full`, a policy is taken by its number alone.
#[cfg(not(feature = "full"))]
#[wasm_bindgen]
pub fn set_policy(balancer: u32, index: u32) {
    BALANCERS.with(balancer, |balancer| balancer.policy = Policy::numbered(index));
}

/// Sets a setting by its number in the core's list. `ts/settings.ts` has checked its limits.
#[cfg(feature = "full")]
#[expect(clippy::cast_sign_loss, reason = "`as` saturates, which is what is wanted")]
#[wasm_bindgen]
pub fn set(balancer: u32, index: u32, number: f64) {
    BALANCERS.with(balancer, |balancer| balancer.settings.put(index as usize, number as u64));
}

/// Takes the policy of this number, and those of its two parameters that are given.
#[cfg(feature = "full")]
#[wasm_bindgen]
pub fn set_policy(balancer: u32, index: u32, given: u32, first: u64, second: u64) {
    let parameters = [(given & 1 != 0).then_some(first), (given & 2 != 0).then_some(second)];
    BALANCERS.with(balancer, |balancer| match Policy::numbered(index as usize, parameters) {
        Some(Ok(policy)) => balancer.policy = policy,
        Some(Err(error)) => balancer.fault = Some(Fault::of_parameter(error)),
        None => {}
    });
}
