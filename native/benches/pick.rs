//! What a shared pick costs beside the barest code that could do the same, in the same run: `cargo bench -p evenkeel`.
//!
//! The floor is an arc-swap load, a counter of the thread's own and an index. With two threads, each picks for itself from
//! the same balancer; times are per pick and thread. Compare ratios; absolute times are the machine's.
#![allow(clippy::disallowed_methods, missing_docs)] // It is the time that is measured.

use core::hint::black_box;
use std::sync::{Arc, Barrier};
use std::time::Instant as Clock;

use arc_swap::ArcSwap;
use evenkeel::{Balancer, Fixed, Policy, Random, RoundRobin, Target};

const SIZES: [u32; 3] = [3, 10, 1_000];
const SAMPLES: u32 = 51;
const PICKS: u32 = 50_000;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    println!("ns per operation (ratio to the floor)");
    println!(
        "{:<12} {:>6} {:>8} {:>9} {:>16} {:>16}",
        "policy", "n", "threads", "floor", "pick and report", "with a lease"
    );
    for n in SIZES {
        let (round_robin, random) = (balancer(n, RoundRobin::new()).await, balancer(n, Random::new()).await);
        for threads in [1, 2] {
            row("round_robin", n, threads, &round_robin);
            row("random", n, threads, &random);
        }
    }
}

async fn balancer<P: Policy + Clone + Send + Sync + 'static>(n: u32, policy: P) -> Balancer<u32, P> {
    let fixed = Fixed::new((0..n).map(|i| format!("10.0.{}.{}:80", i / 256, i % 256))).expect("addresses");
    let factory = async |target: Target| Ok::<_, core::convert::Infallible>(target.to_string().len() as u32);
    let balancer = Balancer::builder(fixed).seed(1).policy(policy).build(factory).expect("a runtime");
    while balancer.endpoints().len() < n as usize {
        tokio::task::yield_now().await;
    }
    balancer
}

fn row<P: Policy + Send + Sync>(name: &str, n: u32, threads: usize, balancer: &Balancer<u32, P>) {
    let snapshot = ArcSwap::new(Arc::new((0..n).map(Arc::new).collect::<Vec<_>>()));
    let mut least = [f64::INFINITY; 3];
    for _ in 0..SAMPLES {
        let times = [
            time(threads, || {
                let mut next = 0;
                let snapshot = &snapshot;
                move || {
                    let held = snapshot.load();
                    let place = if next < held.len() { next } else { 0 };
                    next = place + 1;
                    *held[place]
                }
            }),
            time(threads, || {
                || {
                    let pick = balancer.pick().expect("a pick");
                    let called = pick.with(|&client| client);
                    pick.success();
                    called
                }
            }),
            time(threads, || {
                || {
                    let lease = balancer.pick().expect("a pick").lease();
                    let called = *lease;
                    lease.success();
                    called
                }
            }),
        ];
        least = [0, 1, 2].map(|i| least[i].min(times[i]));
    }
    let [floor, pick, lease] = least;
    let ratio = |time: f64| format!("{time:.2} ({:.2}x)", time / floor);
    println!("{name:<12} {n:>6} {threads:>8} {floor:>9.2} {:>16} {:>16}", ratio(pick), ratio(lease));
}

/// The mean time of one operation, with as many threads at it, each with what `operation` makes for it.
fn time<O: FnMut() -> u32>(threads: usize, operation: impl Fn() -> O + Sync) -> f64 {
    let barrier = Barrier::new(threads);
    let work = || {
        let mut operation = operation();
        barrier.wait();
        let begin = Clock::now();
        for _ in 0..PICKS {
            black_box(black_box(&mut operation)());
        }
        begin.elapsed().as_secs_f64() * 1e9 / f64::from(PICKS)
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mine = work();
        others.into_iter().map(|other| other.join().expect("a time")).fold(mine, f64::max)
    })
}
