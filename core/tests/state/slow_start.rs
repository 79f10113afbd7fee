//! A slow start goes on where it stood.

use core::time::Duration;

use evenkeel_core::health::Health;
use evenkeel_core::policy::{AnyPolicy, WeightedRoundRobin};
use evenkeel_core::{Balancer, Config, Endpoint, EventKind, Instant};

use crate::fixture::{Client, SECOND, Seen, endpoints};

#[test]
fn a_slow_start_goes_on() {
    let config = Config { slow_start: Duration::from_secs(100), ..Config::default() };
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

    for (age, origin, weight) in
        [(0, 5000, 3), (20, 5000, 5), (0, 0, 3), (64, 0, 9), (65, 0, 1), (70, 5000, 1)]
    {
        let now = Instant::from_secs(origin);
        let mut next = new(now, 4);
        let _ = next.insert(now, Endpoint::new("z".to_string())).unwrap();
        next.import(now, &state.clone().aged(Duration::from_secs(age))).unwrap();
        let whole = if weight == 1 { 1 } else { 10 };
        assert_eq!(weights(&next), [whole, whole, whole, whole, weight], "{age} s later");
    }
    // No longer than here.
    let short = Config { slow_start: Duration::from_secs(10), ..Config::default() };
    let mut shorter: Balancer<String, WeightedRoundRobin> =
        Balancer::with_config(WeightedRoundRobin::new(), short).unwrap();
    let all = ["a", "b", "c", "z"].map(|addr| Endpoint::new(addr.to_string()));
    let _ = shorter.update(Instant::ZERO, all).unwrap();
    shorter.import(Instant::ZERO, &state).unwrap();
    assert_eq!(weights(&shorter), [10, 10, 10, 1]);
    shorter.handle_timeout(Instant::from_secs(10));
    assert_eq!(weights(&shorter), [1; 4]);
    let mut without: Balancer<String, WeightedRoundRobin> =
        Balancer::new(WeightedRoundRobin::new());
    let _ = without.update(Instant::ZERO, [Endpoint::new("z".to_string())]).unwrap();
    assert_eq!(without.import(Instant::ZERO, &state).unwrap().endpoints, 1);
    assert_eq!(weights(&without), [1]);
}

/// An endpoint warms up after an ejection, too.
#[test]
fn a_slow_start_after_an_ejection_goes_on() {
    let slow_start = Duration::from_secs(100);
    let config = Config { slow_start, half_open: false, ..Config::default() };
    let mut client: Client = Client::new("weighted_random", config, 0, 5, 1);
    while client.view()[2].2 == Health::Healthy {
        client.step();
    }
    client.settle();
    let readmitted = |seen: &Seen| {
        let Seen::Event(_, Some(addr), EventKind::Readmitted) = seen else { return false };
        addr == "c"
    };
    while !client.seen.iter().any(readmitted) {
        client.wait(SECOND);
    }
    client.wait(45 * SECOND);
    // 45 seconds before, by the clock of the next process, there was none.
    let mut early: Balancer<String, AnyPolicy> =
        Balancer::with_config("weighted_random".parse().unwrap(), config).unwrap();
    let _ = early.update(Instant::ZERO, endpoints(5)).unwrap();
    early.import(Instant::ZERO, &client.balancer.export(client.now)).unwrap();
    let weights: Vec<_> = early.endpoints().map(|status| status.weight).collect();
    assert_eq!(weights, [10, 20, 12, 10, 20]);
}
