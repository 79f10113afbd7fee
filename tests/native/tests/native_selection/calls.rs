use core::time::Duration;
use std::collections::BTreeSet;

use evenkeel::{AnyPolicy, Attempt, Book, Config, Retry};

use crate::levels::backups;
use crate::{Bed, all, key, pass};

/// Where the calls of this user go while all fail.
async fn tried(bed: &Bed, user: u64) -> Vec<String> {
    let mut tried = Vec::new();
    let attempt = |client: Attempt<String>| {
        tried.push(client.clone());
        core::future::ready(Err::<(), _>("down"))
    };
    bed.balancer.call_for(key(user), &Retry::attempts(3).unwrap(), attempt).await.unwrap_err();
    tried
}

#[tokio::test(start_paused = true)]
async fn a_call_with_a_key_begins_with_its_endpoint_and_goes_on_in_its_order() {
    for policy in ["rendezvous", "maglev", "ring_hash", "ketama"] {
        let noop = Config { book: Book::Off, ..Config::default() };
        let bed = Bed::new(policy, noop, all("abcdef")).await;
        let mut seconds = BTreeSet::new();
        for user in 0..200 {
            let order = tried(&bed, user).await;
            assert_eq!(order[0], bed.next_for(user), "{policy}");
            assert_eq!(
                order.iter().collect::<BTreeSet<_>>().len(),
                3,
                "{policy}: never the same twice"
            );
            assert_eq!(tried(&bed, user).await, order, "{policy}");
            if order[0] == "a" {
                seconds.insert(order[1].clone());
            }
        }
        assert!(
            seconds.len() > 1,
            "{policy}: not all of one endpoint's keys go to the same other one"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_with_a_key_can_be_spawned() {
    let bed = Bed::new("rendezvous", Config::default(), all("abc")).await;
    let (balancer, owner) = (bed.balancer.clone(), bed.next_for(7));
    let retry = Retry::attempts(1).unwrap();
    let call = async move {
        balancer.call_for(key(7), &retry, async |client| Ok::<_, String>(client.clone())).await
    };
    assert_eq!(tokio::spawn(call).await.unwrap().unwrap(), owner);
}

/// A retry whose level has been tried goes on to the next.
#[tokio::test(start_paused = true)]
async fn a_call_goes_on_to_the_next_level() {
    for policy in AnyPolicy::NAMES {
        for config in [Config::DEFAULT, Config { max_in_flight: 9, ..Config::DEFAULT }] {
            let bed = Bed::new(policy, config, [all("a"), backups("xy")].concat()).await;
            for user in 0..4 {
                let tried = tried(&bed, user).await;
                let others: BTreeSet<_> = tried[1..].iter().map(String::as_str).collect();
                assert_eq!(
                    (tried[0].as_str(), others),
                    ("a", BTreeSet::from(["x", "y"])),
                    "{policy}"
                );
            }
        }
    }
}

/// Two have failed: the others of the level may be as dead, and there are backups.
#[tokio::test(start_paused = true)]
async fn a_call_leaves_its_level_after_two_failures() {
    for policy in AnyPolicy::NAMES {
        for config in [Config::DEFAULT, Config { max_in_flight: 9, ..Config::DEFAULT }] {
            let bed = Bed::new(policy, config, [all("abcde"), backups("xy")].concat()).await;
            let tried = tried(&bed, 1).await;
            let primaries = tried.iter().map(|name| "abcde".contains(name.as_str()));
            assert!(primaries.eq([true, true, false]), "{policy}: {tried:?}");
        }
    }
    // Without another level, it stays.
    let bed = Bed::new("round_robin", Config::default(), all("abcde")).await;
    assert_eq!(tried(&bed, 1).await.into_iter().collect::<BTreeSet<_>>().len(), 3);
}

/// Has an endpoint ejected for failures in a row, between which a policy that goes by answer times
/// comes back to it.
async fn eject(bed: &Bed, name: &str) {
    let mut failures = 0;
    for user in 0..10_000 {
        let pick = bed.balancer.pick_for(key(user)).unwrap();
        if pick.with(|client| client == name) {
            pick.failure();
            failures += 1;
        } else {
            pick.success();
        }
        if failures == 5 {
            break;
        }
        pass(Duration::from_millis(100)).await;
    }
    pass(Duration::from_millis(1)).await;
    let names = bed.names();
    assert!(names.len() == 2 && !names.iter().any(|other| other == name), "{names:?}");
}

/// An ejected endpoint may be well again; one that this call has tried has just failed.
#[tokio::test(start_paused = true)]
async fn a_call_tries_an_ejected_endpoint_before_the_same_again() {
    for policy in AnyPolicy::NAMES.iter().filter(|name| **name != "pick_first") {
        for config in [Config::DEFAULT, Config { max_in_flight: 9, ..Config::DEFAULT }] {
            let bed = Bed::new(policy, config, all("abc")).await;
            eject(&bed, "b").await;
            let tried = tried(&bed, 1).await;
            assert_eq!(tried[2], "b", "{policy}: {tried:?}");
            let others: BTreeSet<_> = tried.iter().map(String::as_str).collect();
            assert_eq!(others.len(), 3, "{policy}: {tried:?}");
        }
    }
}
