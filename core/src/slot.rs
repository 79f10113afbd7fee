//! Handles of endpoints, and the turn of a rotation.

/// The place of an endpoint in every per-endpoint table, for as long as it is in the set.
///
/// Slots are generational: the slot of a departed endpoint may be given to another one, but never
/// compares equal to the earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Slot {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl Slot {
    /// Returns the index into tables kept per slot.
    #[inline]
    pub const fn index(self) -> usize {
        self.index as usize
    }
}

/// The standing of a rotation.
///
/// One is owned by a balancer, a thread or a handle. It survives any change of the candidates: a
/// plain rotation goes on behind the slot that had the last turn, one by weight with the next point
/// of its walk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Turn {
    /// The slot's index, plus 1; 0 before the first turn.
    pub(crate) slot: u32,
    /// The place in the cycle, plus 1; with weights, the place and which cycle it is of.
    pub(crate) place: u32,
    /// The next point of the walk by which rotations by weight begin a cycle; 0 for none yet.
    pub(crate) walk: u32,
}

impl Turn {
    /// Before the first turn: the place will be drawn, so that clients that start together do not
    /// all begin with the same endpoint.
    pub const START: Self = Self { slot: 0, place: 0, walk: 0 };

    /// Returns the turn that the slot with this index has had, at `place` of the cycle.
    #[inline]
    pub const fn had(slot: usize, place: usize) -> Self {
        let (slot, place) = ((slot as u32).wrapping_add(1), (place as u32).wrapping_add(1));
        Self { slot, place, walk: 0 }
    }

    /// Returns a turn after which the slot with this index comes, or the next that there is.
    pub(crate) const fn before(slot: usize) -> Self {
        Self { slot: if slot == 0 { u32::MAX } else { slot as u32 }, ..Self::START }
    }

    /// Returns the index of the slot that had the last turn; `None` before the first.
    #[inline]
    pub const fn slot(self) -> Option<usize> {
        match self.slot.checked_sub(1) {
            Some(slot) => Some(slot as usize),
            None => None,
        }
    }
}
