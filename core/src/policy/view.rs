use core::fmt;

use crate::cluster::Candidates;
use crate::set::Slot;
use crate::store::Store;

/// What is known of the load on each slot.
pub trait Loads {
    /// Requests under way to the slot with this index.
    fn in_flight(&self, index: usize) -> u32;
}

/// The candidates as a policy sees them: values by position, in the order of their addresses.
#[derive(Clone, Copy)]
pub struct View<'a> {
    slots: &'a [Slot],
    weights: &'a [u32],
    ids: &'a [u64],
    loads: &'a dyn Loads,
    avoid: &'a [Slot],
}

impl<'a> View<'a> {
    /// A view of `candidates`, their loads, and the slots that this pick had better avoid.
    pub fn new<S: Store>(candidates: &'a Candidates<S>, loads: &'a dyn Loads, avoid: &'a [Slot]) -> Self {
        Self { slots: candidates.slots(), weights: candidates.weights(), ids: candidates.ids(), loads, avoid }
    }

    /// How many candidates there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The weight of the candidate at `place`, at least 1; 0 outside the view.
    pub fn weight(&self, place: usize) -> u32 {
        self.weights.get(place).copied().unwrap_or(0)
    }

    /// The hash (XXH64, seed 0) of the candidate's key; 0 outside the view.
    pub fn id(&self, place: usize) -> u64 {
        self.ids.get(place).copied().unwrap_or(0)
    }

    /// Whether the candidate at `place` is not among those to avoid. O(slots to avoid).
    pub fn allowed(&self, place: usize) -> bool {
        self.slots.get(place).is_some_and(|slot| !self.avoid.contains(slot))
    }

    /// How many slots are to be avoided, candidates or not.
    pub fn avoided(&self) -> usize {
        self.avoid.len()
    }

    /// Requests under way to the candidate at `place`; 0 when nothing counts them, or outside the view.
    pub fn in_flight(&self, place: usize) -> u32 {
        self.slots.get(place).map_or(0, |slot| self.loads.in_flight(slot.index()))
    }
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").field("slots", &self.slots).field("avoid", &self.avoid).finish_non_exhaustive()
    }
}
