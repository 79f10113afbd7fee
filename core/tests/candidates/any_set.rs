//! Rules that hold for any settings and any set, however it came about.

use core::time::Duration;
use std::collections::BTreeSet;

use evenkeel_core::{Cluster, Config, Endpoint, Heap, Inline, Instant, Store, Zone};
use proptest::prelude::*;

use super::cases::proptest_config;
use super::fixture::{Fixture, Group};

const START: Instant = Instant::ZERO;

/// A thing that a source may do.
#[derive(Clone, Debug)]
enum Event {
    Update(Vec<Endpoint<u8>>),
    Insert(Endpoint<u8>),
    Remove(u8),
    Wait(u32),
}

fn endpoint() -> impl Strategy<Value = Endpoint<u8>> {
    let weight = prop_oneof![Just(1), 0..4_u32, Just(u32::MAX), any::<u32>()];
    let priority = prop_oneof![Just(0), 0..6_u16, Just(u16::MAX)];
    (0..24_u8, weight, priority, 0..6_u16, prop::bool::weighted(0.3)).prop_map(
        |(addr, weight, priority, zone, draining)| {
            let endpoint = Endpoint::new(addr).with_weight(weight).with_priority(priority);
            endpoint.with_zone(Zone::new(zone)).with_draining(draining)
        },
    )
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        prop::collection::vec(endpoint(), 0..24).prop_map(Event::Update),
        endpoint().prop_map(Event::Insert),
        endpoint().prop_map(Event::Insert),
        (0..24_u8).prop_map(Event::Remove),
        (0..40_u32).prop_map(Event::Wait),
    ];
    prop::collection::vec(event, 1..20)
}

fn settings() -> impl Strategy<Value = Config> {
    let thresholds = (100..300_u16, 0..=100_u8);
    let levels = prop_oneof![Just((0, 50)), Just((140, 50)), thresholds];
    let zone = (0..6_u16, 0..=1_000_u16, 0..8_u32);
    let slow_start = (1..30_u64).prop_map(Duration::from_secs);
    let slow_start = prop::option::weighted(0.3, slow_start);
    let (zone, subset) = (prop::option::of(zone), prop::option::of(1..6_u32));
    (any::<u64>(), levels, zone, subset, slow_start).prop_map(
        |(seed, (overprovisioning_percent, panic_threshold_percent), zone, subset, slow_start)| {
            let (zone, zone_clients_per_mille, zone_minimum_endpoints) = zone.unwrap_or((0, 0, 6));
            Config {
                seed,
                overprovisioning_percent,
                panic_threshold_percent,
                zone: Zone::new(zone),
                zone_clients_per_mille,
                zone_minimum_endpoints,
                subset: subset.unwrap_or(0),
                slow_start: slow_start.unwrap_or_default(),
                ..Config::default()
            }
        },
    )
}

/// Checks what holds for any candidates.
fn check<S: Store>(config: Config, fixture: &mut Fixture<u8, S>) -> Result<(), TestCaseError> {
    let (groups, endpoints) = (fixture.groups(), fixture.endpoints());
    prop_assert!(groups.len() <= 4);
    let sum = groups.iter().map(|group| u32::from(group.share)).sum::<u32>();
    prop_assert!(groups.is_empty() || sum == 100);
    let mut seen = BTreeSet::new();
    for group in &groups {
        prop_assert!(group.share > 0 && !group.members.is_empty());
        prop_assert!(group.members.is_sorted());
        prop_assert!(group.members.iter().all(|&member| seen.insert(member)), "in two groups");
        prop_assert!(group.weights.iter().all(|&weight| weight > 0));
    }
    let listed = fixture.balancer.endpoints().filter(|status| status.candidate);
    prop_assert!(listed.map(|status| &status.endpoint.addr).eq(&seen));
    let available = |endpoint: &Endpoint<u8>| endpoint.weight > 0 && !endpoint.draining;
    for endpoint in endpoints.iter().filter(|endpoint| seen.contains(&endpoint.addr)) {
        let panics = |group: &Group<u8>| group.panic && group.members.contains(&endpoint.addr);
        let panics = groups.iter().any(panics);
        prop_assert!(available(endpoint) || panics && endpoint.weight > 0);
    }
    prop_assert!(!groups.is_empty() || !endpoints.iter().any(available));
    if config == (Config { seed: config.seed, ..Config::default() }) {
        let eligible = || endpoints.iter().filter(|endpoint| available(endpoint));
        let first = eligible().map(|endpoint| endpoint.priority).min();
        let first = eligible().filter(|endpoint| Some(endpoint.priority) == first);
        let (members, weights): (Vec<_>, Vec<_>) = first.map(|e| (e.addr, e.weight)).unzip();
        let none = members.is_empty();
        let expected = Group { share: 100, panic: false, members, weights };
        prop_assert_eq!(groups, if none { vec![] } else { vec![expected] });
    }
    Ok(())
}

fn run<S: Store>(config: Config, events: Vec<Event>) -> Result<(), TestCaseError> {
    prop_assert_eq!(config.check(), Ok(()));
    let mut fixture: Fixture<u8, S> = Fixture::new(config);
    for event in events {
        let now = fixture.now;
        match event {
            Event::Update(endpoints) => fixture.update(endpoints),
            Event::Insert(endpoint) => drop(fixture.balancer.insert(now, endpoint)),
            Event::Remove(addr) => drop(fixture.balancer.remove(now, &addr)),
            Event::Wait(secs) => {
                fixture.now = now + Duration::from_secs(secs.into());
                fixture.balancer.handle_timeout(fixture.now);
                let due = fixture.balancer.poll_timeout();
                prop_assert!(due.is_none_or(|due| due > fixture.now));
            }
        }
        check(config, &mut fixture)?;
        if config.slow_start.is_zero() {
            // However they came about, the candidates are those of the set.
            let mut anew: Fixture<u8, S> = Fixture::with(config, fixture.endpoints());
            prop_assert_eq!(fixture.groups(), anew.groups());
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(proptest_config())]

    #[test]
    fn any_settings_and_any_set(config in settings(), events in events()) {
        run::<Heap>(config, events)?;
    }

    #[test]
    fn default_settings_and_any_set(events in events()) {
        run::<Heap>(Config::default(), events)?;
    }

    #[test]
    fn any_settings_and_any_set_inline(config in settings(), events in events()) {
        run::<Inline<12>>(config, events)?;
    }
}

fn all_settings() -> [Config; 3] {
    let default = Config::default();
    let levels = Config { overprovisioning_percent: 140, ..default };
    let everything = Config {
        zone: Zone::new(1),
        zone_clients_per_mille: 700,
        subset: 1_000,
        slow_start: Duration::from_secs(10),
        ..levels
    };
    [default, levels, everything]
}

/// An endpoint in each: what is kept by level must not mind.
const LEVELS: u32 = 16_384;

#[test]
fn extremes() {
    for config in all_settings() {
        let cluster = || Cluster::<u32, (), Config, Heap>::new(config);
        let mut one = cluster();
        let _ = one.update(START, [Endpoint::new(1).with_weight(u32::MAX)]);
        assert_eq!(one.candidates().count(), 1);

        let mut many = cluster();
        let zone = |addr: u32| Zone::new((addr % 5) as u16);
        let heavy = |addr| Endpoint::new(addr).with_weight(u32::MAX).with_zone(zone(addr));
        let _ = many.update(START, (0..200_000).map(heavy));
        let _ = many.update(Instant::from_secs(1), (0..200_001).map(heavy));
        let expected = if config.subset > 0 { config.subset as usize } else { 200_001 };
        assert_eq!(many.candidates().count(), expected);

        let mut sparse = cluster();
        let level = |addr: u32| Endpoint::new(addr).with_priority((addr * 40_503 % 65_536) as u16);
        let _ = sparse.update(START, (0..LEVELS).map(level));
        assert_eq!(sparse.candidates().count(), 1);
        // All but the last drain: where levels panic, the first takes what rounds to nothing.
        let worst = (0..LEVELS).map(|addr| level(addr).priority).max();
        let last = |endpoint: &Endpoint<u32>| Some(endpoint.priority) == worst;
        let draining = (0..LEVELS).map(level).map(|e| e.with_draining(!last(&e)));
        let _ = sparse.update(START, draining);
        assert_eq!(sparse.candidates().count(), 1);
    }
}

#[test]
fn an_identical_update_rebuilds_nothing() {
    for config in all_settings() {
        let mut fixture: Fixture<u32> = Fixture::new(config);
        let zone = |addr: u32| Zone::new((addr % 3) as u16);
        let endpoints = || (0..50).map(|addr| Endpoint::new(addr).with_zone(zone(addr)));
        fixture.update(endpoints());
        let (groups, rebuilt) = (fixture.groups(), fixture.rebuilt());
        assert!(fixture.balancer.update(START, endpoints()).unwrap().is_empty());
        assert!(fixture.balancer.update(START, endpoints().rev()).unwrap().is_empty());
        assert_eq!((fixture.groups(), fixture.rebuilt()), (groups.clone(), rebuilt));
        fixture.update(endpoints().map(|e| if e.addr == 7 { e.with_weight(9) } else { e }));
        let members = |groups: Vec<Group<u32>>| {
            groups.into_iter().map(|group| group.members).collect::<Vec<_>>()
        };
        assert_eq!(members(fixture.groups()), members(groups));
        assert!(fixture.rebuilt() > rebuilt);
    }
}
