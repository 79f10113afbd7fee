//! The set of endpoints: stable slots, sorted by address, updated by difference.

mod bounded;
mod merge;
mod slots;

use core::fmt;

use crate::endpoint::{Address, Endpoint};
use crate::error::InsertError;
use crate::policy::Keys;
use crate::store::{DebugList, List, Store};
use slots::Slots;

/// The place of an endpoint in every per-endpoint table, for as long as it is in the set.
///
/// Slots are generational: the slot of a departed endpoint may be given to another one, but never compares equal to the
/// earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Slot {
    index: u32,
    generation: u32,
}

impl Slot {
    /// The index into tables kept per slot.
    pub const fn index(self) -> usize {
        self.index as usize
    }
}

/// What an update did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Changes {
    /// Endpoints that came.
    pub added: usize,
    /// Endpoints that went.
    pub removed: usize,
    /// Endpoints that stayed, with another weight, priority, zone or draining mark.
    pub changed: usize,
    /// Endpoints of the update for which there was no room. One that stands in the update more than once may be counted
    /// more than once.
    pub left_out: usize,
}

impl Changes {
    /// Whether the set is as it was.
    pub const fn is_empty(&self) -> bool {
        self.added == 0 && self.removed == 0 && self.changed == 0
    }
}

/// One difference that an update made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<'a, A> {
    /// A new endpoint.
    Added(Slot, &'a Endpoint<A>),
    /// An endpoint that left; its slot is no longer valid.
    Removed(Slot, &'a Endpoint<A>),
    /// An endpoint that stays in its slot, as it is now.
    Changed(Slot, &'a Endpoint<A>),
}

/// Keeps tables beside a set: told of every difference, asked whether a slot may be given away.
///
/// A closure over [`Change`] is one that needs no slot kept.
pub trait Observer<A> {
    /// Whether nothing refers to the slot with this index any more.
    fn idle(&self, _index: usize) -> bool {
        true
    }

    /// One difference that an update made.
    fn on_change(&mut self, change: Change<'_, A>);
}

impl<A, F: FnMut(Change<'_, A>)> Observer<A> for F {
    fn on_change(&mut self, change: Change<'_, A>) {
        self(change);
    }
}

/// The endpoints of a service.
///
/// An address is in the set at most once. Endpoints are listed in the order of their addresses, so the order of a source's
/// answer (DNS servers shuffle theirs) never matters; an endpoint keeps its [`Slot`] while it is in the set.
///
/// ```
/// use evenkeel_core::{Endpoint, EndpointSet};
///
/// let mut set: EndpointSet<&str> = EndpointSet::new();
/// let changes = set.update(["b", "a"].map(Endpoint::new));
/// assert_eq!(changes.added, 2);
///
/// let b = set.find(&"b").unwrap();
/// let changes = set.update([Endpoint::new("c"), Endpoint::new("b").with_weight(2)]);
/// assert_eq!((changes.added, changes.removed, changes.changed), (1, 1, 1));
/// assert_eq!(set.find(&"b"), Some(b));
/// assert!(set.iter().map(|(_, endpoint)| endpoint.addr).eq(["b", "c"]));
/// ```
pub struct EndpointSet<A, #[cfg(feature = "alloc")] S: Store = crate::Heap, #[cfg(not(feature = "alloc"))] S: Store> {
    slots: Slots<A, S>,
    /// Indices of the live slots, in the order of their addresses.
    order: S::List<u32>,
}

impl<A: Address, S: Store> EndpointSet<A, S> {
    /// An empty set.
    pub fn new() -> Self {
        Self { slots: Slots::new(Some(slots::hash)), order: <S::List<u32>>::default() }
    }

    /// An empty set that keeps no ids.
    pub(crate) fn without_ids() -> Self {
        Self { slots: Slots::new(None), order: <S::List<u32>>::default() }
    }

    /// How many endpoints there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The endpoints in the order of their addresses, with their slots.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Slot, &Endpoint<A>)> {
        self.order.iter().map(|&index| (self.slots.slot(index), self.slots.endpoint(index)))
    }

    /// The same with their ids, where those are kept.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (Slot, &Endpoint<A>, u64)> {
        self.order.iter().map(|&index| self.slots.entry(index))
    }

    /// The endpoint in `slot`, if it has not left. O(1).
    pub fn get(&self, slot: Slot) -> Option<&Endpoint<A>> {
        self.slots.is_live(slot).then(|| self.slots.endpoint(slot.index))
    }

    /// The slot of `addr`. O(log n).
    pub fn find(&self, addr: &A) -> Option<Slot> {
        self.position(addr).ok().map(|place| self.slots.slot(self.order[place]))
    }

    /// Whether `slot` still stands for the endpoint it was given to, be it in the set or departed.
    pub fn remembers(&self, slot: Slot) -> bool {
        self.slots.remembers(slot)
    }

    /// The slot with this index, if an endpoint is in it.
    pub(crate) fn live(&self, index: usize) -> Option<Slot> {
        self.slots.live(index)
    }

    /// A 64-bit hash (XXH64, seed 0) of the address's key. Made once when the endpoint came, except in a [lean](crate::store::Lean)
    /// store.
    pub fn id(&self, slot: Slot) -> Option<u64> {
        self.slots.is_live(slot).then(|| self.slots.id(slot.index))
    }

    /// The address that the slot with this index holds, or held last.
    pub fn last_address(&self, index: usize) -> Option<&A> {
        self.slots.last_address(index)
    }

    /// How many slots were ever in use; every [`Slot::index`] is below it.
    pub fn slots(&self) -> usize {
        self.slots.len()
    }

    /// Replaces the whole set by `endpoints`, an empty one included.
    ///
    /// Records of one address are folded into one, whatever their order: the lowest priority wins, then the largest weight.
    /// Beyond the store's capacity, endpoints already in the set stay first, then addresses in their order;
    /// [`Changes::left_out`] says how many found no room. O(n) for sorted input, O(n log n) otherwise; with
    /// [`Inline`](crate::Inline) storage O(n log n), with O(n²) moves for unsorted input and one scratch list on the stack.
    pub fn update(&mut self, endpoints: impl IntoIterator<Item = Endpoint<A>>) -> Changes {
        self.update_with(endpoints, &mut |_: Change<'_, A>| {})
    }

    /// [`update`](Self::update) that tells every difference to `observer`.
    ///
    /// A slot left by an endpoint is given to another one only when [`Observer::idle`] agrees; or, as the last resort, when
    /// the store has no other.
    pub fn update_with(
        &mut self,
        endpoints: impl IntoIterator<Item = Endpoint<A>>,
        observer: &mut impl Observer<A>,
    ) -> Changes {
        if <S::List<u32>>::LIMIT == usize::MAX {
            merge::update(self, endpoints, observer)
        } else {
            bounded::update(self, endpoints, observer)
        }
    }

    /// Adds one endpoint, or changes the one of the same address. O(n) moves of four bytes.
    ///
    /// # Errors
    /// [`InsertError::Full`] when the address is new and the store has no room for it; nothing changes.
    pub fn insert(&mut self, endpoint: Endpoint<A>) -> Result<Changes, InsertError> {
        self.insert_with(endpoint, &mut |_: Change<'_, A>| {})
    }

    /// [`insert`](Self::insert) that tells the difference to `observer`.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub fn insert_with(
        &mut self,
        endpoint: Endpoint<A>,
        observer: &mut impl Observer<A>,
    ) -> Result<Changes, InsertError> {
        let mut changes = Changes::default();
        match self.position(&endpoint.addr) {
            Ok(place) => {
                let index = self.order[place];
                if self.slots.set_content(index, &endpoint) {
                    changes.changed = 1;
                    observer.on_change(Change::Changed(self.slots.slot(index), self.slots.endpoint(index)));
                }
            }
            Err(place) => {
                let capacity = <S::List<u32> as List<u32>>::LIMIT;
                if self.order.len() >= capacity {
                    return Err(InsertError::Full { capacity });
                }
                let index = self.slots.allocate(endpoint, |index| observer.idle(index));
                let index = index.ok_or(InsertError::Full { capacity })?;
                // There is room: the length was checked above.
                let _ = self.order.try_insert(place, index);
                changes.added = 1;
                observer.on_change(Change::Added(self.slots.slot(index), self.slots.endpoint(index)));
            }
        }
        Ok(changes)
    }

    /// Takes out the endpoint of this address and gives it back. O(n) moves of four bytes.
    pub fn remove(&mut self, addr: &A) -> Option<(Slot, Endpoint<A>)> {
        let index = self.order.take(self.position(addr).ok()?)?;
        let slot = self.slots.slot(index);
        self.slots.release(index);
        Some((slot, self.slots.endpoint(index).clone()))
    }

    fn position(&self, addr: &A) -> Result<usize, usize> {
        self.order.binary_search_by(|&index| self.slots.endpoint(index).addr.cmp(addr))
    }
}

impl<A: Address, S: Store> Keys for EndpointSet<A, S> {
    fn write_key(&self, slot: Slot, sink: &mut dyn FnMut(&[u8])) {
        if let Some(endpoint) = self.get(slot) {
            endpoint.addr.key(sink);
        }
    }
}

impl<A: Address, S: Store> Default for EndpointSet<A, S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: fmt::Debug, S: Store> fmt::Debug for EndpointSet<A, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointSet").field("slots", &self.slots).field("order", &DebugList(&self.order)).finish()
    }
}
