//! The rotation goes on where it stood.

use evenkeel_core::policy::{RoundRobin, WeightedRoundRobin};
use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::{Balancer, Endpoint, Instant, Policy};
use rand_chacha::ChaCha8Rng;

use crate::fixture::endpoints;

/// The order of picks, over `count` of them.
fn order<P: Policy + Clone>(balancer: &mut Balancer<String, P>, count: usize) -> String {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut pick = || {
        let pick = balancer.pick(Instant::ZERO, &mut rng).unwrap();
        balancer.endpoint(&pick).unwrap().addr.clone()
    };
    (0..count).map(|_| pick()).collect()
}

#[test]
fn the_rotation_goes_on_within_its_cycle() {
    let weighted = || ["a", "b", "c"].into_iter().zip([5, 1, 1]);
    let endpoints =
        || weighted().map(|(addr, weight)| Endpoint::new(addr.to_string()).with_weight(weight));
    for picked in 0..15 {
        let mut balancer: Balancer<String, WeightedRoundRobin> =
            Balancer::new(WeightedRoundRobin::new());
        let _ = balancer.update(Instant::ZERO, endpoints()).unwrap();
        order(&mut balancer, picked);
        let mut next: Balancer<String, WeightedRoundRobin> =
            Balancer::new(WeightedRoundRobin::new());
        let _ = next.update(Instant::ZERO, endpoints()).unwrap();
        next.import(Instant::ZERO, &balancer.export(Instant::ZERO)).unwrap();
        assert_eq!(order(&mut next, 14), order(&mut balancer, 14), "after {picked}");
    }
}

/// Among other candidates it begins anywhere, as it does where they change: nobody is first each time
/// that a process begins anew.
#[test]
fn the_rotation_begins_anywhere_in_another_cycle() {
    let endpoints = |weights: [u32; 3]| {
        let names = ["a", "b", "c"].into_iter().zip(weights);
        names.map(|(addr, weight)| Endpoint::new(addr.to_string()).with_weight(weight))
    };
    let mut firsts = [0_u32; 3];
    for seed in 0..400 {
        let mut balancer: Balancer<String, WeightedRoundRobin> =
            Balancer::new(WeightedRoundRobin::new());
        let _ = balancer.update(Instant::ZERO, endpoints([5, 1, 1])).unwrap();
        order(&mut balancer, 4);
        let mut next: Balancer<String, WeightedRoundRobin> =
            Balancer::new(WeightedRoundRobin::new());
        let _ = next.update(Instant::ZERO, endpoints([2, 1, 1])).unwrap();
        next.import(Instant::ZERO, &balancer.export(Instant::ZERO)).unwrap();
        let pick = next.pick(Instant::ZERO, &mut ChaCha8Rng::seed_from_u64(seed)).unwrap();
        firsts[pick.slot().index()] += 1;
    }
    let close = |(count, due): (&u32, u32)| count.abs_diff(due) < 50;
    assert!(firsts.iter().zip([200, 100, 100]).all(close), "{firsts:?}");
}

#[test]
fn the_rotation_goes_on_after_an_endpoint_that_has_left() {
    let mut balancer: Balancer<String, RoundRobin> = Balancer::new(RoundRobin::new());
    let _ = balancer.update(Instant::ZERO, endpoints(5)).unwrap();
    let next = order(&mut balancer, 5)[..1].to_string();
    let follows = char::from(b'a' + (next.as_bytes()[0] - b'a' + 1) % 5).to_string();
    for (left, goes_on_with) in [(0, next.clone()), (1, follows)] {
        let mut restored: Balancer<String, RoundRobin> = Balancer::new(RoundRobin::new());
        let staying = endpoints(5).filter(|endpoint| left == 0 || endpoint.addr != next);
        let _ = restored.update(Instant::ZERO, staying).unwrap();
        restored.import(Instant::ZERO, &balancer.export(Instant::ZERO)).unwrap();
        assert_eq!(order(&mut restored, 1), goes_on_with);
    }
}

#[test]
fn a_rotation_that_has_begun_stays() {
    let mut balancer: Balancer<String, RoundRobin> = Balancer::new(RoundRobin::new());
    let _ = balancer.update(Instant::ZERO, endpoints(5)).unwrap();
    order(&mut balancer, 1);
    let state = balancer.export(Instant::ZERO);
    let mut other: Balancer<String, RoundRobin> = Balancer::new(RoundRobin::new());
    let _ = other.update(Instant::ZERO, endpoints(5)).unwrap();
    let begun = order(&mut other, 3);
    other.import(Instant::ZERO, &state).unwrap();
    let follows = char::from(b'a' + (begun.as_bytes()[2] - b'a' + 1) % 5).to_string();
    assert_eq!(order(&mut other, 1), follows);
}
