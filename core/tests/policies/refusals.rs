//! Requests that are at fault, and refused in no time: such an endpoint must not attract others.

use core::cmp::Reverse;
use core::time::Duration;

use evenkeel_core::load::{Estimate, Estimator};
use evenkeel_core::policy::AnyPolicy;
use evenkeel_core::rand_core::{Rng, SeedableRng};
use evenkeel_core::{Balancer, Book, Config, Endpoint, Instant, Outcome};
use rand_chacha::ChaCha8Rng;

/// On a clock of milliseconds, a refusal moves a stamp by whole ones: shares of many in flight are a
/// bit farther off, few refusals count as up to a fifth more or fewer, and where answers take 40 ms,
/// no more than 63 count.
const COARSE: bool = cfg!(feature = "millis32");

/// The shares of endpoints over what they are due by their weights, with so many requests in flight
/// and a clock that begins then. Of the first one, so many in a hundred answers take 1 ms, as the
/// request was at fault; all others, 40 ms.
fn shares(policy: &str, weights: &[u32], in_flight: usize, refused: u32, start: u64) -> Vec<f64> {
    let policy: AnyPolicy = policy.parse().expect("a policy");
    let config = Config { book: Book::Off, ..Config::DEFAULT };
    let mut balancer = Balancer::<u64, _>::with_config(policy, config).expect("settings");
    let mut now = Instant::from_secs(start);
    let endpoints = (0..).zip(weights);
    let endpoints = endpoints.map(|(addr, &weight)| Endpoint::new(addr).with_weight(weight));
    let _ = balancer.update(now, endpoints).expect("room");
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let (mut open, mut picked) = (Vec::new(), vec![0_u32; weights.len()]);
    for request in 0..25_000 {
        while open.len() < in_flight {
            let pick = balancer.pick(now, &mut rng).expect("a pick");
            let addr = balancer.endpoint(&pick).expect("it is there").addr as usize;
            picked[addr] += 1;
            let outcome = if addr == 0 && rng.next_u32() % 100 < refused {
                Outcome::Ignorable
            } else {
                Outcome::Success
            };
            let took = if outcome == Outcome::Ignorable { 1 } else { 40 };
            open.push((now + Duration::from_millis(took), outcome, pick));
        }
        open.sort_by_key(|(ends, ..)| Reverse(*ends));
        let (ends, outcome, pick) = open.pop().expect("one is in flight");
        now = ends;
        balancer.report(now, pick, outcome);
        if request == 5_000 {
            picked.fill(0);
        }
    }
    let due = f64::from(picked.iter().sum::<u32>()) / f64::from(weights.iter().sum::<u32>());
    let share = |(&count, &weight): (&u32, &u32)| f64::from(count) / (due * f64::from(weight));
    picked.iter().zip(weights).map(share).collect()
}

#[test]
fn one_of_four_that_refuses_at_once_gets_its_quarter() {
    for policy in ["peak_ewma", "peak_ewma(full_scan)"] {
        for in_flight in [1, 2, 3, 5, 10, 16, 64] {
            for start in [0, 1 << 31] {
                let shares = shares(policy, &[1; 4], in_flight, 100, start);
                let most = if COARSE { 0.06 } else { 0.05 };
                let near = |share: &f64| (share / 4.0 - 0.25).abs() < most;
                assert!(shares.iter().all(near), "{policy} {in_flight} {start}: {shares:.3?}");
            }
        }
    }
}

/// Without a word on refusals it would be up to 2 times its due, where so many are in flight that
/// the others are never idle.
#[test]
fn of_few_and_of_many_it_gets_about_its_due() {
    for policy in ["peak_ewma", "peak_ewma(full_scan)"] {
        for n in [1, 2, 3, 5, 10, 100] {
            for in_flight in [1, 16, 64, 4 * n] {
                let share = shares(policy, &vec![1; n], in_flight, 100, 0)[0];
                assert!((0.7..1.3).contains(&share), "{policy} {n} {in_flight}: {share:.3}");
            }
        }
    }
}

/// Of weights, the bounds are wider: half as much again.
#[test]
fn at_any_weight_it_does_not_attract() {
    for weights in [&[5, 1, 1, 1][..], &[1, 5, 5], &[1, 2], &[1, 2, 3, 4], &[10, 10, 1]] {
        for in_flight in [1, 16, 64] {
            let share = shares("peak_ewma", weights, in_flight, 100, 0)[0];
            assert!((0.6..1.6).contains(&share), "{weights:?} {in_flight}: {share:.3}");
        }
    }
}

/// Good answers in between say how long it takes: it counts as refusing from one refusal to the
/// next good answer. So one that refuses half of its requests gets up to half as many again. Least
/// request, which knows no answer times, gives one that refuses all twice its due, and three times
/// where the others are crowded and four are drawn: half of what four get, and three quarters.
#[test]
fn one_that_refuses_some_gets_little_more() {
    for in_flight in [1, 16, 64] {
        for (refused, most) in [(10, 1.1), (50, 1.5)] {
            let share = shares("peak_ewma", &[1; 4], in_flight, refused, 0)[0];
            assert!((0.9..most).contains(&share), "{refused} % {in_flight}: {share:.3}");
        }
    }
    for (in_flight, due) in [(16, 1.8..2.1), (64, 2.8..3.1)] {
        let share = shares("least_request", &[1; 4], in_flight, 100, 0)[0];
        assert!(due.contains(&share), "{in_flight}: {share:.3}");
    }
}

/// A fast refusal counts as in flight for a while, and the more there are, the faster they go.
#[test]
fn ghosts_are_gone_after_their_time() {
    let estimator = Estimator::DEFAULT;
    let mut estimate = Estimate::NONE;
    let at = Instant::from_millis;
    estimator.observe(&mut estimate, at(0), at(40), Outcome::Success);
    let cost = |estimate, now| estimator.cost(estimate, 0, at(now));
    let idle = cost(estimate, 40);
    for refusals in [1, 2, 5, 100, 100_000] {
        let mut refused = estimate;
        for _ in 0..refusals {
            estimator.observe(&mut refused, at(40), at(41), Outcome::Ignorable);
        }
        assert_eq!(refused.nanos, estimate.nanos);
        let costs: Vec<u64> = (41..500).map(|now| cost(refused, now)).collect();
        assert!(costs.is_sorted_by(|a, b| a >= b), "{refusals}");
        // Each takes a request's place, as long as that takes: at most as many as 1,023.
        let ghosts = (costs[0] - idle) as f64 / 40e6;
        let (most, off) = if COARSE { (63, 0.2) } else { (1_023, 0.05) };
        let due = f64::from(refusals.min(most));
        assert!((ghosts / due - 1.0).abs() < off, "{refusals}: {ghosts:.3}");
        let gone = costs.iter().position(|&cost| cost <= idle).expect("they go");
        assert!((26..=270).contains(&gone), "{refusals}: after {gone} ms");
        // A good answer says how long it takes, and they are gone.
        estimator.observe(&mut refused, at(10), at(50), Outcome::Success);
        assert_eq!((refused.nanos, refused.stamp), (estimate.nanos, at(50)));
    }
    // A clock that went back is no crowd.
    let mut ahead = Estimate { stamp: Instant::from_secs(3_600), ..estimate };
    assert_eq!(cost(ahead, 40), idle);
    estimator.observe(&mut ahead, at(40), at(41), Outcome::Ignorable);
    assert!(cost(ahead, 41) < 2 * idle);
}
