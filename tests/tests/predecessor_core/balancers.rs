//! C1-C6: round robin and random.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;

use evenkeel_core::{Balancer, Instant, PickError};

use super::{Names, balancer, pick, rng};

/// Counts after each pick: 100 110 111 211 221 222 322.
///
/// Ours starts at a random place, so that clients that start together do not all begin with the
/// same endpoint; counted from there the numbers are the same, for every client.
#[test]
fn c01_round_robin_counts() {
    let names = ["a", "b", "c"];
    for seed in 0..100 {
        let (mut balancer, mut rng) = (balancer("round_robin", &names), rng(seed));
        let place = |name| names.iter().position(|&known| known == name).expect("a name");
        let first = place(pick(&mut balancer, &mut rng));
        let mut counts = [1, 0, 0];
        let mut seen = vec![counts];
        for _ in 1..7 {
            counts[(place(pick(&mut balancer, &mut rng)) + 3 - first) % 3] += 1;
            seen.push(counts);
        }
        let expected =
            [[1, 0, 0], [1, 1, 0], [1, 1, 1], [2, 1, 1], [2, 2, 1], [2, 2, 2], [3, 2, 2]];
        assert_eq!(seen, expected, "seed {seed}");
    }
}

#[test]
fn c02_round_robin_without_endpoints() {
    no_endpoints("round_robin");
}

/// 5 endpoints, 100 threads. go-kit only asks for no panic; here every endpoint gets its share,
/// too.
///
/// The core's balancer is for one thread at a time, so here is a lock around it; the native one has
/// its own test.
#[test]
fn c03_round_robin_shared_by_threads() {
    let shared = Mutex::new((balancer("round_robin", &["a", "b", "c", "d", "e"]), rng(3)));
    let counts = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| {
                for _ in 0..33 {
                    let mut shared = shared.lock().expect("no thread panics");
                    let (balancer, rng) = &mut *shared;
                    let addr = pick(balancer, rng);
                    *counts.lock().expect("no thread panics").entry(addr).or_insert(0) += 1;
                }
            });
        }
    });
    let counts = counts.into_inner().expect("no thread panics");
    assert_eq!(
        counts.into_iter().collect::<Vec<_>>(),
        [("a", 660), ("b", 660), ("c", 660), ("d", 660), ("e", 660)]
    );
}

/// 3 endpoints, 100,000 picks, each within 1 %.
///
/// One per cent is 2.2 standard deviations: a fair source passes with 9 seeds of 10. go-kit's seed
/// 123 is one for Go's generator; it happens to be one for ours, too.
#[test]
fn c04_random_distribution() {
    random_distribution(&["a", "b", "c"], 123, 100_000);
}

/// 7 endpoints, 1,000,000 picks, each within 1 %.
#[test]
fn c05_random_distribution_of_more() {
    random_distribution(&["a", "b", "c", "d", "e", "f", "g"], 12345, 1_000_000);
}

#[test]
fn c06_random_without_endpoints() {
    no_endpoints("random");
}

fn random_distribution(names: &[&'static str], seed: u64, picks: u32) {
    let (mut balancer, mut rng) = (balancer("random", names), rng(seed));
    let mut counts: Vec<_> = names.iter().map(|&name| (name, 0_u32)).collect();
    for _ in 0..picks {
        let addr = pick(&mut balancer, &mut rng);
        counts.iter_mut().filter(|(name, _)| *name == addr).for_each(|(_, count)| *count += 1);
    }
    let expected = picks / u32::try_from(names.len()).expect("a few");
    for (name, count) in counts {
        assert!(
            count.abs_diff(expected) * 100 <= expected,
            "{name} was picked {count} times instead of {expected}"
        );
    }
}

fn no_endpoints(policy: &str) {
    let mut empty: Names = Balancer::new(policy.parse().expect("a policy"));
    let error = empty.pick(Instant::ZERO, &mut rng(1)).expect_err("nothing to pick");
    assert_eq!(error, PickError::NoEndpoints);
    assert_eq!(error.to_string(), "no endpoints available");
}
