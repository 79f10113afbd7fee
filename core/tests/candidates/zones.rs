//! Zones: published figures, exact shares, and what happens with many of them.

use evenkeel_core::{Config, Endpoint, Zone};
use proptest::prelude::*;

use super::cases::proptest_config;
use super::fixture::{Fixture, Group};

/// As many endpoints in the zones 1, 2, … as `counts` says; the client is in zone 1. An address is
/// zone · 2¹⁶ + number.
fn divided(
    counts: &[u32],
    zone_clients_per_mille: u16,
    zone_minimum_endpoints: u32,
) -> Vec<Group<u32>> {
    let zone = Zone::new(1);
    let config =
        Config { zone, zone_clients_per_mille, zone_minimum_endpoints, ..Config::default() };
    Fixture::<u32>::with(config, endpoints(counts)).groups()
}

fn endpoints(counts: &[u32]) -> impl Iterator<Item = Endpoint<u32>> {
    counts.iter().zip(1..).flat_map(|(&count, zone)| {
        (0..count).map(move |number| {
            Endpoint::new((zone << 16) + number).with_zone(Zone::new(zone as u16))
        })
    })
}

/// The zones of each group, with its share.
fn zones(groups: &[Group<u32>]) -> Vec<(u8, Vec<u32>)> {
    let zones = |group: &Group<u32>| {
        let mut zones: Vec<u32> = group.members.iter().map(|member| member >> 16).collect();
        zones.dedup();
        zones
    };
    groups.iter().map(|group| (group.share, zones(group))).collect()
}

/// Envoy's test of a small zone: one of five endpoints, a third of the clients; 0.2 / 0.3333 stay.
#[test]
fn envoy_small_zone() {
    assert_eq!(zones(&divided(&[1, 2, 2], 0, 5)), [(60, vec![1]), (20, vec![2]), (20, vec![3])]);
}

/// Envoy's tests of zones as large as the clients' share, and of conditions that are not met.
#[test]
fn envoy_conditions() {
    assert_eq!(zones(&divided(&[1, 1, 1], 0, 3)), [(100, vec![1])]);
    assert_eq!(zones(&divided(&[1, 1, 1], 0, 7)), [(100, vec![1, 2, 3])]);
    assert_eq!(zones(&divided(&[8], 0, 6)), [(100, vec![1])]);
    assert_eq!(zones(&divided(&[0, 2], 0, 1)), [(100, vec![2])]);
    // 44,999 of 100,000 endpoints for 45 % of the clients: 99.97 % stay, which is all in percent.
    assert_eq!(zones(&divided(&[44_999, 55_001], 450, 6)), [(100, vec![1])]);
}

#[test]
fn zone_settings() {
    let set = endpoints(&[4, 4]).chain([Endpoint::new(0)]);
    let mut unknown: Fixture<u32> = Fixture::with(Config::default(), set);
    assert_eq!(unknown.groups().len(), 1);
    // 50 % of the endpoints for 80 % of the clients: 62.5 % stay, rounded up.
    assert_eq!(zones(&divided(&[5, 5], 800, 6)), [(63, vec![1]), (37, vec![2])]);
    assert_eq!(zones(&divided(&[5, 5], 500, 6)), [(100, vec![1])]);
    assert_eq!(zones(&divided(&[5, 5], 1, 6)), [(100, vec![1])]);
    assert_eq!(zones(&divided(&[5, 5], 1_000, 6)), [(50, vec![1]), (50, vec![2])]);
    // Zone 2 has less than its own clients need: nothing spills into it.
    assert_eq!(zones(&divided(&[2, 2, 8], 0, 6)), [(50, vec![1]), (50, vec![3])]);
}

/// The zones with most residual capacity have groups of their own, the others share the last.
#[test]
fn many_zones() {
    let groups = divided(&[1, 20, 10, 40, 10, 10, 1, 30], 500, 6);
    // 1/122 of the endpoints for half of the clients: 1.62 % stay. In 1/10,000, the residual
    // capacities are 2,564 in zone 4, 1,745 in zone 8, 925 in zone 2 and 105 in the zones 3, 5 and
    // 6; zone 7 has none.
    assert_eq!(
        zones(&groups),
        [(2, vec![1]), (45, vec![4]), (31, vec![8]), (22, vec![2, 3, 5, 6])]
    );
}

/// Zones take what groups the levels leave; only the first level is divided, and only when it does
/// not panic.
#[test]
fn zones_and_levels() {
    let config = Config {
        overprovisioning_percent: 140,
        zone: Zone::new(1),
        zone_minimum_endpoints: 2,
        ..Config::default()
    };
    let mut fixture: Fixture<u32> = Fixture::new(config);
    let first = || endpoints(&[2, 8, 5, 5]);
    let backup =
        || endpoints(&[3, 3]).map(|e| Endpoint { addr: e.addr + (16 << 16), priority: 9, ..e });
    fixture.update(first().chain(backup()));
    // 10 % for a quarter: 40 % stay, the rest goes to the one zone with more than a quarter.
    assert_eq!(zones(&fixture.groups()), [(40, vec![1]), (60, vec![2])]);
    // Half of the first level is gone: 70 % for it, of which a zone with 2 of 10 endpoints, for a
    // third of the clients, keeps 60 %.
    let half = first()
        .map(|e| e.with_draining(e.addr >> 16 == 2 || e.addr >> 16 == 3 && e.addr & 0xffff > 2));
    fixture.update(half.chain(backup()));
    assert_eq!(zones(&fixture.groups()), [(42, vec![1]), (28, vec![4]), (30, vec![17, 18])]);
    // In panic, zones do not matter.
    let few = first().chain(backup()).map(|e| e.with_draining(e.addr & 0xffff > 0));
    fixture.update(few);
    let panicking = fixture.groups();
    assert_eq!((panicking[0].members.len(), panicking[0].panic), (20, true));
}

proptest! {
    #![proptest_config(proptest_config())]

    /// The own share is that of the rule, and every zone with capacity to spare gets what is left,
    /// to a percent.
    #[test]
    fn shares_follow_the_rule(
        counts in prop::collection::vec(1..30_u32, 2..9),
        clients in 0..=1_000_u16,
    ) {
        let (total, n) = (counts.iter().sum::<u32>(), counts.len() as u32);
        let part = |count: u32| count * 10_000 / total;
        let own = if clients == 0 { 10_000 / n } else { 10 * u32::from(clients) };
        let others = (10_000 - own) / (n - 1);
        let stays = if part(counts[0]) >= own { 10_000 } else { part(counts[0]) * 10_000 / own };
        let stays = (stays + 50) / 100;
        let groups = divided(&counts, clients, 0);
        let mut shares = zones(&groups).into_iter().peekable();
        let own_share = shares.next_if(|(_, zones)| zones[..] == [1]).map_or(0, |(share, _)| share);
        prop_assert_eq!(u32::from(own_share), stays);

        let residual = |zone: u32| part(counts[zone as usize - 1]).saturating_sub(others);
        let spare: u32 = (2..=n).map(residual).sum();
        let mut least = u32::MAX;
        for (share, zones) in shares {
            prop_assert!(zones.iter().all(|&zone| zone > 1));
            if spare > 0 {
                let sum: u32 = zones.iter().map(|&zone| residual(zone)).sum();
                let exact = f64::from(100 - stays) * f64::from(sum) / f64::from(spare);
                prop_assert!((f64::from(share) - exact).abs() <= 1.0, "{share} for {exact}");
                prop_assert!(zones.iter().all(|&zone| residual(zone) > 0 && residual(zone) <= least));
                least = zones.iter().map(|&zone| residual(zone)).min().unwrap();
            }
        }
    }
}
