//! The policies that go by load, in traffic.

use core::cmp::Reverse;
use core::time::Duration;
use std::collections::{BTreeMap, BinaryHeap};

use evenkeel_core::load::Estimate;
use evenkeel_core::policy::{LeastRequest, PeakEwma, Random};
use evenkeel_core::rand_core::{Rng, SeedableRng};
use evenkeel_core::{
    Balancer, Book, Config, Endpoint, Inline, Instant, Outcome, Pick, Policy, Why,
};
use rand_chacha::ChaCha8Rng;

#[test]
fn requests_in_flight_are_counted_in_fixed_storage_too() {
    let mut balancer: Balancer<u32, LeastRequest, Config, Inline<4>> =
        Balancer::with_settings(LeastRequest::new(), Config::DEFAULT);
    let _ = balancer.update(Instant::ZERO, (0..4).map(Endpoint::new)).expect("no table");
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let picks: Vec<Pick> =
        (0..400).map(|_| balancer.pick(Instant::ZERO, &mut rng).expect("a candidate")).collect();
    assert!(balancer.endpoints().all(|status| status.stats.in_flight.abs_diff(100) <= 3));
    for pick in picks {
        balancer.report(Instant::from_secs(1), pick, Outcome::Success);
    }
    assert!(balancer.endpoints().all(|status| status.stats.in_flight == 0));
    // For a policy that does not look at the time, no answer times are kept.
    assert!(balancer.endpoints().all(|status| status.estimate == Estimate::NONE));
}

#[test]
fn a_new_endpoint_is_probed_by_one_request_until_it_answers() {
    let mut balancer: Balancer<u32, PeakEwma> = Balancer::new(PeakEwma::new());
    let _ = balancer.update(Instant::ZERO, (0..2).map(Endpoint::new)).expect("no table");
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    // Both are tried, although the first has no answer yet.
    let probes = [(); 2].map(|()| balancer.pick(Instant::ZERO, &mut rng).expect("a candidate"));
    assert_ne!(probes[0].slot(), probes[1].slot());
    for probe in probes {
        balancer.report(Instant::from_millis(20), probe, Outcome::Success);
    }

    let now = Instant::from_millis(21);
    let _ = balancer.insert(now, Endpoint::new(9)).expect("room");
    let picks: Vec<Pick> =
        (0..100).map(|_| balancer.pick(now, &mut rng).expect("a candidate")).collect();
    let is_new = |balancer: &Balancer<u32, PeakEwma>, pick: &Pick| {
        balancer.endpoint(pick).is_some_and(|endpoint| endpoint.addr == 9)
    };
    let (probe, others): (Vec<Pick>, Vec<Pick>) =
        picks.into_iter().partition(|pick| is_new(&balancer, pick));
    assert_eq!((probe.len(), others.len()), (1, 99));
    for probe in probe {
        balancer.report(Instant::from_millis(22), probe, Outcome::Success);
    }
    let more = (0..100).filter(|_| {
        let pick = balancer.pick(Instant::from_millis(22), &mut rng).expect("a candidate");
        assert_eq!(pick.why(), Why::Policy);
        is_new(&balancer, &pick)
    });
    assert!(more.count() > 50);
}

/// A request of simulated traffic: when it ends, and which it is.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct End(Instant, u64);

/// The share of failures, in percent, when one of ten endpoints fails every request within 1 ms and
/// the others take 20 ms on average: 300 requests per second for 100 s.
fn failures_with_a_black_hole<P: Policy + Clone>(policy: P, failure_penalty: Duration) -> f64 {
    let config = Config { failure_penalty, book: Book::Off, ..Config::default() };
    let mut balancer: Balancer<u32, P> = Balancer::with_config(policy, config).expect("settings");
    let _ = balancer.update(Instant::ZERO, (0..10).map(Endpoint::new)).expect("no table");
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (mut ends, mut under_way) = (BinaryHeap::new(), BTreeMap::new());
    let mut failures = 0;
    for request in 0..30_000_u64 {
        let now = Instant::from_micros(request * 3_333);
        while ends.peek().is_some_and(|Reverse(End(end, _))| *end <= now) {
            let Some(Reverse(End(end, ended))) = ends.pop() else { break };
            let (pick, outcome) = under_way.remove(&ended).expect("it is under way");
            balancer.report(end, pick, outcome);
        }
        let pick = balancer.pick(now, &mut rng).expect("a candidate");
        let broken = balancer.endpoint(&pick).is_some_and(|endpoint| endpoint.addr == 4);
        // Evenly between 0 and 40 ms.
        let micros = if broken { 1_000 } else { u64::from(rng.next_u32() % 40_000) };
        failures += u32::from(broken);
        ends.push(Reverse(End(now + Duration::from_micros(micros), request)));
        under_way.insert(request, (pick, if broken { Outcome::Failure } else { Outcome::Success }));
    }
    f64::from(failures) / 300.0
}

#[test]
fn an_endpoint_that_fails_fast_attracts_less_not_more() {
    let penalty = Config::DEFAULT.failure_penalty;
    let random = failures_with_a_black_hole(Random::new(), penalty);
    let least_request = failures_with_a_black_hole(LeastRequest::new(), penalty);
    let peak_ewma = failures_with_a_black_hole(PeakEwma::new(), penalty);
    let unpunished = failures_with_a_black_hole(PeakEwma::new(), Duration::ZERO);
    let all = [random, least_request, peak_ewma, unpunished];
    assert!(peak_ewma < random / 2.0, "{all:?}");
    assert!(random < least_request && least_request < unpunished, "{all:?}");
}
