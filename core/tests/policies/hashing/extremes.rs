//! One endpoint, very many, the largest weights, tables that are too small or out of date.

use evenkeel_core::policy::{InvalidParameter, Ketama, Maglev, PickFirst, Rendezvous, RingHash};
use evenkeel_core::{Heap, Inline, Policy, TableFull};

use crate::fixture::{Fixture, keys};

fn fixture(weights: impl IntoIterator<Item = u32>) -> Fixture<u32> {
    Fixture::new((0..).zip(weights))
}

/// Never outside the view, never one that was tried while there is another, the same whenever asked.
fn check(fixture: &Fixture<u32>, policy: &impl Policy, count: usize) {
    let n = fixture.len();
    for key in keys(40, count).chain([0, 1, u64::MAX]) {
        let first = fixture.pick(policy, key);
        assert_eq!(fixture.pick(policy, key), first);
        let avoid: Vec<usize> =
            [first, 0, n - 1, n / 2].into_iter().filter(|&place| place < n).collect();
        let next = fixture.pick_avoiding(policy, key, &avoid);
        assert_eq!(avoid.contains(&next), (0..n.min(5)).all(|place| avoid.contains(&place)));
    }
    assert!(fixture.try_pick(policy, None, &[]).is_some_and(|place| place < n), "without a key");
}

fn check_all(fixture: &Fixture<u32>, count: usize) {
    check(fixture, &Rendezvous::new(), count);
    check(fixture, &Rendezvous::bounded(100).expect("at least 100"), count);
    check(fixture, &fixture.built(PickFirst::with_seed(1)), count);
    check(
        fixture,
        &fixture.built(RingHash::<Heap>::with_sizes(1024, 50_000).expect("valid sizes")),
        count,
    );
    check(fixture, &fixture.built(Maglev::<Heap>::with_size(5003).expect("a prime")), count);
    if let Ok(()) = fixture.rebuild(&mut Ketama::new()) {
        check(fixture, &fixture.built(Ketama::new()), count);
    }
}

#[test]
fn few_endpoints() {
    for n in 1..6 {
        check_all(&fixture(vec![1; n]), 20);
    }
}

#[test]
fn largest_weights() {
    check_all(&fixture([u32::MAX]), 20);
    check_all(&fixture([u32::MAX; 500]), 20);
    check_all(&fixture((0..500).map(|i| if i == 250 { 1 } else { u32::MAX })), 20);
    check_all(&fixture((0..500).map(|i| if i == 250 { u32::MAX } else { 1 })), 20);
}

#[test]
fn very_many_endpoints() {
    let fixture = fixture(vec![1; 200_000]);
    check(&fixture, &Rendezvous::new(), 3);
    check(&fixture, &fixture.built(PickFirst::with_seed(1)), 3);
    check(&fixture, &fixture.built(RingHash::new()), 50);
    check(&fixture, &fixture.built(Maglev::<Heap>::with_size(200_003).expect("a prime")), 50);
    let needed = 200_000;
    assert_eq!(fixture.rebuild(&mut Maglev::new()), Err(TableFull { needed, capacity: 65_537 }));
    let capacity = Ketama::<Heap>::MAXIMUM_SIZE as usize;
    assert_eq!(
        fixture.rebuild(&mut Ketama::new()),
        Err(TableFull { needed: needed * 160, capacity })
    );
}

#[test]
fn one_heavy_among_very_many() {
    let fixture = fixture((0..60_000).map(|i| if i == 30_000 { u32::MAX } else { 1 }));
    let maglev = fixture.built(Maglev::new());
    let heavy = (0..65_537).filter(|&key| fixture.pick(&maglev, key) == 30_000).count();
    assert_eq!(heavy, 65_537 - 59_999, "each has an entry, and the heavy one the rest");
    check(&fixture, &fixture.built(RingHash::<Heap>::with_sizes(1, 1000).expect("valid sizes")), 5);
}

#[test]
fn too_small_a_store() {
    let fixture = fixture([1, 2, 3]);
    let mut maglev = Maglev::<Inline<250>>::in_store(251).expect("a prime");
    assert_eq!(fixture.rebuild(&mut maglev), Err(TableFull { needed: 251, capacity: 250 }));
    assert_eq!(fixture.try_pick(&maglev, Some(1), &[]), None, "there is no table");
    let mut maglev = Maglev::<Inline<251>>::in_store(2).expect("a prime");
    assert_eq!(fixture.rebuild(&mut maglev), Err(TableFull { needed: 3, capacity: 2 }));

    let mut ring = RingHash::<Inline<1025>>::default();
    assert_eq!(fixture.rebuild(&mut ring), Err(TableFull { needed: 1026, capacity: 1025 }));
    assert_eq!(fixture.try_pick(&ring, Some(1), &[]), None);
    assert_eq!(fixture.rebuild(&mut RingHash::<Inline<1026>>::default()), Ok(()));

    let mut ring = Ketama::<Inline<959>>::default();
    assert_eq!(fixture.rebuild(&mut ring), Err(TableFull { needed: 960, capacity: 959 }));
    assert_eq!(fixture.try_pick(&ring, Some(1), &[]), None);
    assert_eq!(fixture.rebuild(&mut Ketama::<Inline<960>>::default()), Ok(()));
    let needed = u32::MAX as usize * 160;
    let capacity = Ketama::<Heap>::MAXIMUM_SIZE as usize;
    let heavy = Fixture::new([("a", u32::MAX)]);
    assert_eq!(heavy.rebuild(&mut Ketama::new()), Err(TableFull { needed, capacity }));
}

#[test]
fn most_were_tried() {
    fn check<P: Policy + Clone>(policy: P) {
        let fixture = fixture([1; 40]);
        let policy = fixture.built(policy);
        for key in keys(41, 200) {
            for others in [&[0, 1][..], &[0], &[1]] {
                let tried: Vec<usize> = (0..40).filter(|place| !others.contains(place)).collect();
                assert!(others.contains(&fixture.pick_avoiding(&policy.clone(), key, &tried)));
            }
        }
    }
    check(Rendezvous::new());
    check(PickFirst::with_seed(3));
    check(Maglev::new());
    check(RingHash::new());
    check(Ketama::new());
}

#[test]
fn a_table_of_candidates_from_before() {
    fn check<P: Policy + Clone>(policy: P) {
        let policy = fixture([1; 40]).built(policy);
        // Of the slots in the table, 19 are in this view; and the table has no room for all.
        let many = Fixture::in_order((0..42_u32).map(|addr| (addr, 1)));
        let mut outdated = policy.clone();
        assert!(many.rebuild(&mut outdated).is_err());
        let mut counts = [0; 42];
        for key in keys(41, 2_000) {
            counts[many.pick(&outdated.clone(), key)] += 1;
            many.pick_avoiding(&outdated, key, &[3, 5, 7]);
        }
        assert!(counts.iter().filter(|&&count| count > 0).count() >= 19, "{counts:?}");
    }
    check(Maglev::with_size(41).expect("a prime"));
    check(RingHash::<Inline<41>>::in_store(40, 80).expect("valid sizes"));
    check(Ketama::<Inline<6_500>>::in_store());
}

#[test]
fn stores_agree() {
    let fixture = fixture((1..20).map(|i| i * i % 7 + 1));
    let (heap, inline) = (
        fixture.built(Maglev::<Heap>::with_size(503).expect("a prime")),
        fixture.built(Maglev::<Inline<503>>::in_store(503).expect("a prime")),
    );
    let (heap_ring, inline_ring) =
        (fixture.built(RingHash::new()), fixture.built(RingHash::<Inline<1200>>::default()));
    for key in keys(42, 1000) {
        assert_eq!(fixture.pick(&heap, key), fixture.pick(&inline, key));
        assert_eq!(fixture.pick(&heap_ring, key), fixture.pick(&inline_ring.clone(), key));
    }
}

#[test]
fn invalid_parameters() {
    let message = |invalid: InvalidParameter| invalid.to_string();
    let size = |size| Maglev::<Heap>::with_size(size).map_err(message).expect_err("invalid");
    assert_eq!(size(1), "table_size is 1, not in 2..=5000011");
    assert_eq!(size(5_000_012), "table_size is 5000012, not in 2..=5000011");
    assert_eq!(size(65_536), "table_size is 65536, which is not a prime number");
    assert_eq!(size(4_999_999 - 2), "table_size is 4999997, which is not a prime number");
    let sizes = |minimum, maximum| {
        RingHash::<Heap>::with_sizes(minimum, maximum).map_err(message).expect_err("invalid")
    };
    assert_eq!(sizes(20, 10), "minimum_ring_size is 20, not in 1..=10");
    assert_eq!(sizes(0, 10), "minimum_ring_size is 0, not in 1..=10");
    assert_eq!(sizes(1, 8_388_609), "maximum_ring_size is 8388609, not in 1..=8388608");
}
