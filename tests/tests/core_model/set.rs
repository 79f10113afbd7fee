//! `EndpointSet` against a `BTreeMap`.

use core::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::set::Observer;
use evenkeel_core::{Change, Changes, Endpoint, EndpointSet, Heap, Inline, InsertError, Slot, Store};
use proptest::prelude::*;

use super::{config, endpoint};

#[derive(Clone, Debug)]
enum Event {
    Update(Vec<Endpoint<u8>>),
    /// The same set again, as the answers of most polls are.
    Repeat,
    Insert(Endpoint<u8>),
    Remove(u8),
    /// The slot of this address is in use from now on, even when its endpoint leaves.
    Hold(u8),
    LetGo,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        3 => prop::collection::vec(endpoint(), 0..10).prop_map(Event::Update),
        1 => Just(Event::Repeat),
        3 => endpoint().prop_map(Event::Insert),
        3 => (0..12_u8).prop_map(Event::Remove),
        2 => (0..12_u8).prop_map(Event::Hold),
        1 => Just(Event::LetGo),
    ];
    prop::collection::vec(event, 1..40)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn endpoint_set_on_the_heap(events in events()) {
        Checked::<Heap>::new(usize::MAX).run(&events);
    }

    #[test]
    fn endpoint_set_of_four(events in events()) {
        Checked::<Inline<4>>::new(4).run(&events);
    }
}

/// A difference that the observer was told: who, before and after.
type Told = (Slot, Endpoint<u8>, &'static str);

#[derive(Default)]
struct Watch {
    held: BTreeSet<usize>,
    told: Vec<Told>,
}

impl Observer<u8> for Watch {
    fn idle(&self, index: usize) -> bool {
        !self.held.contains(&index)
    }

    fn on_change(&mut self, change: Change<'_, u8>) {
        self.told.push(match change {
            Change::Added(slot, endpoint) => (slot, *endpoint, "added"),
            Change::Removed(slot, endpoint) => (slot, *endpoint, "removed"),
            Change::Changed(slot, endpoint) => (slot, *endpoint, "changed"),
        });
    }
}

struct Checked<S: Store> {
    set: EndpointSet<u8, S>,
    watch: Watch,
    capacity: usize,
    model: BTreeMap<u8, (Slot, Endpoint<u8>)>,
    departed: BTreeSet<Slot>,
    ids: BTreeMap<u8, u64>,
    /// The most endpoints there ever were, and whether any slot was ever held.
    peak: usize,
    held: bool,
}

impl<S: Store> Checked<S> {
    fn new(capacity: usize) -> Self {
        Self {
            set: EndpointSet::new(),
            watch: Watch::default(),
            capacity,
            model: BTreeMap::new(),
            departed: BTreeSet::new(),
            ids: BTreeMap::new(),
            peak: 0,
            held: false,
        }
    }

    fn run(mut self, events: &[Event]) {
        for event in events {
            match event {
                Event::Update(records) => self.update(records),
                Event::Repeat => self.update(&self.model.values().rev().map(|(_, e)| *e).collect::<Vec<_>>()),
                Event::Insert(endpoint) => self.insert(*endpoint),
                Event::Remove(addr) => self.remove(*addr),
                Event::Hold(addr) => self.hold(*addr),
                Event::LetGo => self.watch.held.clear(),
            }
            self.compare();
        }
    }

    fn update(&mut self, records: &[Endpoint<u8>]) {
        // One record of each address, known addresses first, as many as there is room for.
        let mut wanted: BTreeMap<u8, Endpoint<u8>> = BTreeMap::new();
        let mut ranked = records.to_vec();
        ranked.sort_by_key(|record| (record.priority, Reverse(record.weight), record.draining));
        for record in ranked {
            wanted.entry(record.addr).or_insert(record);
        }
        let mut by_right: Vec<_> = wanted.into_values().collect();
        by_right.sort_by_key(|record| (!self.model.contains_key(&record.addr), record.addr));
        let left_out = by_right.len().saturating_sub(self.capacity);
        by_right.truncate(self.capacity);

        let changes = self.set.update_with(records.iter().copied(), &mut self.watch);
        assert!(changes.left_out >= left_out && (changes.left_out == 0) == (left_out == 0), "{changes:?}");
        self.follow(&by_right, changes);
    }

    fn insert(&mut self, endpoint: Endpoint<u8>) {
        let result = self.set.insert_with(endpoint, &mut self.watch);
        if self.model.len() >= self.capacity && !self.model.contains_key(&endpoint.addr) {
            assert_eq!(result, Err(InsertError::Full { capacity: self.capacity }));
            assert_eq!(self.watch.told, []);
        } else {
            let mut wanted: BTreeMap<_, _> = self.model.iter().map(|(&addr, &(_, known))| (addr, known)).collect();
            wanted.insert(endpoint.addr, endpoint);
            let wanted: Vec<_> = wanted.into_values().collect();
            self.follow(&wanted, result.expect("there is room"));
        }
    }

    fn remove(&mut self, addr: u8) {
        let removed = self.set.remove(&addr);
        assert_eq!(removed, self.model.remove(&addr));
        self.departed.extend(removed.map(|(slot, _)| slot));
    }

    fn hold(&mut self, addr: u8) {
        if let Some(slot) = self.set.find(&addr) {
            self.watch.held.insert(slot.index());
            self.held = true;
        }
    }

    /// The model becomes `wanted`; what was counted and told must be the difference, each part once.
    fn follow(&mut self, wanted: &[Endpoint<u8>], changes: Changes) {
        let told = core::mem::take(&mut self.watch.told);
        let of =
            |what| told.iter().filter(move |(_, _, kind)| *kind == what).map(|&(slot, endpoint, _)| (slot, endpoint));
        let keeps = |addr| wanted.iter().any(|endpoint| endpoint.addr == addr);

        let gone: Vec<_> = self.model.values().copied().filter(|(_, endpoint)| !keeps(endpoint.addr)).collect();
        assert!(of("removed").eq(gone.iter().copied()), "{told:?} instead of {gone:?} removed");
        for (slot, endpoint) in &gone {
            self.model.remove(&endpoint.addr);
            self.departed.insert(*slot);
        }

        let mut wanted = wanted.to_vec();
        wanted.sort_by_key(|endpoint| endpoint.addr);
        let (mut came, mut altered) = (Vec::new(), Vec::new());
        for endpoint in wanted {
            match self.model.get_mut(&endpoint.addr) {
                None => came.push(endpoint),
                Some((slot, known)) if *known != endpoint => {
                    *known = endpoint;
                    altered.push((*slot, endpoint));
                }
                Some(_) => {}
            }
        }
        assert!(of("changed").eq(altered.iter().copied()), "{told:?} instead of {altered:?} changed");
        assert!(
            of("added").map(|(_, endpoint)| endpoint).eq(came.iter().copied()),
            "{told:?} instead of {came:?} added"
        );
        for (slot, endpoint) in of("added") {
            assert!(!self.departed.contains(&slot), "{slot:?} is given away again in the same generation");
            let held = self.watch.held.contains(&slot.index());
            assert!(!held || self.capacity < usize::MAX, "{slot:?} was in use");
            self.model.insert(endpoint.addr, (slot, endpoint));
        }

        let counted = (changes.added, changes.removed, changes.changed);
        assert_eq!(counted, (came.len(), gone.len(), altered.len()));
        assert_eq!(changes.is_empty(), told.is_empty());
        self.peak = self.peak.max(self.model.len());
    }

    fn compare(&mut self) {
        let Self { set, model, .. } = self;
        assert_eq!((set.len(), set.is_empty()), (model.len(), model.is_empty()));
        assert!(set.iter().map(|(slot, endpoint)| (slot, *endpoint)).eq(model.values().copied()), "{set:?}");
        let indices: BTreeSet<_> = model.values().map(|(slot, _)| slot.index()).collect();
        assert_eq!(indices.len(), model.len(), "two endpoints in a slot");
        for addr in 0..12 {
            assert_eq!(set.find(&addr), model.get(&addr).map(|(slot, _)| *slot));
        }
        for &(slot, endpoint) in model.values() {
            assert_eq!((set.get(slot), set.last_address(slot.index())), (Some(&endpoint), Some(&endpoint.addr)));
            assert!(slot.index() < set.slots() && set.remembers(slot));
            let id = set.id(slot).expect("an id");
            assert_eq!(*self.ids.entry(endpoint.addr).or_insert(id), id, "the id of {} changed", endpoint.addr);
        }
        assert_eq!(self.ids.values().collect::<BTreeSet<_>>().len(), self.ids.len(), "two addresses of one id");
        for &slot in &self.departed {
            assert_eq!((set.get(slot), set.id(slot)), (None, None), "{slot:?} has left");
        }
        assert!(set.slots() <= self.capacity);
        assert!(self.held || set.slots() <= self.peak, "{} slots for {} endpoints", set.slots(), self.peak);
    }
}
