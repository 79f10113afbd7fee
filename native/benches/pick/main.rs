//! What a pick costs beside the barest code that could do the same, in the same run: `cargo bench
//! -p evenkeel`.
//!
//! With two threads, each picks for itself from the same balancer; times are per pick and thread,
//! and of samples in which both ran at the same time.
#![allow(clippy::disallowed_methods, missing_docs)] // It is the time that is measured.

mod calls;
mod floors;
#[path = "../../../core/benches/measure.rs"]
mod measure;
mod threads;

use std::sync::Arc;

use evenkeel::{Balancer, Fixed, LeastRequest, PeakEwma, Policy, Random, RoundRobin, Target};
use measure::{Row, Table};
use threads::{run, timed};

fn main() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let table =
        Table { columns: "n", unit: ("ns", 1e9), samples: 31, judged: |n| (3..=100).contains(&n) };
    for threads in [1, 2] {
        println!("\nthreads: {threads}\n");
        table.print(&[3, 100, 1_000, 10_000], |n| {
            eprintln!("measuring n = {n}, threads: {threads}");
            let mut rows = vec![
                Row::new(SHARED, floors::shared(n, threads)),
                Row::new(HELD, floors::held(n, threads)),
                Row::new(BARE, calls::bare(threads)),
                Row::new(MUTEX, floors::mutex(n, threads)).beside(SHARED, None),
            ];
            let alone =
                |limits: [Option<f64>; 3]| limits.map(|limit| limit.filter(|_| threads == 1));
            let mut add = Add { rows: &mut rows, n, threads, runtime: &runtime };
            add.balancer(
                "round robin",
                RoundRobin::new(),
                alone([Some(1.2), Some(2.2), Some(2.6)]),
            );
            add.balancer("random", Random::new(), alone([Some(1.2), Some(2.2), Some(2.6)]));
            add.balancer("least request", LeastRequest::new(), alone([Some(2.3), Some(3.3), None]));
            add.balancer("peak EWMA", PeakEwma::new(), alone([Some(4.1), Some(5.1), None]));
            rows
        });
    }
}

const SHARED: &str = "floor: arc-swap load, own counter, index";
const HELD: &str = "floor: cached snapshot, own counter, index";
const BARE: &str = "a future that is ready";
const MUTEX: &str = "Mutex<round robin>";

struct Add<'a> {
    rows: &'a mut Vec<Row>,
    n: u32,
    threads: usize,
    runtime: &'a tokio::runtime::Runtime,
}

impl Add<'_> {
    /// Adds the rows of a policy, which take at most so many times as long as the floor: a pick, a
    /// lease.
    fn balancer<P: Policy + Clone + Send + Sync + 'static>(
        &mut self,
        name: &str,
        policy: P,
        [pick, lease, by_handle]: [Option<f64>; 3],
    ) {
        let balancer = Arc::new(self.runtime.block_on(balancer(self.n, policy)));
        let called = (*balancer).clone();
        let shared = Arc::clone(&balancer);
        let picks = timed(self.threads, move |gate| {
            run(gate, || {
                let pick = shared.pick().expect("a pick");
                let called = pick.with(|&client| client);
                pick.success();
                called
            })
        });
        self.rows.push(Row::new(format!("{name}, pick and report"), picks).beside(SHARED, pick));
        let shared = Arc::clone(&balancer);
        let picks = timed(self.threads, move |gate| {
            let mut handle = shared.handle();
            run(gate, || {
                let pick = handle.pick().expect("a pick");
                let called = pick.with(|&client| client);
                pick.success();
                called
            })
        });
        self.rows.push(Row::new(format!("{name}, by a handle"), picks).beside(HELD, by_handle));
        let shared = Arc::clone(&balancer);
        let leases = timed(self.threads, move |gate| {
            let mut handle = shared.handle();
            run(gate, || {
                let lease = handle.lease().expect("a pick");
                let called = *lease;
                lease.success();
                called
            })
        });
        self.rows.push(Row::new(format!("{name}, a handle's lease"), leases).beside(HELD, None));
        let leases = timed(self.threads, move |gate| {
            run(gate, || {
                let lease = balancer.pick().expect("a pick").lease();
                let called = *lease;
                lease.success();
                called
            })
        });
        self.rows.push(Row::new(format!("{name}, with a lease"), leases).beside(SHARED, lease));
        let call = calls::call(called, self.threads);
        self.rows.push(Row::new(format!("{name}, a call"), call).beside(BARE, None));
    }
}

/// Makes a balancer over so many endpoints, with ejection on.
async fn balancer<P: Policy + Clone + Send + Sync + 'static>(
    n: u32,
    policy: P,
) -> Balancer<u32, P> {
    let fixed =
        Fixed::new((0..n).map(|i| format!("10.0.{}.{}:80", i / 256, i % 256))).expect("addresses");
    let balancer = Balancer::builder(fixed)
        .seed(1)
        .policy(policy)
        .build_with(|target: Target| target.to_string().len() as u32)
        .expect("a runtime");
    balancer.ready_all().await;
    balancer
}
