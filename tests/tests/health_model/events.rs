//! Which settings and events are tried, and how often.

use core::time::Duration;

use evenkeel_core::health::{Arithmetic, FailurePercentage, OutlierDetection, SuccessRate};
use evenkeel_core::{Endpoint, Outcome};
use evenkeel_tests::health::{ADDRESSES, Event, Start};
use proptest::prelude::*;

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

pub(crate) fn start() -> impl Strategy<Value = Start> {
    let most = prop_oneof![3 => Just(Duration::from_secs(300)), 1 => Just(Duration::ZERO), 1 => time().prop_map(at_most_a_day)];
    (any::<u64>(), prop_oneof![1 => Just(None), 9 => settings().prop_map(Some)], most)
        .prop_map(|(seed, settings, max_retry_after)| Start { seed, settings, max_retry_after, least_request: false })
}

/// The settings with names, and variants under which more happens.
fn settings() -> impl Strategy<Value = OutlierDetection> {
    let named = || {
        prop_oneof![
            4 => Just(OutlierDetection::EVENKEEL),
            1 => Just(OutlierDetection::ENVOY),
            1 => Just(OutlierDetection::GRPC),
        ]
    };
    let rules = (0..5_u16, prop::option::of(percentage()), prop::option::of(rate()));
    let times = (time(), time(), time(), prop_oneof![2 => Just(Duration::ZERO), 1 => time()], time());
    let varied = (named(), rules, times, 0..=100_u8, any::<bool>(), any::<bool>()).prop_map(
        |(
            named,
            (consecutive_failures, failure_percentage, success_rate),
            times,
            most,
            always_eject_one,
            half_open,
        )| {
            let (interval, base, longest, jitter, probe) = times;
            let base_ejection_time = at_least_a_millisecond(base);
            let least = if named.arithmetic == Arithmetic::Evenkeel { base_ejection_time } else { Duration::ZERO };
            OutlierDetection {
                consecutive_failures,
                failure_percentage,
                success_rate,
                interval: at_least_a_millisecond(interval),
                base_ejection_time,
                max_ejection_time: at_most_a_day(longest).max(least),
                max_ejection_jitter: at_most_a_day(jitter),
                max_ejection_percent: most,
                always_eject_one,
                half_open,
                probe_timeout: at_least_a_millisecond(probe),
                ..named
            }
        },
    );
    let quick = named().prop_map(|named| OutlierDetection {
        consecutive_failures: 2,
        max_ejection_percent: 60,
        always_eject_one: true,
        ..named
    });
    prop_oneof![2 => named(), 3 => quick, 3 => varied]
}

fn enforcement() -> impl Strategy<Value = u8> {
    prop_oneof![3 => Just(100_u8), 1 => 0..100_u8]
}

fn percentage() -> impl Strategy<Value = FailurePercentage> {
    (1..=100_u8, enforcement(), 0..4_u32, 0..12_u32, 0..4_u32).prop_map(
        |(threshold, enforcement, minimum_hosts, request_volume, minimum_failures)| FailurePercentage {
            threshold,
            enforcement,
            minimum_hosts,
            request_volume,
            minimum_failures,
        },
    )
}

fn rate() -> impl Strategy<Value = SuccessRate> {
    (0..3_000_u32, 1..=100_u8, enforcement(), 0..6_u32, 0..12_u32, 0..4_u32).prop_map(
        |(stdev_factor, floor, enforcement, minimum_hosts, request_volume, minimum_failures)| SuccessRate {
            stdev_factor,
            floor,
            enforcement,
            minimum_hosts,
            request_volume,
            minimum_failures,
        },
    )
}

pub(crate) fn events() -> impl Strategy<Value = Vec<Event>> {
    let set = prop_oneof![
        2 => prop::collection::vec(endpoint(), 0..9).prop_map(Event::Update),
        2 => (3..ADDRESSES).prop_map(|most| Event::Update((0..most).map(Endpoint::new).collect())),
        2 => endpoint().prop_map(Event::Insert),
        1 => (0..ADDRESSES).prop_map(Event::Remove),
    ];
    let told = prop_oneof![
        2 => (0..ADDRESSES, any::<bool>()).prop_map(|(addr, down)| Event::SetDown(addr, down)),
        1 => prop::option::weighted(0.7, settings()).prop_map(Event::Configure),
    ];
    let picks = prop_oneof![
        6 => Just(Event::Pick(0)),
        1 => any::<u16>().prop_map(Event::Pick),
        6 => (0..8_usize, outcome()).prop_map(|(index, outcome)| Event::Report(index, outcome)),
        1 => (0..8_usize).prop_map(Event::Lose),
        6 => (1..60_u16, any::<u16>(), 0..200_u64)
            .prop_map(|(picks, failing, step)| Event::Burst(picks, failing, Duration::from_millis(step))),
    ];
    let clock = prop_oneof![
        3 => time().prop_map(Event::Ahead),
        1 => time().prop_map(Event::Back),
        2 => Just(Event::HandleTimeout),
        5 => Just(Event::Sleep),
    ];
    let event = prop_oneof![3 => set, 1 => told, 10 => picks, 5 => clock, 1 => Just(Event::Drain)];
    let first = (2..=ADDRESSES).prop_map(|most| Event::Update((0..most).map(Endpoint::new).collect()));
    (first, prop::collection::vec(event, 1..60)).prop_map(|(first, mut events)| {
        events.insert(0, first);
        events
    })
}

fn endpoint() -> impl Strategy<Value = Endpoint<u8>> {
    let weight = prop_oneof![1 => Just(0_u32), 6 => 1..3_u32];
    let priority = prop_oneof![3 => Just(0_u16), 1 => 1..3_u16];
    (0..ADDRESSES, weight, priority, prop::bool::weighted(0.1)).prop_map(|(addr, weight, priority, draining)| {
        Endpoint::new(addr).with_weight(weight).with_priority(priority).with_draining(draining)
    })
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        3 => Just(Outcome::Success),
        3 => Just(Outcome::Failure),
        1 => Just(Outcome::Canceled),
        1 => prop::option::of(time()).prop_map(|retry_after| Outcome::Overloaded { retry_after }),
    ]
}

fn time() -> impl Strategy<Value = Duration> {
    prop_oneof![
        8 => (1..30_u64).prop_map(Duration::from_secs),
        4 => (1..3_000_u64).prop_map(Duration::from_millis),
        2 => (0..2_000_000_u64).prop_map(Duration::from_nanos),
        2 => (1..60_u64).prop_map(|minutes| Duration::from_secs(60 * minutes)),
        1 => Just(YEAR),
    ]
}

fn at_least_a_millisecond(time: Duration) -> Duration {
    at_most_a_day(time).max(Duration::from_millis(1))
}

fn at_most_a_day(time: Duration) -> Duration {
    time.min(Duration::from_secs(24 * 3600))
}
