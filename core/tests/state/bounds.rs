//! Whatever a state says, the settings of the balancer that imports it rule.

use core::time::Duration;

use evenkeel_core::health::{Health, OutlierDetection, SuccessRate};
use evenkeel_core::policy::RoundRobin;
use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::{Balancer, Config, Endpoint, Instant, Outcome, State};
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::bed::SECOND;
use crate::groups::proptest_config;
use crate::refused::forged;

/// An endpoint out of service, or in service again.
fn endpoint(addr: &str, condition: Value, ejections: u16) -> Value {
    let health = json!({
        "condition": condition, "since": 0, "successes": 0, "failures": 0, "streak": 0, "ejections": ejections
    });
    json!({"addr": addr, "latency": null, "health": health, "warming": 0})
}

fn ejected(addr: &str, left: u64) -> Value {
    endpoint(addr, json!({"ejected": {"reason": "probe_failed", "left": left}}), 3)
}

fn state(endpoints: Vec<Value>) -> State<String> {
    let rounds = json!({"interval_left": null, "next_probe": 0, "draws": 0});
    forged(json!({"version": 1, "endpoints": endpoints, "rounds": rounds}))
}

fn import(config: Config, count: u8, state: &State<String>) -> Balancer<String, RoundRobin> {
    let mut balancer = Balancer::with_config(RoundRobin::new(), config).unwrap();
    let _ = balancer.update(Instant::ZERO, crate::bed::endpoints(count)).unwrap();
    balancer.import(Instant::ZERO, state).unwrap();
    balancer
}

fn rules(change: impl FnOnce(&mut OutlierDetection)) -> Config {
    let mut rules = OutlierDetection::EVENKEEL;
    change(&mut rules);
    Config { outlier_detection: Some(rules), ..Config::default() }
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
    let shorter = |rules: &mut OutlierDetection| rules.max_ejection_time = Duration::from_secs(60);
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
        let expected = until.map_or(Health::Healthy, |until| Health::Overloaded { until: Instant::from_secs(until) });
        let mut balancer = import(config, 4, &state);
        assert_eq!(first(&balancer), expected);
        assert_eq!(balancer.events().skip(4).count(), usize::from(until.is_some()));
    }
}

#[test]
fn without_outlier_detection_nothing_is_ejected() {
    let state = state(vec![ejected("a", SECOND), ejected("b", 0)]);
    let balancer = import(Config { outlier_detection: None, ..Config::default() }, 9, &state);
    assert!(balancer.endpoints().all(|status| status.health == Health::Healthy));
}

#[test]
fn failures_in_a_row_do_not_outlive_the_rules_that_count_them() {
    let mut four = endpoint("a", json!({"in_service": {"served": null}}), 0);
    four["health"]["streak"] = json!(4);
    let state = state(vec![four]);
    for (rules, streak) in [(Some(OutlierDetection::EVENKEEL), 4), (None, 0)] {
        let mut balancer = import(Config { outlier_detection: rules, ..Config::default() }, 4, &state);
        balancer.set_outlier_detection(Instant::ZERO, Some(OutlierDetection::EVENKEEL)).unwrap();
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
        let mut balancer = import(rules(|rules| rules.consecutive_failures = 0), 4, &forged(content.clone()));
        fail(&mut balancer, 1);
        assert_eq!(first(&balancer) != Health::Healthy, out);
    }
}

#[test]
fn no_number_of_ejections_is_too_large() {
    for arithmetic in [OutlierDetection::EVENKEEL, OutlierDetection::ENVOY, OutlierDetection::GRPC] {
        let mut often = endpoint("a", json!({"in_service": {"served": 0}}), u16::MAX);
        often["health"]["streak"] = json!(u16::MAX);
        let arithmetic = OutlierDetection { consecutive_failures: 1, max_ejection_percent: 50, ..arithmetic };
        let config = Config { outlier_detection: Some(arithmetic), ..Config::default() };
        let mut balancer = import(config, 4, &state(vec![often]));
        fail(&mut balancer, 1);
        let Health::Ejected { until, .. } = first(&balancer) else { panic!("it failed") };
        assert!(until >= Instant::from_secs(150) && until <= Instant::from_secs(300), "{until}");
    }
}

#[test]
fn without_half_open_an_ejection_that_is_over_is_over() {
    let state = state(vec![ejected("a", 0)]);
    assert_eq!(first(&import(Config::default(), 4, &state)), Health::HalfOpen);
    assert_eq!(first(&import(rules(|rules| rules.half_open = false), 4, &state)), Health::Healthy);
    let state = self::state(vec![endpoint("a", json!({"half_open": {"reason": "success_rate"}}), 1)]);
    assert_eq!(first(&import(Config::default(), 4, &state)), Health::HalfOpen);
    assert_eq!(first(&import(rules(|rules| rules.half_open = false), 4, &state)), Health::Healthy);
    assert_eq!(first(&import(Config::default(), 1, &state)), Health::Healthy, "the only one");
}

#[test]
fn no_more_are_ejected_than_the_settings_allow() {
    let all = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"].map(|addr| ejected(addr, SECOND)).to_vec();
    let out = |config, count| {
        let balancer = import(config, count, &state(all.clone()));
        let out: Vec<_> = balancer.endpoints().map(|status| status.health != Health::Healthy).collect();
        assert!(out.is_sorted_by(|a, b| a >= b), "the first ones");
        out.into_iter().filter(|out| *out).count()
    };
    // Half of up to four, 30 % of more.
    for (count, most) in [(1, 0), (2, 1), (3, 1), (4, 2), (5, 1), (10, 3)] {
        assert_eq!(out(Config::default(), count), most, "of {count}");
    }
    assert_eq!(out(rules(|rules| rules.max_ejection_percent = 100), 10), 10);
    let nobody = rules(|rules| (rules.max_ejection_percent, rules.always_eject_one) = (0, false));
    assert_eq!(out(nobody, 10), 0);
}

fn condition() -> impl Strategy<Value = Value> {
    let reasons = ["consecutive_failures", "failure_percentage", "success_rate", "probe_failed", "probe_timed_out"];
    prop_oneof![
        prop::option::of(number()).prop_map(|served| json!({"in_service": {"served": served}})),
        left().prop_map(|left| json!({"overloaded": {"left": left}})),
        prop::sample::select(reasons.to_vec()).prop_map(|reason| json!({"half_open": {"reason": reason}})),
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
    let health = (condition(), number(), counts).prop_map(|(condition, since, counts)| {
        let (successes, failures, streak, ejections) = counts;
        json!({
            "condition": condition, "since": since, "successes": successes, "failures": failures, "streak": streak,
            "ejections": ejections
        })
    });
    let latency = (number(), number()).prop_map(|(nanos, age)| json!({"nanos": nanos, "age": age}));
    (prop::option::of(latency), prop::option::of(health), number())
        .prop_map(|(latency, health, warming)| json!({"latency": latency, "health": health, "warming": warming}))
}

fn any_state() -> impl Strategy<Value = State<String>> {
    let next = || prop::option::of((0..8_u8, any::<u32>()));
    let rounds = (prop::option::of(left()), any::<u32>(), any::<u32>());
    (prop::collection::btree_map(0..8_u8, learned(), 1..8), (next(), next(), next(), next()), rounds).prop_map(
        |(endpoints, next, (interval_left, next_probe, draws))| {
            let name = |addr: u8| char::from(b'a' + addr).to_string();
            let endpoints = endpoints.into_iter().map(|(addr, mut learned)| {
                learned["addr"] = json!(name(addr));
                learned
            });
            let next: [Option<(u8, u32)>; 4] = next.into();
            let next = next.map(|next| {
                next.map(|(addr, place)| json!({"addr": name(addr), "place": place, "cycle": format!("{place:016x}")}))
            });
            forged(json!({
                "version": 1,
                "endpoints": endpoints.collect::<Vec<_>>(),
                "next": next,
                "rounds": {"interval_left": interval_left, "next_probe": next_probe, "draws": draws},
            }))
        },
    )
}

fn any_config() -> impl Strategy<Value = Config> {
    let rates = Some(SuccessRate::DEFAULT);
    let rules = [
        Some(OutlierDetection::EVENKEEL),
        Some(OutlierDetection { success_rate: rates, ..OutlierDetection::EVENKEEL }),
        Some(OutlierDetection { max_ejection_percent: 100, half_open: false, ..OutlierDetection::EVENKEEL }),
        Some(OutlierDetection::ENVOY),
        Some(OutlierDetection::GRPC),
        None,
    ];
    let slow_start = Some(evenkeel_core::tier::SlowStart::new(Duration::from_secs(30)));
    (prop::sample::select(rules.to_vec()), prop::sample::select(vec![None, slow_start]))
        .prop_map(|(outlier_detection, slow_start)| Config { outlier_detection, slow_start, ..Config::default() })
}

proptest! {
    #![proptest_config(proptest_config())]

    #[test]
    fn any_state_leaves_a_balancer_that_serves(
        state in any_state(),
        config in any_config(),
        origin in prop_oneof![Just(0), number(), Just(u64::MAX - 20_000 * SECOND)],
        age in 0..=3600 * SECOND,
        policy in prop::sample::select(vec!["round_robin", "weighted_round_robin", "peak_ewma", "least_request"]),
    ) {
        let mut now = Instant::from_nanos(origin);
        let policy: evenkeel_core::policy::AnyPolicy = policy.parse().unwrap();
        let mut balancer: Balancer<String, _> = Balancer::with_config(policy, config).unwrap();
        let _ = balancer.update(now, crate::bed::endpoints(8)).unwrap();
        let imported = balancer.import(now, &state.clone().aged(Duration::from_nanos(age))).unwrap();
        prop_assert_eq!((imported.endpoints, imported.kept, imported.unknown), (state.len(), 0, 0));

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
        let _ = other.update(Instant::ZERO, crate::bed::endpoints(8)).unwrap();
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
