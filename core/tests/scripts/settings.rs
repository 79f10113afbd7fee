//! Policies and settings that scripts run with.

use core::time::Duration;

use evenkeel_core::rand_core::Rng;
use evenkeel_core::{Book, Config, Zone};
use rand_chacha::ChaCha8Rng;

/// All policies, with tables of a size that a script can fill.
pub(crate) const POLICIES: [&str; 14] = [
    "round_robin",
    "random",
    "weighted_round_robin",
    "weighted_random",
    "least_request",
    "least_request(full_scan)",
    "peak_ewma",
    "peak_ewma(full_scan)",
    "rendezvous",
    "rendezvous(bound=125)",
    "maglev(size=251)",
    "ring_hash(minimum=64, maximum=512)",
    "ketama",
    "pick_first",
];

fn one_of<T: Copy>(rng: &mut ChaCha8Rng, list: &[T]) -> T {
    list[rng.next_u32() as usize % list.len()]
}

/// Draws settings: any book, small volumes, and at times everything else at once. All times are
/// whole and even milliseconds.
pub(crate) fn settings(rng: &mut ChaCha8Rng) -> Config {
    let book = one_of(rng, Book::ALL);
    let flag = |rng: &mut ChaCha8Rng| one_of(rng, &[false, true]);
    let secs = |rng: &mut ChaCha8Rng, list: &[u64]| Duration::from_secs(one_of(rng, list));
    let base = match book {
        Book::Evenkeel | Book::Off => Config::DEFAULT,
        Book::Envoy => Config::ENVOY,
        Book::Grpc => Config::GRPC,
    };
    Config {
        seed: rng.next_u64(),
        book,
        consecutive_failures: one_of(rng, &[0, 1, 2, 3, 5]),
        failure_percentage: one_of(rng, &[0, 50, 85]),
        failure_percentage_enforcement: one_of(rng, &[100, 100, 60]),
        failure_percentage_minimum_hosts: one_of(rng, &[0, 3]),
        failure_percentage_request_volume: one_of(rng, &[1, 5]),
        failure_percentage_minimum_failures: one_of(rng, &[0, 3]),
        success_rate: flag(rng),
        success_rate_enforcement: one_of(rng, &[100, 100, 60]),
        success_rate_minimum_hosts: one_of(rng, &[2, 4]),
        success_rate_request_volume: one_of(rng, &[1, 5]),
        success_rate_minimum_failures: one_of(rng, &[0, 3]),
        success_rate_stdev_per_mille: one_of(rng, &[500, 1_900]),
        interval: secs(rng, &[1, 10]),
        base_ejection_time: secs(rng, &[2, 5]),
        max_ejection_time: secs(rng, &[10, 300]),
        max_ejection_percent: one_of(rng, &[10, 30, 50, 100]),
        always_eject_one: flag(rng),
        half_open: flag(rng),
        probe_timeout: secs(rng, &[2, 10]),
        max_retry_after: secs(rng, &[0, 8, 300]),
        overprovisioning_percent: one_of(rng, &[0, 0, 0, 100, 140]),
        panic_threshold_percent: one_of(rng, &[0, 50, 50]),
        zone: Zone::new(one_of(rng, &[0, 0, 0, 1])),
        zone_clients_per_mille: one_of(rng, &[0, 700]),
        zone_minimum_endpoints: one_of(rng, &[2, 6]),
        subset: one_of(rng, &[0, 0, 0, 1, 4]),
        slow_start: secs(rng, &[0, 0, 0, 30]),
        max_in_flight: one_of(rng, &[0, 0, 1, 3]),
        overflow: flag(rng),
        ..base
    }
}
