//! The policies that go by weights alone, against their rules spelled out and against the shares
//! they promise.

use evenkeel_core::policy::{WeightedRandom, WeightedRoundRobin};
use evenkeel_core::rand_core::{Rng, TryRng};
use evenkeel_core::slot::Turn;
use evenkeel_core::{Cx, Inline, Instant, Policy, Store, TableFull};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use crate::fixture::{Fixture, FromZero};

/// Candidates of these weights, in slots 0, 1, 2 and so on.
pub(crate) fn fixture(weights: &[u32]) -> Fixture<u32> {
    Fixture::in_order((0..).zip(weights.iter().copied()))
}

/// Places picked from these weights, from the first turn of the cycle on.
pub(crate) fn places(mut policy: impl Policy, weights: &[u32], picks: usize) -> Vec<usize> {
    let fixture = fixture(weights);
    // Where it does not fit, it is not to matter.
    let _ = fixture.rebuild(&mut policy);
    let (mut turn, mut rng) = (Turn::START, FromZero::new(7));
    let mut cx = Cx::new(Instant::ZERO, None, &mut turn, &mut rng);
    let view = fixture.view(&[]);
    (0..picks).map(|_| policy.pick(&view, &mut cx).expect("a place")).collect()
}

pub(crate) fn wrr() -> WeightedRoundRobin {
    WeightedRoundRobin::new()
}

fn wrandom() -> WeightedRandom {
    WeightedRandom::new()
}

fn counts(places: &[usize], candidates: usize) -> Vec<u32> {
    let mut counts = vec![0; candidates];
    for &place in places {
        counts[place] += 1;
    }
    counts
}

/// Pearson's statistic of these counts against shares in proportion to the weights.
fn chi_square(counts: &[u32], weights: &[u32]) -> f64 {
    let picks: f64 = counts.iter().map(|&count| f64::from(count)).sum();
    let sum: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
    let expected = weights.iter().map(|&weight| picks * f64::from(weight) / sum);
    counts
        .iter()
        .zip(expected)
        .map(|(&count, expected)| (f64::from(count) - expected).powi(2) / expected)
        .sum()
}

/// How far any candidate's count ever is from its ideal share, over these picks. The extremes are
/// just before and just after a pick of it; what never comes up again is looked at in the end.
fn distance(places: &[usize], weights: &[u32]) -> f64 {
    let sum: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
    let mut counts = vec![0.0; weights.len()];
    let mut farthest: f64 = 0.0;
    for (picks, &place) in (0..).zip(places) {
        let share = f64::from(weights[place]) / sum;
        farthest = farthest.max(share * f64::from(picks) - counts[place]);
        counts[place] += 1.0;
        farthest = farthest.max(counts[place] - share * f64::from(picks + 1));
    }
    let picks = counts.iter().sum::<f64>();
    let left = |(count, &weight): (&f64, &u32)| f64::from(weight) / sum * picks - count;
    counts.iter().zip(weights).map(left).fold(farthest, f64::max)
}

pub(crate) fn random_weights(rng: &mut ChaCha8Rng, candidates: usize, most: u32) -> Vec<u32> {
    (0..candidates).map(|_| 1 + rng.next_u32() % most).collect()
}

#[test]
fn five_one_one_is_spread_out_as_nginx_does() {
    assert_eq!(places(wrr(), &[5, 1, 1], 14), [0, 0, 1, 0, 2, 0, 0, 0, 0, 1, 0, 2, 0, 0]);
}

#[test]
fn a_full_cycle_has_each_as_often_as_its_weight_says_and_is_never_off_by_more_than_one() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for round in 0..50 {
        let weights = random_weights(&mut rng, 1 + round, 40);
        let sum: u32 = weights.iter().sum();
        let cycle = places(wrr(), &weights, sum as usize);
        assert_eq!(counts(&cycle, weights.len()), weights);
        let distance = distance(&cycle, &weights);
        assert!(distance <= 1.0, "{distance}: {weights:?}");
    }
}

/// `n` of each kind: even, skewed, one heavy, one light, all alike but one, and of all sizes.
pub(crate) fn long_cycles(n: usize) -> [Vec<u32>; 6] {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let mut skewed = random_weights(&mut rng, n, 1 << 20);
    skewed.iter_mut().step_by(3).for_each(|weight| *weight = *weight / 1_000 + 1);
    let mut heavy = vec![1; n];
    heavy[n / 2] = 20_000 * n as u32;
    let mut light = vec![u32::MAX; n];
    light[n - 1] = 1;
    let mut alike = vec![1_000_003; n];
    alike[0] = 1_000_000;
    let sizes = (0..n).map(|place| 1 + (rng.next_u32() >> (place % 32))).collect();
    [random_weights(&mut rng, n, 1 << 30), skewed, heavy, light, alike, sizes]
}

#[test]
fn beyond_the_longest_cycle_it_stays_close_to_the_ideal() {
    for candidates in [2, 3, 10, 100, 1_000, 10_000] {
        for weights in long_cycles(candidates) {
            let distance = distance(&places(wrr(), &weights, 200_000), &weights);
            assert!(distance <= 12.0, "{candidates}: {distance}");
        }
    }
}

/// χ² of 100,000 picks; with k − 1 degrees of freedom, fair picks stay below the limits given with probability 0.999.
fn chi_square_of_random(weights: &[u32]) -> f64 {
    chi_square(&counts(&places(wrandom(), weights, 100_000), weights.len()), weights)
}

#[test]
fn weighted_random_is_in_proportion() {
    let ten: Vec<u32> = (1..=10).collect();
    assert!(chi_square_of_random(&ten) < 27.9);
    assert!(chi_square_of_random(&[1, 1, 1, 1, 1, 1, 1]) < 22.5);
    assert!(chi_square_of_random(&[1, 1]) < 10.9);
    assert!(chi_square_of_random(&[1, 2, 3]) < 13.9);
    assert!(chi_square_of_random(&[1_000_000, 999_999, 1_000, 70_000]) < 16.3);
    assert!(chi_square_of_random(&[u32::MAX, u32::MAX / 2, u32::MAX / 4]) < 13.9);
    let hundred: Vec<u32> = (0..100).map(|place| 1 + place * place % 17).collect();
    assert!(chi_square_of_random(&hundred) < 148.3);
}

#[test]
fn the_extremes_are_picked_from() {
    let sets = [
        vec![1],
        vec![u32::MAX],
        vec![u32::MAX; 200_000],
        vec![1; 200_000],
        (1..=200_000).collect(),
    ];
    for weights in sets {
        places(wrr(), &weights, 1_000);
        places(wrandom(), &weights, 1_000);
    }
    // One weight of 1 among the heaviest neither takes over nor breaks anything.
    let mut light = vec![u32::MAX; 1_000];
    light[500] = 1;
    for places in [places(wrr(), &light, 100_000), places(wrandom(), &light, 100_000)] {
        assert!(counts(&places, light.len())[500] <= 1);
    }
    // All alike, it is round robin for any number.
    assert!(
        places(wrr(), &vec![9; 100_000], 200_000).into_iter().eq((0..100_000).chain(0..100_000))
    );
}

fn in_a_small_store<S: Store>(weights: &[u32], needed: Option<usize>) {
    let full = needed.map_or(Ok(()), |needed| Err(TableFull { needed, capacity: 4 }));
    assert_eq!(fixture(weights).rebuild(&mut WeightedRoundRobin::<S>::in_store()), full);
    assert_eq!(fixture(weights).rebuild(&mut WeightedRandom::<S>::in_store()), full);
    let candidates = weights.len();
    for places in [
        places(WeightedRoundRobin::<S>::in_store(), weights, 5_000),
        places(WeightedRandom::<S>::in_store(), weights, 5_000),
    ] {
        let sum = weights.iter().sum::<u32>();
        let even = 5_000 / candidates as u32;
        let ideal = |weight: u32| if full.is_ok() { 5_000 * weight / sum } else { even };
        let counts = counts(&places, candidates);
        let close = |(&count, &weight): (&u32, &u32)| count.abs_diff(ideal(weight)) < 200;
        assert!(counts.iter().zip(weights).all(close), "{counts:?}");
    }
}

#[test]
fn a_store_that_is_too_small_says_so_and_serves_all() {
    in_a_small_store::<Inline<4>>(&[1, 2, 1], None);
    // Seven turns do not fit, three columns do.
    in_a_small_store::<Inline<4>>(&[5, 1, 1], None);
    in_a_small_store::<Inline<4>>(&[3; 9], None);
    in_a_small_store::<Inline<4>>(&[5, 1, 1, 1, 1], Some(5));
}

#[test]
fn a_clone_picks_the_same() {
    fn picks<P: Policy>(fixture: &Fixture<u32>, policy: &P) -> Vec<Option<usize>> {
        let (mut turn, mut rng) = (Turn::START, ChaCha8Rng::seed_from_u64(5));
        let mut cx = Cx::new(Instant::ZERO, None, &mut turn, &mut rng);
        (0..50).map(|_| fixture.pick_with(policy, &[], &mut cx)).collect()
    }
    for weights in [&[5, 1, 1][..], &[1, 1, 1], &[1_000_000, 999_999, 5]] {
        let fixture = fixture(weights);
        let (robin, random) = (fixture.built(wrr()), fixture.built(wrandom()));
        assert_eq!(picks(&fixture, &robin), picks(&fixture, &robin.clone()));
        assert_eq!(picks(&fixture, &random), picks(&fixture, &random.clone()));
    }
}

/// The slot that weighted random picks where chance gives this number.
fn at_point(weights: &[u32], point: u64) -> usize {
    struct Point(u64);

    impl TryRng for Point {
        type Error = core::convert::Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            unreachable!("a point takes 64 bits")
        }

        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            Ok(self.0)
        }

        fn try_fill_bytes(&mut self, _bytes: &mut [u8]) -> Result<(), Self::Error> {
            unreachable!("a point takes 64 bits")
        }
    }

    let fixture = fixture(weights);
    let (mut turn, mut rng) = (Turn::START, Point(point));
    let mut cx = Cx::new(Instant::ZERO, None, &mut turn, &mut rng);
    fixture.pick_with(&fixture.built(wrandom()), &[], &mut cx).expect("a slot")
}

#[test]
fn points_fall_into_columns() {
    // Of the first column of two, the lighter one has half.
    let edges = [0, (1 << 62) - 1, 1 << 62, 1 << 63, u64::MAX];
    assert_eq!(edges.map(|point| at_point(&[1, 3], point)), [0, 0, 1, 1, 1]);
    // Four columns, of which three give half of theirs to the heaviest.
    let halves = [0, 1, 2, 3, 4, 5, 6, 7].map(|eighth| at_point(&[5, 1, 1, 1], eighth << 61));
    assert_eq!(halves, [0, 0, 1, 0, 2, 0, 3, 0]);
}

#[test]
fn a_weight_never_rounds_to_never() {
    // The lightest has 2⁻³² of its column, and that is a third of all points.
    let last = u64::from(u32::MAX) / 3;
    assert_eq!(at_point(&[1, u32::MAX, u32::MAX], last), 0);
    assert_ne!(at_point(&[1, u32::MAX, u32::MAX], last + 1), 0);
}
