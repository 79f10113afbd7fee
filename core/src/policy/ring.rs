use super::View;
use crate::error::TableFull;
use crate::store::{self, List, Store};

/// Points on a circle, each of one candidate; a hash belongs to the first point at or after it.
pub(super) struct Ring<H, S: Store> {
    points: S::List<(H, u32)>,
}

impl<H: Copy + Ord, S: Store> Ring<H, S> {
    pub(super) const CAPACITY: usize = <S::List<(H, u32)>>::LIMIT;

    /// Replaces all points. There are no more of them than [`Self::CAPACITY`]; of those with the same hash, the one of the
    /// candidate that is listed first counts.
    pub(super) fn replace(&mut self, points: impl Iterator<Item = (H, usize)>) {
        self.points.shorten(0);
        for (hash, place) in points {
            let _ = self.points.try_push((hash, place as u32));
        }
        self.points.sort_with(Ord::cmp);
        let mut last = None;
        self.points.keep(|&mut (hash, _)| last.replace(hash) != Some(hash));
    }

    /// Whom `hash` belongs to; the next on the circle who is not to be avoided.
    #[inline]
    pub(super) fn pick(&self, view: &View<'_>, hash: H) -> Option<usize> {
        let start = self.points.partition_point(|&(point, _)| point < hash);
        let &(_, first) = self.points.get(start).or(self.points.first())?;
        if view.allowed(first as usize) { Some(first as usize) } else { self.walk(*view, start, first as usize) }
    }

    #[cold]
    fn walk(&self, view: View<'_>, start: usize, first: usize) -> Option<usize> {
        if !view.any_allowed() {
            return Some(first).filter(|&first| first < view.len());
        }
        let (before, after) = self.points.split_at(start);
        let next = after.iter().chain(before).map(|&(_, place)| place as usize).find(|&place| view.allowed(place));
        // A candidate without a point is better than one to avoid.
        next.or_else(|| (0..view.len()).find(|&place| view.allowed(place)))
    }

    pub(super) fn len(&self) -> usize {
        self.points.len()
    }
}

/// Checks that `needed` points are no more than `capacity`.
pub(super) fn check_room(needed: u128, capacity: usize) -> Result<(), TableFull> {
    let needed = usize::try_from(needed).unwrap_or(usize::MAX);
    if needed <= capacity { Ok(()) } else { Err(TableFull { needed, capacity }) }
}

impl<H, S: Store> Default for Ring<H, S> {
    fn default() -> Self {
        Self { points: S::List::default() }
    }
}

impl<H: Copy, S: Store> Clone for Ring<H, S> {
    fn clone(&self) -> Self {
        Self { points: store::copied(&self.points) }
    }
}
