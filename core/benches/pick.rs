//! What a pick costs beside the barest code that could do the same, in the same run:
//! `cargo bench -p evenkeel-core --bench pick`.
//!
//! - `floor`: what a policy is compared with; all have the same random numbers, of `ChaCha8`.
//! - `alone`: a policy and what it is given, without the balancer around it.
//! - `any`: the same through `AnyPolicy`.
//! - `whole`: `Balancer::pick` and `report`; the only calls of them, so that they are inlined.
//!
//! Weights are 1 to 4. Policies that go by a key get another one each time, one that goes by the
//! time a microsecond more. Limits hold up to n = 1,000.
#![allow(missing_docs)] // There is nothing to be used.

mod floors;
mod known;
mod measure;

use evenkeel_core::policy::{
    AnyPolicy, Ketama, LeastRequest, Maglev, PeakEwma, PickFirst, Random, Rendezvous, RingHash,
    RoundRobin, WeightedRandom, WeightedRoundRobin,
};
use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::slot::Turn;
use evenkeel_core::{
    Balancer, Config, Cx, Endpoint, Heap, Instant, Outcome, Policy, Request, Slot,
};
use floors::{ALIAS, BITS, COUNTER, KEPT_LOADS, LOADS, REMAINDER};
use known::Known;
use measure::{Row, Subject, Table, repeated};
use rand_chacha::ChaCha8Rng;

fn main() {
    let table = Table { columns: "n", unit: ("ns", 1e9), samples: 101, judged: |n| n <= 1_000 };
    table.print(&[3, 10, 100, 1_000, 10_000], |n| {
        let mut rows = Rows { n, alone: Vec::new(), whole: Vec::new() };
        rows.policies();
        let any = AnyPolicy::<Heap>::NAMES.iter().map(|name| any(n, name));
        floors::rows(n).into_iter().chain(rows.alone).chain(any).chain(rows.whole).collect()
    });
}

struct Rows {
    n: u32,
    alone: Vec<Row>,
    whole: Vec<Row>,
}

/// A floor, and the limit if there is one.
type Beside = (&'static str, Option<f64>);

impl Rows {
    fn policies(&mut self) {
        let counter = (COUNTER, None);
        self.add(
            "round_robin",
            RoundRobin::new(),
            at_once,
            (REMAINDER, Some(2.0)),
            (COUNTER, Some(4.0)),
        );
        self.add(
            "weighted_round_robin",
            WeightedRoundRobin::new(),
            at_once,
            (REMAINDER, Some(2.0)),
            counter,
        );
        self.add("random", Random::new(), at_once, (BITS, Some(1.5)), (BITS, None));
        self.add(
            "weighted_random",
            WeightedRandom::new(),
            at_once,
            (ALIAS, Some(1.5)),
            (ALIAS, None),
        );
        self.add(
            "least_request",
            LeastRequest::new(),
            at_once,
            (LOADS, Some(2.0)),
            (KEPT_LOADS, Some(2.5)),
        );
        self.add(
            "peak_ewma",
            PeakEwma::new(),
            in_time,
            (LOADS, None),
            ("whole: least_request", Some(2.0)),
        );
        self.add("maglev", Maglev::new(), with_key, (COUNTER, Some(3.0)), counter);
        self.add("ring_hash", RingHash::new(), with_key, counter, counter);
        self.add("ketama", Ketama::new(), with_key, counter, counter);
        self.add("pick_first", PickFirst::new(), at_once, counter, counter);
        self.add("rendezvous", Rendezvous::new(), with_key, counter, counter);
        self.add(
            "rendezvous(bound=125)",
            Rendezvous::bounded(125).expect("a bound"),
            with_key,
            counter,
            counter,
        );
        self.add("least_request(full_scan)", LeastRequest::full_scan(), at_once, counter, counter);
        self.add("peak_ewma(full_scan)", PeakEwma::full_scan(), in_time, counter, counter);
    }

    fn add<P: Policy + Clone + 'static>(
        &mut self,
        name: &str,
        policy: P,
        next: impl Fn(&mut u64) -> Request<'static> + Copy + 'static,
        (floor_alone, limit_alone): Beside,
        (floor_whole, limit_whole): Beside,
    ) {
        let subject = alone(self.n, policy.clone(), next);
        self.alone
            .push(Row::new(format!("alone: {name}"), subject).beside(floor_alone, limit_alone));
        let subject = whole(self.n, policy, next);
        self.whole
            .push(Row::new(format!("whole: {name}"), subject).beside(floor_whole, limit_whole));
    }
}

fn any(n: u32, name: &'static str) -> Row {
    let policy: AnyPolicy = name.parse().expect("a known name");
    let subject = match name {
        "peak_ewma" => alone(n, policy, in_time),
        "maglev" | "ring_hash" | "ketama" | "rendezvous" => alone(n, policy, with_key),
        _ => alone(n, policy, at_once),
    };
    Row::new(format!("any: {name}"), subject).beside(format!("alone: {name}"), 2.5)
}

fn alone(
    n: u32,
    mut policy: impl Policy + 'static,
    next: impl Fn(&mut u64) -> Request<'static> + 'static,
) -> Subject {
    let known = Known::new(n, weight, load);
    policy.rebuild(&known).expect("room");
    let (slots, mut turn, mut rng, mut last) = (slots(n), Turn::START, rng(), 0);
    repeated(move || {
        let request = next(&mut last);
        let mut cx = Cx::new(request.now, request.key, &mut turn, &mut rng);
        slots[policy.pick(&known, &mut cx).expect("a slot")]
    })
}

fn whole(
    n: u32,
    policy: impl Policy + Clone + 'static,
    next: impl Fn(&mut u64) -> Request<'static> + 'static,
) -> Subject {
    let mut balancer: Balancer<u32, _> = Balancer::new(policy);
    let changes = balancer.update(Instant::ZERO, (0..n).map(endpoint)).expect("room");
    assert_eq!(changes.added, n as usize);
    let (mut rng, mut last) = (rng(), 0);
    repeated(move || {
        let request = next(&mut last);
        let pick = balancer.pick_with(request, &mut rng).expect("a pick");
        let slot = pick.slot();
        let ended = Instant::from_nanos(request.now.as_nanos() + 1_000_000);
        balancer.report(ended, pick, Outcome::Success);
        slot
    })
}

/// A request without a time or a key.
fn at_once(_: &mut u64) -> Request<'static> {
    Request::at(Instant::ZERO)
}

/// A request a microsecond after the last.
fn in_time(last: &mut u64) -> Request<'static> {
    *last += 1_000;
    Request::at(Instant::from_nanos(*last))
}

/// A request with a key far from the last.
fn with_key(last: &mut u64) -> Request<'static> {
    *last = last.wrapping_add(0x9e37_79b9_7f4a_7c15);
    Request { key: Some(*last), ..Request::at(Instant::ZERO) }
}

fn cluster(n: u32) -> evenkeel_core::Cluster<u32, (), Config, Heap> {
    let mut cluster = evenkeel_core::Cluster::new(Config::DEFAULT);
    assert_eq!(cluster.update(Instant::ZERO, (0..n).map(endpoint)).added, n as usize);
    cluster
}

fn endpoint(i: u32) -> Endpoint<u32> {
    Endpoint::new(i).with_weight(weight(i))
}

fn slots(n: u32) -> Vec<Slot> {
    cluster(n).candidates().collect()
}

fn weight(i: u32) -> u32 {
    1 + i * 3 % 4
}

fn load(i: u32) -> u32 {
    i * 3 % 5
}

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(1)
}
