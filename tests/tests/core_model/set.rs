//! The set of endpoints in a `Cluster` against a `BTreeMap`.

use core::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::{
    Changes, Cluster, Config, Endpoint, EventKind, Heap, Inline, InsertError, Instant, Slot, Store,
};
use proptest::prelude::*;

use super::{config, endpoint};

#[derive(Clone, Debug)]
enum Event {
    Update(Vec<Endpoint<u8>>),
    /// The same set again, as the answers of most polls are.
    Repeat,
    Insert(Endpoint<u8>),
    Remove(u8),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        3 => prop::collection::vec(endpoint(), 0..10).prop_map(Event::Update),
        1 => Just(Event::Repeat),
        3 => endpoint().prop_map(Event::Insert),
        3 => (0..12_u8).prop_map(Event::Remove),
    ];
    prop::collection::vec(event, 1..40)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn endpoints_on_the_heap(events in events()) {
        Checked::<Heap>::new(usize::MAX).run(&events);
    }

    #[test]
    fn endpoints_of_six(events in events()) {
        Checked::<Inline<6>>::new(6).run(&events);
    }

    #[test]
    fn endpoints_of_64(events in events()) {
        Checked::<Inline<64, u64>>::new(64).run(&events);
    }
}

struct Checked<St: Store> {
    cluster: Cluster<u8, (), Config, St>,
    capacity: usize,
    model: BTreeMap<u8, (Slot, Endpoint<u8>)>,
    departed: BTreeSet<Slot>,
    /// The most endpoints there ever were.
    peak: usize,
}

impl<St: Store> Checked<St> {
    fn new(capacity: usize) -> Self {
        Self {
            cluster: Cluster::new(Config::DEFAULT),
            capacity,
            model: BTreeMap::new(),
            departed: BTreeSet::new(),
            peak: 0,
        }
    }

    fn run(mut self, events: &[Event]) {
        for event in events {
            match event {
                Event::Update(records) => self.update(records),
                Event::Repeat => {
                    let same: Vec<_> = self.model.values().rev().map(|(_, e)| *e).collect();
                    self.update(&same);
                }
                Event::Insert(endpoint) => self.insert(*endpoint),
                Event::Remove(addr) => self.remove(*addr),
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

        let changes = self.cluster.update(Instant::ZERO, records.iter().copied());
        assert!(changes.left_out >= left_out, "{changes:?}");
        assert_eq!(changes.left_out == 0, left_out == 0, "{changes:?}");
        self.follow(&by_right, changes);
    }

    fn insert(&mut self, endpoint: Endpoint<u8>) {
        let result = self.cluster.insert(Instant::ZERO, endpoint);
        if self.model.len() >= self.capacity && !self.model.contains_key(&endpoint.addr) {
            assert_eq!(result, Err(InsertError::Full { capacity: self.capacity }));
            assert_eq!(self.told(), []);
        } else {
            let known = self.model.values().map(|(_, known)| (known.addr, *known));
            let mut wanted: BTreeMap<_, _> = known.collect();
            wanted.insert(endpoint.addr, endpoint);
            let wanted: Vec<_> = wanted.into_values().collect();
            self.follow(&wanted, result.expect("there is room"));
        }
    }

    fn remove(&mut self, addr: u8) {
        let removed = self.cluster.remove(Instant::ZERO, &addr);
        let known = self.model.remove(&addr);
        assert_eq!(removed, known.map(|(_, endpoint)| endpoint));
        let gone = known.map(|(slot, _)| slot);
        assert!(self.told().into_iter().eq(gone.map(|slot| (slot, EventKind::Removed))));
        self.departed.extend(gone);
    }

    /// Takes out what the cluster tells of who came and went.
    fn told(&mut self) -> Vec<(Slot, EventKind)> {
        let events =
            self.cluster.events().filter_map(|event| Some((event.endpoint?.0, event.kind)));
        events.collect()
    }

    /// Makes the model `wanted`; what was counted and told must be the difference, each part once.
    fn follow(&mut self, wanted: &[Endpoint<u8>], changes: Changes) {
        let mut told = self.told();
        let room = self.capacity.min(256);
        let keeps = |addr| wanted.iter().any(|endpoint| endpoint.addr == addr);
        let gone = self.model.values().filter(|(_, endpoint)| !keeps(endpoint.addr));
        let mut gone: Vec<_> = gone.map(|(slot, endpoint)| (*slot, endpoint.addr)).collect();
        for (slot, addr) in &gone {
            self.model.remove(addr);
            self.departed.insert(*slot);
        }

        let mut wanted = wanted.to_vec();
        wanted.sort_by_key(|endpoint| endpoint.addr);
        let (mut came, mut altered) = (Vec::new(), 0);
        for endpoint in wanted {
            match self.model.get_mut(&endpoint.addr) {
                None => {
                    // The least free slot.
                    let used =
                        |index: &usize| self.model.values().any(|(slot, _)| slot.index() == *index);
                    let free =
                        (0..=self.model.len()).find(|index| !used(index)).expect("a free slot");
                    let slot = self.cluster.find(&endpoint.addr).expect("it came");
                    assert_eq!(slot.index(), free, "the slot of {}", endpoint.addr);
                    assert!(!self.departed.contains(&slot), "{slot:?} again in one generation");
                    self.model.insert(endpoint.addr, (slot, endpoint));
                    came.push(slot);
                }
                Some((_, known)) if *known != endpoint => {
                    *known = endpoint;
                    altered += 1;
                }
                Some(_) => {}
            }
        }
        assert_eq!(changes.added, came.len());
        assert_eq!((changes.removed, changes.changed), (gone.len(), altered));
        assert_eq!(changes.is_empty(), came.is_empty() && gone.is_empty() && altered == 0);

        // Who goes, in any order; then who comes, in that of addresses.
        gone.sort_by_key(|(slot, _)| slot.index());
        let leaving = told.iter().take_while(|(_, kind)| *kind == EventKind::Removed).count();
        told[..leaving].sort_by_key(|(slot, _)| slot.index());
        let went = gone.iter().map(|(slot, _)| (*slot, EventKind::Removed));
        let all: Vec<_> = went.chain(came.iter().map(|slot| (*slot, EventKind::Added))).collect();
        assert!(all.ends_with(&told), "{told:?} instead of {all:?}");
        assert!(told.len() >= all.len().min(room));
        self.peak = self.peak.max(self.model.len());
    }

    fn compare(&self) {
        let Self { cluster, model, .. } = self;
        assert_eq!((cluster.len(), cluster.is_empty()), (model.len(), model.is_empty()));
        let listed = cluster.iter().map(|(slot, endpoint)| (slot, *endpoint));
        assert!(listed.eq(model.values().copied()), "{cluster:?}");
        let indices: BTreeSet<_> = model.values().map(|(slot, _)| slot.index()).collect();
        assert_eq!(indices.len(), model.len(), "two endpoints in a slot");
        for addr in 0..12 {
            assert_eq!(cluster.find(&addr), model.get(&addr).map(|(slot, _)| *slot));
        }
        for &(slot, endpoint) in model.values() {
            assert_eq!(cluster.get(slot), Some(&endpoint));
            assert_eq!(cluster.live(slot.index()), Some(slot));
            assert!(slot.index() < cluster.slots());
        }
        for &slot in &self.departed {
            assert_eq!(cluster.get(slot), None, "{slot:?} has left");
            assert_ne!(cluster.live(slot.index()), Some(slot));
        }
        assert!(cluster.slots() <= self.peak, "{} for {}", cluster.slots(), self.peak);
    }
}
