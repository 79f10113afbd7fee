//! Whatever a state says, the settings of the balancer that imports it rule.

use core::time::Duration;

use evenkeel_core::health::Health;
use evenkeel_core::policy::RoundRobin;
use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::{Balancer, Book, Config, Instant, Outcome, State};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::fixture::SECOND;
use crate::refused::forged;

/// An endpoint out of service, or in service again.
fn endpoint(addr: &str, condition: Value, ejections: u16) -> Value {
    let health = json!({
        "condition": condition, "since": 0,
        "successes": 0, "failures": 0, "streak": 0, "ejections": ejections,
        "began": 0, "slow": false, "heard": true, "cancels": 0, "held": null
    });
    json!({"addr": addr, "latency": null, "health": health, "warming": 0})
}

fn ejected(addr: &str, left: u64) -> Value {
    ejected_for(addr, "probe_failed", left)
}

fn ejected_for(addr: &str, reason: &str, left: u64) -> Value {
    endpoint(addr, json!({"ejected": {"reason": reason, "left": left}}), 3)
}

fn state(endpoints: Vec<Value>) -> State<String> {
    let rounds = json!({
        "interval_left": null, "next_probe": 0, "draws": 0, "longest": 0, "calm": null
    });
    forged(json!({"version": 3, "endpoints": endpoints, "rounds": rounds}))
}

fn import(config: Config, count: u8, state: &State<String>) -> Balancer<String, RoundRobin> {
    let mut balancer = Balancer::with_config(RoundRobin::new(), config).unwrap();
    let _ = balancer.update(Instant::ZERO, crate::fixture::endpoints(count)).unwrap();
    balancer.import(Instant::ZERO, state).unwrap();
    balancer
}

fn rules(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::default();
    change(&mut config);
    config
}

fn first(balancer: &Balancer<String, RoundRobin>) -> Health {
    balancer.endpoints().next().unwrap().health
}

#[test]
fn no_ejection_takes_longer_than_the_settings_allow() {
    let state = state(vec![ejected("a", 200 * SECOND)]);
    let until = |config| match first(&import(config, 4, &state)) {
        Health::Ejected { until, .. } => until,
        health => panic!("{health:?}"),
    };
    let shorter = |rules: &mut Config| rules.max_ejection_time = Duration::from_secs(60);
    assert_eq!(until(Config::default()), Instant::from_secs(200));
    let no_rest = Config { max_retry_after: Duration::from_secs(9), ..rules(shorter) };
    assert_eq!(until(no_rest), Instant::from_secs(60));
    // One that is ejected may ask to be left alone for longer.
    let rest = Config { max_retry_after: Duration::from_secs(90), ..rules(shorter) };
    assert_eq!(until(rest), Instant::from_secs(90));
}

#[test]
fn no_rest_takes_longer_than_the_settings_allow() {
    let state = state(vec![endpoint("a", json!({"overloaded": {"left": 200 * SECOND}}), 0)]);
    for (most, until) in [(300, Some(200)), (60, Some(60)), (0, None)] {
        let config = Config { max_retry_after: Duration::from_secs(most), ..Config::default() };
        let expected = until.map_or(Health::Healthy, |until| Health::Overloaded {
            until: Instant::from_secs(until),
        });
        let mut balancer = import(config, 4, &state);
        assert_eq!(first(&balancer), expected);
        assert_eq!(balancer.events().skip(4).count(), usize::from(until.is_some()));
    }
}

#[test]
fn without_outlier_detection_nothing_is_ejected() {
    let state = state(vec![ejected("a", SECOND), ejected("b", 0)]);
    let balancer = import(Config { book: Book::Off, ..Config::default() }, 9, &state);
    assert!(balancer.endpoints().all(|status| status.health == Health::Healthy));
}

#[test]
fn failures_in_a_row_do_not_outlive_the_rules_that_count_them() {
    let mut four = endpoint("a", json!({"in_service": {"served": null}}), 0);
    four["health"]["streak"] = json!(4);
    let state = state(vec![four]);
    for (book, streak) in [(Book::Evenkeel, 4), (Book::Off, 0)] {
        let mut balancer = import(Config { book, ..Config::default() }, 4, &state);
        balancer.set_config(Instant::ZERO, Config::default()).unwrap();
        fail(&mut balancer, 1);
        assert_eq!(first(&balancer) != Health::Healthy, streak == 4);
    }
}

/// So many requests to the first endpoint fail.
fn fail(balancer: &mut Balancer<String, RoundRobin>, count: usize) {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut left = count;
    while left > 0 {
        let pick = balancer.pick(Instant::ZERO, &mut rng).unwrap();
        let bad = pick.slot().index() == 0;
        left -= usize::from(bad);
        balancer.report(Instant::ZERO, pick, if bad { Outcome::Failure } else { Outcome::Success });
    }
    balancer.handle_timeout(Instant::ZERO);
}

/// Where only failures open a window, successes before them are not in it.
#[test]
fn windows_of_another_kind_are_closed() {
    let mut counted = endpoint("a", json!({"in_service": {"served": null}}), 0);
    counted["health"]["failures"] = json!(99);
    let mut content = serde_json::to_value(state(vec![counted])).unwrap();
    for (interval, out) in [(json!(null), true), (json!(SECOND), false)] {
        content["rounds"]["interval_left"] = interval;
        let mut balancer =
            import(rules(|rules| rules.consecutive_failures = 0), 4, &forged(content.clone()));
        fail(&mut balancer, 1);
        assert_eq!(first(&balancer) != Health::Healthy, out);
    }
}

#[test]
fn no_number_of_ejections_is_too_large() {
    for book in [Config::DEFAULT, Config::ENVOY, Config::GRPC] {
        let mut often = endpoint("a", json!({"in_service": {"served": 0}}), u16::MAX);
        often["health"]["streak"] = json!(u16::MAX);
        let config = Config { consecutive_failures: 1, max_ejection_percent: 50, ..book };
        let mut balancer = import(config, 4, &state(vec![often]));
        fail(&mut balancer, 1);
        let Health::Ejected { until, .. } = first(&balancer) else { panic!("it failed") };
        let most = book.max_ejection_time;
        assert!(until >= Instant::ZERO + most / 2 && until <= Instant::ZERO + most, "{until}");
    }
}

#[test]
fn without_half_open_an_ejection_that_is_over_is_over() {
    let state = state(vec![ejected("a", 0)]);
    assert_eq!(first(&import(Config::default(), 4, &state)), Health::HalfOpen);
    assert_eq!(first(&import(rules(|rules| rules.half_open = false), 4, &state)), Health::Healthy);
    let state =
        self::state(vec![endpoint("a", json!({"half_open": {"reason": "success_rate"}}), 1)]);
    assert_eq!(first(&import(Config::default(), 4, &state)), Health::HalfOpen);
    assert_eq!(first(&import(rules(|rules| rules.half_open = false), 4, &state)), Health::Healthy);
    assert_eq!(first(&import(Config::default(), 1, &state)), Health::Healthy, "the only one");
}

#[test]
fn no_more_are_ejected_than_the_settings_allow() {
    let out = |reason, config, count| {
        let all = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
        let all = all.map(|addr| ejected_for(addr, reason, SECOND)).to_vec();
        let balancer = import(config, count, &state(all));
        let out: Vec<_> =
            balancer.endpoints().map(|status| status.health != Health::Healthy).collect();
        assert!(out.is_sorted_by(|a, b| a >= b), "the first ones");
        out.into_iter().filter(|out| *out).count()
    };
    let no_rows = rules(|rules| rules.consecutive_failures = 0);
    let envoy = Config { half_open: true, max_ejection_percent: 30, ..Config::ENVOY };
    for (count, most) in [(1, 0), (2, 1), (3, 1), (4, 2), (5, 1), (10, 3)] {
        // Half of up to four, 30 % of more.
        for reason in ["failure_percentage", "success_rate"] {
            assert_eq!(out(reason, Config::default(), count), most, "{reason}, of {count}");
        }
        assert_eq!(out("probe_failed", no_rows, count), most, "without rows, of {count}");
    }
    assert_eq!(out("consecutive_failures", envoy, 10), 3);
    // Rows know no limit; but the only one is never ejected.
    for reason in ["consecutive_failures", "cancellations", "probe_failed"] {
        for (count, most) in [(1, 0), (2, 2), (10, 10)] {
            assert_eq!(out(reason, Config::default(), count), most, "{reason}, of {count}");
        }
    }
    let share = "failure_percentage";
    assert_eq!(out(share, rules(|rules| rules.max_ejection_percent = 100), 10), 10);
    let nobody = rules(|rules| (rules.max_ejection_percent, rules.always_eject_one) = (0, false));
    assert_eq!(out(share, nobody, 10), 0);
}
