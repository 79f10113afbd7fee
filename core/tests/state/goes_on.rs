//! A balancer that was restarted goes on as if nothing had happened.

use core::time::Duration;

use evenkeel_core::health::Health;
use evenkeel_core::{Book, Config, Heap, Inline, Store};
use proptest::prelude::*;

use crate::cases::proptest_config;
use crate::fixture::{Client, MS, SECOND, Seen};

/// Those that remember something or go by what is known, and some whose tables follow the
/// candidates.
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
    let rates = |config: Config| Config {
        seed: 7,
        success_rate: true,
        success_rate_minimum_hosts: 3,
        success_rate_request_volume: 5,
        success_rate_minimum_failures: 1,
        success_rate_floor_percent: Config::DEFAULT.success_rate_floor_percent,
        ..config
    };
    let short = |config: Config| Config {
        consecutive_failures: 3,
        base_ejection_time: Duration::from_secs(3),
        max_ejection_jitter: Duration::from_millis(500),
        max_ejection_percent: 50,
        ..rates(config)
    };
    [
        default,
        Config { overprovisioning_percent: 140, ..default },
        Config { max_ejection_percent: 60, ..rates(default) },
        short(Config::ENVOY),
        short(Config::GRPC),
        Config { half_open: true, ..short(Config::ENVOY) },
        Config { book: Book::Off, ..default },
    ]
}

/// Lives on and is restarted at once: sees and knows the same, step by step.
fn goes_on<S: Store>(mut client: Client<S>, before: usize, shift: u64, gap: u64) -> (usize, usize) {
    for _ in 0..before {
        client.step();
    }
    client.settle();
    // An interval that ends meanwhile is judged when the state is imported, and the next one begins
    // then.
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
        let client = Client::<Heap>::new(policy, config, 0, count, seed);
        goes_on(client, before, 1_000_000 * SECOND, gap);
    }
}
