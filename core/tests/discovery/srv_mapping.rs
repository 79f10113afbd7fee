//! SRV records to endpoints: priorities, RFC 2782's proportions, and records that are none.

use core::time::Duration;
use std::collections::BTreeMap;

use evenkeel_core::policy::{Cx, RoundRobin, View};
use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::srv::{self, Name, Skipped, SrvRecord};
use evenkeel_core::{Balancer, Defaults, Endpoint, Inline, Instant, Outcome};
use rand_chacha::ChaCha8Rng;

fn record(priority: u16, weight: u16, port: u16, target: &str) -> SrvRecord<&str> {
    SrvRecord { priority, weight, port, target }
}

/// The endpoints of these records by address, and what was skipped.
fn map(records: &[SrvRecord<&str>]) -> (BTreeMap<String, (u16, u32)>, Skipped) {
    let mut records = records.to_vec();
    let mut endpoints = BTreeMap::new();
    let push = |endpoint: Endpoint<String>| {
        assert_eq!((endpoint.zone.number(), endpoint.draining), (0, false));
        let double = endpoints.insert(endpoint.addr, (endpoint.priority, endpoint.weight));
        assert_eq!(double, None, "these tests have each address once");
    };
    let skipped = srv::endpoints(&mut records, |name, port| format!("{name}:{port}"), push);
    (endpoints, skipped)
}

/// The weights of records of one priority, in their order.
fn weights(weights: &[u16]) -> Vec<u32> {
    let names: Vec<_> = (0..weights.len()).map(|i| format!("host{i:05}")).collect();
    let records: Vec<_> =
        names.iter().zip(weights).map(|(name, &weight)| record(7, weight, 80, name)).collect();
    map(&records).0.into_values().map(|(_, weight)| weight).collect()
}

#[test]
fn priorities_are_kept_and_weights_are_their_own_in_each() {
    let (endpoints, skipped) = map(&[
        record(20, 5, 80, "backup1"),
        record(0, 60, 80, "first1"),
        record(20, 0, 80, "backup2"),
        record(0, 20, 80, "first2"),
        record(u16::MAX, 9, 80, "last"),
    ]);
    let expected = [
        ("backup1:80", (20, 5)),
        ("backup2:80", (20, 1)),
        ("first1:80", (0, 60)),
        ("first2:80", (0, 20)),
        ("last:80", (u16::MAX, 1)),
    ];
    assert!(
        endpoints.iter().map(|(addr, &content)| (addr.as_str(), content)).eq(expected),
        "{endpoints:?}"
    );
    assert_eq!(skipped, Skipped::default());
}

/// RFC 2782: "weight 0 should have a very small chance". Its selection gives all zeros together 1
/// of sum + 1 numbers, and a weight `w` about `w` of them.
#[test]
fn zero_weights_share_one_of_sum_plus_one() {
    for list in [&[0, 1][..], &[0, 10, 20], &[0, 0, 3, 5], &[0, 0, 0, 65535, 1], &[0, 65535]] {
        let zeros = list.iter().filter(|&&weight| weight == 0).count() as u32;
        let mapped = weights(list);
        let sum: u64 = mapped.iter().copied().map(u64::from).sum();
        let plain: u64 = list.iter().copied().map(u64::from).sum();
        for (&weight, &mapped) in list.iter().zip(&mapped) {
            // mapped / sum = weight / (plain + 1), and a zero gets its share of 1 / (plain + 1).
            let share = if weight == 0 { 1 } else { u64::from(weight) * u64::from(zeros) };
            assert_eq!(
                u64::from(mapped) * (plain + 1) * u64::from(zeros),
                share * sum,
                "{weight} in {list:?}"
            );
        }
    }
}

#[test]
fn without_zeros_weights_are_as_they_are() {
    assert_eq!(weights(&[10, 20, 70]), [10, 20, 70]);
    assert_eq!(weights(&[1, u16::MAX]), [1, 65535]);
}

/// `CoreDNS` gives each of n endpoints the weight 100 / n: a new endpoint must not change the
/// others.
#[test]
fn equal_weights_are_one() {
    for equal in [0, 1, 16, 20, u16::MAX] {
        assert_eq!(weights(&[equal; 5]), [1; 5], "{equal}");
    }
    assert_eq!(weights(&[42]), [1]);

    let mut balancer: Balancer<String, RoundRobin> = Balancer::new(RoundRobin::new());
    let mut update = |names: &[&str], weight| {
        let records: Vec<_> = names.iter().map(|name| record(0, weight, 80, name)).collect();
        let endpoint = |(addr, (_, weight))| Endpoint::new(addr).with_weight(weight);
        let endpoints = map(&records).0.into_iter().map(endpoint);
        balancer.update(Instant::ZERO, endpoints).expect("room for all")
    };
    assert_eq!(update(&["a", "b", "c", "d", "e"], 20).added, 5);
    let changes = update(&["a", "b", "c", "d", "e", "f"], 16);
    assert_eq!((changes.added, changes.removed, changes.changed), (1, 0, 0));
}

#[test]
fn records_that_are_skipped_have_no_say_in_the_weights() {
    let (endpoints, skipped) = map(&[
        record(0, 7, 80, "a"),
        record(0, 7, 80, "b"),
        record(0, 0, 0, "c"),
        record(0, 0, 80, "."),
        record(0, 9, 0, "d"),
    ]);
    assert!(endpoints.into_values().eq([(0, 1), (0, 1)]));
    assert_eq!((skipped.port_zero, skipped.root), (2, 1));
}

#[test]
fn many_zeros_saturate() {
    let mut list = vec![0; 70_000];
    list.push(u16::MAX);
    let mapped = weights(&list);
    assert_eq!((mapped[0], mapped[70_000]), (1, u32::MAX));
}

#[test]
fn root_alone_and_among_others() {
    let (endpoints, skipped) = map(&[record(0, 0, 0, ".")]);
    assert_eq!((endpoints.len(), skipped.root, skipped.port_zero), (0, 1, 0));
    let (endpoints, skipped) = map(&[record(0, 0, 443, "."), record(1, 0, 443, "a.")]);
    assert!(endpoints.keys().eq(["a:443"]), "{endpoints:?}");
    assert_eq!((skipped.root, skipped.port_zero), (1, 0));
    assert_eq!(map(&[]), (BTreeMap::new(), Skipped::default()));
}

#[test]
fn names_lose_one_dot_and_their_case() {
    for (target, name) in [
        ("a.example.", "a.example"),
        ("a.example", "a.example"),
        ("A.ExAmPlE.", "a.example"),
        ("_x-1.EXAMPLE", "_x-1.example"),
        ("a..", "a."),
        // Only ASCII has a case in DNS (RFC 4343).
        ("ÄÖ.Example.", "ÄÖ.example"),
    ] {
        assert_eq!(Name::new(target).to_string(), name);
        assert!(!Name::new(target).is_root());
        assert!(
            map(&[record(0, 1, 8080, target)]).0.keys().eq([&format!("{name}:8080")]),
            "{target}"
        );
    }
    assert!(Name::new(".").is_root() && Name::new("").is_root());
}

/// Dots and case make no other endpoint, another port does; duplicates fold into the lowest
/// priority, the largest weight.
#[test]
fn one_endpoint_per_name_and_port() {
    let mut records = [
        record(1, 5, 80, "a."),
        record(0, 3, 80, "A"),
        record(0, 4, 80, "a"),
        record(0, 9, 81, "a"),
        record(0, 0, 80, "b"),
    ];
    let mut balancer: Balancer<String, RoundRobin, Defaults, Inline<4>> =
        Balancer::with_settings(RoundRobin::new(), Defaults);
    let mut endpoints = Vec::new();
    let _ = srv::endpoints(
        &mut records,
        |name, port| format!("{name}:{port}"),
        |endpoint| endpoints.push(endpoint),
    );
    let changes = balancer.update(Instant::ZERO, endpoints).expect("no table");
    assert_eq!((changes.added, changes.left_out), (3, 0));
    let listed = balancer.endpoints().map(|status| status.endpoint);
    let listed = listed.map(|endpoint| (&*endpoint.addr, endpoint.priority, endpoint.weight));
    assert!(listed.eq([("a:80", 0, 4), ("a:81", 0, 9), ("b:80", 0, 1)]));
}

/// The order of the answer makes no difference: servers shuffle it.
#[test]
fn order_makes_no_difference() {
    let records = [
        record(0, 10, 80, "a"),
        record(0, 0, 80, "b"),
        record(5, 20, 80, "c"),
        record(0, 30, 0, "d"),
        record(5, 20, 80, "e"),
        record(0, 70, 80, "f"),
    ];
    let expected = map(&records);
    for turn in 0..records.len() {
        let mut shuffled = records;
        shuffled.rotate_left(turn);
        assert_eq!(map(&shuffled), expected);
        shuffled.reverse();
        assert_eq!(map(&shuffled), expected);
    }
}

/// From an answer to requests: the first priority until it is gone, then the next.
#[test]
fn levels_are_used_in_order() {
    let answer = [
        record(10, 50, 80, "b."),
        record(0, 0, 80, "a1."),
        record(0, 0, 80, "a2."),
        record(10, 50, 80, "c."),
    ];
    let mut balancer: Balancer<String, RoundRobin> = Balancer::new(RoundRobin::new());
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut picked = |records: &[SrvRecord<&str>]| {
        let endpoints = map(records).0.into_iter();
        let endpoints = endpoints.map(|(addr, (level, weight))| {
            Endpoint::new(addr).with_priority(level).with_weight(weight)
        });
        let _ = balancer.update(Instant::ZERO, endpoints).expect("an update");
        let mut seen: Vec<_> = (0..6)
            .map(|_| {
                let pick = balancer.pick(Instant::ZERO, &mut rng).expect("a pick");
                let addr = balancer.endpoint(&pick).expect("an endpoint").addr.clone();
                balancer.report(Instant::ZERO + Duration::from_millis(1), pick, Outcome::Success);
                addr
            })
            .collect();
        seen.sort();
        seen.dedup();
        seen
    };
    assert_eq!(picked(&answer), ["a1:80", "a2:80"]);
    assert_eq!(picked(&[answer[0], answer[3]]), ["b:80", "c:80"]);
    assert_eq!(picked(&[answer[0], answer[2]]), ["a2:80"]);
}

/// What a weighted policy sees of the answer: the proportions of its level.
#[test]
fn the_view_has_the_weights() {
    let record = |weight, target| SrvRecord { priority: 3, weight, port: 1, target };
    let mut records = [record(0, "a"), record(0, "b"), record(6, "c")];
    let seen = |view: &dyn View, _cx: &mut Cx<'_>| {
        assert_eq!([0, 1, 2].map(|slot| view.weight(slot)), [1, 1, 12]);
        assert_eq!(view.len(), 3);
        Some(2)
    };
    let mut balancer: Balancer<String, _, Defaults, Inline<3>> =
        Balancer::with_settings(seen, Defaults);
    let mut endpoints = Vec::new();
    let _ = srv::endpoints(
        &mut records,
        |name, _| name.to_string(),
        |endpoint| endpoints.push(endpoint),
    );
    let _ = balancer.update(Instant::ZERO, endpoints).expect("an update");
    let pick = balancer.pick(Instant::ZERO, &mut ChaCha8Rng::seed_from_u64(1)).expect("a pick");
    assert_eq!(balancer.endpoint(&pick).expect("an endpoint").addr, "c");
}
