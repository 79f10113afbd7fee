//! The slot table: entries that keep their index, and a queue of the free ones.

use core::fmt;
use core::hash::Hasher;

use twox_hash::XxHash64;

use super::Slot;
use crate::endpoint::{Address, Endpoint};
use crate::store::{DebugList, List, Store, put};

/// Slots in use and free ones. The free ones form a first-in, first-out queue, so that a slot rests as long as possible
/// before another endpoint gets it.
pub(super) struct Slots<A, S: Store> {
    entries: S::List<Entry<A>>,
    first_free: u32,
    last_free: u32,
    free: u32,
    /// The hashes of the entries' keys, by [`identify`](Self::identify).
    ids: S::Extra<u64>,
    /// Makes an address's id. Where nobody asks for ids, the hash need not be linked.
    identify: Option<fn(&A) -> u64>,
}

#[derive(Debug)]
struct Entry<A> {
    /// Kept after departure until the slot is used again: round robin looks up where a departed endpoint stood.
    endpoint: Endpoint<A>,
    /// Odd while the endpoint is in the set.
    generation: u32,
    next_free: u32,
}

const NONE: u32 = u32::MAX;
/// Every index is below it, so that its highest bit may serve as a mark.
pub(super) const MOST: u32 = 1 << 31;
/// How many free slots are looked at for an idle one before the table grows.
const TRIES: u32 = 8;

impl<A: Address, S: Store> Slots<A, S> {
    pub(super) fn new(identify: Option<fn(&A) -> u64>) -> Self {
        let (entries, ids) = (S::List::default(), <S::Extra<u64>>::default());
        Self { entries, first_free: NONE, last_free: NONE, free: 0, ids, identify }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn slot(&self, index: u32) -> Slot {
        Slot { index, generation: self.entries[index as usize].generation }
    }

    pub(super) fn endpoint(&self, index: u32) -> &Endpoint<A> {
        &self.entries[index as usize].endpoint
    }

    /// The hash of the entry's key, kept or not.
    pub(super) fn id(&self, index: u32) -> u64 {
        self.ids.get(index as usize).copied().unwrap_or_else(|| hash(&self.endpoint(index).addr))
    }

    /// With the hash of its key, where that is kept.
    pub(super) fn entry(&self, index: u32) -> (Slot, &Endpoint<A>, u64) {
        let Entry { endpoint, generation, .. } = &self.entries[index as usize];
        let id = self.ids.get(index as usize).copied().unwrap_or(0);
        (Slot { index, generation: *generation }, endpoint, id)
    }

    pub(super) fn last_address(&self, index: usize) -> Option<&A> {
        self.entries.get(index).map(|entry| &entry.endpoint.addr)
    }

    pub(super) fn is_live(&self, slot: Slot) -> bool {
        // A `Slot` is only ever made of a live entry, so equal generations are odd.
        self.entries.get(slot.index()).is_some_and(|entry| entry.generation == slot.generation)
    }

    pub(super) fn live(&self, index: usize) -> Option<Slot> {
        let generation = self.entries.get(index)?.generation;
        (generation % 2 == 1).then_some(Slot { index: index as u32, generation })
    }

    pub(super) fn remembers(&self, slot: Slot) -> bool {
        let departed = slot.generation.wrapping_add(1);
        self.entries
            .get(slot.index())
            .is_some_and(|entry| entry.generation == slot.generation || entry.generation == departed)
    }

    /// Takes over the content of `endpoint`; tells whether anything changed.
    pub(super) fn set_content(&mut self, index: u32, endpoint: &Endpoint<A>) -> bool {
        self.entries[index as usize].endpoint.set_content(endpoint)
    }

    /// A slot for `endpoint`: an idle free one, else a new one, else the one that has been free for longest.
    pub(super) fn allocate(&mut self, endpoint: Endpoint<A>, idle: impl Fn(usize) -> bool) -> Option<u32> {
        let id = self.identify.map(|identify| identify(&endpoint.addr));
        let new = self.entries.len() as u32;
        let room = self.entries.len() < <S::List<Entry<A>>>::LIMIT.min(MOST as usize);
        let index = match self.pop_idle(idle).or_else(|| if room { None } else { self.pop_free() }) {
            Some(index) => {
                let entry = &mut self.entries[index as usize];
                entry.endpoint = endpoint;
                entry.generation = entry.generation.wrapping_add(1);
                index
            }
            None => self.entries.try_push(Entry { endpoint, generation: 1, next_free: NONE }).ok().map(|()| new)?,
        };
        if let Some(id) = id {
            put(&mut self.ids, index as usize, id);
        }
        Some(index)
    }

    /// Frees the slot of an endpoint that left.
    pub(super) fn release(&mut self, index: u32) {
        let entry = &mut self.entries[index as usize];
        entry.generation = entry.generation.wrapping_add(1);
        self.push_free(index);
    }

    /// The idle one among the slots that have been free for longest. Those that are not move to the end of the queue.
    fn pop_idle(&mut self, idle: impl Fn(usize) -> bool) -> Option<u32> {
        for _ in 0..self.free.min(TRIES) {
            let index = self.pop_free()?;
            if idle(index as usize) {
                return Some(index);
            }
            self.push_free(index);
        }
        None
    }

    fn pop_free(&mut self) -> Option<u32> {
        let index = self.first_free;
        self.free = self.free.checked_sub(1)?;
        self.first_free = self.entries[index as usize].next_free;
        Some(index)
    }

    fn push_free(&mut self, index: u32) {
        self.entries[index as usize].next_free = NONE;
        if self.free == 0 {
            self.first_free = index;
        } else {
            self.entries[self.last_free as usize].next_free = index;
        }
        self.last_free = index;
        self.free += 1;
    }
}

/// XXH64 with seed 0 of the address's key.
pub(super) fn hash<A: Address>(addr: &A) -> u64 {
    let mut hasher = XxHash64::with_seed(0);
    addr.key(&mut |bytes| hasher.write(bytes));
    hasher.finish()
}

impl<A: fmt::Debug, S: Store> fmt::Debug for Slots<A, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        DebugList(&self.entries).fmt(f)
    }
}
