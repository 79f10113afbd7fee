//! A state may say anything: the balancer that imports it serves.

use core::time::Duration;

use evenkeel_core::health::Health;
use evenkeel_core::policy::{AnyPolicy, RoundRobin};
use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::{Balancer, Book, Config, Endpoint, Imported, Instant, Outcome, State};
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::cases::proptest_config;
use crate::fixture::{SECOND, address, endpoints};
use crate::refused::forged;

const POLICIES: [&str; 4] = ["round_robin", "weighted_round_robin", "peak_ewma", "least_request"];

fn condition() -> impl Strategy<Value = Value> {
    let reasons = [
        "consecutive_failures",
        "failure_percentage",
        "success_rate",
        "cancellations",
        "probe_failed",
        "probe_timed_out",
        "probe_canceled",
    ];
    prop_oneof![
        prop::option::of(number()).prop_map(|served| json!({"in_service": {"served": served}})),
        left().prop_map(|left| json!({"overloaded": {"left": left}})),
        prop::sample::select(reasons.to_vec())
            .prop_map(|reason| json!({"half_open": {"reason": reason}})),
        (left(), prop::sample::select(reasons.to_vec()))
            .prop_map(|(left, reason)| json!({"ejected": {"left": left, "reason": reason}})),
    ]
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just((1_u64 << 53) - 1), 0..=(1_u64 << 53) - 1, 0..100 * SECOND]
}

fn left() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(172_800 * SECOND), 0..=172_800 * SECOND, 0..100 * SECOND]
}

fn learned() -> impl Strategy<Value = Value> {
    let counts = (any::<u32>(), any::<u32>(), any::<u16>(), any::<u16>());
    let held = prop::sample::select(vec![None, Some("calm"), Some("harm"), Some("minority")]);
    let rows = (number(), any::<[bool; 2]>(), any::<u16>(), held);
    let health = (condition(), number(), counts, rows).prop_map(|(condition, since, counts, rows)| {
        let (successes, failures, streak, ejections) = counts;
        let (began, [slow, heard], cancels, held) = rows;
        json!({
            "condition": condition, "since": since,
            "successes": successes, "failures": failures, "streak": streak, "ejections": ejections,
            "began": began, "slow": slow, "heard": heard, "cancels": cancels, "held": held
        })
    });
    let latency = (number(), number()).prop_map(|(nanos, age)| json!({"nanos": nanos, "age": age}));
    (prop::option::of(latency), prop::option::of(health), number())
        .prop_map(|(latency, health, warming)| {
            json!({"latency": latency, "health": health, "warming": warming})
        })
}

fn any_state() -> impl Strategy<Value = State<String>> {
    let turn = || prop::option::of((0..8_u8, any::<u32>()));
    let level = prop::sample::select(vec![None, Some(0_u16), Some(1), Some(u16::MAX)]);
    let calm = (level, any::<u8>(), any::<u16>(), number(), number()).prop_map(
        |(level, undos, most, left, over)| {
            json!({"level": level, "undos": undos, "most": most, "left": left, "over": over})
        },
    );
    let rounds = (
        (prop::option::of(left()), any::<u32>(), any::<u32>()),
        any::<u16>(),
        prop::option::of(calm),
    );
    let endpoints = prop::collection::btree_map(0..8_u8, learned(), 1..8);
    let name = |addr: u8| char::from(b'a' + addr).to_string();
    (endpoints, [turn(), turn(), turn(), turn()], rounds).prop_map(
        move |(endpoints, turns, ((interval_left, next_probe, draws), longest, calm))| {
            let endpoints = endpoints.into_iter().map(|(addr, mut learned)| {
                learned["addr"] = json!(name(addr));
                learned
            });
            let turns = turns.map(|turn| {
                turn.map(|(addr, place)| json!({"addr": name(addr), "place": place, "walk": 0}))
            });
            forged(json!({
                "version": 3,
                "endpoints": endpoints.collect::<Vec<_>>(),
                "turns": turns,
                "rounds": {
                    "interval_left": interval_left, "next_probe": next_probe, "draws": draws,
                    "longest": longest, "calm": calm
                },
            }))
        },
    )
}

fn any_config() -> impl Strategy<Value = Config> {
    let rules = [
        Config::DEFAULT,
        Config { success_rate: true, ..Config::DEFAULT },
        Config { max_ejection_percent: 100, half_open: false, ..Config::DEFAULT },
        Config::ENVOY,
        Config::GRPC,
        Config { book: Book::Off, ..Config::DEFAULT },
    ];
    let slow_start = [0, 30].map(Duration::from_secs).to_vec();
    (prop::sample::select(rules.to_vec()), prop::sample::select(slow_start))
        .prop_map(|(rules, slow_start)| Config { slow_start, ..rules })
}

proptest! {
    #![proptest_config(proptest_config())]

    #[test]
    fn any_state_leaves_a_balancer_that_serves(
        state in any_state(),
        config in any_config(),
        origin in prop_oneof![Just(0), number(), Just(u64::MAX - 20_000 * SECOND)],
        age in 0..=3600 * SECOND,
        policy in prop::sample::select(POLICIES.to_vec()),
    ) {
        let mut now = Instant::from_nanos(origin);
        let policy: AnyPolicy = policy.parse().unwrap();
        let mut balancer: Balancer<String, _> = Balancer::with_config(policy, config).unwrap();
        let _ = balancer.update(now, endpoints(8)).unwrap();
        let mut bytes = Vec::new();
        state.write(&mut |piece| bytes.extend_from_slice(piece));
        let read = State::read(&bytes, address);
        prop_assert_eq!(read.as_ref(), Some(&state));
        let aged = state.clone().aged(Duration::from_nanos(age));
        let expected = Imported { endpoints: state.len(), kept: 0, unknown: 0 };
        prop_assert_eq!(balancer.import(now, &aged), Ok(expected));

        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for status in balancer.endpoints() {
            match status.health {
                Health::Ejected { until, .. } | Health::Overloaded { until } => {
                    prop_assert!(until <= now + Duration::from_secs(300));
                }
                Health::Healthy | Health::HalfOpen => {}
                health => panic!("{health:?}"),
            }
        }
        // What is exported again can be imported again.
        let again = balancer.export(now);
        let mut other: Balancer<String, RoundRobin> = Balancer::new(RoundRobin::new());
        let _ = other.update(Instant::ZERO, endpoints(8)).unwrap();
        prop_assert!(other.import(Instant::ZERO, &again).is_ok());

        let deadline = now + Duration::from_secs(400);
        while now < deadline {
            let pick = balancer.pick(now, &mut rng);
            prop_assert!(pick.is_ok());
            balancer.report(now, pick.unwrap(), Outcome::Success);
            now = now + Duration::from_secs(1);
        }
        balancer.handle_timeout(now);
        prop_assert!(balancer.endpoints().all(|status| status.health == Health::Healthy));
        let _ = balancer.insert(now, Endpoint::new("z".to_string()));
    }
}
