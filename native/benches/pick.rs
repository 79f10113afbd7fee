//! What a shared pick costs beside the barest code that could do the same, in the same run: `cargo
//! bench -p evenkeel`.
//!
//! The floor is an arc-swap load, a counter of the thread's own and an index. With two threads,
//! each picks for itself from the same balancer; times are per pick and thread.
#![allow(clippy::disallowed_methods, missing_docs)] // It is the time that is measured.

#[path = "../../core/benches/measure.rs"]
mod measure;

use core::hint::black_box;
use std::sync::{Arc, Barrier};
use std::time::Instant as Clock;

use arc_swap::ArcSwap;
use evenkeel::{Balancer, Fixed, LeastRequest, Policy, Random, RoundRobin, Target};
use measure::{Row, Subject, Table};

const PICKS: u32 = 50_000;

fn main() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let table = Table { columns: "n", unit: ("ns", 1e9), samples: 51, judged: |_| true };
    table.print(&[3, 10, 1_000], |n| {
        let mut rows = Vec::new();
        for threads in [1, 2] {
            rows.push(Row::new(floor_name(threads), floor(n, threads)));
            add(
                &mut rows,
                "round_robin",
                threads,
                runtime.block_on(balancer(n, RoundRobin::new())),
            );
            add(&mut rows, "random", threads, runtime.block_on(balancer(n, Random::new())));
            add(
                &mut rows,
                "least_request",
                threads,
                runtime.block_on(balancer(n, LeastRequest::new())),
            );
        }
        rows
    });
}

async fn balancer<P: Policy + Clone + Send + Sync + 'static>(
    n: u32,
    policy: P,
) -> Balancer<u32, P> {
    let fixed =
        Fixed::new((0..n).map(|i| format!("10.0.{}.{}:80", i / 256, i % 256))).expect("addresses");
    let factory =
        async |target: Target| Ok::<_, core::convert::Infallible>(target.to_string().len() as u32);
    let balancer =
        Balancer::builder(fixed).seed(1).policy(policy).build(factory).expect("a runtime");
    while !balancer.endpoints().iter().all(|status| status.candidate)
        || balancer.endpoints().len() < n as usize
    {
        tokio::task::yield_now().await;
    }
    balancer
}

fn add<P: Policy + Send + Sync + 'static>(
    rows: &mut Vec<Row>,
    name: &str,
    threads: usize,
    balancer: Balancer<u32, P>,
) {
    let balancer = Arc::new(balancer);
    let named = |what: &str| format!("{name}, {what}, threads: {threads}");
    let shared = Arc::clone(&balancer);
    let pick = timed(threads, move |barrier| {
        time(barrier, || {
            let pick = shared.pick().expect("a pick");
            let called = pick.with(|&client| client);
            pick.success();
            called
        })
    });
    rows.push(Row::new(named("pick and report"), pick).beside(floor_name(threads), None));
    let lease = timed(threads, move |barrier| {
        time(barrier, || {
            let lease = balancer.pick().expect("a pick").lease();
            let called = *lease;
            lease.success();
            called
        })
    });
    rows.push(Row::new(named("with a lease"), lease).beside(floor_name(threads), None));
}

fn floor_name(threads: usize) -> String {
    format!("floor, threads: {threads}")
}

fn floor(n: u32, threads: usize) -> Subject {
    let snapshot = ArcSwap::new(Arc::new((0..n).map(Arc::new).collect::<Vec<_>>()));
    timed(threads, move |barrier| {
        let mut next = 0;
        time(barrier, || {
            let held = snapshot.load();
            let place = if next < held.len() { next } else { 0 };
            next = place + 1;
            *held[place]
        })
    })
}

/// As many threads at once; the slowest of them counts.
fn timed(threads: usize, work: impl Fn(&Barrier) -> f64 + Send + Sync + 'static) -> Subject {
    Box::new(move || {
        let barrier = Barrier::new(threads);
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(|| work(&barrier))).collect();
            let mine = work(&barrier);
            others.into_iter().map(|other| other.join().expect("a time")).fold(mine, f64::max)
        })
    })
}

/// The mean time of one operation.
fn time(barrier: &Barrier, mut operation: impl FnMut() -> u32) -> f64 {
    barrier.wait();
    let begin = Clock::now();
    for _ in 0..PICKS {
        black_box(black_box(&mut operation)());
    }
    begin.elapsed().as_secs_f64() / f64::from(PICKS)
}
