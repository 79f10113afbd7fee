//! Bytes as settings and events. Every byte string is a valid input.

use core::time::Duration;

use evenkeel_core::{Book, Config, Endpoint, Outcome};

use super::{ADDRESSES, Event, Start};
use crate::input::Input;

pub(super) fn start(input: &mut Input<'_>) -> Start {
    let mut config = settings(input, Config::default());
    let byte = input.byte();
    config.seed = u64::from(byte >> 2);
    if byte & 1 == 0 {
        config.max_retry_after = time(input).min(DAY);
    }
    Start { config, least_request: byte & 2 == 2 }
}

pub(super) fn event(input: &mut Input<'_>) -> Event {
    match input.below(24) {
        0 => Event::Update((0..input.below(9)).map(|_| endpoint(input)).collect()),
        1 | 2 => Event::Insert(endpoint(input)),
        3 => Event::Remove(input.byte() % ADDRESSES),
        4 => {
            let byte = input.byte();
            Event::SetDown(byte % ADDRESSES, byte & 0x80 != 0)
        }
        5 => Event::Configure(settings(input, Config::default())),
        6..=8 => Event::Pick(0),
        9 => Event::Pick(u16::from(input.byte()) << 8 | u16::from(input.byte())),
        10..=12 => Event::Report(input.below(8), outcome(input)),
        13 => Event::Lose(input.below(8)),
        14..=16 => {
            let (picks, failing) = (u16::from(input.byte() % 64), u16::from(input.byte()));
            Event::Burst(
                picks,
                failing | u16::from(input.byte()) << 8,
                Duration::from_millis(input.byte().into()),
            )
        }
        17 => Event::Ahead(time(input)),
        18 => Event::Back(time(input)),
        19 | 20 => Event::HandleTimeout,
        21 | 22 => Event::Sleep,
        _ => Event::Drain,
    }
}

/// Changes the rules of settings: those with names, and variants of them under which more happens.
pub(crate) fn settings(input: &mut Input<'_>, others: Config) -> Config {
    let rules = match input.below(8) {
        0 => return ruled(others, &Config { book: Book::Off, ..Config::DEFAULT }),
        1 | 2 => Config::ENVOY,
        3 | 4 => Config::GRPC,
        _ => Config::DEFAULT,
    };
    let mut config = ruled(others, &rules);
    let variants = input.byte();
    if variants & 1 != 0 {
        config.consecutive_failures = input.below(5) as u16;
    }
    if variants & 2 != 0 {
        let percentage = 1 + input.byte() % 100;
        config.failure_percentage = 0;
        if input.below(4) > 0 {
            config.failure_percentage = percentage;
            config.failure_percentage_enforcement = enforcement(input);
            config.failure_percentage_minimum_hosts = input.below(4) as u32;
            config.failure_percentage_request_volume = input.below(12) as u32;
            config.failure_percentage_minimum_failures = input.below(4) as u32;
        }
    }
    if variants & 4 != 0 {
        config.success_rate = input.below(4) > 0;
        if config.success_rate {
            config.success_rate_stdev_per_mille = 100 * u32::from(input.byte() % 32);
            config.success_rate_floor_percent = 100 - input.byte() % 64;
            config.success_rate_enforcement = enforcement(input);
            config.success_rate_minimum_hosts = input.below(6) as u32;
            config.success_rate_request_volume = input.below(12) as u32;
            config.success_rate_minimum_failures = input.below(4) as u32;
        }
    }
    if variants & 8 != 0 {
        config.interval = time(input).clamp(Duration::from_millis(1), DAY);
        config.base_ejection_time = time(input).clamp(Duration::from_millis(1), DAY);
        config.max_ejection_time = time(input).min(DAY);
        if config.book == Book::Evenkeel {
            config.max_ejection_time = config.max_ejection_time.max(config.base_ejection_time);
        }
    }
    if variants & 16 != 0 {
        config.max_ejection_jitter = time(input).min(DAY);
        config.probe_timeout = time(input).clamp(Duration::from_millis(1), DAY);
    }
    if variants & 32 != 0 {
        config.max_ejection_percent = input.byte() % 101;
    }
    config.always_eject_one ^= variants & 64 != 0;
    config.half_open ^= variants & 128 != 0;
    config
}

/// Returns settings with the rules of others.
pub(super) fn ruled(others: Config, rules: &Config) -> Config {
    Config {
        seed: others.seed,
        max_retry_after: others.max_retry_after,
        overprovisioning_percent: others.overprovisioning_percent,
        panic_threshold_percent: others.panic_threshold_percent,
        zone: others.zone,
        zone_clients_per_mille: others.zone_clients_per_mille,
        zone_minimum_endpoints: others.zone_minimum_endpoints,
        subset: others.subset,
        slow_start: others.slow_start,
        latency_tau: others.latency_tau,
        latency_floor: others.latency_floor,
        failure_penalty: others.failure_penalty,
        max_in_flight: others.max_in_flight,
        overflow: others.overflow,
        ..*rules
    }
}

const DAY: Duration = Duration::from_secs(24 * 3600);

fn enforcement(input: &mut Input<'_>) -> u8 {
    match input.byte() {
        byte @ 0..100 => byte,
        _ => 100,
    }
}

/// From nothing to a year, those most often that settings ask for.
fn time(input: &mut Input<'_>) -> Duration {
    let byte = input.byte();
    match byte >> 5 {
        0 => Duration::ZERO,
        1 => Duration::from_nanos(1 << (byte & 31)),
        2 | 3 => Duration::from_millis(100 * u64::from(byte & 31)),
        4 | 5 => Duration::from_secs((byte & 31).into()),
        6 => Duration::from_secs(60 * u64::from(byte & 31)),
        _ if byte & 31 == 31 => Duration::from_secs(365 * 24 * 3600),
        _ => Duration::from_secs(3600 * u64::from(byte & 31)),
    }
}

fn endpoint(input: &mut Input<'_>) -> Endpoint<u8> {
    let addr = input.byte() % ADDRESSES;
    let content = input.byte();
    Endpoint::new(addr)
        .with_weight(u32::from(content % 8).min(2))
        .with_priority(u16::from(content >> 3 & 7).saturating_sub(5))
        .with_draining(content >> 6 == 3 && content & 4 != 0)
}

fn outcome(input: &mut Input<'_>) -> Outcome {
    match input.below(13) {
        0..=2 => Outcome::Success,
        3 | 4 => Outcome::Failure,
        5 => Outcome::Abandoned,
        6 => Outcome::Overloaded { retry_after: None },
        7 => Outcome::Overloaded { retry_after: Some(time(input)) },
        8 => Outcome::TimedOut,
        9 => Outcome::NeverSent,
        10 => Outcome::Ignorable,
        11 => Outcome::PushedBack,
        _ => Outcome::LostRace,
    }
}
