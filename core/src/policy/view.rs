use core::fmt;

use crate::cluster::Group;
use crate::set::Slot;
use crate::time::Instant;

/// What is known of the load on each slot.
pub trait Loads {
    /// Requests under way to the slot with this index.
    fn in_flight(&self, index: usize) -> u32;

    /// How long a request to the slot with this index would take: nanoseconds, times the requests it would share the
    /// endpoint with; 0 when nothing is known. Reading it never changes it.
    fn cost(&self, _index: usize, _now: Instant) -> u64 {
        0
    }
}

/// The keys of the endpoints in a set.
pub trait Keys {
    /// Feeds the key of the endpoint in `slot`, as [`Address::key`](crate::Address::key) gives it, to `sink`.
    fn write_key(&self, slot: Slot, sink: &mut dyn FnMut(&[u8]));
}

/// No loads and no keys: for views of weights alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unknown;

impl Loads for Unknown {
    fn in_flight(&self, _index: usize) -> u32 {
        0
    }
}

impl Keys for Unknown {
    fn write_key(&self, _slot: Slot, _sink: &mut dyn FnMut(&[u8])) {}
}

/// The candidates as a policy sees them: values by position, in the order of their addresses.
#[derive(Clone, Copy)]
pub struct View<'a> {
    slots: &'a [Slot],
    weights: &'a [u32],
    ids: &'a [u64],
    loads: &'a dyn Loads,
    keys: &'a dyn Keys,
    avoid: &'a [Slot],
}

impl<'a> View<'a> {
    /// A view of one group of candidates, their loads and keys, and the slots that this pick had better avoid.
    #[inline]
    pub fn new(group: Group<'a>, loads: &'a dyn Loads, keys: &'a dyn Keys, avoid: &'a [Slot]) -> Self {
        Self { slots: group.slots, weights: group.weights, ids: group.ids, loads, keys, avoid }
    }

    /// How many candidates there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The weight of the candidate at `place`, at least 1; 0 outside the view.
    #[inline]
    pub fn weight(&self, place: usize) -> u32 {
        self.weights.get(place).copied().unwrap_or(0)
    }

    /// The hash (XXH64, seed 0) of the candidate's key; 0 outside the view.
    #[inline]
    pub fn id(&self, place: usize) -> u64 {
        self.ids.get(place).copied().unwrap_or(0)
    }

    /// Feeds the candidate's key to `sink`; nothing outside the view.
    pub fn write_key(&self, place: usize, sink: &mut dyn FnMut(&[u8])) {
        if let Some(&slot) = self.slots.get(place) {
            self.keys.write_key(slot, sink);
        }
    }

    /// The weights of all candidates.
    #[inline]
    pub fn weights(&self) -> &'a [u32] {
        self.weights
    }

    /// Whether no candidate has another weight than the first.
    pub(crate) fn equal_weights(&self) -> bool {
        self.weights.windows(2).all(|pair| pair[0] == pair[1])
    }

    /// The same view with other slots to avoid.
    pub(crate) fn avoiding(self, avoid: &'a [Slot]) -> Self {
        Self { avoid, ..self }
    }

    /// Whether the candidate at `place` is not among those to avoid. O(slots to avoid).
    #[inline]
    pub fn allowed(&self, place: usize) -> bool {
        self.slots.get(place).is_some_and(|slot| !self.avoid.contains(slot))
    }

    /// Whether any candidate is not among those to avoid. O(1) with more candidates than slots to avoid.
    pub fn any_allowed(&self) -> bool {
        self.len() > self.avoided() || (0..self.len()).any(|place| self.allowed(place))
    }

    /// How many slots are to be avoided, candidates or not.
    #[inline]
    pub fn avoided(&self) -> usize {
        self.avoid.len()
    }

    /// Requests under way to the candidate at `place`; 0 when nothing counts them, or outside the view.
    #[inline]
    pub fn in_flight(&self, place: usize) -> u32 {
        self.slots.get(place).map_or(0, |slot| self.loads.in_flight(slot.index()))
    }

    /// What a request to the candidate at `place` would cost at `now`: see [`Loads::cost`]; 0 outside the view.
    #[inline]
    pub fn cost(&self, place: usize, now: Instant) -> u64 {
        self.slots.get(place).map_or(0, |slot| self.loads.cost(slot.index(), now))
    }
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").field("slots", &self.slots).field("avoid", &self.avoid).finish_non_exhaustive()
    }
}
