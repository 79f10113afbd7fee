//! Priorities: published figures, and the rule written down plainly.

use std::collections::BTreeSet;

use evenkeel_core::policy::RoundRobin;
use evenkeel_core::{
    Balancer, Config, ConfigError, Endpoint, Instant, Outcome, PickError, Request, Why,
};
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::cases::proptest_config;
use super::fixture::Fixture;

const START: Instant = Instant::ZERO;

/// The first level that has an endpoint available.
const FIRST: Config = Config::DEFAULT;

/// Envoy's defaults.
const ENVOY: Config = shared(140, 50);

const fn shared(overprovisioning_percent: u16, panic_threshold_percent: u8) -> Config {
    Config { overprovisioning_percent, panic_threshold_percent, ..Config::DEFAULT }
}

/// One level for each pair of (all, available) endpoints; the others drain. An address is (level,
/// number).
fn cluster(config: Config, counts: &[(u16, u16)]) -> Fixture<[u8; 4]> {
    let endpoints = counts.iter().zip(0..).flat_map(|(&(all, available), level): (_, u16)| {
        (0..all).map(move |number| {
            let ([a, b], [c, d]) = (level.to_be_bytes(), number.to_be_bytes());
            // Sparse priorities: gaps mean nothing.
            Endpoint::new([a, b, c, d])
                .with_priority(level * 7 + 3)
                .with_draining(number >= available)
        })
    });
    Fixture::with(config, endpoints)
}

/// The share and the panic of each level; `None` for one without a share.
fn shares(config: Config, counts: &[(u16, u16)]) -> Vec<Option<(u8, bool)>> {
    let mut shares = vec![None; counts.len()];
    for group in cluster(config, counts).groups() {
        let level = u16::from_be_bytes([group.members[0][0], group.members[0][1]]);
        shares[usize::from(level)] = Some((group.share, group.panic));
    }
    shares
}

fn percent(shares: &[Option<(u8, bool)>]) -> Vec<u8> {
    shares.iter().map(|share| share.map_or(0, |(share, _)| share)).collect()
}

/// The tables of Envoy's documentation, "Priority levels": of 100 endpoints in each level, how many
/// are healthy; the traffic.
#[test]
fn envoy_documentation() {
    let table: &[(&[u16], &[u8])] = &[
        (&[100, 100], &[100, 0]),
        (&[72, 100], &[100, 0]),
        (&[71, 100], &[99, 1]),
        (&[50, 100], &[70, 30]),
        (&[25, 100], &[35, 65]),
        (&[0, 100], &[0, 100]),
        (&[72, 72], &[100, 0]),
        (&[71, 71], &[99, 1]),
        (&[50, 50], &[70, 30]),
        (&[25, 25], &[50, 50]),
        (&[100, 100, 100], &[100, 0, 0]),
        (&[72, 72, 100], &[100, 0, 0]),
        (&[71, 71, 100], &[99, 1, 0]),
        (&[50, 50, 100], &[70, 30, 0]),
        (&[25, 100, 100], &[35, 65, 0]),
        (&[25, 25, 100], &[35, 35, 30]),
    ];
    for (healthy, traffic) in table {
        let counts: Vec<_> = healthy.iter().map(|&healthy| (100, healthy)).collect();
        assert_eq!(percent(&shares(ENVOY, &counts)), *traffic, "{healthy:?}");
    }
    // The documentation says 36, 36, 28, which its integers do not give: 35 · 100 / 98 is 35, and
    // the first takes what is left. Besides, all panic, and then the shares go by the number of
    // endpoints.
    assert_eq!(percent(&shares(ENVOY, &[(100, 25), (100, 25), (100, 20)])), [34, 33, 33]);
    let calm = shared(140, 0);
    assert_eq!(percent(&shares(calm, &[(100, 25), (100, 25), (100, 20)])), [37, 35, 28]);
    // "Panic threshold": 5 % and 65 % make 98 % in all; the first panics. (The table rounds 7 and
    // 93.)
    let some = [Some((8, true)), Some((92, false))];
    assert_eq!(shares(ENVOY, &[(100, 5), (100, 65)]), some);
}

/// The figures of Envoy's own tests of gentle failover.
#[test]
fn envoy_tests() {
    type Case = (&'static [(u16, u16)], &'static [u8], bool);
    let table: &[Case] = &[
        (&[(1, 1), (1, 1)], &[100, 0], false),
        (&[(2, 1), (2, 1)], &[70, 30], false),
        (&[(4, 1), (2, 2)], &[35, 65], false),
        (&[(4, 1), (4, 1)], &[50, 50], true),
        (&[(4, 0), (4, 1)], &[50, 50], true),
        (&[(4, 0), (6, 1)], &[40, 60], true),
        (&[(4, 1), (4, 1), (4, 1)], &[35, 35, 30], false),
        (&[(5, 1), (5, 1), (5, 1)], &[34, 33, 33], true),
        (&[(5, 0), (5, 0), (5, 5)], &[0, 0, 100], false),
        (&[(5, 0), (5, 0), (5, 4)], &[0, 0, 100], false),
        (&[(5, 0), (5, 0), (5, 2)], &[34, 33, 33], true),
        (&[(5, 0), (3, 0), (2, 0)], &[50, 30, 20], true),
        (&[(5, 0), (6, 2), (3, 1)], &[37, 42, 21], true),
    ];
    for (counts, traffic, panic) in table {
        let shares = shares(ENVOY, counts);
        assert_eq!(percent(&shares), *traffic, "{counts:?}");
        assert!(shares.iter().flatten().all(|&(_, panics)| panics == *panic), "{counts:?}");
    }
    let tight = shared(100, 50);
    assert_eq!(percent(&shares(tight, &[(4, 2), (4, 2)])), [50, 50]);
}

/// The rule of the shares, line by line, in exact fractions where it has them.
fn plain(counts: &[(u16, u16)], factor: u32, threshold: u32) -> Vec<(u32, bool)> {
    let level = |&(all, available): &(u16, u16)| (u32::from(all), u32::from(available));
    let health = |count| {
        let (all, available) = level(count);
        (factor * available / all).min(100)
    };
    let total = counts.iter().map(health).sum::<u32>().min(100);
    let mut loads = vec![0; counts.len()];
    let panics: Vec<bool> = counts
        .iter()
        .map(level)
        .map(|(all, ok)| total < 100 && 100 * ok < threshold * all)
        .collect();
    if total == 0 && threshold == 0 {
        loads[0] = 100;
    } else if panics.iter().all(|&panics| panics) {
        let hosts: u32 = counts.iter().map(|count| level(count).0).sum();
        for (load, count) in loads.iter_mut().zip(counts) {
            *load = 100 * level(count).0 / hosts;
        }
        loads[0] += 100 - loads.iter().sum::<u32>();
    } else {
        let mut remaining = 100;
        for (load, count) in loads.iter_mut().zip(counts) {
            *load = remaining.min(health(count) * 100 / total);
            remaining -= *load;
        }
        let first = counts.iter().position(|count| health(count) > 0).unwrap();
        loads[first] += remaining;
    }
    loads.into_iter().zip(panics).collect()
}

proptest! {
    #![proptest_config(proptest_config())]

    #[test]
    fn levels_follow_the_plain_rule(
        counts in prop::collection::vec((1..40_u16).prop_flat_map(|all| (Just(all), 0..=all)), 1..9),
        factor in prop_oneof![Just(140), 100..400_u16],
        panic_threshold in prop_oneof![Just(50), Just(0), 0..=100_u8],
    ) {
        let groups = cluster(shared(factor, panic_threshold), &counts).groups();
        let mut expected = Vec::<(u32, bool, Vec<[u8; 4]>)>::new();
        for (level, (share, panic)) in plain(&counts, factor.into(), panic_threshold.into()).into_iter().enumerate() {
            let used = if panic { counts[level].0 } else { counts[level].1 };
            if share == 0 || used == 0 {
                continue;
            }
            let members = (0..used).map(|number| {
                let ([a, b], [c, d]) = ((level as u16).to_be_bytes(), number.to_be_bytes());
                [a, b, c, d]
            });
            if expected.len() < 4 {
                expected.push((share, panic, members.collect()));
            } else {
                let last = expected.last_mut().unwrap();
                *last = (last.0 + share, last.1 || panic, last.2.iter().copied().chain(members).collect());
            }
        }
        let groups = groups.into_iter().map(|group| (u32::from(group.share), group.panic, group.members));
        prop_assert_eq!(groups.collect::<Vec<_>>(), expected);
    }
}

/// Seven levels with a share: the fourth group has the fourth and all after it.
#[test]
fn more_than_four_levels_share_the_last_group() {
    let counts = [(100, 12); 7];
    let calm = shared(100, 0);
    let groups = cluster(calm, &counts).groups();
    // 12 · 100 / 84 = 14 each, and the first takes 2 more.
    assert_eq!(groups.iter().map(|group| group.share).collect::<Vec<_>>(), [16, 14, 14, 56]);
    assert_eq!(groups[3].members.len(), 4 * 12);

    // The last of five panics: all its endpoints are used, of the others those available.
    let alarmed = shared(100, 15);
    let counts = [(100, 20), (100, 20), (100, 20), (100, 20), (100, 10)];
    let groups = cluster(alarmed, &counts).groups();
    let shares: Vec<_> =
        groups.iter().map(|group| (group.share, group.panic, group.members.len())).collect();
    assert_eq!(shares, [(23, false, 20), (22, false, 20), (22, false, 20), (33, true, 120)]);
}

#[test]
fn nothing_available() {
    let why = |fixture: &mut Fixture<[u8; 4]>| {
        assert!(fixture.groups().is_empty());
        fixture.balancer.pick(START, &mut ChaCha8Rng::seed_from_u64(1)).err()
    };
    let mut drained = cluster(FIRST, &[(3, 0), (2, 0)]);
    assert_eq!(why(&mut drained), Some(PickError::AllDrained));
    let never = shared(140, 0);
    assert_eq!(why(&mut cluster(never, &[(3, 0), (2, 0)])), Some(PickError::AllDrained));
    // Weight 0 is drained even in panic.
    let mut weightless = cluster(ENVOY, &[]);
    weightless.update([Endpoint::new([0; 4]).with_weight(0)]);
    assert_eq!(why(&mut weightless), Some(PickError::AllDrained));
    // The last priority there is, and the first candidate after none.
    let last = Endpoint::new([9; 4]).with_priority(u16::MAX);
    let _ = drained.balancer.insert(START, last).unwrap();
    assert_eq!(drained.members(), [[9; 4]]);
}

/// A pick tells that it comes from a level that panics.
#[test]
fn panic_is_told() -> Result<(), Box<dyn core::error::Error>> {
    let config = ENVOY;
    let mut balancer: Balancer<u8, RoundRobin> = Balancer::with_config(RoundRobin::new(), config)?;
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let endpoints =
        |available| (0..4).map(move |addr| Endpoint::new(addr).with_draining(addr >= available));
    for (available, why, picked) in [(2, Why::Policy, 2), (1, Why::Panic, 4), (0, Why::Panic, 4)] {
        let _ = balancer.update(START, endpoints(available))?;
        let mut seen = BTreeSet::new();
        for _ in 0..4 {
            let pick = balancer.pick(START, &mut rng)?;
            assert_eq!(pick.why(), why);
            seen.insert(balancer.endpoint(&pick).map(|endpoint| endpoint.addr));
            balancer.report(START, pick, Outcome::Success);
        }
        assert_eq!(seen.len(), picked);
    }
    Ok(())
}

/// A retry that has tried all of the group drawn for it goes to another one, with a key or without.
#[test]
fn a_retry_leaves_a_group_that_it_has_tried() -> Result<(), Box<dyn core::error::Error>> {
    let config = ENVOY;
    let mut balancer: Balancer<u8, RoundRobin> = Balancer::with_config(RoundRobin::new(), config)?;
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    // Half of the first level drains, so the second has 30 percent.
    let endpoints = [(0, 0), (1, 0), (2, 1)]
        .map(|(addr, priority)| Endpoint::new(addr).with_priority(priority));
    let endpoints = endpoints.map(|endpoint| endpoint.with_draining(endpoint.addr == 1));
    let _ = balancer.update(START, endpoints)?;
    let slot = |balancer: &Balancer<u8, RoundRobin>, addr| {
        balancer.endpoints().find(|status| status.endpoint.addr == addr).map(|status| status.slot)
    };
    let (first, second) = (slot(&balancer, 0).ok_or("0")?, slot(&balancer, 2).ok_or("2")?);
    for key in (0..100).map(Some).chain([None; 100]) {
        for (avoid, expected, why) in [
            (&[first][..], Some(second), Why::Retry),
            (&[second], Some(first), Why::Retry),
            (&[first, second], None, Why::LastResort),
        ] {
            let pick = balancer
                .pick_with(Request { key, ..Request::at(START).avoiding(avoid) }, &mut rng)?;
            assert_eq!(pick.why(), why);
            assert!(
                expected.is_none_or(|expected| expected == pick.slot()),
                "{key:?} avoiding {avoid:?}"
            );
            balancer.report(START, pick, Outcome::Success);
        }
    }
    Ok(())
}

#[test]
fn settings_are_checked() {
    let errors = [
        (shared(99, 50), "overprovisioning_percent is 99; the least is 100"),
        (shared(140, 101), "panic_threshold_percent is 101; the most is 100"),
        (
            Config { zone_clients_per_mille: 1_001, ..FIRST },
            "zone_clients_per_mille is 1001; the most is 1000",
        ),
    ];
    for (config, text) in errors {
        let error = config.check().map_err(|error: ConfigError| error.to_string());
        assert_eq!(error, Err(text.into()));
    }
}
