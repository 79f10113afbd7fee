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

/// Then it goes on as one does whose candidates change: with what follows the last turn.
#[test]
fn the_rotation_goes_on_in_another_cycle() {
    let endpoints = |weights: &'static [u32]| {
        let names = ["a", "b", "c", "d"].into_iter().zip(weights);
        names.map(|(addr, &weight)| Endpoint::new(addr.to_string()).with_weight(weight))
    };
    for (picked, after) in (0..15)
        .flat_map(|picked| [[5, 1, 1, 2].as_slice(), &[5, 2, 1]].map(|after| (picked, after)))
    {
        let mut balancer: Balancer<String, WeightedRoundRobin> =
            Balancer::new(WeightedRoundRobin::new());
        let _ = balancer.update(Instant::ZERO, endpoints(&[5, 1, 1])).unwrap();
        let last = order(&mut balancer, picked).bytes().last();
        let state = balancer.export(Instant::ZERO);
        let _ = balancer.update(Instant::ZERO, endpoints(after)).unwrap();
        let mut next: Balancer<String, WeightedRoundRobin> =
            Balancer::new(WeightedRoundRobin::new());
        let _ = next.update(Instant::ZERO, endpoints(after)).unwrap();
        next.import(Instant::ZERO, &state).unwrap();
        assert_eq!(order(&mut next, 14), order(&mut balancer, 14), "after {picked}");

        // Another policy has another cycle of the same candidates.
        let mut plain: Balancer<String, RoundRobin> = Balancer::new(RoundRobin::new());
        let _ = plain.update(Instant::ZERO, endpoints(&[5, 1, 1])).unwrap();
        plain.import(Instant::ZERO, &state).unwrap();
        let follows = last.map(|last| ["b", "c", "a"][usize::from(last - b'a')]);
        let next = order(&mut plain, 1);
        assert!(follows.is_none_or(|follows| next == follows), "after {picked}");
    }
}

/// After one that has left comes the one that follows it, even if it has the same slot and weight.
#[test]
fn other_endpoints_of_the_same_weights() {
    let weighted = |names: [&'static str; 3]| names.into_iter().zip([5, 1, 1]);
    let endpoints = |names| {
        weighted(names).map(|(addr, weight)| Endpoint::new(addr.to_string()).with_weight(weight))
    };
    let mut left = 0;
    for picked in 1..15 {
        let mut balancer: Balancer<String, WeightedRoundRobin> =
            Balancer::new(WeightedRoundRobin::new());
        let _ = balancer.update(Instant::ZERO, endpoints(["a", "b", "c"])).unwrap();
        let last_has_left = order(&mut balancer, picked).ends_with('c');
        let mut next: Balancer<String, WeightedRoundRobin> =
            Balancer::new(WeightedRoundRobin::new());
        let _ = next.update(Instant::ZERO, endpoints(["a", "b", "d"])).unwrap();
        next.import(Instant::ZERO, &balancer.export(Instant::ZERO)).unwrap();
        let _ = balancer.update(Instant::ZERO, endpoints(["a", "b", "d"])).unwrap();
        let (restored, live) = (order(&mut next, 14), order(&mut balancer, 14));
        if last_has_left {
            // In the live one, what has the slot is taken for what had it.
            assert_eq!(restored, format!("d{}", &live[..13]), "after {picked}");
            left += 1;
        } else {
            assert_eq!(restored, live, "after {picked}");
        }
    }
    assert_eq!(left, 2, "one turn in each cycle");
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
