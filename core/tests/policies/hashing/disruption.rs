//! How many keys move when an endpoint comes or goes; read backwards, each test is one of an endpoint that comes.

use evenkeel_core::Policy;
use evenkeel_core::policy::{Ketama, Maglev, PickFirst, Rendezvous};

use crate::fixture::{Fixture, keys};

fn endpoints(n: usize, weighted: bool) -> Vec<(String, u32)> {
    (0..n)
        .map(|i| (format!("host-{i}:80"), if weighted { 1 + i as u32 * 977 % 50 } else { 1 }))
        .collect()
}

/// How many of the keys moved away from endpoint `gone` when it left, and how many from others.
fn moved<P: Policy>(
    policy: impl Fn() -> P,
    endpoints: &[(String, u32)],
    gone: usize,
    count: usize,
) -> (usize, usize) {
    let all = Fixture::new(endpoints.to_vec());
    let rest =
        Fixture::new(endpoints.iter().filter(|endpoint| **endpoint != endpoints[gone]).cloned());
    let (before, after) = (all.built(policy()), rest.built(policy()));
    let (mut needed, mut needless) = (0, 0);
    for key in keys(10, count) {
        let (from, to) = (all.addr(all.pick(&before, key)), rest.addr(rest.pick(&after, key)));
        if from == endpoints[gone].0 {
            needed += 1;
        } else if from != to {
            needless += 1;
        }
    }
    (needed, needless)
}

#[test]
fn rendezvous_moves_exactly_the_keys_of_the_one_that_left() {
    for weighted in [false, true] {
        let endpoints = endpoints(30, weighted);
        let mut total = 0;
        for gone in 0..endpoints.len() {
            let (needed, needless) = moved(Rendezvous::new, &endpoints, gone, 3000);
            assert_eq!(needless, 0);
            total += needed;
        }
        assert_eq!(total, 3000, "each key is one endpoint's");
    }
}

#[test]
fn rendezvous_moves_only_to_the_one_that_grew() {
    let mut endpoints = endpoints(30, true);
    let before = Fixture::new(endpoints.clone());
    endpoints[7].1 *= 2;
    let after = Fixture::new(endpoints.clone());
    for key in keys(11, 5000) {
        let policy = Rendezvous::new();
        let (from, to) =
            (before.addr(before.pick(&policy, key)), after.addr(after.pick(&policy, key)));
        assert!(from == to || to == endpoints[7].0);
    }
}

#[test]
fn ketama_moves_exactly_the_keys_of_the_one_that_left() {
    let endpoints = endpoints(10, true);
    for gone in 0..endpoints.len() {
        let (needed, needless) = moved(Ketama::<evenkeel_core::Heap>::new, &endpoints, gone, 2000);
        assert!(needed > 0);
        assert_eq!(needless, 0);
    }
}

#[test]
fn maglev_moves_few_others() {
    let endpoints = endpoints(1000, false);
    let count = 100_000;
    let (needed, needless) = moved(Maglev::new, &endpoints, 500, count);
    assert!((50..200).contains(&needed), "{needed} of {count} moved away from one of 1,000");
    assert!(needless < count / 100, "{needless} of {count} moved needlessly");
}

#[test]
fn pick_first_stays_unless_its_endpoint_left() {
    let endpoints = endpoints(20, false);
    for seed in keys(12, 200) {
        let moves: Vec<_> =
            (0..20).map(|gone| moved(|| PickFirst::with_seed(seed), &endpoints, gone, 1)).collect();
        assert_eq!(moves.iter().filter(|&&moved| moved == (1, 0)).count(), 1);
        assert_eq!(moves.iter().filter(|&&moved| moved == (0, 0)).count(), 19);
    }
}
