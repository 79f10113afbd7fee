//! Sets: too many, none, with weights of nothing and of everything.

use evenkeel_core::policy::{Random, RoundRobin};
use evenkeel_core::{Balancer, Config, Endpoint, Inline, InsertError, Instant, Outcome, PickError};

use super::{addresses, of, rng, text};

#[test]
fn more_endpoints_than_room() {
    let mut full: Balancer<u8, RoundRobin, Config, Inline<3>> =
        of(RoundRobin, [5, 6, 7].map(Endpoint::new));
    let refused = full.insert(Instant::ZERO, Endpoint::new(1)).expect_err("no room");
    assert_eq!(refused, InsertError::Full { capacity: 3 });
    assert_eq!(text(refused), "the set is full: it holds 3 endpoints");
    assert_eq!(addresses(&full), [5, 6, 7], "nothing changes");
    let changes =
        full.insert(Instant::ZERO, Endpoint::new(6).with_weight(9)).expect("it is there already");
    assert_eq!((changes.added, changes.changed), (0, 1));

    // Those that are in the set stay, then addresses in their order; how many found no room is
    // told.
    let changes =
        full.update(Instant::ZERO, [9, 1, 8, 7, 2, 6].map(Endpoint::new)).expect("an update");
    assert_eq!((changes.added, changes.removed, changes.left_out), (1, 1, 3));
    assert_eq!(addresses(&full), [1, 6, 7]);
    full.pick(Instant::ZERO, &mut rng()).map(drop).expect("it goes on");
}

#[test]
fn no_room_at_all() {
    let mut none: Balancer<u8, RoundRobin, Config, Inline<0>> = of(RoundRobin, []);
    let changes = none.update(Instant::ZERO, [1, 2].map(Endpoint::new)).expect("an update");
    assert_eq!((changes.added, changes.left_out), (0, 2));
    assert_eq!(
        none.insert(Instant::ZERO, Endpoint::new(1)),
        Err(InsertError::Full { capacity: 0 })
    );
    assert_eq!(none.pick(Instant::ZERO, &mut rng()), Err(PickError::NoEndpoints));
}

#[test]
fn empty_and_drained_sets() {
    let mut empty: Balancer<u8, Random> = of(Random, []);
    assert_eq!(empty.pick(Instant::ZERO, &mut rng()), Err(PickError::NoEndpoints));
    assert_eq!(empty.remove(Instant::ZERO, &3), Ok(None));

    let drained =
        [Endpoint::new(1).with_weight(0), Endpoint::new(2).with_draining(true).with_priority(1)];
    let mut drained: Balancer<u8, Random> = of(Random, drained);
    assert_eq!(drained.pick(Instant::ZERO, &mut rng()), Err(PickError::AllDrained));
    assert_eq!(text(PickError::AllDrained), "all endpoints are draining or have weight 0");
    assert_eq!(addresses(&drained), [1, 2], "they are still there");
    assert!(drained.endpoints().all(|status| !status.candidate));
    let _ = drained.insert(Instant::ZERO, Endpoint::new(1)).expect("back");
    assert!(drained.pick(Instant::ZERO, &mut rng()).is_ok());
}

#[test]
fn weights_of_nothing_and_of_everything() {
    let endpoints =
        [Endpoint::new(1).with_weight(0), Endpoint::new(2).with_weight(u32::MAX), Endpoint::new(3)];
    let mut balancer: Balancer<u8, RoundRobin> = of(RoundRobin, endpoints);
    let mut rng = rng();
    for turn in 0..10 {
        let pick = balancer.pick(Instant::ZERO, &mut rng).expect("a pick");
        let addr = balancer.endpoint(&pick).expect("an endpoint").addr;
        assert_ne!(addr, 1, "turn {turn}");
        balancer.report(Instant::ZERO, pick, Outcome::Success);
    }
    let weights = [1, 2, 3].map(|addr| {
        balancer.endpoints().find(|s| s.endpoint.addr == addr).expect("known").endpoint.weight
    });
    assert_eq!(weights, [0, u32::MAX, 1]);
}
