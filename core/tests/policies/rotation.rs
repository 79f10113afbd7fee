//! How turns go on: round robin and its weighted form.

use evenkeel_core::policy::{RoundRobin, WeightedRoundRobin};
use evenkeel_core::rand_core::Rng;
use evenkeel_core::slot::Turn;
use evenkeel_core::{Cx, Inline, Instant, Policy};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use crate::fixture::Fixture;
use crate::weighted::{fixture, long_cycles, places, wrr};

/// The place that is picked after `turn`.
fn next(fixture: &Fixture<u32>, policy: &impl Policy, turn: &mut Turn, tried: &[usize]) -> usize {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    fixture
        .pick_with(policy, tried, &mut Cx::new(Instant::ZERO, None, turn, &mut rng))
        .expect("a pick")
}

/// nginx's rule as it states it, a step at a time.
fn smooth(weights: &[u32], turns: usize) -> Vec<usize> {
    let sum: i64 = weights.iter().map(|&weight| i64::from(weight)).sum();
    let mut scores = vec![0_i64; weights.len()];
    let mut order = Vec::new();
    for _ in 0..turns {
        let mut best = 0;
        for (place, &weight) in weights.iter().enumerate() {
            scores[place] += i64::from(weight);
            if scores[place] > scores[best] {
                best = place;
            }
        }
        scores[best] -= sum;
        order.push(best);
    }
    order
}

fn check(weights: &[u32], length: usize) {
    let twice = places(wrr(), weights, 2 * length);
    assert_eq!(twice[..length], smooth(weights, length), "{weights:?}");
    assert_eq!(twice[..length], twice[length..], "{weights:?}");
}

#[test]
fn the_order_is_that_of_nginx() {
    check(&[5, 1, 1], 7);
    check(&[1], 1);
    check(&[u32::MAX; 3], 3);
    check(&[1 << 31, 1 << 30, 1 << 30], 4);
    check(&[3, 1, 3, 1, 2, 3, 1], 14);
    check(&[100, 1, 99, 100, 2], 302);
    check(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 9, 8, 7], 89);
}

#[test]
fn any_order_of_small_weights() {
    for code in 0..4_096_u32 {
        let weights: Vec<u32> = (0..6).map(|place| 1 + (code >> (2 * place) & 3)).collect();
        check(&weights, weights.iter().sum::<u32>() as usize);
    }
}

#[test]
fn a_cycle_has_its_limits() {
    fn shape(policy: impl Policy + core::fmt::Debug, weights: &[u32]) -> String {
        format!("{:?}", fixture(weights).built(policy))
    }
    let cycle = |length| format!("WeightedRoundRobin {{ cycle: {length}, .. }}");
    assert_eq!(shape(wrr(), &[16_383, 1]), cycle(16_384));
    assert_ne!(shape(wrr(), &[16_384, 1]), cycle(16_385));
    assert_eq!(shape(WeightedRoundRobin::<Inline<8>>::in_store(), &[5, 2, 1]), cycle(8));
    assert_ne!(shape(WeightedRoundRobin::<Inline<7>>::in_store(), &[5, 2, 1]), cycle(8));
}

/// Each is met by the walk through a table, be it the lightest of many.
#[test]
fn every_candidate_has_a_turn() {
    for candidates in [2, 3, 10, 300] {
        for weights in long_cycles(candidates) {
            let sum: u64 = weights.iter().copied().map(u64::from).sum();
            let least = u64::from(*weights.iter().min().unwrap());
            if sum / least > 100_000 {
                continue;
            }
            let mut had = vec![false; candidates];
            for place in places(wrr(), &weights, 400_000) {
                had[place] = true;
            }
            assert!(had.iter().all(|had| *had), "{weights:?}");
        }
    }
}

/// The cycle of the same candidates goes on; another one begins where its own walk says, and not
/// always at the same slot.
#[test]
fn a_cycle_goes_on_and_another_begins_by_its_walk() {
    let (before, after) = (fixture(&[5, 1, 1]), fixture(&[5, 1, 1, 7]));
    let (old, new) = (before.built(wrr()), after.built(wrr()));
    let mut rng = crate::fixture::FromZero::new(7);
    let mut turn = Turn::START;
    let mut pick = |fixture: &Fixture<u32>, policy: &WeightedRoundRobin| {
        let mut cx = Cx::new(Instant::ZERO, None, &mut turn, &mut rng);
        fixture.pick_with(policy, &[], &mut cx).expect("a pick")
    };
    let rebuilt = before.built(old.clone());
    let order: Vec<usize> = (0..14).map(|at| pick(&before, [&old, &rebuilt][at % 2])).collect();
    assert_eq!(order, [0, 0, 1, 0, 2, 0, 0, 0, 0, 1, 0, 2, 0, 0]);
    let mut counts = [0_u32; 4];
    for _ in 0..1_400 {
        counts[pick(&after, &new)] += 1;
        pick(&before, &old);
    }
    let due = [500, 100, 100, 700];
    assert!(counts.iter().zip(due).all(|(count, due)| count.abs_diff(due) < 10), "{counts:?}");
}

#[test]
fn slots_that_come_and_go_do_not_disturb_round_robin() {
    let (all, few) = (fixture(&[1; 6]), fixture(&[1; 4]));
    let mut turn = Turn::had(1, 1);
    assert_eq!(next(&all, &RoundRobin, &mut turn, &[2]), 3);
    assert_eq!(next(&all, &RoundRobin, &mut turn, &[]), 4);
    // The slot that had the last turn has left.
    assert_eq!(next(&few, &RoundRobin, &mut turn, &[]), 0);
    assert_eq!(next(&all, &RoundRobin, &mut turn, &[]), 1);
}

#[test]
fn slots_that_were_tried_are_stepped_over_in_the_same_order() {
    let fixture = fixture(&[5, 1, 1]);
    let policy = fixture.built(wrr());
    let mut turn = Turn::START;
    // The end of a cycle.
    while next(&fixture, &policy, &mut turn, &[]) != 2 {}
    assert_eq!([(); 2].map(|()| next(&fixture, &policy, &mut turn, &[])), [0, 0]);
    let tried = [(); 3].map(|()| next(&fixture, &policy, &mut turn, &[0]));
    assert_eq!(tried, [1, 2, 1]);
    assert_eq!(next(&fixture, &policy, &mut turn, &[]), 0);
}

#[test]
fn even_the_heaviest_can_be_passed_over() {
    for weights in [&[u32::MAX, 1, 1][..], &[16_000, 1, 1], &[1_000_000, 1, 1]] {
        let fixture = fixture(weights);
        let policy = fixture.built(wrr());
        let (mut turn, mut rng) = (Turn::START, ChaCha8Rng::seed_from_u64(1));
        let mut cx = Cx::new(Instant::ZERO, None, &mut turn, &mut rng);
        let mut counts = [0; 3];
        for _ in 0..100 {
            counts[fixture.pick_with(&policy, &[0], &mut cx).expect("a pick")] += 1;
        }
        assert!(counts[0] == 0 && counts[1] > 20 && counts[2] > 20, "{counts:?}");
    }
}

#[test]
fn the_first_turn_is_drawn() {
    let fixture = fixture(&[5, 1, 1]);
    let policy = fixture.built(wrr());
    let mut firsts = [0_u32; 3];
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for _ in 0..7_000 {
        let mut turn = Turn::START;
        let mut one = ChaCha8Rng::seed_from_u64(rng.next_u64());
        let mut cx = Cx::new(Instant::ZERO, None, &mut turn, &mut one);
        firsts[fixture.pick_with(&policy, &[], &mut cx).expect("a pick")] += 1;
    }
    assert!(firsts[0].abs_diff(5_000) < 160 && firsts[1].abs_diff(1_000) < 120, "{firsts:?}");
}
