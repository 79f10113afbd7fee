//! The most requests in flight to an endpoint, of all threads together.

use core::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::Barrier;

use evenkeel::health::Health;
use evenkeel::{Candidacy, Config, Endpoint, Lease, PickError, Retry, Target, Why};

use crate::{Bed, all, counted, expect, key, pass};

/// At most two requests in flight to each endpoint.
const TWO: Config = Config { max_in_flight: 2, ..Config::DEFAULT };

fn backups(names: &str) -> Vec<Endpoint<Target>> {
    all(names).into_iter().map(|endpoint| endpoint.with_priority(1)).collect()
}

impl Bed {
    fn lease(&self) -> Result<Lease<String>, PickError> {
        self.balancer.pick().map(evenkeel::Pick::lease)
    }

    /// So many requests that go on.
    fn hold(&self, requests: usize) -> Vec<Lease<String>> {
        (0..requests).map(|_| self.lease().unwrap()).collect()
    }
}

fn held(leases: &[Lease<String>]) -> std::collections::BTreeMap<String, usize> {
    counted(leases.iter().map(|lease| (**lease).clone()))
}

#[tokio::test(start_paused = true)]
async fn no_endpoint_gets_more_by_any_policy() {
    let policies = [
        "round_robin",
        "random",
        "weighted_round_robin",
        "weighted_random",
        "least_request",
        "least_request(full_scan)",
        "peak_ewma",
        "rendezvous",
        "maglev(size=251)",
        "ring_hash",
        "ketama",
        "pick_first",
    ];
    for policy in policies {
        let bed = Bed::new(policy, TWO, all("abc")).await;
        let mut leases = bed.hold(6);
        assert_eq!(held(&leases), expect([("a", 2), ("b", 2), ("c", 2)]), "{policy}");
        let error = bed.lease().unwrap_err();
        assert!(matches!(error, PickError::Busy { .. }), "{policy}: {error:?}");
        let text = "all endpoints have as many requests in flight as they may have";
        assert_eq!(error.to_string(), text);

        // Who ends a request gets the next.
        let ended = leases.swap_remove(3);
        let name = (*ended).clone();
        ended.success();
        assert_eq!(*bed.lease().unwrap(), name, "{policy}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_busy_say_when_one_may_be_back() {
    let config = Config { failure_percentage: 0, ..TWO };
    let bed = Bed::new("round_robin", config, all("ab")).await;
    for _ in 0..10 {
        let pick = bed.balancer.pick().unwrap();
        if pick.with(|name| name == "b") { pick.failure() } else { pick.success() }
    }
    pass(core::time::Duration::from_millis(1)).await;
    let b = bed.balancer.endpoints().remove(1);
    let Health::Ejected { until, .. } = b.health else { panic!("{b:?}") };
    let leases = bed.hold(2);
    let error = bed.lease().unwrap_err();
    assert!(matches!(error, PickError::Busy { until: Some(at) } if at == until), "{error:?}");
    drop(leases);
}

#[tokio::test(start_paused = true)]
async fn a_key_moves_on_while_its_endpoint_has_no_room() {
    for policy in ["maglev(size=251)", "rendezvous", "ring_hash", "ketama"] {
        let bed = Bed::new(policy, TWO, all("abcd")).await;
        let pick = || bed.balancer.pick_for(key(7)).unwrap().lease();
        let first = bed.next_for(7);
        let leases = [pick(), pick()];
        assert!(leases.iter().all(|lease| **lease == first), "{policy}");
        let second = bed.next_for(7);
        assert_ne!(second, first, "{policy}");
        assert_eq!(bed.next_for(7), second, "{policy}: always the same");
        drop(leases);
        assert_eq!(bed.next_for(7), first, "{policy}: and back");
    }
}

#[tokio::test(start_paused = true)]
async fn the_full_are_listed_as_such() {
    let bed = Bed::new("round_robin", TWO, all("ab")).await;
    let leases = bed.hold(3);
    let full = held(&leases).into_iter().find(|(_, count)| *count == 2).unwrap().0;
    for status in bed.balancer.endpoints() {
        let is_full = status.target.host() == full;
        let candidacy = if is_full { Candidacy::Full } else { Candidacy::Candidate };
        assert_eq!((status.candidate, status.candidacy), (!is_full, Some(candidacy)));
        assert_eq!(status.in_flight, if is_full { 2 } else { 1 });
    }
    drop(leases);
    let listed = bed.balancer.endpoints();
    assert!(listed.iter().all(|status| status.candidate && status.in_flight == 0));
}

#[tokio::test(start_paused = true)]
async fn what_a_level_has_no_room_for_waits_or_goes_to_the_next() {
    let endpoints = [all("a"), backups("xy")].concat();
    let stay = Config { overflow: false, ..TWO };
    let bed = Bed::new("round_robin", stay, endpoints.clone()).await;
    let leases = bed.hold(2);
    assert!(matches!(bed.lease(), Err(PickError::Busy { .. })), "the level is in service");
    drop(leases);

    let overflow = Config { overflow: true, ..TWO };
    let third = Endpoint::new(Target::new("z", 80).unwrap()).with_priority(2);
    let endpoints = [endpoints, vec![third]].concat();
    for policy in ["round_robin", "maglev(size=251)", "weighted_round_robin", "least_request"] {
        let bed = Bed::new(policy, overflow, endpoints.clone()).await;
        let mut leases = bed.hold(2);
        assert_eq!(held(&leases), expect([("a", 2)]), "{policy}: the first level first");
        leases.extend(bed.hold(4));
        assert_eq!(held(&leases), expect([("a", 2), ("x", 2), ("y", 2)]), "{policy}");
        leases.extend(bed.hold(2));
        assert_eq!(held(&leases)["z"], 2, "{policy}: level by level");
        assert!(matches!(bed.lease(), Err(PickError::Busy { .. })), "{policy}");
        leases.retain(|lease| **lease != "a");
        assert_eq!(bed.next(), "a", "{policy}: the first level has room again");
    }
}

#[tokio::test(start_paused = true)]
async fn groups_make_up_for_each_other() {
    // Half of the first level can take 70 %; each group takes what it has room for.
    let config = Config { overprovisioning_percent: 140, ..TWO };
    let draining = all("cd").into_iter().map(|endpoint| endpoint.with_draining(true));
    let endpoints: Vec<_> = all("ab").into_iter().chain(draining).chain(backups("x")).collect();
    let bed = Bed::new("round_robin", config, endpoints).await;
    let leases = bed.hold(6);
    assert_eq!(held(&leases), expect([("a", 2), ("b", 2), ("x", 2)]));
    assert!(matches!(bed.lease(), Err(PickError::Busy { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_retry_goes_where_there_is_room() {
    let bed = Bed::new("round_robin", Config { max_in_flight: 1, ..TWO }, all("abc")).await;
    let lease = bed.lease().unwrap();
    let mut tried = Vec::new();
    let attempt = |client: evenkeel::Attempt<String>| {
        tried.push((*client).clone());
        core::future::ready(Err::<(), _>("down"))
    };
    let error = bed.balancer.call(&Retry::attempts(3).unwrap(), attempt).await.unwrap_err();
    assert_eq!(error.attempts.len(), 3);
    assert!(!tried.contains(&*lease) && tried[0] != tried[1], "{tried:?}");

    // Nobody is left for the first attempt.
    let others = bed.hold(2);
    let attempt = |_| core::future::ready(Ok::<_, &str>(()));
    let error = bed.balancer.call(&Retry::attempts(3).unwrap(), attempt).await.unwrap_err();
    assert!(matches!(error.unavailable, Some(PickError::Busy { .. })) && error.attempts.is_empty());
    drop(others);
    assert_eq!(bed.balancer.pick().unwrap().why(), Why::Policy);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_stays_keeps_its_count() {
    let bed = Bed::new("round_robin", TWO, all("ab")).await;
    let leases = bed.hold(4);
    bed.becomes(all("abc")).await;
    let more = bed.hold(2);
    assert_eq!(held(&more), expect([("c", 2)]));
    assert!(matches!(bed.lease(), Err(PickError::Busy { .. })));
    pass(core::time::Duration::from_secs(1)).await;
    drop((leases, more));
    assert_eq!(held(&bed.hold(6)), expect([("a", 2), ("b", 2), ("c", 2)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_holds_for_all_threads_together() {
    const THREADS: usize = 4;
    for policy in ["round_robin", "least_request", "maglev(size=251)"] {
        let bed = Bed::new(policy, TWO, all("abc")).await;
        let at_work = [const { AtomicUsize::new(0) }; 3];
        let busy = AtomicUsize::new(0);
        let barrier = Barrier::new(THREADS);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    barrier.wait();
                    for _ in 0..5_000 {
                        // Up to 8 at once want one of 6 places.
                        let leases: Vec<_> = (0..2).filter_map(|_| bed.lease().ok()).collect();
                        busy.fetch_add(2 - leases.len(), SeqCst);
                        for lease in leases {
                            let name = usize::from(lease.as_bytes()[0] - b'a');
                            assert!(at_work[name].fetch_add(1, SeqCst) < 2, "{policy}");
                            at_work[name].fetch_sub(1, SeqCst);
                            lease.success();
                        }
                    }
                });
            }
        });
        let listed = bed.balancer.endpoints();
        assert!(listed.iter().all(|status| status.in_flight == 0), "{policy}");
        assert_eq!(bed.hold(6).len(), 6, "{policy}: nothing is lost");
    }
}
