//! Subsets: which endpoints a client uses of many.

use std::collections::BTreeSet;

use evenkeel_core::{Config, Endpoint, Heap, Instant};
use proptest::prelude::*;
use twox_hash::XxHash64;

use super::cases::proptest_config;

type Cluster = evenkeel_core::Cluster<u32, (), Config, Heap>;

const START: Instant = Instant::ZERO;

fn cluster(seed: u64, subset: u32, endpoints: impl IntoIterator<Item = Endpoint<u32>>) -> Cluster {
    let mut cluster = Cluster::new(Config { seed, subset, ..Config::default() });
    let _ = cluster.update(START, endpoints);
    cluster
}

fn members(cluster: &Cluster) -> BTreeSet<u32> {
    cluster
        .candidates()
        .filter_map(|slot| cluster.get(slot))
        .map(|endpoint| endpoint.addr)
        .collect()
}

proptest! {
    #![proptest_config(proptest_config())]

    /// The first by the hash of seed and id.
    #[test]
    fn the_least_hashes(seed: u64, subset in 1..20_u32, addrs in prop::collection::btree_set(any::<u32>(), 1..60)) {
        let mut ranked: Vec<_> = addrs.iter().map(|&addr| {
            let id = XxHash64::oneshot(0, &addr.to_be_bytes());
            (XxHash64::oneshot(seed, &id.to_le_bytes()), addr)
        }).collect();
        ranked.sort_unstable();
        let first: BTreeSet<_> = ranked.iter().take(subset as usize).map(|&(_, addr)| addr).collect();
        prop_assert_eq!(members(&cluster(seed, subset, addrs.into_iter().map(Endpoint::new))), first);
    }

    /// One endpoint that comes, goes or drains changes at most one.
    #[test]
    fn at_most_one_change(
        seed: u64,
        subset in 1..20_u32,
        mut addrs in prop::collection::btree_set(any::<u16>(), 1..60),
        steps in prop::collection::vec((any::<u16>(), any::<prop::sample::Index>(), 0..3_u8), 1..30),
    ) {
        let mut cluster = cluster(seed, subset, addrs.iter().map(|&addr| Endpoint::new(addr.into())));
        for (new, index, step) in steps {
            let before = members(&cluster);
            let known = index.get(&addrs.iter().copied().collect::<Vec<_>>()).to_owned();
            match step {
                0 => {
                    addrs.insert(new);
                    let _ = cluster.insert(START, Endpoint::new(new.into()));
                }
                1 => {
                    let _ = cluster.insert(START, Endpoint::new(known.into()).with_draining(true));
                }
                _ if addrs.len() > 1 => {
                    addrs.remove(&known);
                    cluster.remove(START, &known.into());
                }
                _ => {}
            }
            let after = members(&cluster);
            prop_assert!(after.difference(&before).count() <= 1);
            prop_assert!(before.difference(&after).count() <= 1);
        }
    }
}

/// Each level is cut down on its own; all of a level no larger than the subset is used.
#[test]
fn each_level() {
    let endpoints = (0..30).map(|addr| Endpoint::new(addr).with_priority(u16::from(addr >= 20)));
    let mut cluster = cluster(5, 12, endpoints.clone());
    assert_eq!((members(&cluster).len(), members(&cluster).range(20..).count()), (12, 0));
    let _ = cluster
        .update(START, endpoints.map(|endpoint| endpoint.with_draining(endpoint.priority == 0)));
    assert_eq!(members(&cluster), (20..30).collect());
}

/// Over many seeds, each of 50 endpoints is in a subset of 10 equally often: chi-square over 2,000
/// clients.
#[test]
fn clients_share_evenly() {
    const CLIENTS: u32 = 2_000;
    let mut counts = [0_u32; 50];
    for seed in 0..CLIENTS {
        for member in members(&cluster(seed.into(), 10, (0..50).map(Endpoint::new))) {
            counts[member as usize] += 1;
        }
    }
    let expected = f64::from(CLIENTS) * 10.0 / 50.0;
    let chi2: f64 =
        counts.iter().map(|&count| (f64::from(count) - expected).powi(2) / expected).sum();
    // 49 degrees of freedom, p = 0.001; drawing without replacement makes it smaller still.
    assert!(chi2 < 85.35, "{chi2}");
}
