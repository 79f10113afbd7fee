//! What a pick costs beside the barest code that could do the same, in the same run: `cargo bench -p evenkeel-core`.
//!
//! Floors: for round robin a counter and an index, for random 32 bits of `ChaCha8`, Lemire's multiplication and an index.
//! Times are nanoseconds per operation, the least of many short samples taken in turn: what else runs on the machine
//! only ever adds. Compare ratios; absolute times are the machine's.
#![allow(clippy::disallowed_methods, missing_docs)] // It is the time that is measured.

use core::hint::black_box;
use std::time::Instant as Clock;

use evenkeel_core::policy::{Cx, Loads, Random, RoundRobin, Turn, View};
use evenkeel_core::rand_core::{Rng, SeedableRng};
use evenkeel_core::{Balancer, Cluster, Endpoint, Instant, Outcome, Policy, Slot};
use rand_chacha::ChaCha8Rng;

const SIZES: [u32; 5] = [3, 10, 100, 1_000, 10_000];
const SAMPLES: u32 = 101;
const PICKS: u32 = 50_000;

fn main() {
    println!("ns per operation (ratio to the floor)");
    println!("{:<12} {:>6} {:>8} {:>16} {:>16}", "policy", "n", "floor", "View and Cx", "pick and report");
    for n in SIZES {
        row("round_robin", n, RoundRobin::new(), counter_and_index(n));
    }
    for n in SIZES {
        row("random", n, Random::new(), bits_and_index(n));
    }
}

fn row<P: Policy + Copy>(name: &str, n: u32, policy: P, mut floor: impl FnMut() -> Slot) {
    let (mut policy_alone, mut whole) = (policy_alone(n, policy), pick_and_report(n, policy));
    let mut least = [f64::INFINITY; 3];
    for _ in 0..SAMPLES {
        let times = [time(&mut floor), time(&mut policy_alone), time(&mut whole)];
        least = [0, 1, 2].map(|i| least[i].min(times[i]));
    }
    let [floor, alone, whole] = least;
    let ratio = |time: f64| format!("{time:.2} ({:.2}x)", time / floor);
    println!("{name:<12} {n:>6} {floor:>8.2} {:>16} {:>16}", ratio(alone), ratio(whole));
}

fn time(operation: &mut impl FnMut() -> Slot) -> f64 {
    let begin = Clock::now();
    for _ in 0..PICKS {
        // All state is in memory before and after each, as it is for a caller who does something else in between.
        black_box(black_box(&mut *operation)());
    }
    begin.elapsed().as_secs_f64() * 1e9 / f64::from(PICKS)
}

fn counter_and_index(n: u32) -> impl FnMut() -> Slot {
    let slots = cluster(n).candidates().slots().to_vec();
    let mut next = 0;
    move || {
        let place = if next < slots.len() { next } else { 0 };
        next = place + 1;
        slots[place]
    }
}

fn bits_and_index(n: u32) -> impl FnMut() -> Slot {
    let slots = cluster(n).candidates().slots().to_vec();
    let mut rng = rng();
    move || slots[((u64::from(rng.next_u32()) * slots.len() as u64) >> 32) as usize]
}

/// The policy and what it is given, without the balancer around it.
fn policy_alone(n: u32, policy: impl Policy) -> impl FnMut() -> Slot {
    struct Idle;
    impl Loads for Idle {
        fn in_flight(&self, _index: usize) -> u32 {
            0
        }
    }
    let cluster = cluster(n);
    let (mut turn, mut rng) = (Turn::UNSET, rng());
    move || {
        let view = View::new(cluster.candidates(), &Idle, &[]);
        let place = policy.pick(&view, &mut Cx::new(Instant::ZERO, None, &mut turn, &mut rng));
        cluster.candidates().slots()[place.expect("a place")]
    }
}

/// All that a request costs.
fn pick_and_report(n: u32, policy: impl Policy) -> impl FnMut() -> Slot {
    let mut balancer: Balancer<u32, _> = Balancer::new(policy);
    let changes = balancer.update(Instant::ZERO, (0..n).map(Endpoint::new)).expect("no table");
    assert_eq!(changes.added, n as usize);
    let mut rng = rng();
    move || {
        let pick = balancer.pick(Instant::ZERO, &mut rng).expect("a pick");
        let slot = pick.slot();
        balancer.report(Instant::ZERO, pick, Outcome::Success);
        slot
    }
}

fn cluster(n: u32) -> Cluster<u32> {
    let mut cluster = Cluster::new();
    assert_eq!(cluster.update((0..n).map(Endpoint::new)).added, n as usize);
    cluster
}

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(1)
}
