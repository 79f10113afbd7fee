use core::cell::Cell;

use evenkeel_core::cluster::Group;
use evenkeel_core::policy::Loads;
use evenkeel_core::{Endpoint, EndpointSet, Instant, Slot, View};

use crate::input::Input;

/// The most candidates: more than the smallest tables hold.
const MOST: usize = 24;

/// Candidates with their weights and loads; no balancer around them.
pub(super) struct Scene {
    set: EndpointSet<String>,
    slots: Vec<Slot>,
    ids: Vec<u64>,
    weights: Vec<u32>,
    /// Requests in flight and costs, by slot.
    loads: Vec<(u32, u64)>,
    departed: Slot,
    /// How many loads may still be looked at.
    looks: Cell<usize>,
}

impl Scene {
    pub(super) fn read(input: &mut Input<'_>) -> Self {
        let mut set = EndpointSet::new();
        let addresses = (0..=input.below(MOST)).map(|number| address(input, number));
        let _ = set.update(addresses.map(Endpoint::new));
        let gone = String::from("gone");
        let _ = set.insert(Endpoint::new(gone.clone()));
        let (departed, _) = set.remove(&gone).expect("it was just inserted");
        let slots: Vec<Slot> = set.iter().map(|(slot, _)| slot).collect();
        let ids = slots.iter().filter_map(|&slot| set.id(slot)).collect();
        let weights = weights(input, slots.len());
        let idle = input.below(2) == 0;
        let loads =
            (0..set.slots()).map(|_| if idle { (0, 0) } else { (input.number() as u32, input.number()) }).collect();
        Self { set, slots, ids, weights, loads, departed, looks: Cell::new(0) }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn weights(&self) -> &[u32] {
        &self.weights
    }

    /// Whether a candidate has no weight: clusters offer none such, and policies owe only places in the view.
    pub(super) fn weightless(&self) -> bool {
        self.weights.contains(&0)
    }

    pub(super) fn view<R>(&self, avoid: &[Slot], with: impl FnOnce(&View<'_>) -> R) -> R {
        let (slots, weights, ids) = (self.slots.as_slice(), self.weights.as_slice(), self.ids.as_slice());
        let group = Group { slots, weights, ids, share: 100, panic: false };
        with(&View::new(group, self, &self.set, avoid))
    }

    /// None to avoid, all, or some; and sometimes one that is no candidate.
    pub(super) fn avoid(&self, input: &mut Input<'_>) -> Vec<Slot> {
        let mask = match input.below(4) {
            0 | 1 => return Vec::new(),
            2 => u32::MAX,
            _ => (0..4).fold(0, |mask, _| mask << 8 | u32::from(input.byte())),
        };
        let chosen = self.slots.iter().enumerate().filter(|(place, _)| mask >> place & 1 == 1).map(|(_, &slot)| slot);
        let departed = (input.below(2) == 1).then_some(self.departed);
        departed.into_iter().chain(chosen).collect()
    }

    pub(super) fn is_avoided(&self, place: usize, avoid: &[Slot]) -> bool {
        avoid.contains(&self.slots[place])
    }

    /// Allows so many looks at loads from here on.
    pub(super) fn allow(&self, looks: usize) {
        self.looks.set(looks);
    }

    fn look(&self, index: usize) -> (u32, u64) {
        self.looks.set(self.looks.get().checked_sub(1).expect("a pick looks at a bounded number of loads"));
        self.loads[index]
    }
}

impl Loads for Scene {
    fn in_flight(&self, index: usize) -> u32 {
        self.look(index).0
    }

    fn cost(&self, index: usize, _now: Instant) -> u64 {
        self.look(index).1
    }
}

/// An address in one of the forms that ketama tells apart, or anything at all.
fn address(input: &mut Input<'_>, number: usize) -> String {
    match input.below(5) {
        0 => format!("10.0.0.{number}:80"),
        1 => format!("host:{number}"),
        2 => format!("unix:/run/{number}"),
        3 => format!("{number}"),
        _ => String::from_utf8_lossy(input.bytes(80)).into_owned(),
    }
}

fn weights(input: &mut Input<'_>, count: usize) -> Vec<u32> {
    let kind = input.below(8);
    let one = input.below(count);
    let weight = |place: usize| match kind {
        0 => 1,
        2 if place == one => 1,
        1 | 2 => u32::MAX,
        3 => 1 + u32::from(place == one),
        4 => 1 + u32::from(input.byte() % 4),
        5 => u32::from(input.byte() % 4),
        _ => input.weight(),
    };
    (0..count).map(weight).collect()
}
