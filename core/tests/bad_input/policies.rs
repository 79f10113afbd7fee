//! Policies that answer nonsense, and what they are not asked.

use core::error::Error;

use evenkeel_core::policy::RoundRobin;
use evenkeel_core::{
    Balancer, Cx, Endpoint, InsertError, Instant, PickError, Policy, Request, Slot, TableFull,
    UpdateError, View, Why,
};

use super::{addresses, of, rng, text};

#[test]
fn policies_that_answer_nonsense() {
    for nonsense in [None, Some(2), Some(usize::MAX)] {
        let mut balancer: Balancer<u8, _> =
            of(move |_: &dyn View, _: &mut Cx<'_>| nonsense, [1, 2].map(Endpoint::new));
        assert_eq!(
            balancer.pick(Instant::ZERO, &mut rng()),
            Err(PickError::Declined),
            "{nonsense:?}"
        );
        let slots: Vec<_> = balancer.endpoints().map(|status| status.slot).collect();
        for avoid in [&slots[..1], &slots] {
            let request = Request::at(Instant::ZERO).avoiding(avoid);
            assert_eq!(
                balancer.pick_with(request, &mut rng()),
                Err(PickError::Declined),
                "{nonsense:?}"
            );
        }
        assert!(balancer.endpoints().all(|status| status.stats.in_flight == 0));
    }
    assert_eq!(text(PickError::Declined), "the policy declined every endpoint");
}

/// A policy that takes the first of those that it sees: what is to be avoided is not among them.
#[test]
fn a_policy_does_not_see_what_to_avoid() {
    let first = |view: &dyn View, _: &mut Cx<'_>| view.at(0);
    let mut balancer: Balancer<u8, _> = of(first, [1, 2].map(Endpoint::new));
    let slots: Vec<Slot> = balancer.endpoints().map(|status| status.slot).collect();
    let request = Request::at(Instant::ZERO).avoiding(&slots[..1]);
    let pick = balancer.pick_with(request, &mut rng()).expect("a pick");
    assert_eq!(pick.slot(), slots[1]);
}

/// With everything to be avoided, departed slots included, each endpoint gets its share: the rotation
/// begins anywhere, and takes nobody's turn.
#[test]
fn everything_is_to_be_avoided() {
    for n in 1..=8 {
        let mut balancer: Balancer<u8, RoundRobin> = of(RoundRobin, (0..n + 3).map(Endpoint::new));
        let avoid: Vec<Slot> = balancer.endpoints().map(|status| status.slot).collect();
        let _ = balancer.update(Instant::ZERO, (0..n).map(Endpoint::new)).expect("an update");
        let mut rng = rng();
        let mut picked = || {
            let pick = balancer
                .pick_with(Request::at(Instant::ZERO).avoiding(&avoid), &mut rng)
                .expect("a pick");
            assert_eq!(pick.why(), Why::LastResort);
            balancer.endpoint(&pick).expect("an endpoint").addr
        };
        let mut counts = vec![0_u32; n.into()];
        (0..u32::from(n) * 400).for_each(|_| counts[usize::from(picked())] += 1);
        assert!(counts.iter().all(|count| count.abs_diff(400) < 100), "{counts:?}");
    }
}

#[test]
fn a_policy_without_room_for_its_table() {
    #[derive(Clone, Debug)]
    struct OfTwo;
    impl Policy for OfTwo {
        type Load = ();

        fn pick(&self, view: &dyn View, _cx: &mut Cx<'_>) -> Option<usize> {
            view.at(0)
        }

        fn rebuild(&mut self, view: &dyn View) -> Result<(), TableFull> {
            if view.len() <= 2 {
                Ok(())
            } else {
                Err(TableFull { needed: view.len(), capacity: 2 })
            }
        }
    }
    let mut balancer: Balancer<u8, OfTwo> = of(OfTwo, [1, 2].map(Endpoint::new));
    let full = TableFull { needed: 3, capacity: 2 };
    let error = balancer.insert(Instant::ZERO, Endpoint::new(3)).expect_err("no room in the table");
    assert_eq!(error, InsertError::Table(full));
    let source = error.source().expect("a source");
    assert_eq!(source.to_string(), "the policy's table holds 2 entries and needs 3");
    assert_eq!(addresses(&balancer), [1, 2, 3], "the set has it all the same");
    let error = balancer
        .update(Instant::ZERO, [1, 2, 4].map(Endpoint::new))
        .expect_err("no room in the table");
    assert_eq!((error, addresses(&balancer)), (UpdateError::Table(full), vec![1, 2, 4]));
    assert_eq!(balancer.remove(Instant::ZERO, &4).map(|removed| removed.is_some()), Ok(true));
}
