//! What is measured of the first edition.

use core::net::{Ipv4Addr, SocketAddr};

use first::policy::{LeastRequest, PeakEwma, RoundRobin};
use first::{Address, Balancer, Endpoint, Instant, Outcome, Policy, Request};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use crate::heap;
use crate::measure::{Subject, prepared, repeated};

pub(crate) fn round_robin(n: u32) -> Subject {
    pick_and_report((0..n).map(endpoint), RoundRobin::new(), 0)
}

pub(crate) fn least_request(n: u32) -> Subject {
    pick_and_report((0..n).map(endpoint), LeastRequest::new(), 0)
}

/// With one endpoint that is no candidate.
pub(crate) fn least_request_but_one(n: u32) -> Subject {
    pick_and_report(all_but_one(n), LeastRequest::new(), 0)
}

pub(crate) fn peak_ewma(n: u32) -> Subject {
    pick_and_report((0..n).map(endpoint), PeakEwma::new(), 1_000)
}

/// With one endpoint that is no candidate.
pub(crate) fn peak_ewma_but_one(n: u32) -> Subject {
    pick_and_report(all_but_one(n), PeakEwma::new(), 1_000)
}

/// With weights from 1 to 4.
pub(crate) fn least_request_weighted(n: u32) -> Subject {
    pick_and_report((0..n).map(weighted), LeastRequest::new(), 0)
}

/// With weights from 1 to 4.
pub(crate) fn peak_ewma_weighted(n: u32) -> Subject {
    pick_and_report((0..n).map(weighted), PeakEwma::new(), 1_000)
}

/// A pick and its report a millisecond later, `apart` nanoseconds after the last.
fn pick_and_report(
    endpoints: impl ExactSizeIterator<Item = Endpoint<u32>>,
    policy: impl Policy + 'static,
    apart: u64,
) -> Subject {
    let n = endpoints.len() as u32;
    let mut balancer: Balancer<u32, _> = Balancer::new(policy);
    let changes = balancer.update(Instant::ZERO, endpoints).expect("room");
    assert_eq!(changes.added, n as usize);
    let (mut rng, mut now) = (ChaCha8Rng::seed_from_u64(1), 0);
    repeated(n, move || {
        now += apart;
        let request = Request::at(Instant::from_nanos(now));
        let pick = balancer.pick_with(request, &mut rng).expect("a pick");
        let slot = pick.slot();
        balancer.report(Instant::from_nanos(now + 1_000_000), pick, Outcome::Success);
        slot
    })
}

pub(crate) fn one_changed(n: u32) -> Subject {
    let (mut balancer, mut endpoints) = filled(n, socket);
    let mut turn = 0;
    prepared(
        move || {
            turn += 1;
            let middle = endpoints.len() / 2;
            endpoints[middle].weight = 1 + turn % 2;
            endpoints.clone()
        },
        move |endpoints| balancer.update(Instant::ZERO, endpoints),
    )
}

pub(crate) fn nothing_changed(n: u32) -> Subject {
    let (mut balancer, endpoints) = filled(n, socket);
    prepared(move || endpoints.clone(), move |endpoints| balancer.update(Instant::ZERO, endpoints))
}

pub(crate) fn insert_and_remove(n: u32) -> Subject {
    let (mut balancer, _) = filled(n, socket);
    prepared(
        move || Endpoint::new(socket(n / 2 * 2 + 1)),
        move |new| {
            let inserted = balancer.insert(Instant::ZERO, new);
            (inserted, balancer.remove(Instant::ZERO, &new.addr))
        },
    )
}

/// Bytes on the heap.
pub(crate) fn memory(n: u32) -> usize {
    heap::held(|| {
        let mut balancer: Balancer<u32, _> = Balancer::new(LeastRequest::new());
        let changes = balancer.update(Instant::ZERO, (0..n).map(endpoint)).expect("room");
        assert_eq!(changes.added, n as usize);
        balancer
    })
}

fn filled<A: Address>(
    n: u32,
    address: impl Fn(u32) -> A,
) -> (Balancer<A, RoundRobin>, Vec<Endpoint<A>>) {
    // Every other address, so that there is a place between.
    let endpoint = |i| Endpoint::new(address(2 * i)).with_weight(1 + i % 4);
    let endpoints: Vec<_> = (0..n).map(endpoint).collect();
    let mut balancer = Balancer::new(RoundRobin::new());
    let changes = balancer.update(Instant::ZERO, endpoints.iter().cloned()).expect("room");
    assert_eq!(changes.added, n as usize);
    (balancer, endpoints)
}

fn socket(i: u32) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::from(0x0a00_0000 + i), 80))
}

fn endpoint(i: u32) -> Endpoint<u32> {
    Endpoint::new(i)
}

fn weighted(i: u32) -> Endpoint<u32> {
    endpoint(i).with_weight(1 + i * 3 % 4)
}

/// The same endpoints, of which the first drains.
fn all_but_one(n: u32) -> impl ExactSizeIterator<Item = Endpoint<u32>> {
    (0..n).map(|i| endpoint(i).with_draining(i == 0))
}
