//! What a pick costs, and a report where there is one, beside those of peers.
//!
//! The call that is balanced returns at once. `evenkeel` picks with ejection on. tower's balance
//! cannot be shared: it is in a mutex, or each thread has its own. pingora, volo and load-balancer
//! hear of no report.

#[path = "../../../native/benches/pick/floors.rs"]
mod floors;
#[path = "../../../core/benches/measure.rs"]
#[allow(dead_code)]
mod measure;
#[path = "../../../native/benches/pick/threads.rs"]
mod threads;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use evenkeel::{
    Balancer, Endpoint, Fixed, LeastRequest, PeakEwma, Policy, Random, RoundRobin, Target,
};
use measure::{Row, Subject, Table};
use pingora_load_balancing::selection::{BackendIter, BackendSelection};
use pingora_load_balancing::{LoadBalancer, selection};
use threads::{run, timed};
use tower::Service;
use tower::balance::p2c::Balance;
use tower::discover::ServiceList;
use tower::load::{CompleteOnResponse, PeakEwma as Ewma, PendingRequests};
use volo::loadbalance::LoadBalance as _;
use volo::loadbalance::random::WeightedRandomBalance;

const HEAD: &str = "\
Picks beside those of peers
===========================

cargo run --release --manifest-path tests/picks/Cargo.toml --target-dir target > tests/tables/picks.txt
(with Debian's cmake for pingora, and libssl-dev and pkg-config for load-balancer)

Nanoseconds for a pick and its report, the least of 31 samples, and how many times evenkeel's row of
the same policy that is. With two threads, both pick at the same time, and times are per thread.";

/// The name of ours that others are measured by.
fn shared(policy: &str) -> String {
    format!("evenkeel, {policy}")
}

fn main() {
    println!("{HEAD}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let table = Table { columns: "n", unit: ("ns", 1e9), samples: 31, judged: |_| true };
    for threads in [1, 2] {
        println!("\nthreads: {threads}\n");
        table.print(&[3, 100, 1_000, 10_000], |n| {
            eprintln!("measuring n = {n}, threads: {threads}");
            let mut rows = vec![
                Row::new("floor: arc-swap load, own counter, index", floors::shared(n, threads)),
                Row::new("floor: cached snapshot, own counter, index", floors::held(n, threads)),
            ];
            let mut add = |policy: &str, ours: [Subject; 2], peers: Vec<(&str, Subject)>| {
                let [pick, handle] = ours;
                rows.push(Row::new(shared(policy), pick));
                rows.push(
                    Row::new(format!("... by a handle, {policy}"), handle)
                        .beside(shared(policy), None),
                );
                for (peer, subject) in peers {
                    rows.push(
                        Row::new(format!("{peer}, {policy}"), subject).beside(shared(policy), None),
                    );
                }
            };
            let _inside = runtime.enter();
            add(
                "round robin",
                ours(&runtime, n, RoundRobin::new(), threads),
                vec![
                    ("Mutex", floors::mutex(n, threads)),
                    ("pingora", pingora::<selection::RoundRobin>(n, threads)),
                    (
                        "load-balancer",
                        allocated(
                            load_balancer::round_robin::RoundRobin::new((0..n).collect()),
                            threads,
                        ),
                    ),
                ],
            );
            add(
                "random",
                ours(&runtime, n, Random::new(), threads),
                vec![
                    ("pingora", pingora::<selection::Random>(n, threads)),
                    ("volo", volo(n, threads)),
                    (
                        "load-balancer",
                        allocated(load_balancer::random::Random::new((0..n).collect()), threads),
                    ),
                ],
            );
            let pending =
                |n| services(n, |of| PendingRequests::new(of, CompleteOnResponse::default()));
            add(
                "least request",
                ours(&runtime, n, LeastRequest::new(), threads),
                vec![
                    ("tower in a mutex", in_a_mutex(pending(n), threads)),
                    ("tower for each thread", for_each_thread(move || pending(n), threads)),
                ],
            );
            let ewma = |n| {
                let rtt = Duration::from_millis(30);
                services(n, move |of| Ewma::new(of, rtt, 1e10, CompleteOnResponse::default()))
            };
            add(
                "peak EWMA",
                ours(&runtime, n, PeakEwma::new(), threads),
                vec![
                    ("tower in a mutex", in_a_mutex(ewma(n), threads)),
                    ("tower for each thread", for_each_thread(move || ewma(n), threads)),
                ],
            );
            rows
        });
    }
}

fn address(number: u32) -> SocketAddr {
    (Ipv4Addr::from(0x0a00_0000 + number), 80).into()
}

/// Picks of ours, by the balancer and by a handle.
fn ours<P>(runtime: &tokio::runtime::Runtime, n: u32, policy: P, threads: usize) -> [Subject; 2]
where
    P: Policy + Clone + Send + Sync + 'static,
{
    let all = (0..n).map(|number| Endpoint::new(Target::from(address(number))));
    let balancer = Balancer::builder(Fixed::from(all.collect::<Vec<_>>())).seed(1).policy(policy);
    let balancer = balancer.build_with(|target: Target| target.to_string().len() as u32);
    let balancer = Arc::new(balancer.expect("a runtime"));
    runtime.block_on(balancer.ready_all());
    let by_handle = Arc::clone(&balancer);
    let pick = timed(threads, move |gate| {
        run(gate, || {
            let pick = balancer.pick().expect("a pick");
            let called = pick.with(|&client| client);
            pick.success();
            called
        })
    });
    let handle = timed(threads, move |gate| {
        let mut handle = by_handle.handle();
        run(gate, || {
            let pick = handle.pick().expect("a pick");
            let called = pick.with(|&client| client);
            pick.success();
            called
        })
    });
    [pick, handle]
}

fn pingora<S>(n: u32, threads: usize) -> Subject
where
    S: BackendSelection + Send + Sync + 'static,
    S::Iter: BackendIter,
    S::Config: Default,
{
    let all = LoadBalancer::<S>::try_from_iter((0..n).map(address)).expect("addresses");
    timed(threads, move |gate| run(gate, || all.select(b"", 256).expect("a pick")))
}

fn allocated(all: impl load_balancer::LoadBalancer<u32>, threads: usize) -> Subject {
    timed(threads, move |gate| run(gate, || all.try_alloc().expect("a pick")))
}

fn volo(n: u32, threads: usize) -> Subject {
    let discover = volo::discovery::StaticDiscover::from((0..n).map(address).collect::<Vec<_>>());
    let all = WeightedRandomBalance::with_discover(&discover);
    let endpoint = volo::context::Endpoint::new("".into());
    timed(threads, move |gate| {
        run(gate, || {
            let mut picker = at_once(all.get_picker(&endpoint, &discover)).expect("a picker");
            picker.next().expect("a pick")
        })
    })
}

type Call = fn(()) -> Ready<Result<u32, Infallible>>;
type Fn = tower::util::ServiceFn<Call>;
type Tower<L> = Balance<ServiceList<Vec<L>>, ()>;

/// A balance over services that answer at once.
fn services<L>(n: u32, load: impl core::ops::Fn(Fn) -> L) -> Tower<L>
where
    L: tower::load::Load + Service<()>,
    L::Error: Into<tower::BoxError>,
{
    let service = || tower::service_fn((|()| ready(Ok(1))) as Call);
    Balance::new(ServiceList::new((0..n).map(|_| load(service())).collect()))
}

fn in_a_mutex<S>(balance: S, threads: usize) -> Subject
where
    S: Service<(), Response = u32> + Send + 'static,
{
    let balance = Mutex::new(balance);
    timed(threads, move |gate| run(gate, || call(&mut *balance.lock().expect("no panic"))))
}

fn for_each_thread<S>(
    make: impl core::ops::Fn() -> S + Send + Sync + 'static,
    threads: usize,
) -> Subject
where
    S: Service<(), Response = u32> + 'static,
{
    timed(threads, move |gate| {
        let mut balance = make();
        run(gate, || call(&mut balance))
    })
}

/// Calls a service that is ready and answers at once.
fn call<S: Service<(), Response = u32>>(service: &mut S) -> u32 {
    let mut context = Context::from_waker(Waker::noop());
    while service.poll_ready(&mut context).is_pending() {}
    let Ok(answer) = at_once(service.call(())) else { panic!("no answer") };
    answer
}

/// Returns what a future does that waits for nothing.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(ready) => ready,
        Poll::Pending => panic!("it waits"),
    }
}
