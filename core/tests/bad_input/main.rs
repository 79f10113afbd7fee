//! Bad input: a clear error, and nothing is lost.
#![cfg(feature = "alloc")]

// Its times are further apart than those of 32 bits may be.
#[cfg(not(feature = "millis32"))]
mod clocks;
mod endpoints;
mod picks;
mod policies;
mod settings;

use core::error::Error;

use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::{Balancer, Config, Endpoint, Instant, Policy, Store};
use rand_chacha::ChaCha8Rng;

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(1)
}

fn of<P: Policy + Clone, S: Store>(
    policy: P,
    endpoints: impl IntoIterator<Item = Endpoint<u8>>,
) -> Balancer<u8, P, Config, S> {
    let mut balancer = Balancer::with_settings(policy, Config::DEFAULT);
    let _ = balancer.update(Instant::ZERO, endpoints).expect("an update");
    balancer
}

fn addresses<P: Policy + Clone, S: Store>(balancer: &Balancer<u8, P, Config, S>) -> Vec<u8> {
    balancer.endpoints().map(|status| status.endpoint.addr).collect()
}

fn text(error: impl Error) -> String {
    error.to_string()
}
