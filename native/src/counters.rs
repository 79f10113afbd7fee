//! Requests in flight, per slot: a flat table that grows and never moves.

use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::OnceLock;

use crossbeam_utils::CachePadded;
use evenkeel_core::policy::Loads;
use evenkeel_core::{Change, set::Observer};

/// Slots in the first bucket; each further bucket has twice as many.
const FIRST: usize = 32;
const BUCKETS: usize = (u32::BITS - FIRST.ilog2() + 1) as usize;

/// One counter per slot, each on a cache line of its own. Readers take no lock; buckets are added by the writer of the set
/// before a slot in them can be picked.
pub(crate) struct Counters {
    buckets: [OnceLock<Box<[CachePadded<AtomicU32>]>>; BUCKETS],
}

impl Counters {
    pub(crate) fn new() -> Self {
        Self { buckets: [const { OnceLock::new() }; BUCKETS] }
    }

    pub(crate) fn add(&self, index: usize) {
        if let Some(counter) = self.get(index) {
            counter.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn subtract(&self, index: usize) {
        if let Some(counter) = self.get(index) {
            counter.fetch_sub(1, Relaxed);
        }
    }

    fn get(&self, index: usize) -> Option<&AtomicU32> {
        let (bucket, place) = locate(index);
        self.buckets.get(bucket)?.get()?.get(place).map(|padded| &**padded)
    }

    fn grow_to(&self, index: usize) {
        let (bucket, _) = locate(index);
        if let Some(bucket_cell) = self.buckets.get(bucket) {
            bucket_cell.get_or_init(|| (0..FIRST << bucket).map(|_| CachePadded::default()).collect());
        }
    }
}

fn locate(index: usize) -> (usize, usize) {
    let shifted = index + FIRST;
    let bucket = (shifted.ilog2() - FIRST.ilog2()) as usize;
    (bucket, shifted - (FIRST << bucket))
}

impl Loads for Counters {
    fn in_flight(&self, index: usize) -> u32 {
        self.get(index).map_or(0, |counter| counter.load(Relaxed))
    }
}

impl<A> Observer<A> for &Counters {
    fn idle(&self, index: usize) -> bool {
        self.in_flight(index) == 0
    }

    fn on_change(&mut self, change: Change<'_, A>) {
        if let Change::Added(slot, _) = change {
            self.grow_to(slot.index());
        }
    }
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counters").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_has_a_place_of_its_own() {
        let mut expected = (0, 0);
        for index in 0..10_000 {
            assert_eq!(locate(index), expected, "index {index}");
            expected =
                if expected.1 + 1 == FIRST << expected.0 { (expected.0 + 1, 0) } else { (expected.0, expected.1 + 1) };
        }
        assert!(locate(u32::MAX as usize).0 < BUCKETS);
    }
}
