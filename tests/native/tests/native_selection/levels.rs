use std::collections::BTreeSet;

use evenkeel::{Config, Endpoint, Target, Why, Zone};

use crate::{Bed, all, expect};

fn overprovisioned() -> Config {
    Config { overprovisioning_percent: 140, ..Config::default() }
}

fn draining(names: &str) -> Vec<Endpoint<Target>> {
    all(names).into_iter().map(|endpoint| endpoint.with_draining(true)).collect()
}

pub(crate) fn backups(names: &str) -> Vec<Endpoint<Target>> {
    all(names).into_iter().map(|endpoint| endpoint.with_priority(7)).collect()
}

/// Of the requests with keys that divide evenly among groups, in percent, those that go to one of
/// `names`.
fn percent(bed: &Bed, names: &str) -> usize {
    let pick = |key| {
        let pick = bed.balancer.pick_for(key).unwrap();
        let name = pick.with(String::clone);
        pick.success();
        name
    };
    (0..100).filter(|&key| names.contains(&pick(key))).count()
}

#[tokio::test(start_paused = true)]
async fn priorities_fail_over_and_back() {
    let bed = Bed::new("round_robin", Config::default(), [all("ab"), backups("c")].concat()).await;
    assert_eq!(bed.shares(10), expect([("a", 5), ("b", 5)]));
    bed.becomes([draining("ab"), backups("c")].concat()).await;
    assert_eq!(bed.shares(10), expect([("c", 10)]));
    bed.becomes([draining("a"), all("b"), backups("c")].concat()).await;
    assert_eq!(bed.shares(10), expect([("b", 10)]));
    bed.becomes(backups("c")).await;
    assert_eq!(bed.shares(10), expect([("c", 10)]));
    bed.becomes([all("ab"), backups("c")].concat()).await;
    assert_eq!(bed.shares(10), expect([("a", 5), ("b", 5)]));
}

#[tokio::test(start_paused = true)]
async fn a_level_that_cannot_take_everything_leaves_the_rest_to_the_next() {
    let bed =
        Bed::new("round_robin", overprovisioned(), [all("abcd"), backups("xy")].concat()).await;
    assert_eq!(percent(&bed, "abcd"), 100);
    // Half of it can take 140 / 2.
    bed.becomes([all("ab"), draining("cd"), backups("xy")].concat()).await;
    assert_eq!((percent(&bed, "ab"), percent(&bed, "xy")), (70, 30));
    assert_eq!(bed.names(), ["a", "b", "x", "y"], "level by level");
    let shares = bed.shares(10_000);
    // Three standard deviations of chance between the levels; within each, the turns are even.
    assert!((shares["a"] + shares["b"]).abs_diff(7_000) < 138, "{shares:?}");
    assert!(
        shares["a"].abs_diff(shares["b"]) <= 1 && shares["x"].abs_diff(shares["y"]) <= 1,
        "{shares:?}"
    );
    bed.becomes([all("abcd"), backups("xy")].concat()).await;
    assert_eq!(percent(&bed, "abcd"), 100);
}

#[tokio::test(start_paused = true)]
async fn a_level_that_panics_uses_all_its_endpoints_and_says_so() {
    let bed =
        Bed::new("round_robin", overprovisioned(), [all("a"), draining("bcd")].concat()).await;
    for _ in 0..8 {
        assert_eq!(bed.balancer.pick().unwrap().why(), Why::Panic);
        assert_eq!(bed.balancer.pick().unwrap().lease().why(), Why::Panic);
    }
    assert_eq!(bed.shares(8).len(), 4);
    bed.becomes([all("abc"), draining("d")].concat()).await;
    assert_eq!(bed.balancer.pick().unwrap().why(), Why::Policy);
    assert_eq!(bed.shares(9).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn each_client_uses_a_subset_of_its_own() {
    let config = Config { subset: 3, ..Config::default() };
    let mut used = BTreeSet::new();
    for seed in 0..30 {
        let bed = Bed::seeded(seed, "round_robin", config, all("abcdefghij")).await;
        let subset = bed.names();
        assert_eq!(bed.shares(30).into_values().collect::<Vec<_>>(), [10, 10, 10]);
        let again = Bed::seeded(seed, "random", config, all("jihgfedcba")).await;
        assert_eq!(again.names(), subset, "follows from seed and endpoints");

        let others =
            all("abcdefghij").into_iter().filter(|endpoint| *endpoint.addr.host() != *subset[1]);
        bed.becomes(others).await;
        let after = bed.names();
        assert!(
            after.len() == 3 && after.contains(&subset[0]) && after.contains(&subset[2]),
            "{subset:?} {after:?}"
        );
        used.extend(subset);
    }
    assert_eq!(used.len(), 10, "all together they use all");
}

#[tokio::test(start_paused = true)]
async fn the_own_zone_gets_what_it_can_take() {
    let zones = |own: &str, other: &str| {
        let of = |zone, names| {
            all(names).into_iter().map(move |endpoint| endpoint.with_zone(Zone::new(zone)))
        };
        of(1, own).chain(of(2, other)).collect::<Vec<_>>()
    };
    let config = Config { zone: Zone::new(1), ..Config::default() };
    let bed = Bed::new("round_robin", config, zones("abc", "xyz")).await;
    assert_eq!((bed.names().len(), percent(&bed, "abc")), (3, 100));
    // Two of six endpoints, but half of the clients: 33.33 / 50.
    bed.becomes(zones("ab", "wxyz")).await;
    assert_eq!((percent(&bed, "ab"), percent(&bed, "wxyz")), (67, 33));
    assert_eq!(bed.shares(600).len(), 6);
    bed.becomes(zones("", "uvwxyz")).await;
    assert_eq!(percent(&bed, "uvwxyz"), 100);
    bed.becomes(zones("a", "xyz")).await;
    assert_eq!(
        bed.shares(40),
        expect([("a", 10), ("x", 10), ("y", 10), ("z", 10)]),
        "too few for zones to matter"
    );
}
