//! Endpoints that come, change and go one by one: a balancer that looks at no others lists and picks
//! them as if it had been told the whole set.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use evenkeel::{Balancer, Endpoint, Publisher, RoundRobin, Target};
use evenkeel_core::rand_core::Rng as _;
use evenkeel_core::random::SplitMix64;

const SEEDS: u64 = if cfg!(miri) { 1 } else { 8 };
const STEPS: u64 = if cfg!(miri) { 5 } else { 120 };
const DEADLINE: Duration = Duration::from_secs(60);

fn target(number: u64) -> Target {
    Target::new("127.0.0.1", 1_000 + number as u16).expect("a target")
}

/// Tells what a balancer that knows the whole set lists: who it is, and if it may be picked.
fn expected(set: &BTreeMap<Target, Endpoint<Target>>) -> Vec<(Endpoint<Target>, bool)> {
    let serves = |one: &Endpoint<_>| one.weight > 0 && !one.draining;
    let best = set.values().filter(|one| serves(one)).map(|one| one.priority).min();
    set.values().map(|one| (one.clone(), serves(one) && Some(one.priority) == best)).collect()
}

fn listed(balancer: &Balancer<Target, RoundRobin>) -> Vec<(Endpoint<Target>, bool)> {
    let listed = balancer.endpoints();
    listed.into_iter().map(|status| (status.endpoint, status.candidate)).collect()
}

#[tokio::test]
async fn endpoints_that_change_one_by_one_are_listed_and_picked_as_a_whole_set() {
    for seed in 0..SEEDS {
        let mut rng = SplitMix64::new(seed);
        let (publisher, source) = Publisher::new();
        let balancer = Balancer::builder(source).seed(seed).policy(RoundRobin::new());
        let balancer = balancer.build_with(|target: Target| target).unwrap();
        let mut set: BTreeMap<_, _> = (0..200)
            .step_by(2)
            .map(|number| (target(number), Endpoint::new(target(number))))
            .collect();
        publisher.replace(set.values().cloned());
        balancer.ready_all().await;
        for step in 0..STEPS {
            for _ in 0..=rng.next_u64() % 3 {
                // The first stays as it is: so somebody always serves.
                let (target, draw) = (target(1 + rng.next_u64() % 199), rng.next_u64());
                if draw.is_multiple_of(2) {
                    assert_eq!(publisher.remove(&target), set.remove(&target).is_some());
                    continue;
                }
                let endpoint = Endpoint::new(target.clone()).with_weight((draw >> 8) as u32 % 3);
                let endpoint = endpoint.with_draining((draw >> 16).is_multiple_of(8));
                // At times one is of another level, which all of it have to leave again.
                let level = u16::from(step % 40 < 10 && (draw >> 24).is_multiple_of(4));
                let endpoint = endpoint.with_priority(level);
                publisher.upsert(endpoint.clone());
                set.insert(target, endpoint);
            }
            if step % 40 == 10 {
                set.retain(|_, one| one.priority == 0);
                publisher.replace(set.values().cloned());
            }
            let expected = expected(&set);
            let taken_over = async {
                while listed(&balancer) != expected {
                    tokio::task::yield_now().await;
                }
            };
            let late = tokio::time::timeout(DEADLINE, taken_over).await;
            assert!(late.is_ok(), "seed {seed}, step {step}: {:?}", balancer.endpoints());
            let may = expected.iter().filter(|(_, may)| *may).map(|(one, _)| one.addr.clone());
            let may: BTreeSet<_> = may.collect();
            let picked = (0..may.len()).map(|_| {
                let pick = balancer.pick().unwrap();
                let target = pick.target().clone();
                pick.success();
                target
            });
            assert_eq!(picked.collect::<BTreeSet<_>>(), may, "seed {seed}, step {step}");
        }
    }
}
