//! Threads that pick while the set changes as fast as it can: nobody who left is picked, everything
//! is counted, nothing is kept.
//!
//! In real time, and on as many threads as it says; `EVENKEEL_DEEP=16` makes 10,000,000 picks of it, and
//! Miri a few hundred.

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use core::time::Duration;
use std::sync::Arc;

use evenkeel::{Balancer, Book, Config, Endpoint, LeastRequest, Outcome, Pick, Publisher, Target};
use tokio::time::Instant;

const THREADS: usize = if cfg!(miri) { 4 } else { 8 };
const PICKS: u64 = if cfg!(miri) { 1_200 } else { 625_000 };
/// So often the set changes at least.
const CHANGES: u64 = if cfg!(miri) { 0 } else { 20 };
/// Endpoints in a set, of which the first is in all, and of those that come and go.
const SET: u64 = 12;
const ALL: u64 = 200;
const DEADLINE: Duration = Duration::from_secs(60);
/// It has this port, and all others have higher ones.
const FIRST: u16 = 1_000;

/// The endpoints of the set with this number: the first, and a window that moves by three.
fn set(number: u64) -> impl Iterator<Item = u16> {
    (0..SET - 1).map(move |i| FIRST + 1 + ((3 * number + i) % ALL) as u16).chain([FIRST])
}

/// A client that knows its endpoint and counts those that are alive.
struct Client {
    port: u16,
    alive: Arc<AtomicUsize>,
}

impl Drop for Client {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, SeqCst);
    }
}

/// What the threads and the test tell each other.
struct Scene {
    balancer: Balancer<Client, LeastRequest>,
    /// The last set that was taken over: no pick that begins then is of an older one.
    taken_over: AtomicU64,
    /// The last set that was published: none is of a newer one.
    newest: AtomicU64,
    at_work: AtomicUsize,
}

#[tokio::test]
async fn while_the_set_changes_picks_are_of_the_newest_and_counters_are_exact() {
    let times = std::env::var("EVENKEEL_DEEP").map_or(1, |deep| deep.parse().expect("a number"));
    let picks = PICKS * times / THREADS as u64;
    let (publisher, published) = Publisher::new();
    let alive = Arc::new(AtomicUsize::new(0));
    let made = Arc::clone(&alive);
    let balancer = Balancer::builder(published)
        .seed(1)
        .policy(LeastRequest::new())
        .config(Config { book: Book::Off, ..Config::default() })
        .build_with(move |target: Target| {
            made.fetch_add(1, SeqCst);
            Client { port: target.port(), alive: Arc::clone(&made) }
        })
        .unwrap();
    let publish = |number| {
        let endpoint = |port| Endpoint::new(Target::new("127.0.0.1", port).unwrap());
        publisher.replace(set(number).map(endpoint));
    };
    publish(0);
    balancer.ready_all().await;

    let scene = Arc::new(Scene {
        balancer,
        taken_over: AtomicU64::new(0),
        newest: AtomicU64::new(0),
        at_work: AtomicUsize::new(THREADS),
    });
    let work = |thread: usize| {
        let scene = Arc::clone(&scene);
        move || {
            let failures =
                if thread.is_multiple_of(2) { shares(&scene, picks) } else { owns(&scene, picks) };
            scene.at_work.fetch_sub(1, SeqCst);
            failures
        }
    };
    let threads: Vec<_> = (0..THREADS).map(|thread| std::thread::spawn(work(thread))).collect();
    let (begun, mut number) = (Instant::now(), 0);
    while scene.at_work.load(SeqCst) > 0 {
        number += 1;
        scene.newest.store(number, SeqCst);
        publish(number);
        until(|| is_taken_over(&scene.balancer, number)).await;
        scene.taken_over.store(number, SeqCst);
    }
    let (rate, most) = (
        f64::from(u32::try_from(number).expect("few")) / begun.elapsed().as_secs_f64(),
        alive.load(SeqCst),
    );
    println!("{number} changes, {rate:.0} a second; {most} clients alive at the end of the picks");
    let failures: u32 = threads.into_iter().map(|thread| thread.join().expect("no panic")).sum();

    assert!(number > CHANGES, "the set changed {number} times only");
    let statuses = scene.balancer.endpoints();
    assert!(statuses.iter().all(|status| status.in_flight == 0), "{statuses:?}");
    let first = statuses.iter().find(|status| status.target.port() == FIRST).expect("it stays");
    assert_eq!(first.failures, failures);
    // The threads are gone, and one that only rests could do no more: what they kept is dropped.
    publish(number + 1);
    until(|| is_taken_over(&scene.balancer, number + 1)).await;
    until(|| alive.load(SeqCst) == SET as usize).await;
}

/// Picks from what all threads share, every other time with a lease. Returns how often it told the
/// first endpoint that it failed.
fn shares(scene: &Scene, picks: u64) -> u32 {
    let mut failures = 0;
    for pick in 0..picks {
        let from = scene.taken_over.load(SeqCst);
        let picked = scene.balancer.pick().expect("some are always there");
        failures += end(scene, picked, pick, from);
    }
    failures
}

/// The same by a handle.
fn owns(scene: &Scene, picks: u64) -> u32 {
    let (mut failures, mut handle) = (0, scene.balancer.handle());
    for pick in 0..picks {
        let from = scene.taken_over.load(SeqCst);
        let picked = handle.pick().expect("some are always there");
        failures += end(scene, picked, pick, from);
    }
    failures
}

fn check(scene: &Scene, port: u16, from: u64) {
    let to = scene.newest.load(SeqCst);
    let is_in = (from..=to).any(|number| set(number).any(|other| other == port));
    assert!(is_in, "{port} is in none of the sets {from} to {to}");
}

/// Checks a pick that began when the set `from` was taken over, and reports it, by a lease every
/// other time. Returns how many failures that were.
fn end(scene: &Scene, picked: Pick<'_, Client, LeastRequest>, pick: u64, from: u64) -> u32 {
    let port = picked.with(|client| client.port);
    check(scene, port, from);
    let fails = port == FIRST && pick.is_multiple_of(3);
    let outcome = if fails { Outcome::Failure } else { Outcome::Success };
    if pick.is_multiple_of(2) {
        picked.report(outcome);
    } else {
        picked.lease().report(outcome);
    }
    fails.into()
}

/// Tells that the endpoints of the set with this number are picked, and no others.
fn is_taken_over(balancer: &Balancer<Client, LeastRequest>, number: u64) -> bool {
    let mut named: Vec<_> = set(number).collect();
    named.sort_unstable();
    let statuses = balancer.endpoints();
    let picked = statuses.iter().filter(|status| status.candidate);
    picked.map(|status| status.target.port()).eq(named) && statuses.len() == SET as usize
}

/// Lets the balancer's task run until it is so.
async fn until(is: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < DEADLINE, "it is not so after {DEADLINE:?}");
        tokio::task::yield_now().await;
    }
}
