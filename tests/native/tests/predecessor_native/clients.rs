use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use core::time::Duration;
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};

use evenkeel::{AnyPolicy, Balancer, Fixed, PickError, RoundRobin, Target};
use evenkeel_tests::source::{Says, source};

use crate::{endpoints, pass};

/// Clients that are counted while they live.
#[derive(Clone, Default)]
struct Census {
    made: Arc<Mutex<HashMap<String, usize>>>,
    alive: Arc<Mutex<Vec<String>>>,
}

struct Citizen {
    name: String,
    census: Census,
}

impl Census {
    fn born(self, target: Target) -> impl Future<Output = Result<Citizen, io::Error>> {
        let name = target.to_string();
        *self.made.lock().unwrap().entry(name.clone()).or_default() += 1;
        async {
            self.alive.lock().unwrap().push(name.clone());
            Ok(Citizen { name, census: self })
        }
    }

    fn alive(&self) -> Vec<String> {
        let mut alive = self.alive.lock().unwrap().clone();
        alive.sort();
        alive
    }
}

impl Drop for Citizen {
    fn drop(&mut self) {
        let mut alive = self.census.alive.lock().unwrap();
        let place = alive.iter().position(|name| *name == self.name).unwrap();
        alive.remove(place);
    }
}

#[tokio::test(start_paused = true)]
async fn c17_clients_are_made_once_and_dropped_when_their_endpoint_leaves() {
    let (source, script) = source(Says::Endpoints("a:80 b:80"));
    let census = Census::default();
    let factory = census.clone();
    let balancer =
        Balancer::builder(source).build(move |target| factory.clone().born(target)).unwrap();
    balancer.ready().await;
    pass(34).await;
    assert_eq!(census.alive(), ["a:80", "b:80"]);
    assert!(
        census.made.lock().unwrap().values().all(|&made| made == 1),
        "an identical answer makes none anew"
    );
    script.say(Says::Error("kaputt"));
    pass(34).await;
    assert_eq!(census.alive(), ["a:80", "b:80"]);
    script.say(Says::Endpoints("a:80"));
    pass(70).await;
    assert_eq!(census.alive(), ["a:80"]);
}

#[tokio::test(start_paused = true)]
async fn c19_a_factory_that_fails_leaves_no_endpoint_and_no_error_of_discovery() {
    let (source, script) = source(Says::Endpoints("a:80 b:80"));
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    let factory = async move |_: Target| {
        counted.fetch_add(1, SeqCst);
        Err::<(), _>("no route")
    };
    let factory = Arc::new(factory);
    let balancer = Balancer::builder(source)
        .build(move |target| {
            let factory = Arc::clone(&factory);
            async move { factory(target).await }
        })
        .unwrap();
    balancer.discovery().wait_for(|status| status.queries == 1).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!((tries.load(SeqCst), script.lookups()), (2, 1));
    assert!(balancer.discovery().borrow().error.is_none());
    let error = balancer.pick().unwrap_err();
    assert!(matches!(error, PickError::NoClients { endpoints: 2, .. }));
    assert_eq!(error.to_string(), "none of 2 endpoints has a client: no route");
}

#[tokio::test(start_paused = true)]
async fn fault_02_a_slow_factory_holds_up_no_pick_and_a_picked_client_outlives_its_endpoint() {
    let (source, script) = source(Says::Endpoints("a:80"));
    let census = Census::default();
    let factory = census.clone();
    let balancer = Balancer::builder(source)
        .build(move |target: Target| {
            let born = factory.clone().born(target.clone());
            async move {
                if target.host() == "slow" {
                    core::future::pending::<()>().await;
                }
                born.await
            }
        })
        .unwrap();
    balancer.ready().await;
    script.say(Says::Endpoints("a:80 slow:80"));
    pass(34).await;
    assert_eq!(
        balancer.pick().unwrap().target().host(),
        "a",
        "the one being made is not in the way"
    );

    let lease = balancer.pick().unwrap().lease();
    script.say(Says::Endpoints("slow:80"));
    pass(34).await;
    let pick = balancer.pick().unwrap();
    assert_eq!(pick.target().host(), "a", "as long as no other can serve");
    drop(pick);
    script.say(Says::Endpoints("b:80"));
    pass(34).await;
    assert_eq!(endpoints(&balancer), ["b:80"]);
    assert_eq!(lease.name, "a:80");
    assert_eq!(census.alive(), ["a:80", "b:80"], "as long as it is leased");
    lease.success();
    assert_eq!(census.alive(), ["b:80"]);
}

#[tokio::test(start_paused = true)]
async fn fault_04_a_factory_that_failed_is_tried_again_without_a_new_answer() {
    let (mut source, script) = source(Says::Endpoints("a:80 b:80"));
    source.poller.default = source.poller.max;
    let broken = Arc::new(AtomicBool::new(true));
    let factory_broken = Arc::clone(&broken);
    let balancer = Balancer::builder(source)
        .build(move |target: Target| {
            let broken = Arc::clone(&factory_broken);
            async move {
                assert!(target.host() == "a" || !broken.load(SeqCst), "a factory may even panic");
                Ok::<_, io::Error>(())
            }
        })
        .unwrap();
    balancer.ready().await;
    pass(1).await;
    assert_eq!(endpoints(&balancer), ["a:80"]);
    broken.store(false, SeqCst);
    // The wait after a few failures is drawn from up to 30 s.
    pass(31).await;
    assert_eq!(endpoints(&balancer), ["a:80", "b:80"]);
    assert_eq!(script.lookups(), 3, "asked for it at once, and after 30 s");
}

#[tokio::test(start_paused = true)]
async fn fault_05_whoever_comes_late_sees_the_set_and_the_error() {
    let (source, script) = source(Says::Endpoints("a:80"));
    let balancer = Balancer::builder(source).build(crate::text).unwrap();
    balancer.ready().await;
    script.say(Says::Error("kaputt"));
    pass(34).await;
    let late = balancer.clone();
    assert_eq!(endpoints(&late), ["a:80"]);
    assert_eq!(late.discovery().borrow().error.as_ref().unwrap().to_string(), "kaputt");
}

#[tokio::test(start_paused = true)]
async fn fault_07_duplicates_are_one_endpoint_with_one_client() {
    let (source, _script) = source(Says::Endpoints("a:80 b:80 a:80 A:80"));
    let census = Census::default();
    let factory = census.clone();
    let balancer =
        Balancer::builder(source).build(move |target| factory.clone().born(target)).unwrap();
    balancer.ready().await;
    pass(200).await;
    assert_eq!(endpoints(&balancer), ["a:80", "b:80"]);
    assert_eq!(census.made.lock().unwrap()["a:80"], 1);
}

/// Picks `picks` times from each of `threads` threads, and counts who was picked.
async fn picks_by_threads(threads: usize, picks: usize, random: bool) -> HashMap<String, usize> {
    let fixed = Fixed::new(["a:1", "b:1", "c:1", "d:1", "e:1"]).unwrap();
    let policy: AnyPolicy = if random { "random" } else { "round_robin" }.parse().unwrap();
    let balancer = Balancer::builder(fixed).seed(7).policy(policy).build(crate::text).unwrap();
    balancer.ready().await;
    let counts = Mutex::new(HashMap::new());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut mine = HashMap::new();
                for _ in 0..picks {
                    let pick = balancer.pick().unwrap();
                    *mine.entry(pick.with(String::clone)).or_insert(0) += 1;
                    pick.success();
                }
                let mut counts = counts.lock().unwrap();
                for (name, count) in mine {
                    *counts.entry(name).or_insert(0) += count;
                }
            });
        }
    });
    counts.into_inner().unwrap()
}

#[tokio::test]
async fn c03_round_robin_from_a_hundred_threads_stays_even() {
    // Each thread goes round by itself from a random start, so that threads share no cache line:
    // each adds at most one to the difference, where a counter shared by all would keep it at one
    // for twenty times the price.
    let counts = picks_by_threads(100, 1_001, false).await;
    let (most, least) = (counts.values().max().unwrap(), counts.values().min().unwrap());
    assert_eq!(counts.values().sum::<usize>(), 100_100);
    assert!(most - least <= 100, "{counts:?}");
    let alone = picks_by_threads(1, 1_001, false).await;
    assert_eq!(alone.values().max().unwrap() - alone.values().min().unwrap(), 1);
}

#[tokio::test]
async fn fault_09_random_may_be_shared_by_threads() {
    let counts = picks_by_threads(8, 20_000, true).await;
    assert_eq!(counts.values().sum::<usize>(), 160_000);
    // Expected 32,000 each; 3 % is six standard deviations.
    assert!(counts.values().all(|count| count.abs_diff(32_000) < 960), "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn fault_18_clients_start_at_different_endpoints_and_keep_their_place() {
    let starts = async |seed| {
        let fixed = Fixed::new(["a:1", "b:1", "c:1", "d:1"]).unwrap();
        let balancer = Balancer::builder(fixed)
            .policy(RoundRobin::new())
            .seed(seed)
            .build(crate::text)
            .unwrap();
        balancer.ready().await;
        balancer.pick().unwrap().with(String::clone)
    };
    let mut firsts = HashMap::new();
    for seed in 0..100 {
        *firsts.entry(starts(seed).await).or_insert(0) += 1;
    }
    assert!(firsts.len() == 4 && firsts.values().all(|&count| count > 10), "{firsts:?}");

    let (source, script) = source(Says::Endpoints("b:80 d:80 f:80"));
    let balancer = Balancer::builder(source).policy(RoundRobin::new()).build(crate::text).unwrap();
    balancer.ready().await;
    let next = || balancer.pick().unwrap().with(String::clone);
    while next() != "d:80" {}
    script.say(Says::Endpoints("a:80 b:80 c:80 d:80 e:80 f:80"));
    pass(34).await;
    assert_eq!([next(), next(), next()], ["f:80", "a:80", "c:80"], "those that come are last");
    while next() != "d:80" {}
    script.say(Says::Endpoints("a:80 c:80 f:80"));
    pass(34).await;
    assert_eq!([next(), next()], ["f:80", "a:80"], "after the one that left");
}
