//! What an update costs beside one merge pass over two sorted lists, and what a policy's rebuild
//! costs: `cargo bench -p evenkeel-core --bench update`.
//!
//! The merge pass compares every address and weight with those from before and notes in a list
//! where it belongs. Updates are those of a `Cluster`, the slow path of every balancer; a policy's
//! rebuild comes on top. Limits hold for n = 100,000.
#![allow(missing_docs)] // There is nothing to be used.

mod known;
mod measure;

use core::net::{Ipv4Addr, SocketAddr};

use evenkeel_core::policy::{
    Ketama, Maglev, PickFirst, RingHash, RoundRobin, WeightedRandom, WeightedRoundRobin,
};
use evenkeel_core::{Address, Config, Endpoint, Heap, Instant, Policy};
use known::Known;
use measure::{Row, Subject, Table, prepared};

type Cluster<A> = evenkeel_core::Cluster<A, (), Config, Heap>;

const SIZES: [u32; 5] = [10, 100, 1_000, 10_000, 100_000];

fn main() {
    let table = Table { columns: "n", unit: ("µs", 1e6), samples: 41, judged: |n| n == 100_000 };
    table.print(&SIZES, |n| {
        let sockets =
            updates("SocketAddr", n, |i| SocketAddr::from((Ipv4Addr::from(0x0a00_0000 + i), 80)));
        let strings =
            updates("String", n, |i| format!("10.{}.{}.{}:80", i >> 16, (i >> 8) & 255, i & 255));
        sockets.into_iter().chain(strings).collect()
    });
    println!();
    Table { samples: 5, ..table }.print(&SIZES, |n| {
        vec![
            Row::new("rebuild: round_robin", rebuild(n, RoundRobin::new(), 1)),
            Row::new("rebuild: weighted_round_robin", rebuild(n, WeightedRoundRobin::new(), 4)),
            Row::new(
                "rebuild: weighted_round_robin, 1 to 1,000",
                rebuild(n, WeightedRoundRobin::new(), 1_000),
            ),
            Row::new("rebuild: weighted_random", rebuild(n, WeightedRandom::new(), 4)),
            Row::new("rebuild: pick_first", rebuild(n, PickFirst::new(), 4)),
            Row::new("rebuild: maglev", rebuild(n, Maglev::new(), 4)),
            Row::new("rebuild: ring_hash", rebuild(n, RingHash::new(), 4)),
            Row::new("rebuild: ketama, 1", rebuild(n, Ketama::new(), 1)),
        ]
    });
}

/// Endpoints with weights from 1 to 4, and the changes that are made to them.
struct Bed<A> {
    endpoints: Vec<Endpoint<A>>,
    turn: u32,
}

impl<A: Address> Bed<A> {
    fn new(n: u32, address: impl Fn(u32) -> A) -> Self {
        let mut endpoints: Vec<_> =
            (0..n).map(|i| Endpoint::new(address(i)).with_weight(1 + i % 4)).collect();
        endpoints.sort_by(|a, b| a.addr.cmp(&b.addr));
        Self { endpoints, turn: 0 }
    }

    /// All of them, the one in the middle with another weight each time.
    fn one_changed(&mut self) -> Vec<Endpoint<A>> {
        self.turn += 1;
        let middle = self.endpoints.len() / 2;
        self.endpoints[middle].weight = 1 + self.turn % 2;
        self.endpoints.clone()
    }

    fn cluster(&self) -> Cluster<A> {
        let mut cluster = Cluster::new(Config::DEFAULT);
        assert_eq!(
            cluster.update(Instant::ZERO, self.endpoints.clone()).added,
            self.endpoints.len()
        );
        cluster
    }
}

fn updates<A: Address + 'static>(
    name: &str,
    n: u32,
    address: impl Fn(u32) -> A + Copy,
) -> Vec<Row> {
    let bed = || Bed::new(n, address);
    let floor = format!("{name}: merge pass");
    let row = |what: &str, subject, limit: Option<f64>| {
        Row::new(format!("{name}: {what}"), subject).beside(&floor, limit)
    };
    vec![
        Row::new(&floor, merge_pass(bed())),
        row("update, one of n changed", one_changed(bed()), Some(2.0)),
        row("update, nothing changed", nothing_changed(bed()), None),
        row("update, all new", all_new(bed()), None),
        row("insert and remove one", insert_and_remove(bed(), address(n)), None),
    ]
}

fn merge_pass<A: Address + 'static>(mut bed: Bed<A>) -> Subject {
    let before = bed.endpoints.clone();
    prepared(
        move || bed.one_changed(),
        move |now| {
            let (mut order, mut next, mut differences) = (Vec::with_capacity(now.len()), 0, 0);
            for endpoint in now {
                // Whether two are equal is quicker to tell than which comes first.
                while let Some(known) = before.get(next) {
                    if known.addr == endpoint.addr {
                        differences += usize::from(known.weight != endpoint.weight);
                        break;
                    }
                    differences += 1;
                    if known.addr > endpoint.addr {
                        break;
                    }
                    next += 1;
                }
                order.push(next as u32);
                next += 1;
            }
            (order, differences)
        },
    )
}

fn one_changed<A: Address + 'static>(mut bed: Bed<A>) -> Subject {
    let mut cluster = bed.cluster();
    prepared(move || bed.one_changed(), move |endpoints| cluster.update(Instant::ZERO, endpoints))
}

fn nothing_changed<A: Address + 'static>(bed: Bed<A>) -> Subject {
    let mut cluster = bed.cluster();
    prepared(
        move || bed.endpoints.clone(),
        move |endpoints| cluster.update(Instant::ZERO, endpoints),
    )
}

fn all_new<A: Address + 'static>(bed: Bed<A>) -> Subject {
    prepared(
        move || (Cluster::<A>::new(Config::DEFAULT), bed.endpoints.clone()),
        |(mut cluster, endpoints)| (cluster.update(Instant::ZERO, endpoints), cluster),
    )
}

fn insert_and_remove<A: Address + 'static>(bed: Bed<A>, new: A) -> Subject {
    let mut cluster = bed.cluster();
    prepared(
        move || new.clone(),
        move |new| {
            let inserted = cluster.insert(Instant::ZERO, Endpoint::new(new.clone()));
            (inserted, cluster.remove(Instant::ZERO, &new))
        },
    )
}

/// With weights from 1 to `heaviest`; nothing where the policy has no room for so many.
fn rebuild<P: Policy + 'static>(n: u32, mut policy: P, heaviest: u32) -> Option<Subject> {
    let known = Known::new(n, |i| 1 + i * 7 % heaviest, |_| 0);
    policy.rebuild(&known).ok()?;
    Some(prepared(|| (), move |()| policy.rebuild(&known)))
}
