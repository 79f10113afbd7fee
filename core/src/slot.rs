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

/// The standing of a rotation: the slot that had the last turn, and its place in the cycle.
///
/// One is owned by a balancer, a thread or a handle. It survives any change of the candidates:
/// where the cycle is another one, the next turn goes to the slot that follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Turn {
    /// The slot's index, plus 1; 0 before the first turn.
    pub(crate) slot: u32,
    /// The place in the cycle, plus 1.
    pub(crate) place: u32,
}

impl Turn {
    /// Before the first turn: the place will be drawn, so that clients that start together do not
    /// all begin with the same endpoint.
    pub const START: Self = Self { slot: 0, place: 0 };

    /// Returns the turn that the slot with this index has had, at `place` of the cycle.
    #[inline]
    pub const fn had(slot: usize, place: usize) -> Self {
        Self { slot: (slot as u32).wrapping_add(1), place: (place as u32).wrapping_add(1) }
    }

    /// Returns the turn that the slot with this index has had, at a place that is not known.
    pub(crate) const fn after(slot: usize) -> Self {
        Self { slot: (slot as u32).wrapping_add(1), place: 0 }
    }

    /// Returns a turn after which the slot with this index comes, or the next that there is.
    pub(crate) const fn before(slot: usize) -> Self {
        match slot {
            0 => Self::after(u32::MAX as usize - 1),
            slot => Self::after(slot - 1),
        }
    }

    /// Returns the place that the last turn had, if the cycle has this slot there still.
    ///
    /// `at` gives the slot at a place of the cycle.
    #[inline]
    pub fn place(self, at: impl Fn(usize) -> Option<usize>) -> Option<usize> {
        let (slot, place) = (self.slot.wrapping_sub(1), self.place.wrapping_sub(1));
        (self.slot > 0 && at(place as usize) == Some(slot as usize)).then_some(place as usize)
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
