//! Sets of slots: bits where there are few, a sorted list where there may be many. Both go in the
//! order of slots, so that both lead to the same picks.

mod bits;
mod levels;
#[cfg(feature = "alloc")]
mod sorted;

pub use bits::{BitLevels, Bits, CutBits, Word};
pub use levels::Levels;
pub(crate) use levels::{Fit, Limit};
#[cfg(feature = "alloc")]
pub use sorted::{AllOfList, CutList, ListLevels, SortedList};

use crate::slot::{Slot, Turn};

/// Slots that a policy chooses from.
pub trait Slots: Copy {
    /// Returns how many there are.
    fn len(&self) -> usize;

    /// Tells that there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the slot at a place below `len`.
    fn at(&self, place: usize) -> Option<usize>;

    /// Tells that a slot is among them.
    fn has(&self, slot: usize) -> bool;

    /// Tells that some were left out.
    fn is_cut(&self) -> bool;

    /// Gives the next turn to the first slot behind the last one, or to the first of all.
    fn next(&self, turn: &mut Turn) -> Option<usize>;
}

/// A set of slots.
pub trait Set: Clone + 'static {
    /// The set without slots.
    const EMPTY: Self;
    /// The slots of a set.
    type All<'a>: Slots
    where
        Self: 'a;
    /// The slots of a set, less some.
    type Cut<'a>: Slots
    where
        Self: 'a;
    /// One set for each level of priority.
    type Levels: Levels<Set = Self>;

    /// Puts a slot in or takes it out.
    fn put(&mut self, slot: usize, on: bool);

    /// Takes all out.
    fn clear(&mut self);

    /// Returns how many slots there are.
    fn len(&self) -> usize;

    /// Tells that there is none.
    fn is_empty(&self) -> bool;

    /// Tells that a slot is in it.
    fn has(&self, slot: usize) -> bool;

    /// Returns the least slot from `slot` on.
    fn from(&self, slot: usize) -> Option<usize>;

    /// Returns all slots.
    fn all(&self) -> Self::All<'_>;

    /// Returns all slots, which are those of `whole` or fewer.
    fn part_of(&self, whole: &Self) -> Self::All<'_>;

    /// Returns the same as a cut that leaves out none.
    fn uncut<'a>(all: Self::All<'a>) -> Self::Cut<'a>
    where
        Self: 'a;

    /// Returns all slots as a cut: none of them need be in the table of a policy.
    fn apart(&self) -> Self::Cut<'_>;

    /// Leaves out the slots to avoid that are `live`: the others may be another endpoint's by now.
    fn less<'a>(
        all: Self::All<'a>,
        avoid: &'a [Slot],
        live: impl Fn(Slot) -> bool,
    ) -> Self::Cut<'a>
    where
        Self: 'a;

    /// Lists the slots in their order.
    fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        core::iter::successors(self.from(0), |slot| self.from(slot + 1))
    }
}
