//! Which settings and events are tried, and how often.

use core::time::Duration;

use evenkeel_core::{Book, Config, Endpoint, Outcome};
use evenkeel_tests::health::{ADDRESSES, Event, Start};
use proptest::prelude::*;

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

pub(crate) fn start() -> impl Strategy<Value = Start> {
    let most = prop_oneof![
        3 => Just(Duration::from_secs(300)),
        1 => Just(Duration::ZERO),
        1 => time().prop_map(at_most_a_day),
    ];
    (any::<u64>(), prop_oneof![1 => Just(OFF), 9 => settings()], most).prop_map(
        |(seed, rules, max_retry_after)| {
            let config = Config { seed, max_retry_after, ..rules };
            Start { config, least_request: false }
        },
    )
}

const OFF: Config = Config { book: Book::Off, ..Config::DEFAULT };

/// The settings with names, and variants under which more happens.
fn settings() -> impl Strategy<Value = Config> {
    let named = || {
        prop_oneof![
            4 => Just(Config::DEFAULT),
            1 => Just(Config::ENVOY),
            1 => Just(Config::GRPC),
        ]
    };
    let rules = (0..5_u16, prop::option::of(percentage()), prop::option::of(rate()));
    let jitter = prop_oneof![2 => Just(Duration::ZERO), 1 => time()];
    let times = (time(), time(), time(), jitter, time());
    let varied = (named(), rules, times, 0..=100_u8, any::<bool>(), any::<bool>()).prop_map(
        |(named, rules, times, most, always_eject_one, half_open)| {
            let (consecutive_failures, percentage, rate) = rules;
            let (interval, base, longest, jitter, probe) = times;
            let base_ejection_time = at_least_a_millisecond(base);
            let ours = named.book == Book::Evenkeel;
            let least = if ours { base_ejection_time } else { Duration::ZERO };
            let named = Config { failure_percentage: 0, success_rate: false, ..named };
            let named = percentage.map_or(named, |rule| rule.of(named));
            Config {
                consecutive_failures,
                interval: at_least_a_millisecond(interval),
                base_ejection_time,
                max_ejection_time: at_most_a_day(longest).max(least),
                max_ejection_jitter: at_most_a_day(jitter),
                max_ejection_percent: most,
                always_eject_one,
                half_open,
                probe_timeout: at_least_a_millisecond(probe),
                ..rate.map_or(named, |rule| rule.of(named))
            }
        },
    );
    let quick = named().prop_map(|named| Config {
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

/// One of the rules.
#[derive(Clone, Copy, Debug)]
struct Rule {
    /// In percent: of failures that are too many, or of successes that are enough.
    threshold: u8,
    /// In thousandths; nothing for the rule on the percentage of failures.
    stdev: Option<u32>,
    enforcement: u8,
    minimum_hosts: u32,
    request_volume: u32,
    minimum_failures: u32,
}

impl Rule {
    /// Adds it to settings.
    fn of(self, config: Config) -> Config {
        match self.stdev {
            None => Config {
                failure_percentage: self.threshold,
                failure_percentage_enforcement: self.enforcement,
                failure_percentage_minimum_hosts: self.minimum_hosts,
                failure_percentage_request_volume: self.request_volume,
                failure_percentage_minimum_failures: self.minimum_failures,
                ..config
            },
            Some(stdev) => Config {
                success_rate: true,
                success_rate_stdev_per_mille: stdev,
                success_rate_floor_percent: self.threshold,
                success_rate_enforcement: self.enforcement,
                success_rate_minimum_hosts: self.minimum_hosts,
                success_rate_request_volume: self.request_volume,
                success_rate_minimum_failures: self.minimum_failures,
                ..config
            },
        }
    }
}

fn percentage() -> impl Strategy<Value = Rule> {
    rule((1..=100_u8).prop_map(|threshold| (threshold, None)))
}

fn rate() -> impl Strategy<Value = Rule> {
    rule((1..=100_u8, (0..3_000_u32).prop_map(Some)))
}

fn rule(kind: impl Strategy<Value = (u8, Option<u32>)>) -> impl Strategy<Value = Rule> {
    (kind, enforcement(), 0..6_u32, 0..12_u32, 0..4_u32).prop_map(
        |((threshold, stdev), enforcement, minimum_hosts, request_volume, minimum_failures)| Rule {
            threshold,
            stdev,
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
        1 => prop_oneof![3 => Just(OFF), 7 => settings()].prop_map(Event::Configure),
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
    let first =
        (2..=ADDRESSES).prop_map(|most| Event::Update((0..most).map(Endpoint::new).collect()));
    (first, prop::collection::vec(event, 1..60)).prop_map(|(first, mut events)| {
        events.insert(0, first);
        events
    })
}

fn endpoint() -> impl Strategy<Value = Endpoint<u8>> {
    let weight = prop_oneof![1 => Just(0_u32), 6 => 1..3_u32];
    let priority = prop_oneof![3 => Just(0_u16), 1 => 1..3_u16];
    (0..ADDRESSES, weight, priority, prop::bool::weighted(0.1)).prop_map(
        |(addr, weight, priority, draining)| {
            Endpoint::new(addr).with_weight(weight).with_priority(priority).with_draining(draining)
        },
    )
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        3 => Just(Outcome::Success),
        3 => Just(Outcome::Failure),
        1 => Just(Outcome::TimedOut),
        1 => Just(Outcome::NeverSent),
        1 => Just(Outcome::Ignorable),
        1 => Just(Outcome::PushedBack),
        1 => Just(Outcome::Abandoned),
        1 => Just(Outcome::LostRace),
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
