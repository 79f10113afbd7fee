//! Picks of others, and of endpoints that have left.

use evenkeel_core::{
    Balancer, Config, Cx, Endpoint, Inline, Instant, Outcome, Request, Slot, View, Why,
};

use super::{of, rng};

#[test]
fn picks_of_another_balancer_and_of_the_departed() {
    let counting = |view: &dyn View, _: &mut Cx<'_>| {
        let slots = (0..view.len()).filter_map(|place| view.at(place));
        slots.min_by_key(|&slot| view.in_flight(slot))
    };
    let mut ours: Balancer<u8, _> = of(counting, [1, 2].map(Endpoint::new));
    let mut theirs: Balancer<u8, _> = of(counting, [1, 2].map(Endpoint::new));
    let stats = |balancer: &Balancer<u8, _>| {
        balancer.endpoints().map(|status| status.stats).collect::<Vec<_>>()
    };

    let pick = ours.pick(Instant::ZERO, &mut rng()).expect("a pick");
    let foreign = theirs.pick(Instant::ZERO, &mut rng()).expect("a pick");
    assert_eq!(pick.slot(), foreign.slot(), "they look alike");
    let before = stats(&ours);
    assert_eq!(ours.endpoint(&foreign), None);
    ours.report(Instant::ZERO, foreign, Outcome::Failure);
    assert_eq!(stats(&ours), before);

    // Its endpoint leaves and comes back: another slot, and fresh counts.
    let addr = ours.endpoint(&pick).expect("an endpoint").addr;
    ours.remove(Instant::ZERO, &addr).expect("no table").expect("it was there");
    assert_eq!(ours.endpoint(&pick), None);
    let _ = ours.insert(Instant::ZERO, Endpoint::new(addr)).expect("room");
    assert_eq!(ours.endpoint(&pick), None);
    ours.report(Instant::ZERO, pick, Outcome::Failure);
    assert!(stats(&ours).iter().all(|stats| *stats == evenkeel_core::balancer::Stats::default()));
}

/// The only slot is given away while a request to its first holder is under way.
#[test]
fn a_pick_whose_slot_is_another_endpoints() {
    let mut balancer: Balancer<u8, _, Config, Inline<1>> =
        of(|view: &dyn View, _: &mut Cx<'_>| view.at(0), [Endpoint::new(1)]);
    let old = balancer.pick(Instant::ZERO, &mut rng()).expect("a pick");
    let _ = balancer.update(Instant::ZERO, [Endpoint::new(2)]).expect("an update");
    let new = balancer.pick(Instant::ZERO, &mut rng()).expect("a pick");
    assert_eq!((old.slot().index(), balancer.endpoint(&old)), (new.slot().index(), None));
    balancer.report(Instant::ZERO, old, Outcome::Failure);
    let stats = balancer.endpoints().next().expect("one").stats;
    assert_eq!((stats.in_flight, stats.failures), (1, 0));
    balancer.report(Instant::ZERO, new, Outcome::Success);
    let stats = balancer.endpoints().next().expect("one").stats;
    assert_eq!((stats.in_flight, stats.successes), (0, 1));
}

/// The slot of who left goes to the next who comes, with requests under way or without; their
/// reports mean nothing to it.
#[test]
fn the_least_free_slot_is_given_away() {
    let first = |view: &dyn View, _: &mut Cx<'_>| view.at(0);
    let mut balancer: Balancer<u8, _> = of(first, [1, 2, 3].map(Endpoint::new));
    let old = balancer.pick(Instant::ZERO, &mut rng()).expect("a pick");
    assert_eq!(old.slot().index(), 0);
    let _ = balancer.update(Instant::ZERO, [2, 4, 5].map(Endpoint::new)).expect("an update");
    let slots: Vec<_> = balancer.endpoints().map(|status| status.slot.index()).collect();
    assert_eq!(slots, [1, 0, 2]);
    balancer.report(Instant::ZERO, old, Outcome::Failure);
    assert!(balancer.endpoints().all(|status| status.stats.failures == 0));
}

/// A slot to avoid whose endpoint has left is not to be avoided in the hands of another.
#[test]
fn a_slot_of_the_departed_is_not_avoided() {
    let first = |view: &dyn View, _: &mut Cx<'_>| view.at(0);
    let mut heap: Balancer<u8, _> = of(first, [1, 2].map(Endpoint::new));
    let mut inline: Balancer<u8, _, Config, Inline<2>> = of(first, [1, 2].map(Endpoint::new));
    let avoid: Vec<Slot> = heap.endpoints().map(|status| status.slot).collect();
    let request = Request::at(Instant::ZERO).avoiding(&avoid);
    let _ = heap.update(Instant::ZERO, [2, 3].map(Endpoint::new)).expect("an update");
    let _ = inline.update(Instant::ZERO, [2, 3].map(Endpoint::new)).expect("an update");
    for picked in [heap.pick_with(request, &mut rng()), inline.pick_with(request, &mut rng())] {
        let pick = picked.expect("a pick");
        assert_eq!((pick.slot().index(), pick.why()), (0, Why::Retry), "3 was not tried");
    }
}
