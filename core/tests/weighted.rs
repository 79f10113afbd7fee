//! The policies that go by weights alone, against their rules spelled out and against the shares they promise.

use evenkeel_core::policy::{Cx, Turn, Unknown, View, WeightedRandom, WeightedRoundRobin, choose};
use evenkeel_core::rand_core::{Rng, SeedableRng};
use evenkeel_core::{Balancer, Cluster, Endpoint, Inline, Instant, Outcome, Policy, Slot, Store, TableFull, Why};
use rand_chacha::ChaCha8Rng;

/// Candidates of these weights, at addresses 0, 1, 2 and so on.
fn cluster(weights: &[u32]) -> Cluster<u32> {
    let mut cluster = Cluster::new();
    let endpoints = (0..).zip(weights).map(|(addr, &weight)| Endpoint::new(addr).with_weight(weight));
    assert_eq!(cluster.update(Instant::ZERO, endpoints).added, weights.len());
    cluster
}

fn view<'a>(cluster: &'a Cluster<u32>, avoid: &'a [Slot]) -> View<'a> {
    View::new(cluster.candidates().group(0), &Unknown, &Unknown, avoid)
}

fn rebuilt<P: Policy>(mut policy: P, cluster: &Cluster<u32>) -> P {
    policy.rebuild(&view(cluster, &[])).expect("room enough");
    policy
}

/// Places picked from these weights, from the turn at place 0 on.
fn places(mut policy: impl Policy, weights: &[u32], picks: usize) -> Vec<usize> {
    let cluster = cluster(weights);
    // Where it does not fit, it is not to matter.
    let _ = policy.rebuild(&view(&cluster, &[]));
    let (mut turn, mut rng) = (Turn::at(0), ChaCha8Rng::seed_from_u64(7));
    let mut cx = Cx::new(Instant::ZERO, None, &mut turn, &mut rng);
    let places: Vec<_> = (0..picks).map(|_| policy.pick(&view(&cluster, &[]), &mut cx).expect("a place")).collect();
    assert!(places.iter().all(|&place| place < weights.len()));
    places
}

fn wrr() -> WeightedRoundRobin {
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
    counts.iter().zip(expected).map(|(&count, expected)| (f64::from(count) - expected).powi(2) / expected).sum()
}

/// How far any candidate's count ever is from its ideal share, over these picks. The extremes are just before and just after a pick
/// of it; what never comes up again is looked at in the end.
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

fn random_weights(rng: &mut ChaCha8Rng, candidates: usize, most: u32) -> Vec<u32> {
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
fn long_cycles(n: usize) -> [Vec<u32>; 6] {
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

#[test]
fn every_candidate_has_a_turn_and_its_place_is_found_again() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut sets = Vec::from([vec![1], vec![7; 9], vec![5, 1, 1], vec![u32::MAX, 1]]);
    sets.extend([2, 3, 10, 1_000].iter().flat_map(|&candidates| long_cycles(candidates)));
    sets.push(random_weights(&mut rng, 200_000, u32::MAX));
    let mut one_light = vec![u32::MAX; 200_000];
    one_light[77] = 1;
    sets.push(one_light);
    sets.push((0..200_000).map(|place| if place == 77 { u32::MAX } else { 1 }).collect());
    for weights in sets {
        let policy = rebuilt(wrr(), &cluster(&weights));
        let found = (0..weights.len()).filter(|&place| policy.candidate_at(policy.place_of(place)) == place);
        assert_eq!(found.count(), weights.len());
        // Each has a turn: the last two places are left out.
        assert!((0..weights.len()).all(|place| policy.place_of(place) < u32::MAX as usize - 1));
    }
}

/// The same picks twice; before the last, one of the balancers learns of more endpoints.
fn next_with_and_without_change(weights: &[u32], picks: usize) -> [u32; 2] {
    [false, true].map(|change| {
        let mut balancer: Balancer<u32, WeightedRoundRobin> = Balancer::new(wrr());
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        // A balancer's own addresses are even, so that there is room between them.
        let endpoints = (0..).step_by(2).zip(weights).map(|(addr, &weight)| Endpoint::new(addr).with_weight(weight));
        let _ = balancer.update(Instant::ZERO, endpoints).expect("no table too small");
        let mut next = || {
            let pick = balancer.pick(Instant::ZERO, &mut rng).expect("a candidate");
            let addr = balancer.endpoint(&pick).expect("it is there").addr;
            balancer.report(Instant::ZERO, pick, Outcome::Success);
            addr
        };
        for _ in 0..picks {
            next();
        }
        if change {
            for addr in [1, 7, 4_001] {
                let _ = balancer.insert(Instant::ZERO, Endpoint::new(addr).with_weight(2)).expect("room");
            }
        }
        let pick = balancer.pick(Instant::ZERO, &mut rng).expect("a candidate");
        balancer.endpoint(&pick).expect("it is there").addr
    })
}

#[test]
fn the_rotation_goes_on_with_the_same_endpoint_when_candidates_change() {
    for picks in 1..40 {
        for weights in [&[5, 1, 1][..], &[1, 1, 1, 1], &[3, 1, 2, 9, 1, 4], &[1_000_000, 999_999, 77_777, 500_000]] {
            let [without, with] = next_with_and_without_change(weights, picks);
            assert_eq!(without, with, "{weights:?} after {picks}");
        }
    }
}

#[test]
fn slots_to_avoid_are_stepped_over_in_the_same_order() {
    let cluster = cluster(&[5, 1, 1]);
    let slots = cluster.candidates().slots();
    let policy = rebuilt(wrr(), &cluster);
    let (mut turn, mut rng) = (Turn::at(0), ChaCha8Rng::seed_from_u64(1));
    let mut cx = Cx::new(Instant::ZERO, None, &mut turn, &mut rng);
    let mut pick = |avoid: &[Slot]| choose(&policy, &view(&cluster, avoid), &mut cx).expect("a place");
    let avoid = [slots[0]];
    assert_eq!([pick(&avoid), pick(&avoid), pick(&avoid)], [(1, Why::Retry), (2, Why::Retry), (1, Why::Retry)]);
    assert_eq!(pick(&[]), (0, Why::Policy));
    // As if there was nothing to avoid: the turn goes on by one.
    assert_eq!(
        [pick(slots), pick(slots), pick(slots)],
        [(2, Why::LastResort), (0, Why::LastResort), (0, Why::LastResort)]
    );
}

#[test]
fn even_the_heaviest_can_be_avoided() {
    for weights in [&[u32::MAX, 1, 1][..], &[16_000, 1, 1], &[1_000_000, 1, 1]] {
        let cluster = cluster(weights);
        let policy = rebuilt(wrr(), &cluster);
        let (mut turn, mut rng) = (Turn::UNSET, ChaCha8Rng::seed_from_u64(1));
        let mut cx = Cx::new(Instant::ZERO, None, &mut turn, &mut rng);
        let avoid = [cluster.candidates().slots()[0]];
        for _ in 0..100 {
            let (place, why) = choose(&policy, &view(&cluster, &avoid), &mut cx).expect("a place");
            assert!(place > 0 && why == Why::Retry);
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
    let sets = [vec![1], vec![u32::MAX], vec![u32::MAX; 200_000], vec![1; 200_000], (1..=200_000).collect()];
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
    assert!(places(wrr(), &vec![9; 100_000], 200_000).into_iter().eq((0..100_000).chain(0..100_000)));
}

fn in_a_small_store<S: Store>(weights: &[u32], needed: Option<usize>) {
    let cluster = cluster(weights);
    let full = needed.map_or(Ok(()), |needed| Err(TableFull { needed, capacity: 4 }));
    assert_eq!(WeightedRoundRobin::<S>::default().rebuild(&view(&cluster, &[])), full);
    assert_eq!(WeightedRandom::<S>::default().rebuild(&view(&cluster, &[])), full);
    let candidates = weights.len();
    for places in [
        places(WeightedRoundRobin::<S>::default(), weights, 5_000),
        places(WeightedRandom::<S>::default(), weights, 5_000),
    ] {
        if full.is_ok() {
            assert!(counts(&places, candidates).iter().zip(weights).all(|(&count, &weight)| {
                let ideal = 5_000 * weight / weights.iter().sum::<u32>();
                count.abs_diff(ideal) < 200
            }));
        } else {
            assert!(counts(&places, candidates).iter().all(|&count| count.abs_diff(5_000 / candidates as u32) < 200));
        }
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
    for weights in [&[5, 1, 1][..], &[1, 1, 1], &[1_000_000, 999_999, 5]] {
        let cluster = cluster(weights);
        let (robin, random) = (rebuilt(WeightedRoundRobin::new(), &cluster), rebuilt(wrandom(), &cluster));
        let picks = |policy: &dyn Policy| {
            let (mut turn, mut rng) = (Turn::UNSET, ChaCha8Rng::seed_from_u64(5));
            let mut cx = Cx::new(Instant::ZERO, None, &mut turn, &mut rng);
            (0..50).map(|_| policy.pick(&view(&cluster, &[]), &mut cx)).collect::<Vec<_>>()
        };
        assert_eq!(picks(&robin), picks(&robin.clone()));
        assert_eq!(picks(&random), picks(&random.clone()));
    }
}
