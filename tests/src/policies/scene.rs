use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use evenkeel_core::slot::Turn;
use evenkeel_core::{Address, Instant, View, hash};

/// Candidates with their weights and loads; no balancer around them.
#[derive(Debug)]
pub struct Scene<A> {
    /// The slots in use, in their order.
    slots: Vec<usize>,
    /// What stands in each slot.
    rows: Vec<Option<Row<A>>>,
    /// The slots in the order of their addresses.
    by_address: Vec<usize>,
    /// How many loads may still be looked at.
    looks: AtomicUsize,
}

#[derive(Debug)]
struct Row<A> {
    addr: A,
    id: u64,
    weight: u32,
    in_flight: u32,
    cost: u64,
    /// Its place in the order of addresses.
    rank: usize,
}

/// A scene, less the slots to avoid.
#[derive(Debug)]
pub struct Cut<'a, A> {
    scene: &'a Scene<A>,
    /// The places in the scene that are left out, in their order.
    left_out: Vec<usize>,
    /// Some were to be avoided, be they candidates or not.
    partial: bool,
}

impl<A: Address> Scene<A> {
    /// Makes a scene of addresses in their slots, all of weight 1 and idle. Those that were there
    /// before leave their slots empty.
    pub fn new(addresses: impl IntoIterator<Item = A>) -> Self {
        let addresses: Vec<A> = addresses.into_iter().collect();
        let mut by_address: Vec<usize> = (0..addresses.len()).collect();
        by_address.sort_by_key(|&slot| &addresses[slot]);
        by_address.dedup_by_key(|slot| &addresses[*slot]);
        let mut rows: Vec<Option<Row<A>>> = addresses.iter().map(|_| None).collect();
        for (rank, &slot) in by_address.iter().enumerate() {
            let addr = addresses[slot].clone();
            let id = id(&addr);
            rows[slot] = Some(Row { addr, id, weight: 1, in_flight: 0, cost: 0, rank });
        }
        let mut slots = by_address.clone();
        slots.sort_unstable();
        Self { slots, rows, by_address, looks: AtomicUsize::new(usize::MAX) }
    }

    /// Gives each candidate a weight, in the order of slots.
    pub fn weigh(&mut self, weights: impl IntoIterator<Item = u32>) {
        for (row, weight) in self.rows.iter_mut().flatten().zip(weights) {
            row.weight = weight;
        }
    }

    /// Gives each candidate requests in flight and a cost, in the order of slots.
    pub fn load(&mut self, loads: impl IntoIterator<Item = (u32, u64)>) {
        for (row, load) in self.rows.iter_mut().flatten().zip(loads) {
            (row.in_flight, row.cost) = load;
        }
    }

    /// Returns the slots, in their order.
    pub fn slots(&self) -> &[usize] {
        &self.slots
    }

    /// Returns the weights, in the order of slots.
    pub fn weights(&self) -> Vec<u32> {
        self.slots.iter().filter_map(|&slot| self.row(slot)).map(|row| row.weight).collect()
    }

    /// Returns the view of all.
    pub fn all(&self) -> Cut<'_, A> {
        Cut { scene: self, left_out: Vec::new(), partial: false }
    }

    /// Returns the view less some slots; of all, where none is left.
    pub fn less(&self, avoid: &[usize]) -> Cut<'_, A> {
        let places = avoid.iter().filter_map(|slot| self.slots.binary_search(slot).ok());
        let mut left_out: Vec<usize> = places.collect();
        left_out.sort_unstable();
        left_out.dedup();
        if left_out.len() == self.slots.len() {
            return self.all();
        }
        Cut { scene: self, left_out, partial: !avoid.is_empty() }
    }

    /// Allows so many looks at loads from here on.
    pub fn allow(&self, looks: usize) {
        self.looks.store(looks, Relaxed);
    }

    fn row(&self, slot: usize) -> Option<&Row<A>> {
        self.rows.get(slot)?.as_ref()
    }

    fn look(&self, slot: usize) -> Option<&Row<A>> {
        let before = self.looks.fetch_sub(1, Relaxed);
        assert!(before > 0, "a pick looks at a bounded number of loads");
        self.row(slot)
    }
}

impl<A> Cut<'_, A> {
    fn avoids(&self, place: usize) -> bool {
        self.left_out.binary_search(&place).is_ok()
    }
}

impl<A: Address> View for Cut<'_, A> {
    fn len(&self) -> usize {
        self.scene.slots.len() - self.left_out.len()
    }

    fn at(&self, place: usize) -> Option<usize> {
        let place = self.left_out.iter().fold(place, |at, &out| at + usize::from(out <= at));
        self.scene.slots.get(place).copied()
    }

    fn has(&self, slot: usize) -> bool {
        self.scene.slots.binary_search(&slot).is_ok_and(|place| !self.avoids(place))
    }

    fn is_cut(&self) -> bool {
        self.partial
    }

    fn next(&self, turn: &mut Turn) -> Option<usize> {
        let slots = &self.scene.slots;
        let first = turn.slot().map_or(0, |last| slots.partition_point(|&slot| slot <= last));
        let place = (first..slots.len()).chain(0..first).find(|&place| !self.avoids(place))?;
        *turn = Turn::had(slots[place], place);
        Some(slots[place])
    }

    fn weight(&self, slot: usize) -> u32 {
        self.scene.row(slot).map_or(0, |row| row.weight)
    }

    fn in_flight(&self, slot: usize) -> u32 {
        self.scene.look(slot).map_or(0, |row| row.in_flight)
    }

    fn cost(&self, slot: usize, _now: Instant) -> u64 {
        self.scene.look(slot).map_or(0, |row| row.cost)
    }

    fn id(&self, slot: usize) -> u64 {
        self.scene.row(slot).map_or(0, |row| row.id)
    }

    fn write_key(&self, slot: usize, sink: &mut dyn FnMut(&[u8])) {
        if let Some(row) = self.scene.row(slot) {
            row.addr.key(sink);
        }
    }

    fn after(&self, slot: Option<usize>) -> Option<usize> {
        let first = slot.and_then(|slot| self.scene.row(slot)).map_or(0, |row| row.rank + 1);
        self.scene.by_address[first..].iter().copied().find(|&slot| self.has(slot))
    }
}

/// Returns the hash of an address's key.
fn id(addr: &impl Address) -> u64 {
    let mut key = Vec::new();
    addr.key(&mut |bytes| key.extend_from_slice(bytes));
    hash::bytes(&key)
}
