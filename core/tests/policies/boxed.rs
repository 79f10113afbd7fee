//! Policies in boxes.

use evenkeel_core::Policy;
use evenkeel_core::load::{Ewma, Hashed, Needs};
use evenkeel_core::policy::{
    BoxedPolicy, LeastRequest, Maglev, PickFirst, Rendezvous, RoundRobin, boxed,
};

use crate::fixture::{Fixture, NOTHING};

#[test]
fn a_clone_in_a_box_picks_the_same() {
    let fixture = Fixture::new((0..9_u8).map(|addr| (addr, 1)));
    // The table is cloned, too: the clone is never rebuilt.
    let shared: Box<dyn BoxedPolicy<Load = Hashed> + Send + Sync> =
        fixture.built(Box::new(Maglev::with_size(251).expect("a prime")));
    let local: Box<dyn BoxedPolicy<Load = Hashed>> = Box::new(shared.clone());
    for key in 0..251 {
        assert_eq!(fixture.pick(&shared.clone(), key), fixture.pick(&local.clone(), key));
    }
}

#[test]
fn any_policy_fits_the_same_box() {
    let mut policies = [boxed(RoundRobin::new()), boxed(LeastRequest::new())];
    let needs = policies.each_ref().map(Policy::needs);
    assert_eq!(needs, [NOTHING, Needs { in_flight: true, ..NOTHING }]);
    policies[0] = boxed(PickFirst::new());
    let fixture = Fixture::new((0..9_u8).map(|addr| (addr, 1)));
    let [mut first, _] = policies;
    first.seed(3);
    let own = fixture.built(PickFirst::with_seed(3));
    assert_eq!(fixture.pick(&fixture.built(first), 0), fixture.pick(&own, 0));
}

#[test]
fn what_is_not_shared_between_threads_has_a_box_too() {
    let only_here = std::rc::Rc::new(Rendezvous::new());
    let policy = move |view: &dyn evenkeel_core::View, cx: &mut evenkeel_core::Cx<'_>| {
        only_here.pick(view, cx)
    };
    let boxed: Box<dyn BoxedPolicy<Load = Hashed<Ewma>>> = Box::new(policy);
    let fixture = Fixture::new((0..9_u8).map(|addr| (addr, 1)));
    assert_eq!(fixture.pick(&boxed.clone(), 5), fixture.pick(&Rendezvous::new(), 5));
}
