//! Answer times age by any clock, and no clock is too early or too late.

use core::time::Duration;

use evenkeel_core::health::Health;
use evenkeel_core::load::{Estimate, Estimator, Ewma};
use evenkeel_core::policy::RoundRobin;
use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::{Balancer, Config, Cx, Endpoint, Instant, Outcome, Policy, State, View};
use rand_chacha::ChaCha8Rng;

use crate::fixture::{MS, SECOND};
use crate::time::{START, balancer, health, requests, secs};

/// Round robin that has answer times measured.
#[derive(Clone, Default)]
struct Timed(RoundRobin);

impl Policy for Timed {
    type Load = Ewma;

    fn pick(&self, view: &dyn View, cx: &mut Cx<'_>) -> Option<usize> {
        self.0.pick(view, cx)
    }
}

fn answered() -> State<u8> {
    let mut before = balancer::<Timed>(START);
    for addr in 0..4 {
        let took = Duration::from_millis(10 << addr);
        requests(&mut before, START, addr, 1, took, Outcome::Success);
    }
    before.export(START + secs(1))
}

#[test]
fn answer_times_age() {
    let state = answered();
    for age in [0, 1, 10, 100, 3599] {
        let now = Instant::from_secs(90_000);
        let mut next = balancer::<Timed>(now);
        next.import(now, &state.clone().aged(secs(age))).unwrap();
        for (shift, status) in (0..).zip(next.endpoints()) {
            let took = Duration::from_millis(10 << shift);
            let stamp = now.saturating_sub(secs(age + 1)) + took;
            assert_eq!(status.estimate, Estimate { nanos: took.as_nanos() as u64, stamp });
        }
    }
}

/// Before its origin, a clock has no times: what has decayed until then is decayed when it is
/// imported.
#[test]
fn a_clock_that_begins_with_the_process_costs_no_accuracy_to_speak_of() {
    let (state, estimator) = (answered(), Estimator::DEFAULT);
    for age in [0, 1, 5, 10, 20, 60, 3599] {
        for origin in [0, 1, 700 * MS, 3 * SECOND] {
            let (early, late) = (Instant::from_nanos(origin), Instant::from_secs(90_000));
            let [mut new, mut old] = [early, late].map(balancer::<Timed>);
            for (balancer, now) in [(&mut new, early), (&mut old, late)] {
                balancer.import(now, &state.clone().aged(secs(age))).unwrap();
            }
            for later in [0, 1, 30].map(secs) {
                for (new, old) in new.endpoints().zip(old.endpoints()) {
                    let cost = estimator.cost(new.estimate, 0, early + later);
                    let exact = estimator.cost(old.estimate, 0, late + later);
                    assert!(
                        cost.abs_diff(exact) <= exact / 250,
                        "{cost}, not {exact}, {age} s later"
                    );
                }
            }
        }
    }
}

#[test]
fn no_clock_is_too_early_or_too_late() {
    let ends =
        [0, 1, SECOND, 1 << 53, u64::MAX - SECOND, u64::MAX - 1, u64::MAX].map(Instant::from_nanos);
    let mut out = 0;
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for rules in [Config::DEFAULT, Config::ENVOY, Config::GRPC] {
        for (begin, end) in ends.into_iter().flat_map(|begin| ends.map(|end| (begin, end))) {
            let config = Config { slow_start: secs(30), max_ejection_percent: 50, ..rules };
            let new = |now| {
                let mut balancer =
                    Balancer::<u8, Timed>::with_config(Timed::default(), config).unwrap();
                let _ = balancer.update(now, (0..4).map(Endpoint::new)).unwrap();
                balancer
            };
            let mut before = new(begin);
            for turn in 0..40 {
                let pick = before.pick(begin, &mut rng).unwrap();
                let bad = pick.slot().index() == 0;
                before.report(
                    begin,
                    pick,
                    if bad && turn < 39 { Outcome::Failure } else { Outcome::Success },
                );
            }
            let state = before.export(end);
            before.handle_timeout(begin);
            out += u32::from(health(&before, 0) != Health::Healthy);
            for (now, age) in ends.into_iter().flat_map(|now| [0, 7].map(|age| (now, age))) {
                let mut next = new(now);
                next.import(now, &state.clone().aged(secs(age))).unwrap();
                // Time goes on from the beginning, and whoever was out of service comes back.
                for second in 0..1000 {
                    let now = Instant::from_secs(second);
                    let pick = next.pick(now, &mut rng).unwrap();
                    next.report(now, pick, Outcome::Success);
                }
                assert!(
                    next.endpoints().all(|status| status.health == Health::Healthy),
                    "{begin} {end} {now}"
                );
            }
        }
    }
    assert!(out > 50, "{out}");
}
