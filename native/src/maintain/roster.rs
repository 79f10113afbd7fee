//! All that discovery has found, in the order of addresses.

use super::found::Found;
use crate::target::Target;

/// What discovery has found, in the order of addresses and without gaps in memory: a turn over many
/// endpoints takes as long as they take to be read.
pub(super) struct Roster<C>(Vec<Found<C>>);

/// So few are moved one by one: all others at once, and nobody looks at them.
const FEW: usize = 8;

impl<C> Roster<C> {
    pub(super) const EMPTY: Self = Self(Vec::new());

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> core::slice::Iter<'_, Found<C>> {
        self.0.iter()
    }

    pub(super) fn iter_mut(&mut self) -> core::slice::IterMut<'_, Found<C>> {
        self.0.iter_mut()
    }

    /// O(log n).
    pub(super) fn get(&self, target: &Target) -> Option<&Found<C>> {
        self.place(target).map(|place| &self.0[place])
    }

    /// O(log n).
    pub(super) fn get_mut(&mut self, target: &Target) -> Option<&mut Found<C>> {
        self.place(target).map(|place| &mut self.0[place])
    }

    /// Adds endpoints that are not there, themselves in the order of addresses. O(n).
    pub(super) fn add(&mut self, fresh: Vec<Found<C>>) {
        if fresh.len() <= FEW {
            for one in fresh {
                let before = |found: &Found<C>| found.endpoint.addr < one.endpoint.addr;
                self.0.insert(self.0.partition_point(before), one);
            }
            return;
        }
        let is_last = |one: &Found<C>| {
            self.0.last().is_none_or(|last| last.endpoint.addr < one.endpoint.addr)
        };
        let sorted = fresh.first().is_none_or(is_last);
        self.0.extend(fresh);
        if !sorted {
            // Two runs, which are merged.
            self.0.sort_by(|one, other| one.endpoint.addr.cmp(&other.endpoint.addr));
        }
    }

    /// Takes those out that go, which are in the order of addresses. O(n).
    pub(super) fn take(&mut self, going: &[Target]) -> Vec<Found<C>> {
        if going.len() <= FEW {
            let places: Vec<_> = going.iter().filter_map(|target| self.place(target)).collect();
            // From the end: those before stay where they are.
            return places.into_iter().rev().map(|place| self.0.remove(place)).collect();
        }
        let mut going = going.iter().peekable();
        let goes = |found: &mut Found<C>| going.next_if_eq(&&found.endpoint.addr).is_some();
        self.0.extract_if(.., goes).collect()
    }

    fn place(&self, target: &Target) -> Option<usize> {
        self.0.binary_search_by(|found| found.endpoint.addr.cmp(target)).ok()
    }
}
