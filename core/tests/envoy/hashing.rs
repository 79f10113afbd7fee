//! Ring hash and Maglev: the endpoint of each key.

use core::net::SocketAddr;

use evenkeel_core::policy::{Maglev, RingHash};
use evenkeel_core::{Address, Config, Endpoint, Policy};
use serde_json::Value;

use super::vectors::{balancer, differences, number, numbers, picks, read};

/// Returns how many keys of a case go elsewhere, of how many.
fn compare(case: &Value, policy: impl Policy + Clone) -> (usize, usize) {
    let texts = |name: &str| -> Vec<String> {
        let texts = case[name].as_array().unwrap();
        texts.iter().map(|text| text.as_str().unwrap().to_string()).collect()
    };
    if case["names"].is_null() {
        let addrs: Vec<SocketAddr> =
            texts("addrs").iter().map(|addr| addr.parse().unwrap()).collect();
        compare_addrs(case, policy, &addrs)
    } else {
        compare_addrs(case, policy, &texts("names"))
    }
}

fn compare_addrs<A: Address>(
    case: &Value,
    policy: impl Policy + Clone,
    addrs: &[A],
) -> (usize, usize) {
    let weights: Vec<u32> = numbers(&case["weights"]);
    let endpoints = addrs.iter().cloned().zip(weights);
    let endpoints = endpoints.map(|(addr, weight)| Endpoint::new(addr).with_weight(weight));
    let mut balancer = balancer(policy, Config::default(), endpoints);
    let theirs = case["picks"].as_str().unwrap();
    let ours = picks(&mut balancer, addrs, theirs.len());
    (differences(&ours, theirs), theirs.len())
}

fn has_equal_weights(case: &Value) -> bool {
    numbers::<u32>(&case["weights"]).windows(2).all(|pair| pair[0] == pair[1])
}

/// Envoy counts points in floating point: on these rings, to the same end.
#[test]
fn ring_hash() {
    for case in read("ring_hash") {
        let (minimum, maximum) = (number(&case["minimum"]), number(&case["maximum"]));
        let (differences, _) = compare(&case, RingHash::with_sizes(minimum, maximum).unwrap());
        assert_eq!(differences, 0, "{} {}", case["name"], case["weights"]);
    }
}

/// With equal weights, the same table. With others, Envoy sums normalized weights in floating
/// point, where an endpoint whose turn it is exactly may get it a round later, and the entries that
/// follow are shifted: few of a large table, more of one with a dozen entries for each endpoint.
#[test]
fn maglev() {
    for case in read("maglev") {
        let size: u32 = number(&case["size"]);
        let (differences, keys) = compare(&case, Maglev::with_size(size).unwrap());
        let most_per_mille = match size {
            _ if has_equal_weights(&case) => 0,
            65_537.. => 5,
            _ => 120,
        };
        assert!(
            1_000 * differences <= most_per_mille * keys,
            "{} {} {}: {differences} of {keys}",
            case["name"],
            case["size"],
            case["weights"]
        );
    }
}
