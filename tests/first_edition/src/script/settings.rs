//! Settings of all kinds, near those that users have.

use core::time::Duration;

use first::health::{FailurePercentage, OutlierDetection, SuccessRate};
use first::retry::{Backoff, Jitter};
use first::tier::{Levels, SlowStart, ZoneAware};
use first::{Config, Zone};

use super::Book;
use crate::chance::Chance;
use crate::edition::{BudgetSettings, CallSettings, Settings};

/// Those of a life.
pub(super) fn settings(book: Book, chance: &mut Chance) -> Settings {
    let config = Config {
        seed: chance.bits(),
        levels: levels(chance),
        zone: chance.one_in(4).then(|| zone(chance)),
        subset: chance.one_in(6).then(|| chance.within(1, 12) as u32),
        slow_start: chance
            .one_in(5)
            .then(|| SlowStart::new(millis(chance.one_of(&[1, 500, 10_000, 30_000])))),
        outlier_detection: book.usual().map(|usual| rules(usual, chance)),
        max_retry_after: Duration::from_secs(chance.one_of(&[300, 300, 300, 30, 1, 0])),
        ..Config::default()
    };
    let bound_percent = chance.one_in(4).then(|| chance.one_of(&[100, 125, 200]));
    Settings { config, bound_percent, budget: budget(chance) }
}

/// Takes out what chance decides beside jitter: enforcement is all or nothing.
pub(super) fn without_chance(settings: &mut Settings) {
    let Some(rules) = &mut settings.config.outlier_detection else {
        return;
    };
    let whole = |enforcement: &mut u8| *enforcement = if *enforcement < 50 { 0 } else { 100 };
    if let Some(rule) = &mut rules.failure_percentage {
        whole(&mut rule.enforcement);
    }
    if let Some(rule) = &mut rules.success_rate {
        whole(&mut rule.enforcement);
    }
}

/// Where several are judged at once, those judged first go first as long as some may be ejected:
/// takes out the limit, or what judges several.
pub(super) fn without_order(settings: &mut Settings, chance: &mut Chance) {
    if let Some(rules) = &mut settings.config.outlier_detection {
        if chance.one_in(2) {
            rules.max_ejection_percent = 100;
        } else {
            (rules.failure_percentage, rules.success_rate) = (None, None);
            rules.consecutive_failures = rules.consecutive_failures.max(2);
        }
    }
}

fn levels(chance: &mut Chance) -> Levels {
    match chance.below(4) {
        0 => Levels::OVERPROVISIONED,
        1 => Levels::Overprovisioned {
            factor: chance.one_of(&[100, 140, 200]),
            panic_threshold: chance.one_of(&[0, 30, 50, 100]),
        },
        _ => Levels::FirstAvailable,
    }
}

fn zone(chance: &mut Chance) -> ZoneAware {
    ZoneAware {
        own: Zone::new(chance.within(1, 3) as u32),
        // The second edition counts in thousandths.
        clients_in_zone: chance.one_in(2).then(|| 10 * chance.within(1, 1_000) as u16),
        min_endpoints: chance.one_of(&[6, 0, 1, 3]),
    }
}

fn rules(usual: OutlierDetection, chance: &mut Chance) -> OutlierDetection {
    if chance.one_in(5) {
        return usual;
    }
    let base_ejection_time = millis(chance.one_of(&[100, 1_000, 5_000, 30_000]));
    OutlierDetection {
        arithmetic: usual.arithmetic,
        consecutive_failures: chance.one_of(&[0, 0, 0, 0, 0, 0, 1, 3, 5, 20]),
        failure_percentage: (!chance.one_in(4)).then(|| failure_percentage(chance)),
        success_rate: (!chance.one_in(3)).then(|| success_rate(chance)),
        interval: millis(chance.one_of(&[50, 1_000, 10_000, 10_000])),
        base_ejection_time,
        max_ejection_time: base_ejection_time * chance.one_of(&[1, 4, 10]),
        max_ejection_jitter: millis(chance.one_of(&[0, 0, 0, 700])),
        max_ejection_percent: chance.one_of(&[usual.max_ejection_percent, 0, 30, 50, 100]),
        always_eject_one: chance.one_in(2),
        half_open: if chance.one_in(3) { !usual.half_open } else { usual.half_open },
        probe_timeout: millis(chance.one_of(&[10, 1_000, 10_000])),
    }
}

fn failure_percentage(chance: &mut Chance) -> FailurePercentage {
    FailurePercentage {
        threshold: chance.one_of(&[1, 30, 50, 85, 100]),
        enforcement: chance.one_of(&[100, 100, 100, 0, 60]),
        minimum_hosts: chance.one_of(&[0, 1, 3, 5]),
        request_volume: chance.one_of(&[0, 1, 5, 20, 50]),
        minimum_failures: chance.one_of(&[0, 1, 5]),
    }
}

fn success_rate(chance: &mut Chance) -> SuccessRate {
    SuccessRate {
        stdev_factor: chance.one_of(&[0, 500, 500, 1_000, 1_900]),
        floor: chance.one_of(&[50, 90, 100, 100]),
        enforcement: chance.one_of(&[100, 100, 100, 0, 60]),
        minimum_hosts: chance.one_of(&[0, 2, 5]),
        request_volume: chance.one_of(&[0, 1, 5, 10, 100]),
        minimum_failures: chance.one_of(&[0, 1, 5]),
    }
}

fn budget(chance: &mut Chance) -> BudgetSettings {
    match chance.below(3) {
        0 => BudgetSettings::Unlimited,
        1 => BudgetSettings::Retry {
            can_retry: chance.one_of(&[0, 100, 200, 1_500]),
            min_per_sec: chance.one_of(&[0, 0, 1, 10]),
            ttl: millis(chance.one_of(&[1_000, 2_500, 10_000, 60_000])),
        },
        _ => BudgetSettings::Throttle {
            max_tokens: chance.one_of(&[1, 3, 10, 100]),
            token_ratio: chance.one_of(&[1, 100, 1_000, 5_000]),
        },
    }
}

/// The bounds of a call.
pub(super) fn call(chance: &mut Chance) -> CallSettings {
    let timeout = |chance: &mut Chance| millis(chance.one_of(&[1, 50, 200, 1_000, 10_000]));
    CallSettings {
        attempts: chance.one_of(&[1, 2, 3, 3, 5, 20]),
        timeout: chance.one_in(3).then(|| timeout(chance)),
        attempt_timeout: chance.one_in(3).then(|| timeout(chance)),
        backoff: (!chance.one_in(3)).then(|| backoff(chance)),
        hedging: None,
        max_retry_after: None,
        retry_after_jitter: chance.one_in(2),
        plain: chance.one_in(3),
    }
}

fn backoff(chance: &mut Chance) -> Backoff {
    match chance.below(5) {
        0 => Backoff::None,
        1 => Backoff::Constant(millis(chance.one_of(&[0, 10, 100]))),
        _ => Backoff::exponential(
            millis(chance.one_of(&[0, 5, 25])),
            millis(chance.one_of(&[25, 250, 5_000])),
        )
        .with_jitter(chance.one_of(&[
            Jitter::None,
            Jitter::Full,
            Jitter::Equal,
            Jitter::Decorrelated,
        ])),
    }
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
