//! What holds for any settings and any set, however it came about.

#[path = "support/groups.rs"]
mod support;

use core::time::Duration;
use std::collections::BTreeSet;

use evenkeel_core::tier::{Levels, SlowStart, ZoneAware};
use evenkeel_core::{Change, Cluster, Config, Endpoint, Heap, Inline, Instant, Store, Zone};
use proptest::prelude::*;
use support::{Group, groups, proptest_config};

const START: Instant = Instant::ZERO;

/// What a source may do.
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
    (0..24_u8, weight, priority, 0..6_u32, prop::bool::weighted(0.3)).prop_map(
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
    let levels = prop_oneof![
        Just(Levels::FirstAvailable),
        Just(Levels::OVERPROVISIONED),
        thresholds.prop_map(|(factor, panic_threshold)| Levels::Overprovisioned { factor, panic_threshold }),
    ];
    let zone =
        (0..6_u32, prop::option::of(1..=10_000_u16), 0..8_u32).prop_map(|(own, clients_in_zone, min_endpoints)| {
            ZoneAware { own: Zone::new(own), clients_in_zone, min_endpoints }
        });
    let slow_start = (1..30_u64).prop_map(|secs| SlowStart::new(Duration::from_secs(secs)));
    let (zone, subset) = (prop::option::of(zone), prop::option::of(1..6_u32));
    (any::<u64>(), levels, zone, subset, prop::option::weighted(0.3, slow_start)).prop_map(
        |(seed, levels, zone, subset, slow_start)| Config {
            seed,
            levels,
            zone,
            subset,
            slow_start,
            ..Config::default()
        },
    )
}

/// What holds for any candidates.
fn check<S: Store>(cluster: &Cluster<u8, S>) -> Result<(), TestCaseError> {
    let groups = groups(cluster);
    prop_assert!(groups.len() <= 4);
    prop_assert!(groups.is_empty() || groups.iter().map(|group| u32::from(group.share)).sum::<u32>() == 100);
    let mut seen = BTreeSet::new();
    for group in &groups {
        prop_assert!(group.share > 0 && !group.members.is_empty());
        prop_assert!(group.members.is_sorted());
        prop_assert!(group.members.iter().all(|&member| seen.insert(member)), "in two groups");
        prop_assert!(group.weights.iter().all(|&weight| weight > 0));
    }
    let available = |endpoint: &Endpoint<u8>| endpoint.weight > 0 && !endpoint.draining;
    for (_, endpoint) in cluster.set().iter().filter(|(_, endpoint)| seen.contains(&endpoint.addr)) {
        let panics = groups.iter().any(|group| group.panic && group.members.contains(&endpoint.addr));
        prop_assert!(available(endpoint) || panics && endpoint.weight > 0);
    }
    prop_assert!(!groups.is_empty() || !cluster.set().iter().any(|(_, endpoint)| available(endpoint)));
    if *cluster.config() == (Config { seed: cluster.config().seed, ..Config::default() }) {
        let first = cluster.set().iter().filter(|(_, endpoint)| available(endpoint)).map(|(_, e)| e.priority).min();
        let eligible = cluster.set().iter().filter(|(_, e)| available(e) && Some(e.priority) == first);
        let (members, weights): (Vec<_>, Vec<_>) = eligible.map(|(_, e)| (e.addr, e.weight)).unzip();
        let expected = Group { share: 100, panic: false, members, weights };
        prop_assert_eq!(groups, if first.is_some() { vec![expected] } else { vec![] });
    }
    Ok(())
}

fn run<S: Store>(config: Config, events: Vec<Event>) -> Result<(), TestCaseError> {
    prop_assert_eq!(config.check(), Ok(()));
    let mut cluster: Cluster<u8, S> = Cluster::with_config(config);
    let mut now = START;
    for event in events {
        let silent = &mut |_: Change<'_, u8>| {};
        match event {
            Event::Update(endpoints) => drop(cluster.update(now, endpoints)),
            Event::Insert(endpoint) => drop(cluster.insert(now, endpoint, silent)),
            Event::Remove(addr) => drop(cluster.remove(now, &addr)),
            Event::Wait(secs) => {
                now = now + Duration::from_secs(secs.into());
                cluster.handle_timeout(now);
                prop_assert!(cluster.poll_timeout().is_none_or(|timeout| timeout > now));
            }
        }
        check(&cluster)?;
        if config.slow_start.is_none() {
            // However they came about, the candidates are those of the set.
            let mut anew: Cluster<u8, S> = Cluster::with_config(config);
            let _ = anew.update(now, cluster.set().iter().map(|(_, endpoint)| *endpoint));
            prop_assert_eq!(groups(&cluster), groups(&anew));
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
    let mut zone = ZoneAware::new(Zone::new(1));
    zone.clients_in_zone = Some(7_000);
    let slow_start = Some(SlowStart::new(Duration::from_secs(10)));
    let levels = Levels::OVERPROVISIONED;
    let everything = Config { levels, zone: Some(zone), subset: Some(1_000), slow_start, ..Config::default() };
    [Config::default(), Config { levels, ..Config::default() }, everything]
}

#[test]
fn extremes() {
    for config in all_settings() {
        let sum = |cluster: &Cluster<u32>| groups(cluster).iter().map(|group| u32::from(group.share)).sum::<u32>();
        let mut one: Cluster<u32> = Cluster::with_config(config);
        let _ = one.update(START, [Endpoint::new(1).with_weight(u32::MAX)]);
        assert_eq!((sum(&one), one.candidates().len()), (100, 1));

        let mut many: Cluster<u32> = Cluster::with_config(config);
        let heavy = |addr| Endpoint::new(addr).with_weight(u32::MAX).with_zone(Zone::new(addr % 5));
        let _ = many.update(START, (0..200_000).map(heavy));
        let _ = many.update(Instant::from_secs(1), (0..200_001).map(heavy));
        let expected = config.subset.map_or(200_001, |most| most as usize);
        assert_eq!((sum(&many), many.candidates().len()), (100, expected));

        let mut sparse: Cluster<u32> = Cluster::with_config(config);
        let level = |addr: u32| Endpoint::new(addr).with_priority((addr * 40_503 % 65_536) as u16);
        let _ = sparse.update(START, (0..65_536).map(level));
        assert_eq!((sum(&sparse), sparse.candidates().len()), (100, 1));
        // All but the last drain: where levels panic, the first takes what rounds to nothing.
        let _ = sparse.update(
            START,
            (0..65_536).map(|addr| {
                let endpoint = level(addr);
                endpoint.with_draining(endpoint.priority < u16::MAX)
            }),
        );
        assert_eq!((sum(&sparse), sparse.candidates().len()), (100, 1));
    }
}

#[test]
fn an_identical_update_rebuilds_nothing() {
    for config in all_settings() {
        let mut cluster: Cluster<u32> = Cluster::with_config(config);
        let endpoints = || (0..50).map(|addr| Endpoint::new(addr).with_zone(Zone::new(addr % 3)));
        let _ = cluster.update(START, endpoints());
        let before = cluster.candidates().slots().as_ptr();
        assert!(cluster.update(START, endpoints()).is_empty());
        assert!(cluster.update(START, endpoints().rev()).is_empty());
        assert_eq!(cluster.candidates().slots().as_ptr(), before);
        let slots = cluster.candidates().slots().to_vec();
        let _ = cluster.update(START, endpoints().map(|e| if e.addr == 7 { e.with_weight(9) } else { e }));
        assert_eq!(cluster.candidates().slots(), slots);
    }
}
