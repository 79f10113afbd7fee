//! The policies that go by load, against naive choices by the same rule, and in traffic.

use core::cmp::Reverse;
use core::time::Duration;
use std::collections::{BTreeMap, BinaryHeap};

use evenkeel_core::policy::{Cx, LeastRequest, Loads, PeakEwma, Random, Turn, Unknown, View, choose};
use evenkeel_core::rand_core::{Rng, SeedableRng};
use evenkeel_core::stats::{Estimate, Latency};
use evenkeel_core::{Balancer, Cluster, Config, Endpoint, Inline, Instant, Outcome, Pick, Policy, Slot, Why};
use rand_chacha::ChaCha8Rng;

/// Fixed loads, by slot: requests in flight, and costs.
#[derive(Default)]
struct Fixed(Vec<u32>, Vec<u64>);

impl Loads for Fixed {
    fn in_flight(&self, index: usize) -> u32 {
        self.0[index]
    }

    fn cost(&self, index: usize, _now: Instant) -> u64 {
        self.1[index]
    }
}

fn cluster(weights: &[u32]) -> Cluster<u32> {
    let mut cluster = Cluster::new();
    let endpoints = (0..).zip(weights).map(|(addr, &weight)| Endpoint::new(addr).with_weight(weight));
    assert_eq!(cluster.update(Instant::ZERO, endpoints).added, weights.len());
    cluster
}

/// How often each place is picked, of 60,000 times.
fn counts(policy: &impl Policy, weights: &[u32], loads: &Fixed, avoid: impl Fn(&[Slot]) -> Vec<Slot>) -> Vec<u32> {
    let cluster = cluster(weights);
    let (mut turn, mut rng) = (Turn::UNSET, ChaCha8Rng::seed_from_u64(1));
    let mut cx = Cx::new(Instant::ZERO, None, &mut turn, &mut rng);
    let avoid = avoid(cluster.candidates().slots());
    let view = View::new(cluster.candidates().group(0), loads, &Unknown, &avoid);
    let mut counts = vec![0; weights.len()];
    for _ in 0..60_000 {
        counts[choose(policy, &view, &mut cx).expect("a place").0] += 1;
    }
    counts
}

/// Whether these counts have these shares, which add up to the picks. The limit is four standard deviations.
fn close(counts: &[u32], shares: &[u32]) -> bool {
    counts.iter().zip(shares).all(|(&count, &share)| count.abs_diff(share).pow(2) <= 16 * share)
}

fn none(_: &[Slot]) -> Vec<Slot> {
    Vec::new()
}

#[test]
fn of_two_the_less_loaded_is_picked_and_pairs_are_drawn_evenly() {
    // Of three pairs, the least loaded is in two; the most loaded wins none, as it never meets itself.
    let loads = Fixed(vec![5, 0, 9], vec![500, 0, 900]);
    let shares = [20_000, 40_000, 0];
    assert!(close(&counts(&LeastRequest::new(), &[1; 3], &loads, none), &shares));
    assert!(close(&counts(&PeakEwma::new(), &[1; 3], &loads, none), &shares));
    let loads = Fixed(vec![0, 1, 2, 3], vec![0, 1, 2, 3]);
    let shares = [30_000, 20_000, 10_000, 0];
    assert!(close(&counts(&LeastRequest::new(), &[1; 4], &loads, none), &shares));
    assert!(close(&counts(&PeakEwma::new(), &[1; 4], &loads, none), &shares));
    assert_eq!(counts(&LeastRequest::new(), &[9], &Fixed(vec![7], vec![]), none), [60_000]);
}

#[test]
fn equals_share_evenly() {
    let loads = Fixed(vec![4; 6], vec![4; 6]);
    let counts = [
        counts(&LeastRequest::new(), &[3; 6], &loads, none),
        counts(&LeastRequest::full_scan(), &[3; 6], &loads, none),
        counts(&PeakEwma::new(), &[3; 6], &loads, none),
        counts(&PeakEwma::full_scan(), &[3; 6], &loads, none),
    ];
    assert!(counts.iter().all(|counts| close(counts, &[10_000; 6])), "{counts:?}");
    // Equal for its weight is equal.
    let loads = Fixed(vec![1, 3, 5, 9], vec![]);
    assert!(close(
        &self::counts(&LeastRequest::full_scan(), &[1, 2, 3, 4], &loads, none),
        &[20_000, 20_000, 20_000, 0]
    ));
}

/// The places whose load is least for their weight, by fractions.
fn least(loads: &[u64], weights: &[u32]) -> Vec<usize> {
    let below = |a: usize, b: usize| {
        u128::from(loads[a]) * u128::from(weights[b]) < u128::from(loads[b]) * u128::from(weights[a])
    };
    (0..loads.len()).filter(|&place| !(0..loads.len()).any(|other| below(other, place))).collect()
}

#[test]
fn a_full_scan_finds_the_least_and_two_choices_the_lesser() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for round in 0..400 {
        let candidates = if round % 2 == 0 { 2 } else { 1 + round / 20 };
        // Small numbers tie, large ones test the width of the products.
        let mut number = |most: u32| if round % 3 == 0 { rng.next_u32().max(1) } else { 1 + rng.next_u32() % most };
        let weights: Vec<u32> = (0..candidates).map(|_| number(4)).collect();
        let in_flight: Vec<u32> = (0..candidates).map(|_| number(6)).collect();
        let costs: Vec<u64> = (0..candidates).map(|_| u64::from(number(6)) << (round % 3 * 16)).collect();
        let with_one_more: Vec<u64> = in_flight.iter().map(|&pending| u64::from(pending) + 1).collect();
        let (fewest, cheapest) = (least(&with_one_more, &weights), least(&costs, &weights));

        let (cluster, loads) = (cluster(&weights), Fixed(in_flight, costs));
        let (mut turn, mut rng) = (Turn::UNSET, ChaCha8Rng::seed_from_u64(3));
        let mut cx = Cx::new(Instant::ZERO, None, &mut turn, &mut rng);
        let view = View::new(cluster.candidates().group(0), &loads, &Unknown, &[]);
        for _ in 0..20 {
            assert!(fewest.contains(&LeastRequest::full_scan().pick(&view, &mut cx).expect("a place")));
            assert!(cheapest.contains(&PeakEwma::full_scan().pick(&view, &mut cx).expect("a place")));
            if candidates == 2 {
                assert!(fewest.contains(&LeastRequest::new().pick(&view, &mut cx).expect("a place")));
                assert!(cheapest.contains(&PeakEwma::new().pick(&view, &mut cx).expect("a place")));
            }
        }
    }
}

#[test]
fn the_largest_numbers_do_not_overflow() {
    let loads = Fixed(vec![u32::MAX, u32::MAX], vec![u64::MAX, u64::MAX]);
    for weights in [[u32::MAX, 1], [u32::MAX, u32::MAX - 1]] {
        for counts in [
            counts(&LeastRequest::new(), &weights, &loads, none),
            counts(&PeakEwma::new(), &weights, &loads, none),
            counts(&PeakEwma::full_scan(), &weights, &loads, none),
        ] {
            assert_eq!(counts, [60_000, 0]);
        }
    }
}

#[test]
fn one_to_avoid_loses_to_one_that_is_not() {
    // The idle one has been tried. Of the others, the less loaded one wins when both are drawn.
    let loads = Fixed(vec![0, 1, 5], vec![0, 1, 5]);
    let first = |slots: &[Slot]| vec![slots[0]];
    assert!(close(&counts(&LeastRequest::new(), &[1; 3], &loads, first), &[0, 40_000, 20_000]));
    assert!(close(&counts(&PeakEwma::new(), &[1; 3], &loads, first), &[0, 40_000, 20_000]));
    assert_eq!(counts(&LeastRequest::full_scan(), &[1; 3], &loads, first), [0, 60_000, 0]);
    let but_the_last = |slots: &[Slot]| slots[..2].to_vec();
    assert_eq!(counts(&LeastRequest::new(), &[1; 3], &loads, but_the_last), [0, 0, 60_000]);
    assert_eq!(counts(&PeakEwma::full_scan(), &[1; 3], &loads, but_the_last), [0, 0, 60_000]);
    // The last resort goes by load as ever.
    assert!(close(&counts(&LeastRequest::new(), &[1; 3], &loads, <[Slot]>::to_vec), &[40_000, 20_000, 0]));
}

#[test]
fn two_hundred_thousand_candidates() {
    let loads = Fixed(vec![3; 200_000], vec![3; 200_000]);
    let cluster = cluster(&vec![u32::MAX; 200_000]);
    let (mut turn, mut rng) = (Turn::UNSET, ChaCha8Rng::seed_from_u64(1));
    let mut cx = Cx::new(Instant::ZERO, None, &mut turn, &mut rng);
    let view = View::new(cluster.candidates().group(0), &loads, &Unknown, &[]);
    let mut halves = [0; 2];
    for _ in 0..10_000 {
        halves[usize::from(LeastRequest::new().pick(&view, &mut cx).expect("a place") < 100_000)] += 1;
    }
    assert!(close(&halves, &[5_000; 2]));
    assert!(PeakEwma::full_scan().pick(&view, &mut cx).is_some_and(|place| place < 200_000));
}

#[test]
fn requests_in_flight_are_counted_in_fixed_storage_too() {
    let mut balancer: Balancer<u32, LeastRequest, Inline<4>> = Balancer::new(LeastRequest::new());
    let _ = balancer.update(Instant::ZERO, (0..4).map(Endpoint::new)).expect("no table");
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let picks: Vec<Pick> = (0..400).map(|_| balancer.pick(Instant::ZERO, &mut rng).expect("a candidate")).collect();
    assert!(balancer.endpoints().all(|status| status.stats.in_flight.abs_diff(100) <= 3));
    for pick in picks {
        balancer.report(Instant::from_secs(1), pick, Outcome::Success);
    }
    assert!(balancer.endpoints().all(|status| status.stats.in_flight == 0));
    // A policy that does not look at the time pays for no answer times.
    assert!(balancer.endpoints().all(|status| status.estimate == Estimate::default()));
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
    let picks: Vec<Pick> = (0..100).map(|_| balancer.pick(now, &mut rng).expect("a candidate")).collect();
    let is_new = |balancer: &Balancer<u32, PeakEwma>, pick: &Pick| {
        balancer.endpoint(pick).is_some_and(|endpoint| endpoint.addr == 9)
    };
    let (probe, others): (Vec<Pick>, Vec<Pick>) = picks.into_iter().partition(|pick| is_new(&balancer, pick));
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

/// The share of failures, in percent, when one of ten endpoints fails every request within 1 ms and the others take 20 ms on
/// average: 300 requests per second for 100 s.
fn failures_with_a_black_hole<P: Policy + Clone>(policy: P, latency: Latency) -> f64 {
    let mut balancer: Balancer<u32, P> =
        Balancer::with_config(policy, Config { latency, outlier_detection: None, ..Config::default() })
            .expect("settings");
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
    let random = failures_with_a_black_hole(Random::new(), Latency::default());
    let least_request = failures_with_a_black_hole(LeastRequest::new(), Latency::default());
    let peak_ewma = failures_with_a_black_hole(PeakEwma::new(), Latency::default());
    let unpunished = Latency { failure_penalty: Duration::ZERO, ..Latency::default() };
    let naive = failures_with_a_black_hole(PeakEwma::new(), unpunished);
    println!("random {random}, least request {least_request}, peak EWMA {peak_ewma}, without penalty {naive}");
    assert!(peak_ewma < random / 2.0 && random < least_request && least_request < naive);
}
