//! Shares by weight of the policies that go by load, in traffic with so many requests in flight.

use core::cmp::Reverse;
use core::time::Duration;
use std::collections::BinaryHeap;

use evenkeel_core::policy::{
    AnyPolicy, LeastRequest, PeakEwma, PickFirst, Random, RoundRobin, Unweighted, WeightedRandom,
    WeightedRoundRobin, boxed, honours,
};
use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::{
    Balancer, Book, Config, ConfigError, Endpoint, Heap, Inline, Instant, Outcome, Pick, Policy,
};
use rand_chacha::ChaCha8Rng;

const TWO_CHOICES: [&str; 2] = ["least_request", "peak_ewma"];
const FULL_SCANS: [&str; 2] = ["least_request(full_scan)", "peak_ewma(full_scan)"];

fn named(name: &str) -> AnyPolicy {
    name.parse().expect("a policy")
}

/// Requests that end one after the other: the next is sent as soon as one of so many has ended.
struct Traffic<P: Policy> {
    balancer: Balancer<u64, P>,
    rng: ChaCha8Rng,
    now: Instant,
    in_flight: usize,
    /// Ends, in the order in which requests were sent where they are the same.
    ends: BinaryHeap<Reverse<(Instant, u64)>>,
    open: Vec<(u64, Pick)>,
    sent: u64,
}

impl<P: Policy + Clone> Traffic<P> {
    fn new(policy: P, config: Config, weights: &[u32], in_flight: usize) -> Self {
        let config = Config { book: Book::Off, ..config };
        let mut balancer = Balancer::with_config(policy, config).expect("settings");
        let endpoints = (0..).zip(weights);
        let endpoints = endpoints.map(|(addr, &weight)| Endpoint::new(addr).with_weight(weight));
        let _ = balancer.update(Instant::ZERO, endpoints).expect("room");
        let (rng, now) = (ChaCha8Rng::seed_from_u64(1), Instant::ZERO);
        let (ends, open, sent) = (BinaryHeap::new(), Vec::new(), 0);
        Self { balancer, rng, now, in_flight, ends, open, sent }
    }

    /// Sends the next request to an endpoint that takes as long as `answer` says; returns it.
    fn send(&mut self, answer: impl Fn(usize) -> u64) -> usize {
        if self.open.len() == self.in_flight {
            let Reverse((end, ended)) = self.ends.pop().expect("one is under way");
            self.now = end;
            let place = self.open.iter().position(|(sent, _)| *sent == ended).expect("it is open");
            let (_, pick) = self.open.swap_remove(place);
            self.balancer.report(end, pick, Outcome::Success);
        }
        let pick = self.balancer.pick(self.now, &mut self.rng).expect("a pick");
        let addr = self.balancer.endpoint(&pick).expect("it is there").addr as usize;
        let end = self.now + Duration::from_micros(answer(addr));
        self.ends.push(Reverse((end, self.sent)));
        self.open.push((self.sent, pick));
        self.sent += 1;
        addr
    }

    /// The shares of the endpoints, over what they are due by their weights.
    fn shares(
        &mut self,
        weights: &[u32],
        requests: u32,
        answer: impl Fn(usize) -> u64,
    ) -> Vec<f64> {
        let mut counts = vec![0_u32; weights.len()];
        for _ in 0..requests / 4 {
            self.send(&answer);
        }
        for _ in 0..requests {
            counts[self.send(&answer)] += 1;
        }
        let sum: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
        let due = |weight: u32| f64::from(requests) * f64::from(weight) / sum;
        counts.iter().zip(weights).map(|(&count, &weight)| f64::from(count) / due(weight)).collect()
    }
}

/// The shares over what is due, with so many requests in flight.
fn shares(
    name: &str,
    weights: &[u32],
    in_flight: usize,
    answer: impl Fn(usize) -> u64,
) -> Vec<f64> {
    let mut traffic = Traffic::new(named(name), Config::DEFAULT, weights, in_flight);
    traffic.shares(weights, 30_000, answer)
}

/// Sets of 1, 2, 3, 5 and 10.
const WEIGHTS: [&[u32]; 9] = [
    &[7],
    &[1, 2],
    &[99, 100],
    &[1, 10],
    &[2, 3, 4],
    &[10, 10, 10, 1],
    &[1, 2, 3, 4, 5],
    &[3, 3, 3, 3, 3, 1, 1, 1, 1, 1],
    &[10, 10, 10, 10, 10, 10, 10, 10, 10, 5],
];

#[test]
fn equal_answer_times_give_shares_by_weight() {
    for name in TWO_CHOICES {
        for weights in WEIGHTS {
            for in_flight in [1, 20, 100] {
                let shares = shares(name, weights, in_flight, |_| 2_000);
                let fair = |share: &f64| (0.85..1.15).contains(share);
                assert!(shares.iter().all(fair), "{name} {weights:?} {in_flight}: {shares:.3?}");
            }
        }
    }
}

/// Who looks at all rounds what each is due to have in flight to a whole number.
#[test]
fn full_scans_are_off_by_part_of_a_request_in_flight() {
    for name in FULL_SCANS {
        for weights in WEIGHTS {
            let sum: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
            for in_flight in [1, 20, 100] {
                let shares = shares(name, weights, in_flight, |_| 2_000);
                let fair = |(share, &weight): (&f64, &u32)| {
                    let due = in_flight as f64 * f64::from(weight) / sum;
                    (share - 1.0).abs() < 0.15 || in_flight > 1 && (share - 1.0).abs() * due < 0.6
                };
                let all = shares.iter().zip(weights).all(fair);
                assert!(all, "{name} {weights:?} {in_flight}: {shares:.3?}");
            }
        }
    }
}

/// Between one at a time and many, a request more or less is much of a share: the bound is wider.
#[test]
fn few_in_flight_are_not_far_off() {
    for name in TWO_CHOICES {
        for weights in WEIGHTS {
            for in_flight in [2, 5, 16, 64] {
                let shares = shares(name, weights, in_flight, |_| 2_000);
                let near = |share: &f64| (0.7..1.3).contains(share);
                assert!(shares.iter().all(near), "{name} {weights:?} {in_flight}: {shares:.3?}");
            }
        }
    }
}

#[test]
fn a_thousand_endpoints() {
    let weights: Vec<u32> = (0..1_000).map(|addr| 1 + addr % 10).collect();
    for name in TWO_CHOICES {
        for in_flight in [1, 16, 64] {
            let shares = shares(name, &weights, in_flight, |_| 2_000);
            // Of each weight, a hundred endpoints together.
            for of in 0..10 {
                let mean = shares.iter().skip(of).step_by(10).sum::<f64>() / 100.0;
                assert!((0.85..1.15).contains(&mean), "{name} {in_flight}: {} {mean}", of + 1);
            }
        }
    }
}

#[test]
fn an_endpoint_ten_times_slower_is_avoided_at_any_weight() {
    let sets: [&[u32]; 8] = [
        &[1, 1],
        &[1, 2],
        &[99, 100],
        &[1, 10],
        &[1, 100],
        &[10, 10, 10, 1],
        &[1, 2, 3, 4, 5],
        &[100, 100, 100, 100, 100, 100, 100, 100, 100, 1],
    ];
    for name in ["peak_ewma", "peak_ewma(full_scan)"] {
        for weights in sets {
            for in_flight in [1, 5, 20, 50, 100] {
                for slow in [0, weights.len() - 1] {
                    let answer = |addr| if addr == slow { 20_000 } else { 2_000 };
                    let share = shares(name, weights, in_flight, answer)[slow];
                    let text = format!("{name} {weights:?} {in_flight}: {slow} has {share:.3}");
                    assert!(share < 0.2, "{text}");
                }
            }
        }
    }
}

/// Least request knows of the slow one by what waits there: with one request at a time it cannot.
#[test]
fn least_request_avoids_one_ten_times_slower_where_requests_wait() {
    for name in ["least_request", "least_request(full_scan)"] {
        for weights in [&[1, 1][..], &[99, 100], &[2, 3, 4], &[3; 10], &[1, 2, 3, 4, 5]] {
            for in_flight in [20, 100] {
                for slow in [0, weights.len() - 1] {
                    let answer = |addr| if addr == slow { 20_000 } else { 2_000 };
                    let share = shares(name, weights, in_flight, answer)[slow];
                    // With two choices of few in flight, one more or less is much: 0.226 of 2, 3, 4.
                    let most = if name.ends_with(')') || in_flight > 20 { 0.2 } else { 0.23 };
                    let text = format!("{name} {weights:?} {in_flight}: {slow} has {share:.3}");
                    assert!(share < most, "{text}");
                }
            }
        }
    }
}

const TENTHS: usize = 12;

/// Requests to an endpoint of this weight that comes beside warm ones, in each tenth of a window of
/// two minutes, or where there is none; an endpoint takes so many microseconds.
fn counts_of_new(name: &str, (warm, new): (&[u32], u32), window: u64, took: u64) -> [u32; TENTHS] {
    let config = Config { slow_start: Duration::from_secs(window), ..Config::DEFAULT };
    let mut traffic = Traffic::new(named(name), config, warm, 1);
    for _ in 0..1_000 {
        traffic.send(|_| took);
    }
    let (came, addr) = (traffic.now, warm.len());
    let endpoint = Endpoint::new(addr as u64).with_weight(new);
    let _ = traffic.balancer.insert(came, endpoint).expect("room");
    let mut counts = [0; TENTHS];
    loop {
        let tenth = (traffic.now.saturating_since(came).as_secs() / 12) as usize;
        let Some(count) = counts.get_mut(tenth) else { return counts };
        *count += u32::from(traffic.send(|_| took) == addr);
    }
}

/// The first two tenths of the window have one weight, the least; from then on it grows by a tenth.
/// A request without a key goes by a random one.
#[test]
fn a_slow_start_grows_with_every_tenth_of_its_window_by_every_policy_that_has_weights() {
    let config = Config { slow_start: Duration::from_secs(60), ..Config::DEFAULT };
    let weighing = AnyPolicy::<Heap>::NAMES.iter().copied().chain(FULL_SCANS);
    let weighing = weighing.filter(|name| honours(&named(name), &config).is_ok());
    let weighing: Vec<_> = weighing.chain(["rendezvous(bound=125)", "maglev(size=251)"]).collect();
    assert_eq!(weighing.len(), 13);
    for name in weighing {
        let by_key = ["rendezvous", "maglev", "ring_hash", "ketama"];
        let by_key = by_key.iter().any(|policy| name.starts_with(policy));
        for of in [(&[1; 4][..], 1), (&[1, 2, 3, 4], 5), (&[2; 4], 5)] {
            let (took, requests) = (1_000, 12_000.0);
            let counts = counts_of_new(name, of, 120, took);
            let text = format!("{name} {of:?}: {counts:?}");
            assert!(counts[1..11].is_sorted_by(|a, b| a < b), "{text}");
            let (warm, new) = (f64::from(of.0.iter().sum::<u32>()), f64::from(of.1));
            let due = |part: f64| requests * new * part / (warm + new * part);
            // Rings give some endpoints more of the keys: as many as without a slow start.
            let most = counts_of_new(name, of, 0, took)[11];
            let whole = if by_key { f64::from(most) } else { due(1.0) };
            for (tenth, count) in counts.iter().enumerate() {
                let due = due(tenth.clamp(1, 10) as f64 / 10.0) * whole / due(1.0);
                let chance = 4.0 * due.sqrt();
                let ring = if by_key && tenth < 10 { 0.2 * due } else { 0.0 };
                let off = (f64::from(*count) - due).abs();
                assert!(off < chance + ring, "{text}: {tenth} is due {due:.0}");
            }
        }
    }
}

#[test]
fn a_slow_start_is_refused_where_the_policy_ignores_weights() {
    let config = Config { slow_start: Duration::from_secs(60), ..Config::DEFAULT };
    let error = ConfigError::Unweighted { setting: "slow_start" };
    let refused = Err(error);
    for name in AnyPolicy::NAMES {
        let ignores = ["random", "pick_first"].contains(name);
        let expected = if ignores { refused } else { Ok(()) };
        assert_eq!(honours(&named(name), &config), expected, "{name}");
        assert_eq!(honours(&named(name), &Config::DEFAULT), Ok(()), "{name}");
        let made = Balancer::<u8, _>::with_config(named(name), config).map(drop);
        assert_eq!(made, expected, "{name}");
        let mut balancer: Balancer<u8, _> = Balancer::new(named(name));
        assert_eq!(balancer.set_config(Instant::ZERO, config), expected, "{name}");
    }
    for policy in [
        boxed(RoundRobin::new()),
        boxed(Random::new()),
        boxed(PickFirst::new()),
        boxed(LeastRequest::unweighted()),
        boxed(PeakEwma::unweighted()),
    ] {
        assert_eq!(honours(&policy, &config), refused);
    }
    for policy in [
        boxed(LeastRequest::new()),
        boxed(PeakEwma::full_scan()),
        boxed(WeightedRandom::new()),
        boxed(WeightedRoundRobin::new()),
    ] {
        assert_eq!(honours(&policy, &config), Ok(()));
    }
    assert!(error.to_string().starts_with("slow_start is set, but the policy"));
}

/// The endpoints of 2,000 requests.
fn order<P: Policy + Clone>(policy: P, weights: &[u32]) -> Vec<usize> {
    let mut traffic = Traffic::new(policy, Config::DEFAULT, weights, 5);
    (0..2_000).map(|_| traffic.send(|addr| 1_000 + 100 * addr as u64)).collect()
}

#[test]
fn equal_weights_pick_as_if_there_were_none() {
    for (weight, n) in [1, 2, 3, 10, 1_000].into_iter().flat_map(|n| [(1, n), (7, n)]) {
        let weights = vec![weight; n];
        let plain = order(LeastRequest::unweighted(), &weights);
        assert_eq!(order(LeastRequest::new(), &weights), plain);
        let plain = order(PeakEwma::unweighted(), &weights);
        assert_eq!(order(PeakEwma::new(), &weights), plain);
    }
}

#[test]
fn fixed_storage_picks_the_same_and_without_room_weights_are_ignored() {
    let weights = [1, 2, 3, 10];
    let heap = order(LeastRequest::new(), &weights);
    assert_eq!(order(LeastRequest::<Inline<4>>::in_store(), &weights), heap);
    let heap = order(PeakEwma::new(), &weights);
    assert_eq!(order(PeakEwma::<Inline<4>>::in_store(), &weights), heap);
    let mut small: Balancer<u64, LeastRequest<Inline<3>>> = Balancer::new(LeastRequest::in_store());
    let endpoints = [5, 1, 1, 1].into_iter().zip(0..);
    let endpoints = endpoints.map(|(weight, addr)| Endpoint::new(addr).with_weight(weight));
    assert!(small.update(Instant::ZERO, endpoints).is_err());
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut counts = [0_u32; 4];
    for _ in 0..4_000 {
        let pick = small.pick(Instant::ZERO, &mut rng).expect("a pick");
        counts[pick.slot().index()] += 1;
        small.report(Instant::ZERO, pick, Outcome::Success);
    }
    assert!(counts.iter().all(|count| count.abs_diff(1_000) < 150), "{counts:?}");
    let unweighted: Unweighted = Unweighted;
    assert_eq!(format!("{unweighted:?}"), "Unweighted");
}
