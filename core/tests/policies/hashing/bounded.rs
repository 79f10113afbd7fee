//! Rendezvous hashing with bounded loads.

use evenkeel_core::load::Needs;
use evenkeel_core::policy::Rendezvous;
use evenkeel_core::{Policy, hash};

use crate::fixture::{Fixture, NOTHING, keys};

fn bounded(factor_percent: u32) -> Rendezvous {
    Rendezvous::bounded(factor_percent).expect("at least 100")
}

/// ⌈⌈(in flight + 1) · factor⌉ · w / Σw⌉
fn limit(fixture: &Fixture<String>, place: usize, factor_percent: u32) -> u64 {
    let in_flight: u64 = fixture.in_flight.iter().map(|&count| u64::from(count)).sum();
    let slots = ((in_flight + 1) * u64::from(factor_percent)).div_ceil(100);
    let weights: u64 = fixture.weights.iter().map(|&weight| u64::from(weight)).sum();
    (slots * u64::from(fixture.weights[place])).div_ceil(weights)
}

/// The first of the key's order that is below its limit.
fn oracle(fixture: &Fixture<String>, key: u64, factor_percent: u32) -> usize {
    let mut order = Vec::new();
    while order.len() < fixture.len() {
        let next = fixture.pick_avoiding(&Rendezvous::new(), key, &order);
        if u64::from(fixture.in_flight[next]) < limit(fixture, next, factor_percent) {
            return next;
        }
        order.push(next);
    }
    panic!("all are full");
}

#[test]
fn overflows_in_the_order_of_the_key() {
    for factor in [100, 101, 125, 200, 1000] {
        for weighted in [1, 7] {
            let weight = |i: u32| 1 + i * i % weighted;
            let mut fixture = Fixture::new((0..12).map(|i| (format!("host-{i}"), weight(i))));
            for (step, random) in keys(20, 600).enumerate() {
                // One popular key, and others.
                let key = if step % 2 == 0 { hash::str("popular") } else { random };
                let place = fixture.pick(&bounded(factor), key);
                assert_eq!(place, oracle(&fixture, key, factor));
                assert!(u64::from(fixture.in_flight[place]) < limit(&fixture, place, factor));
                fixture.in_flight[place] += 1;
                let done = random as usize % 12;
                if step % 3 == 0 {
                    fixture.in_flight[done] = fixture.in_flight[done].saturating_sub(1);
                }
            }
        }
    }
}

#[test]
fn is_plain_while_nothing_is_in_flight() {
    let fixture = Fixture::new((0..12).map(|i| (format!("host-{i}"), 1 + i)));
    for key in keys(21, 500) {
        assert_eq!(fixture.pick(&bounded(100), key), fixture.pick(&Rendezvous::new(), key));
    }
}

#[test]
fn all_others_tried() {
    let mut fixture = Fixture::new((0..3).map(|i| (format!("host-{i}"), 1)));
    fixture.in_flight = vec![9, 0, 0];
    for key in keys(22, 50) {
        assert_eq!(
            fixture.pick_avoiding(&bounded(100), key, &[1, 2]),
            0,
            "a full one rather than one that was tried"
        );
        assert_ne!(fixture.pick(&bounded(100), key), 0);
    }
    fixture.in_flight = vec![u32::MAX; 3];
    assert!(fixture.pick(&bounded(u32::MAX), 1) < 3);
}

#[test]
fn counts_only_with_a_bound() {
    assert_eq!(bounded(150).needs(), Needs { in_flight: true, ..NOTHING });
    assert_eq!(Rendezvous::new().needs(), NOTHING);
    assert_eq!(
        Rendezvous::bounded(99).unwrap_err().to_string(),
        "factor_percent is 99, not in 100..=4294967295"
    );
}
