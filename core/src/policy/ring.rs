//! The parts that both hash rings share.

use super::{View, by_address, by_key};
use crate::error::TableFull;
use crate::hash::splitmix64;
use crate::store::{List, Store};

/// Points on a circle, each of one slot; a hash belongs to the first point at or after it.
pub(super) struct Ring<H, S: Store> {
    points: S::List<(H, u32)>,
    /// The points are those of candidates from before, as those of now have no room.
    outdated: bool,
}

/// Gives the points of a slot to who asks for them.
pub(super) type Place<'a, H> = dyn FnMut(usize, &mut dyn FnMut(H)) + 'a;

impl<H: Copy + Ord, S: Store> Ring<H, S> {
    pub(super) const NEW: Self = Self { points: S::List::NEW, outdated: false };

    /// Returns how many points there are.
    pub(super) fn len(&self) -> usize {
        self.points.len()
    }

    /// Replaces all points, of which there will be `needed`, by those that `place` adds for each
    /// slot. Of points with the same hash, that of the first address counts.
    ///
    /// # Errors
    /// [`TableFull`] when that is more than `most` or than the store holds; the ring stays as it
    /// is, and its slots that are no candidates are passed over.
    pub(super) fn rebuild(
        &mut self,
        view: &dyn View,
        needed: u128,
        most: u32,
        place: &mut Place<'_, H>,
    ) -> Result<(), TableFull> {
        let needed = usize::try_from(needed).unwrap_or(usize::MAX);
        let capacity = <S::List<(H, u32)>>::LIMIT.min(most as usize);
        self.outdated = needed > capacity;
        if self.outdated {
            return Err(TableFull { needed, capacity });
        }
        self.points.shorten(0);
        self.points.expect(needed);
        // While the points are sorted, they name the place of the slot in the order of addresses.
        let mut slots = <S::List<u32>>::NEW;
        for (rank, slot) in (0..).zip(by_address(view)) {
            let _ = slots.try_push(slot as u32);
            place(slot, &mut |hash| {
                // There is room: the capacity was checked above.
                let _ = self.points.try_push((hash, rank));
            });
        }
        self.points.sort_with(Ord::cmp);
        let (mut kept, mut last) = (0, None);
        for at in 0..self.points.len() {
            let Some(&(hash, rank)) = self.points.get(at) else { break };
            if last.replace(hash) == Some(hash) {
                continue;
            }
            if let Some(point) = self.points.get_mut(kept)
                && let Some(&slot) = slots.get(rank as usize)
            {
                *point = (hash, slot);
                kept += 1;
            }
        }
        self.points.shorten(kept);
        Ok(())
    }

    /// Returns the slot that `hash` belongs to; the next on the circle that is in the view.
    #[inline]
    pub(super) fn pick(&self, view: &dyn View, hash: H) -> Option<usize> {
        let start = self.points.partition_point(|&(point, _)| point < hash);
        let &(_, first) = self.points.get(start).or(self.points.first())?;
        if (view.is_cut() || self.outdated) && !view.has(first as usize) {
            return self.walk(view, start);
        }
        Some(first as usize)
    }

    #[cold]
    fn walk(&self, view: &dyn View, start: usize) -> Option<usize> {
        let (before, behind) = self.points.split_at_checked(start)?;
        let first = |points: &[(H, u32)]| {
            points.iter().map(|&(_, slot)| slot as usize).find(|&slot| view.has(slot))
        };
        // A candidate without a point is better than none.
        let by_key = || by_key(view, splitmix64(start as u64));
        first(behind).or_else(|| first(before)).or_else(by_key)
    }
}

impl<H: Copy, S: Store> Clone for Ring<H, S> {
    fn clone(&self) -> Self {
        Self { points: List::copied(&self.points), outdated: self.outdated }
    }
}
