//! The committed answers of an Envoy.

use std::fs;

use evenkeel_core::{Balancer, Config, Endpoint, Instant, Policy, Request, hash};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::Value;

const DIGITS: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Reads the cases of a file.
pub(crate) fn read(name: &str) -> Vec<Value> {
    let path = format!("{}/tests/envoy/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

pub(crate) fn number<T: TryFrom<u64>>(value: &Value) -> T {
    value.as_u64().and_then(|number| number.try_into().ok()).expect("a number that fits")
}

pub(crate) fn numbers<T: TryFrom<u64>>(value: &Value) -> Vec<T> {
    value.as_array().unwrap().iter().map(number).collect()
}

/// Returns a balancer of these endpoints.
pub(crate) fn balancer<A: evenkeel_core::Address, P: Policy + Clone>(
    policy: P,
    config: Config,
    endpoints: impl IntoIterator<Item = Endpoint<A>>,
) -> Balancer<A, P> {
    let mut balancer = Balancer::with_config(policy, config).unwrap();
    let _ = balancer.update(Instant::ZERO, endpoints).unwrap();
    balancer
}

/// Returns the place of the endpoint that each of the keys "0", "1", … goes to, as a digit.
pub(crate) fn picks<A: evenkeel_core::Address, P: Policy + Clone>(
    balancer: &mut Balancer<A, P>,
    addrs: &[A],
    keys: usize,
) -> String {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let pick = |key: usize| {
        let request = Request::at(Instant::ZERO).with_key(hash::str(&key.to_string()));
        let Ok(pick) = balancer.pick_with(request, &mut rng) else { return '-' };
        let addr = balancer.endpoint(&pick).unwrap().addr.clone();
        let place = addrs.iter().position(|other| *other == addr).unwrap();
        DIGITS.chars().nth(place).unwrap()
    };
    (0..keys).map(pick).collect()
}

/// Returns how many places differ.
pub(crate) fn differences(ours: &str, theirs: &str) -> usize {
    assert_eq!(ours.len(), theirs.len());
    ours.bytes().zip(theirs.bytes()).filter(|(ours, theirs)| ours != theirs).count()
}
