//! A balancer that was restarted goes on as if nothing had happened.

use core::time::Duration;

use evenkeel_core::health::{Health, OutlierDetection, SuccessRate};
use evenkeel_core::policy::{AnyPolicy, RoundRobin, WeightedRoundRobin};
use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::tier::{Levels, SlowStart};
use evenkeel_core::{Balancer, Config, Endpoint, EventKind, Heap, Inline, Instant, Outcome, Store};
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;

use crate::bed::{Client, MS, SECOND, Seen, endpoints};
use crate::groups::proptest_config;

/// Those that remember something or go by what is known, and some whose tables follow the candidates.
const POLICIES: [&str; 8] = [
    "round_robin",
    "weighted_round_robin",
    "weighted_random",
    "least_request",
    "peak_ewma",
    "peak_ewma(full_scan)",
    "maglev(size=251)",
    "pick_first",
];

/// Settings under which different things are learned.
fn configs() -> [Config; 7] {
    let default = Config { seed: 7, ..Config::default() };
    let rates = SuccessRate { minimum_hosts: 3, request_volume: 5, minimum_failures: 1, ..SuccessRate::DEFAULT };
    let ours = OutlierDetection { success_rate: Some(rates), max_ejection_percent: 60, ..OutlierDetection::EVENKEEL };
    let short = |rules: OutlierDetection| OutlierDetection {
        consecutive_failures: 3,
        base_ejection_time: Duration::from_secs(3),
        max_ejection_jitter: Duration::from_millis(500),
        max_ejection_percent: 50,
        success_rate: Some(rates),
        ..rules
    };
    let probing = OutlierDetection { half_open: true, ..short(OutlierDetection::ENVOY) };
    [
        default,
        Config { levels: Levels::OVERPROVISIONED, ..default },
        Config { outlier_detection: Some(ours), ..default },
        Config { outlier_detection: Some(short(OutlierDetection::ENVOY)), ..default },
        Config { outlier_detection: Some(short(OutlierDetection::GRPC)), ..default },
        Config { outlier_detection: Some(probing), ..default },
        Config { outlier_detection: None, ..default },
    ]
}

/// Lives on and is restarted at once: sees and knows the same, step by step.
fn goes_on<S: Store>(mut client: Client<S>, before: usize, shift: u64, gap: u64) -> (usize, usize) {
    for _ in 0..before {
        client.step();
    }
    client.settle();
    // An interval that ends meanwhile is judged when the state is imported, and the next one begins then.
    let gap = client.interval_left().map_or(gap, |left| gap % left);
    let mut next = client.restart(shift, gap);
    client.wait(gap);
    client.seen.clear();
    let out = client.view().iter().filter(|view| view.2 != Health::Healthy).count();
    assert_eq!(next.view(), client.view());
    for step in 0..400 {
        client.step();
        next.step();
        assert_eq!(next.seen, client.seen, "step {step}");
        assert_eq!(next.view(), client.view(), "step {step}");
    }
    let picks = client.seen.iter().filter(|seen| matches!(seen, Seen::Pick(..))).count();
    (picks, out)
}

#[test]
fn a_restarted_balancer_makes_the_same_picks() {
    let (mut picks, mut out) = (0, 0);
    for (seed, policy) in (0..).zip(POLICIES) {
        for config in configs() {
            for gap in [0, 700 * MS, 20 * SECOND] {
                let client = Client::<Heap>::new(policy, config, SECOND, 8, seed);
                let counts = goes_on(client, 300, 1_000_000 * SECOND, gap);
                (picks, out) = (picks + counts.0, out + counts.1);
            }
        }
    }
    assert!(picks > 20_000 && out > 100, "{picks} picks, {out} endpoints out of service");
}

#[test]
fn so_does_one_without_an_allocator() {
    for policy in ["round_robin", "weighted_round_robin", "least_request", "peak_ewma"] {
        let client = Client::<Inline<8>>::new(policy, configs()[0], SECOND, 8, 3);
        goes_on(client, 300, 1_000_000 * SECOND, SECOND);
    }
}

proptest! {
    #![proptest_config(proptest_config())]

    #[test]
    fn whenever_it_was_restarted(
        policy in prop::sample::select(POLICIES.to_vec()),
        config in prop::sample::select(configs().to_vec()),
        count in 1..12_u8,
        before in 0..600_usize,
        seed: u64,
        gap in prop_oneof![Just(0), 0..100 * SECOND],
    ) {
        goes_on(Client::<Heap>::new(policy, config, 0, count, seed), before, 1_000_000 * SECOND, gap);
    }
}

/// The order of picks, over `count` of them.
fn order<P: evenkeel_core::Policy>(balancer: &mut Balancer<String, P>, count: usize) -> String {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut pick = || {
        let pick = balancer.pick(Instant::ZERO, &mut rng).unwrap();
        balancer.endpoint(&pick).unwrap().addr.clone()
    };
    (0..count).map(|_| pick()).collect()
}

#[test]
fn the_rotation_goes_on_within_its_cycle() {
    let weighted = || ["a", "b", "c"].into_iter().zip([5, 1, 1]);
    let endpoints = || weighted().map(|(addr, weight)| Endpoint::new(addr.to_string()).with_weight(weight));
    for picked in 0..15 {
        let mut balancer: Balancer<String, WeightedRoundRobin> = Balancer::new(WeightedRoundRobin::new());
        let _ = balancer.update(Instant::ZERO, endpoints()).unwrap();
        order(&mut balancer, picked);
        let mut next: Balancer<String, WeightedRoundRobin> = Balancer::new(WeightedRoundRobin::new());
        let _ = next.update(Instant::ZERO, endpoints()).unwrap();
        next.import(Instant::ZERO, &balancer.export(Instant::ZERO)).unwrap();
        assert_eq!(order(&mut next, 14), order(&mut balancer, 14), "after {picked}");
    }
}

/// Then it goes on as one does whose candidates change: with the first turn of the endpoint whose turn it was.
#[test]
fn the_rotation_goes_on_in_another_cycle() {
    let endpoints = |weights: &'static [u32]| {
        let names = ["a", "b", "c", "d"].into_iter().zip(weights);
        names.map(|(addr, &weight)| Endpoint::new(addr.to_string()).with_weight(weight))
    };
    for (picked, after) in (0..15).flat_map(|picked| [[5, 1, 1, 2].as_slice(), &[5, 2, 1]].map(|after| (picked, after)))
    {
        let mut balancer: Balancer<String, WeightedRoundRobin> = Balancer::new(WeightedRoundRobin::new());
        let _ = balancer.update(Instant::ZERO, endpoints(&[5, 1, 1])).unwrap();
        order(&mut balancer, picked);
        let state = balancer.export(Instant::ZERO);
        let _ = balancer.update(Instant::ZERO, endpoints(after)).unwrap();
        let mut next: Balancer<String, WeightedRoundRobin> = Balancer::new(WeightedRoundRobin::new());
        let _ = next.update(Instant::ZERO, endpoints(after)).unwrap();
        next.import(Instant::ZERO, &state).unwrap();
        assert_eq!(order(&mut next, 14), order(&mut balancer, 14), "after {picked}");

        // Another policy has another cycle of the same candidates.
        let mut plain: Balancer<String, RoundRobin> = Balancer::new(RoundRobin::new());
        let _ = plain.update(Instant::ZERO, endpoints(&[5, 1, 1])).unwrap();
        plain.import(Instant::ZERO, &state).unwrap();
        let mut same: Balancer<String, WeightedRoundRobin> = Balancer::new(WeightedRoundRobin::new());
        let _ = same.update(Instant::ZERO, endpoints(&[5, 1, 1])).unwrap();
        same.import(Instant::ZERO, &state).unwrap();
        assert!(picked == 0 || order(&mut plain, 1) == order(&mut same, 1), "after {picked}");
    }
}

/// Also where the balancer hashes no addresses while it picks.
#[test]
fn other_endpoints_of_the_same_weights_are_another_cycle() {
    let weighted = |names: [&'static str; 3]| names.into_iter().zip([5, 1, 1]);
    let endpoints = |names| weighted(names).map(|(addr, weight)| Endpoint::new(addr.to_string()).with_weight(weight));
    for picked in 1..15 {
        let mut balancer: Balancer<String, WeightedRoundRobin> = Balancer::new(WeightedRoundRobin::new());
        let _ = balancer.update(Instant::ZERO, endpoints(["a", "b", "c"])).unwrap();
        order(&mut balancer, picked);
        let mut next: Balancer<String, WeightedRoundRobin> = Balancer::new(WeightedRoundRobin::new());
        let _ = next.update(Instant::ZERO, endpoints(["a", "b", "d"])).unwrap();
        next.import(Instant::ZERO, &balancer.export(Instant::ZERO)).unwrap();
        let _ = balancer.update(Instant::ZERO, endpoints(["a", "b", "d"])).unwrap();
        assert_eq!(order(&mut next, 14), order(&mut balancer, 14), "after {picked}");
    }
}

#[test]
fn the_rotation_goes_on_after_an_endpoint_that_has_left() {
    let mut balancer: Balancer<String, RoundRobin> = Balancer::new(RoundRobin::new());
    let _ = balancer.update(Instant::ZERO, endpoints(5)).unwrap();
    let next = order(&mut balancer, 5)[..1].to_string();
    let follows = char::from(b'a' + (next.as_bytes()[0] - b'a' + 1) % 5).to_string();
    for (left, goes_on_with) in [(0, next.clone()), (1, follows)] {
        let mut restored: Balancer<String, RoundRobin> = Balancer::new(RoundRobin::new());
        let staying = endpoints(5).filter(|endpoint| left == 0 || endpoint.addr != next);
        let _ = restored.update(Instant::ZERO, staying).unwrap();
        restored.import(Instant::ZERO, &balancer.export(Instant::ZERO)).unwrap();
        assert_eq!(order(&mut restored, 1), goes_on_with);
    }
}

#[test]
fn a_rotation_that_has_begun_stays() {
    let mut balancer: Balancer<String, RoundRobin> = Balancer::new(RoundRobin::new());
    let _ = balancer.update(Instant::ZERO, endpoints(5)).unwrap();
    order(&mut balancer, 1);
    let state = balancer.export(Instant::ZERO);
    let mut other: Balancer<String, RoundRobin> = Balancer::new(RoundRobin::new());
    let _ = other.update(Instant::ZERO, endpoints(5)).unwrap();
    let begun = order(&mut other, 3);
    other.import(Instant::ZERO, &state).unwrap();
    let follows = char::from(b'a' + (begun.as_bytes()[2] - b'a' + 1) % 5).to_string();
    assert_eq!(order(&mut other, 1), follows);
}

/// What is newer stays: only endpoints without any report here go on with what was known.
#[test]
fn nothing_is_unlearned() {
    let fail = |balancer: &mut Balancer<String, AnyPolicy>, now: Instant, addr: &str, outcomes: &[Outcome]| {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for outcome in outcomes {
            let pick = loop {
                let pick = balancer.pick(now, &mut rng).unwrap();
                if balancer.endpoint(&pick).unwrap().addr == addr {
                    break pick;
                }
            };
            balancer.report(now + Duration::from_millis(10), pick, *outcome);
        }
    };
    let now = Instant::from_secs(5);
    let new = || {
        let mut balancer: Balancer<String, AnyPolicy> = Balancer::new("random".parse().unwrap());
        let _ = balancer.update(now, endpoints(6)).unwrap();
        balancer
    };
    let mut before = new();
    fail(&mut before, now, "a", &[Outcome::Failure; 5]);
    fail(&mut before, now, "b", &[Outcome::Failure; 4]);
    fail(&mut before, now, "c", &[Outcome::Failure; 4]);
    let state = before.export(now + Duration::from_millis(10));
    assert_eq!(state.len(), 3);

    for outcome in [Outcome::Success, Outcome::Failure, Outcome::Canceled] {
        let mut balancer = new();
        fail(&mut balancer, now, "a", &[outcome]);
        fail(&mut balancer, now, "d", &[Outcome::Failure; 4]);
        let imported = balancer.import(now, &state).unwrap();
        assert_eq!((imported.endpoints, imported.kept, imported.unknown), (2, 1, 0));
        assert!(balancer.endpoints().all(|status| status.health == Health::Healthy));
        // What was learned here stays, and what was known before counts.
        fail(&mut balancer, now, "d", &[Outcome::Failure]);
        let health =
            |balancer: &Balancer<String, AnyPolicy>, place: usize| balancer.endpoints().nth(place).unwrap().health;
        assert_ne!(health(&balancer, 3), Health::Healthy);
        balancer.set_outlier_detection(now, None).unwrap();

        let mut balancer = new();
        balancer.import(now, &state).unwrap();
        assert_ne!(health(&balancer, 0), Health::Healthy);
        // Once more changes nothing: all is known.
        let (seen, again) = (format!("{balancer:?}"), balancer.import(now, &state).unwrap());
        assert_eq!((again.endpoints, again.kept), (0, 3));
        assert_eq!(format!("{balancer:?}"), seen);
    }
}

#[test]
fn a_slow_start_goes_on() {
    let config = Config { slow_start: Some(SlowStart::new(Duration::from_secs(100))), ..Config::default() };
    let new = |now, count| {
        let mut balancer: Balancer<String, WeightedRoundRobin> =
            Balancer::with_config(WeightedRoundRobin::new(), config).unwrap();
        let plain = |endpoint: Endpoint<String>| endpoint.with_weight(1);
        let _ = balancer.update(now, endpoints(count).map(plain)).unwrap();
        balancer
    };
    let weights = |balancer: &Balancer<String, WeightedRoundRobin>| {
        balancer.endpoints().map(|status| status.weight).collect::<Vec<_>>()
    };
    let mut balancer = new(Instant::ZERO, 4);
    let _ = balancer.insert(Instant::from_secs(1000), Endpoint::new("z".to_string())).unwrap();
    balancer.handle_timeout(Instant::from_secs(1035));
    assert_eq!(weights(&balancer), [10, 10, 10, 10, 3]);
    let state = balancer.export(Instant::from_secs(1035));

    for (age, origin, weight) in [(0, 5000, 3), (20, 5000, 5), (0, 0, 3), (64, 0, 9), (65, 0, 1), (70, 5000, 1)] {
        let now = Instant::from_secs(origin);
        let mut next = new(now, 4);
        let _ = next.insert(now, Endpoint::new("z".to_string())).unwrap();
        next.import(now, &state.clone().aged(Duration::from_secs(age))).unwrap();
        let whole = if weight == 1 { 1 } else { 10 };
        assert_eq!(weights(&next), [whole, whole, whole, whole, weight], "{age} s later");
    }
    // No longer than here.
    let short = Config { slow_start: Some(SlowStart::new(Duration::from_secs(10))), ..Config::default() };
    let mut shorter: Balancer<String, WeightedRoundRobin> =
        Balancer::with_config(WeightedRoundRobin::new(), short).unwrap();
    let all = ["a", "b", "c", "z"].map(|addr| Endpoint::new(addr.to_string()));
    let _ = shorter.update(Instant::ZERO, all).unwrap();
    shorter.import(Instant::ZERO, &state).unwrap();
    assert_eq!(weights(&shorter), [10, 10, 10, 1]);
    shorter.handle_timeout(Instant::from_secs(10));
    assert_eq!(weights(&shorter), [1; 4]);
    let mut without: Balancer<String, WeightedRoundRobin> = Balancer::new(WeightedRoundRobin::new());
    let _ = without.update(Instant::ZERO, [Endpoint::new("z".to_string())]).unwrap();
    assert_eq!(without.import(Instant::ZERO, &state).unwrap().endpoints, 1);
    assert_eq!(weights(&without), [1]);
}

/// An endpoint warms up after an ejection, too.
#[test]
fn a_slow_start_after_an_ejection_goes_on() {
    let slow_start = Some(SlowStart::new(Duration::from_secs(100)));
    let rules = OutlierDetection { half_open: false, ..OutlierDetection::EVENKEEL };
    let config = Config { slow_start, outlier_detection: Some(rules), ..Config::default() };
    let mut client: Client = Client::new("random", config, 0, 5, 1);
    while client.view()[2].2 == Health::Healthy {
        client.step();
    }
    client.settle();
    let readmitted = |seen: &Seen| matches!(seen, Seen::Event(_, Some(addr), EventKind::Readmitted) if addr == "c");
    while !client.seen.iter().any(readmitted) {
        client.wait(SECOND);
    }
    client.wait(45 * SECOND);
    // 45 seconds before, by the clock of the next process, there was none.
    let mut early: Balancer<String, AnyPolicy> = Balancer::with_config("random".parse().unwrap(), config).unwrap();
    let _ = early.update(Instant::ZERO, endpoints(5)).unwrap();
    early.import(Instant::ZERO, &client.balancer.export(client.now)).unwrap();
    let weights: Vec<_> = early.endpoints().map(|status| status.weight).collect();
    assert_eq!(weights, [10, 20, 12, 10, 20]);
}
