//! The policies that go by load, against naive choices by the same rule.

use evenkeel_core::policy::{LeastRequest, PeakEwma};
use evenkeel_core::rand_core::{Rng, SeedableRng};
use evenkeel_core::slot::Turn;
use evenkeel_core::{Cx, Instant, Policy};
use rand_chacha::ChaCha8Rng;

use crate::fixture::Fixture;

/// Candidates of these weights, with fixed loads: requests in flight, and costs.
fn loaded(weights: &[u32], in_flight: &[u32], costs: &[u64]) -> Fixture<u32> {
    let mut fixture = Fixture::in_order((0..).zip(weights.iter().copied()));
    fixture.in_flight = in_flight.to_vec();
    fixture.costs = costs.to_vec();
    fixture
}

/// Candidates of weight 1 whose costs are their requests in flight.
fn alike(loads: &[u32]) -> Fixture<u32> {
    let costs: Vec<u64> = loads.iter().copied().map(u64::from).collect();
    loaded(&vec![1; loads.len()], loads, &costs)
}

/// How often each place is picked, of 60,000 times.
fn counts(policy: &impl Policy, fixture: &Fixture<u32>, tried: &[usize]) -> Vec<u32> {
    let (mut turn, mut rng) = (Turn::START, ChaCha8Rng::seed_from_u64(1));
    let mut cx = Cx::new(Instant::ZERO, None, &mut turn, &mut rng);
    let mut counts = vec![0; fixture.len()];
    for _ in 0..60_000 {
        counts[fixture.pick_with(policy, tried, &mut cx).expect("a place")] += 1;
    }
    counts
}

/// Tells that these counts have these shares, which add up to the picks. The limit is four standard
/// deviations.
fn close(counts: &[u32], shares: &[u32]) -> bool {
    let near = |(&count, &share): (&u32, &u32)| count.abs_diff(share).pow(2) <= 16 * share;
    counts.iter().zip(shares).all(near)
}

#[test]
fn of_two_the_less_loaded_is_picked_and_pairs_are_drawn_evenly() {
    // Of three pairs, the least loaded is in two; the most loaded wins none, as it never meets
    // itself.
    let fixture = alike(&[5, 0, 9]);
    let shares = [20_000, 40_000, 0];
    assert!(close(&counts(&LeastRequest::new(), &fixture, &[]), &shares));
    assert!(close(&counts(&PeakEwma::new(), &fixture, &[]), &shares));
    let fixture = alike(&[0, 1, 2, 3]);
    let shares = [30_000, 20_000, 10_000, 0];
    assert!(close(&counts(&LeastRequest::new(), &fixture, &[]), &shares));
    assert!(close(&counts(&PeakEwma::new(), &fixture, &[]), &shares));
    assert_eq!(counts(&LeastRequest::new(), &loaded(&[9], &[7], &[0]), &[]), [60_000]);
}

/// Of 15 pairs, one has both that hang; of 225 pairs of pairs, one.
#[test]
fn against_a_crowded_winner_another_pair_is_drawn() {
    let shares = [267, 0, 14_933, 14_933, 14_933, 14_933];
    let crowded = alike(&[9, 10, 1, 1, 1, 1]);
    assert!(close(&counts(&LeastRequest::new(), &crowded, &[]), &shares));
    assert!(close(&counts(&PeakEwma::new(), &crowded, &[]), &shares));
    // With fewer in flight, there is no other draw.
    let shares = [4_000, 0, 14_000, 14_000, 14_000, 14_000];
    let busy = alike(&[6, 7, 1, 1, 1, 1]);
    assert!(close(&counts(&LeastRequest::new(), &busy, &[]), &shares));
    assert!(close(&counts(&PeakEwma::new(), &busy, &[]), &shares));
    // By weight, the two of five out of nine are drawn together more often.
    let loads = [90, 90, 1, 1, 1, 1];
    let crowded = loaded(&[3, 2, 1, 1, 1, 1], &loads, &loads.map(|load| 10 * u64::from(load + 1)));
    for counts in [
        counts(&crowded.built(LeastRequest::new()), &crowded, &[]),
        counts(&crowded.built(PeakEwma::new()), &crowded, &[]),
    ] {
        assert!(counts[0] + counts[1] < 6_000, "{counts:?}");
    }
}

#[test]
fn equals_share_evenly() {
    let fixture = loaded(&[3; 6], &[4; 6], &[4; 6]);
    let counts = [
        counts(&LeastRequest::new(), &fixture, &[]),
        counts(&LeastRequest::full_scan(), &fixture, &[]),
        counts(&PeakEwma::new(), &fixture, &[]),
        counts(&PeakEwma::full_scan(), &fixture, &[]),
    ];
    assert!(counts.iter().all(|counts| close(counts, &[10_000; 6])), "{counts:?}");
    // Where weights differ, equals share by weight, idle ones among them.
    for (in_flight, costs) in [([0; 4], [0; 4]), ([0; 4], [7; 4])] {
        let fixture = loaded(&[1, 2, 3, 4], &in_flight, &costs);
        let shares = [6_000, 12_000, 18_000, 24_000];
        for counts in [
            self::counts(&fixture.built(LeastRequest::new()), &fixture, &[]),
            self::counts(&fixture.built(LeastRequest::full_scan()), &fixture, &[]),
            self::counts(&fixture.built(PeakEwma::full_scan()), &fixture, &[]),
        ] {
            assert!(close(&counts, &shares), "{counts:?}");
        }
    }
}

/// A number of half requests, and a time, for a weight: a fraction.
#[derive(Clone, Copy)]
struct Fraction(u128, u128);

impl Fraction {
    fn is_below(self, other: Self) -> bool {
        self.0 * other.1 < other.0 * self.1
    }
}

/// Tells by fractions that the second is to be taken: it has half a request less for its weight.
fn fewer(fixture: &Fixture<u32>, first: usize, second: usize) -> bool {
    let halves = |place: usize| 2 * u128::from(fixture.in_flight[place]);
    let weight = |place: usize| u128::from(fixture.weights[place]);
    let with_half = Fraction(halves(second) + 1, weight(second));
    with_half.is_below(Fraction(halves(first), weight(first)))
}

/// Tells that the second is to be taken: it would answer sooner for its weight.
fn sooner(fixture: &Fixture<u32>, first: usize, second: usize) -> bool {
    let answer = |place: usize| fixture.costs[place] / (u64::from(fixture.in_flight[place]) + 1);
    let times = [first, second].map(answer);
    let own = [first, second].map(|place| u64::from(fixture.weights[place]));
    let least = own[0].min(own[1]);
    // Eight times as slow is as light as the other.
    let weights = [0, 1].map(|at| {
        let slow = times[at] / 8 >= times[1 - at];
        u128::from(if slow { least } else { own[at] })
    });
    let most = weights[0].max(weights[1]);
    let side = |at: usize, place: usize, halves: u128| {
        let load = 2 * u128::from(fixture.in_flight[place]) + halves;
        Fraction(u128::from(times[at]) * (load * most + 2 * weights[at]), weights[at] * most)
    };
    let half = u128::from(weights[0] != weights[1]);
    side(1, second, half).is_below(side(0, first, 0))
}

/// Of two candidates, the first is drawn by weight and the rule decides; so the picks of one are
/// those of its own draws, less what the rule gives away, and what it gets of the other's.
#[test]
fn of_two_the_rule_decides() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for round in 0..200 {
        // Small numbers tie.
        let mut number = |most: u32| 1 + rng.next_u32() % most;
        let weights = [number(4), number(4) + 4];
        let in_flight = [number(9) - 1, number(9) - 1];
        let costs = [0, 1]
            .map(|at| u64::from(in_flight[at] + 1) * (u64::from(number(6)) << (round % 3 * 12)));
        let fixture = loaded(&weights, &in_flight, &costs);
        let sum = weights[0] + weights[1];
        let check = |counts: Vec<u32>, decides: [bool; 2]| {
            let drawn = weights.map(|weight| weight * 60_000 / sum);
            let expected = match decides {
                [false, false] => drawn,
                [true, false] => [0, 60_000],
                [false, true] => [60_000, 0],
                [true, true] => [drawn[1], drawn[0]],
            };
            let near = |(count, due): (&u32, u32)| count.abs_diff(due) < 700;
            assert!(counts.iter().zip(expected).all(near), "{counts:?} {expected:?}");
        };
        let decides = [fewer(&fixture, 0, 1), fewer(&fixture, 1, 0)];
        check(counts(&fixture.built(LeastRequest::new()), &fixture, &[]), decides);
        let decides = [sooner(&fixture, 0, 1), sooner(&fixture, 1, 0)];
        check(counts(&fixture.built(PeakEwma::new()), &fixture, &[]), decides);
    }
}

/// Without weights, a full scan finds one of the least loaded.
#[test]
fn a_full_scan_finds_the_least() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for round in 0..400 {
        let candidates = 1 + round / 20;
        let in_flight: Vec<u32> = (0..candidates).map(|_| rng.next_u32() % 6).collect();
        let costs: Vec<u64> = (0..candidates).map(|_| u64::from(rng.next_u32() % 6)).collect();
        let fixture = loaded(&vec![3; candidates], &in_flight, &costs);
        let (mut turn, mut rng) = (Turn::START, ChaCha8Rng::seed_from_u64(3));
        let mut cx = Cx::new(Instant::ZERO, None, &mut turn, &mut rng);
        for _ in 0..20 {
            let place = fixture.pick_with(&LeastRequest::full_scan(), &[], &mut cx).unwrap();
            assert_eq!(Some(&in_flight[place]), in_flight.iter().min());
            let place = fixture.pick_with(&PeakEwma::full_scan(), &[], &mut cx).unwrap();
            assert_eq!(Some(&costs[place]), costs.iter().min());
        }
    }
}

/// Nobody is clearly better for its weight: the draw decides.
#[test]
fn the_largest_numbers_do_not_overflow() {
    for weights in [[u32::MAX, 1], [u32::MAX, u32::MAX - 1]] {
        let fixture = loaded(&weights, &[u32::MAX; 2], &[u64::MAX; 2]);
        for counts in [
            counts(&fixture.built(LeastRequest::new()), &fixture, &[]),
            counts(&fixture.built(PeakEwma::new()), &fixture, &[]),
            counts(&fixture.built(PeakEwma::full_scan()), &fixture, &[]),
        ] {
            assert!(weights[1] > 1 || counts[0] == 60_000, "{counts:?}");
            assert!(counts[0] >= 29_000, "{counts:?}");
        }
    }
}

#[test]
fn what_was_tried_is_not_drawn() {
    // The idle one has been tried. Of the two others, the less loaded one wins.
    let fixture = alike(&[0, 1, 5]);
    assert_eq!(counts(&LeastRequest::new(), &fixture, &[0]), [0, 60_000, 0]);
    assert_eq!(counts(&PeakEwma::new(), &fixture, &[0]), [0, 60_000, 0]);
    assert_eq!(counts(&LeastRequest::full_scan(), &fixture, &[0]), [0, 60_000, 0]);
    assert_eq!(counts(&LeastRequest::new(), &fixture, &[0, 1]), [0, 0, 60_000]);
    assert_eq!(counts(&PeakEwma::full_scan(), &fixture, &[0, 1]), [0, 0, 60_000]);
    // The last resort goes by load as ever.
    let all = counts(&LeastRequest::new(), &fixture, &[0, 1, 2]);
    assert!(close(&all, &[40_000, 20_000, 0]));
}

#[test]
fn two_hundred_thousand_candidates() {
    let many = 200_000;
    let fixture = loaded(&vec![u32::MAX; many], &vec![3; many], &vec![3; many]);
    let (mut turn, mut rng) = (Turn::START, ChaCha8Rng::seed_from_u64(1));
    let mut cx = Cx::new(Instant::ZERO, None, &mut turn, &mut rng);
    let mut halves = [0; 2];
    for _ in 0..10_000 {
        let place = fixture.pick_with(&LeastRequest::new(), &[], &mut cx).expect("a place");
        halves[usize::from(place < 100_000)] += 1;
    }
    assert!(close(&halves, &[5_000; 2]));
    assert!(fixture.pick_with(&PeakEwma::full_scan(), &[], &mut cx).is_some());
}
