//! What a policy that counts sees of the requests under way, against a map of counts.

use core::cell::RefCell;
use std::collections::BTreeMap;

use evenkeel_core::balancer::Stats;
use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::{
    Balancer, Book, Config, Cx, Endpoint, Heap, Inline, Instant, Outcome, Pick, Slot, Store, View,
};
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;

use super::config;

#[derive(Clone, Debug)]
enum Event {
    Update(Vec<u8>),
    Insert(u8),
    Remove(u8),
    Pick,
    Report(prop::sample::Index, Outcome),
    /// The pick is never reported.
    Lose(prop::sample::Index),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let outcome = prop_oneof![
        Just(Outcome::Success),
        Just(Outcome::Failure),
        Just(Outcome::TimedOut),
        Just(Outcome::NeverSent),
        Just(Outcome::Ignorable),
        Just(Outcome::PushedBack),
        Just(Outcome::Overloaded { retry_after: None }),
        Just(Outcome::Abandoned),
        Just(Outcome::LostRace),
    ];
    let event = prop_oneof![
        1 => prop::collection::vec(0..8_u8, 0..6).prop_map(Event::Update),
        1 => (0..8_u8).prop_map(Event::Insert),
        1 => (0..8_u8).prop_map(Event::Remove),
        8 => Just(Event::Pick),
        6 => (any::<prop::sample::Index>(), outcome).prop_map(|(index, outcome)| Event::Report(index, outcome)),
        1 => any::<prop::sample::Index>().prop_map(Event::Lose),
    ];
    prop::collection::vec(event, 1..80)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn in_flight_on_the_heap(events in events()) {
        run::<Heap>(&events);
    }

    #[test]
    fn in_flight_of_four(events in events()) {
        run::<Inline<4>>(&events);
    }
}

fn run<S: Store>(events: &[Event]) {
    // A closure counts by default. It writes down what it saw.
    let seen = RefCell::new(Vec::new());
    let least_in_flight = |view: &dyn View, _cx: &mut Cx<'_>| {
        let slots = (0..view.len()).filter_map(|place| view.at(place));
        let loads: Vec<_> = slots.map(|slot| (slot, view.in_flight(slot))).collect();
        let least = loads.iter().min_by_key(|(_, load)| *load).map(|(slot, _)| *slot);
        *seen.borrow_mut() = loads;
        least
    };
    // Health has a model of its own.
    let off = Config { book: Book::Off, ..Config::default() };
    let balancer = Balancer::<u8, _, _, S>::with_config(&least_in_flight, off);
    let mut balancer = balancer.expect("good settings");
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut model: BTreeMap<u8, (Slot, Stats)> = BTreeMap::new();
    let mut open: Vec<(Pick, u8)> = Vec::new();
    for event in events {
        match event {
            Event::Update(addrs) => {
                let _ = balancer
                    .update(Instant::ZERO, addrs.iter().copied().map(Endpoint::new))
                    .expect("no table");
            }
            Event::Insert(addr) => drop(balancer.insert(Instant::ZERO, Endpoint::new(*addr))),
            Event::Remove(addr) => drop(balancer.remove(Instant::ZERO, addr)),
            Event::Pick => {
                let Ok(pick) = balancer.pick(Instant::ZERO, &mut rng) else {
                    assert!(model.is_empty());
                    continue;
                };
                let load = |(slot, stats): &(Slot, Stats)| (slot.index(), stats.in_flight);
                let mut expected: Vec<_> = model.values().map(load).collect();
                expected.sort_unstable();
                assert_eq!(*seen.borrow(), expected, "what the policy saw");
                let addr = balancer.endpoint(&pick).expect("an endpoint").addr;
                let (slot, stats) = model.get_mut(&addr).expect("a known endpoint");
                assert_eq!(pick.slot(), *slot);
                stats.in_flight += 1;
                open.push((pick, addr));
            }
            Event::Report(index, outcome) if !open.is_empty() => {
                let (pick, addr) = open.swap_remove(index.index(open.len()));
                let known = model.get_mut(&addr).filter(|(slot, _)| *slot == pick.slot());
                balancer.report(Instant::ZERO, pick, *outcome);
                if let Some((_, stats)) = known {
                    stats.in_flight -= 1;
                    let counter = match outcome {
                        Outcome::Success | Outcome::Ignorable | Outcome::PushedBack => {
                            &mut stats.successes
                        }
                        Outcome::Abandoned | Outcome::LostRace => &mut stats.canceled,
                        Outcome::Failure
                        | Outcome::TimedOut
                        | Outcome::NeverSent
                        | Outcome::Overloaded { .. } => &mut stats.failures,
                    };
                    *counter += 1;
                }
            }
            Event::Lose(index) if !open.is_empty() => {
                drop(open.swap_remove(index.index(open.len())));
            }
            Event::Report(..) | Event::Lose(_) => {}
        }
        // Who stays keeps his counts; who is new, or back, has none.
        let listed: Vec<_> = balancer
            .endpoints()
            .map(|status| (status.endpoint.addr, (status.slot, status.stats)))
            .collect();
        let expected = |addr, slot| {
            model
                .get(&addr)
                .filter(|(known, _)| *known == slot)
                .map_or_else(Stats::default, |(_, stats)| *stats)
        };
        for &(addr, (slot, stats)) in &listed {
            assert_eq!(stats, expected(addr, slot), "{addr} after {event:?}");
        }
        model = listed.into_iter().collect();
    }
}
