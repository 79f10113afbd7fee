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
    // Equal for its weight is equal.
    let fixture = loaded(&[1, 2, 3, 4], &[1, 3, 5, 9], &[0; 4]);
    let shares = [20_000, 20_000, 20_000, 0];
    assert!(close(&self::counts(&LeastRequest::full_scan(), &fixture, &[]), &shares));
}

/// The places whose load is least for their weight, by fractions.
fn least(loads: &[u64], weights: &[u32]) -> Vec<usize> {
    let below = |a: usize, b: usize| {
        let cross = |a: usize, b: usize| u128::from(loads[a]) * u128::from(weights[b]);
        cross(a, b) < cross(b, a)
    };
    let all = 0..loads.len();
    all.clone().filter(|&place| !all.clone().any(|other| below(other, place))).collect()
}

#[test]
fn a_full_scan_finds_the_least_and_two_choices_the_lesser() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for round in 0..400 {
        let candidates = if round % 2 == 0 { 2 } else { 1 + round / 20 };
        // Small numbers tie, large ones test the width of the products.
        let mut number = |most: u32| {
            if round % 3 == 0 { rng.next_u32().max(1) } else { 1 + rng.next_u32() % most }
        };
        let weights: Vec<u32> = (0..candidates).map(|_| number(4)).collect();
        let in_flight: Vec<u32> = (0..candidates).map(|_| number(6)).collect();
        let cost = |_| u64::from(number(6)) << (round % 3 * 16);
        let costs: Vec<u64> = (0..candidates).map(cost).collect();
        let with_one_more: Vec<u64> = in_flight.iter().map(|&count| u64::from(count) + 1).collect();
        let (fewest, cheapest) = (least(&with_one_more, &weights), least(&costs, &weights));

        let fixture = loaded(&weights, &in_flight, &costs);
        let (mut turn, mut rng) = (Turn::START, ChaCha8Rng::seed_from_u64(3));
        let mut cx = Cx::new(Instant::ZERO, None, &mut turn, &mut rng);
        for _ in 0..20 {
            let mut finds = |policy: &dyn Fn(&mut Cx<'_>) -> Option<usize>, best: &[usize]| {
                assert!(policy(&mut cx).is_some_and(|place| best.contains(&place)));
            };
            finds(&|cx| fixture.pick_with(&LeastRequest::full_scan(), &[], cx), &fewest);
            finds(&|cx| fixture.pick_with(&PeakEwma::full_scan(), &[], cx), &cheapest);
            if candidates == 2 {
                finds(&|cx| fixture.pick_with(&LeastRequest::new(), &[], cx), &fewest);
                finds(&|cx| fixture.pick_with(&PeakEwma::new(), &[], cx), &cheapest);
            }
        }
    }
}

#[test]
fn the_largest_numbers_do_not_overflow() {
    for weights in [[u32::MAX, 1], [u32::MAX, u32::MAX - 1]] {
        let fixture = loaded(&weights, &[u32::MAX; 2], &[u64::MAX; 2]);
        for counts in [
            counts(&LeastRequest::new(), &fixture, &[]),
            counts(&PeakEwma::new(), &fixture, &[]),
            counts(&PeakEwma::full_scan(), &fixture, &[]),
        ] {
            assert_eq!(counts, [60_000, 0]);
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
