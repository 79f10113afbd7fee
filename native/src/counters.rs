//! Requests in flight and answer times, per slot: a flat table that grows and never moves; and whose health has news.

use core::fmt;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use core::time::Duration;
use std::sync::OnceLock;

use crossbeam_utils::CachePadded;
use evenkeel_core::policy::Loads;
use evenkeel_core::stats::{Estimate, Estimator, Latency};
use evenkeel_core::{Change, Instant, Outcome, set::Observer};

use crate::clock::Clock;
use crate::marks::Marks;

/// Slots in the first bucket; each further bucket has twice as many.
const FIRST: usize = 32;
const BUCKETS: usize = (u32::BITS - FIRST.ilog2() + 1) as usize;

/// One row per slot, each on a cache line of its own. Readers take no lock; buckets are added by the writer of the set before
/// a slot in them can be picked.
pub(crate) struct Counters {
    buckets: [OnceLock<Box<[CachePadded<Row>]>>; BUCKETS],
    estimator: Estimator,
    clock: Clock,
    pub(crate) marks: CachePadded<Marks>,
}

/// The two halves of an estimate may be of different reports, and a report may be lost to another at the same moment:
/// an average does not mind.
#[derive(Default)]
struct Row {
    in_flight: AtomicU32,
    nanos: AtomicU64,
    stamp: AtomicU64,
}

impl Row {
    fn estimate(&self) -> Estimate {
        Estimate { nanos: self.nanos.load(Relaxed), stamp: Instant::from_nanos(self.stamp.load(Relaxed)) }
    }
}

impl Counters {
    pub(crate) fn new(latency: Latency, clock: Clock) -> Self {
        Self {
            buckets: [const { OnceLock::new() }; BUCKETS],
            estimator: Estimator::new(latency),
            clock,
            marks: CachePadded::new(Marks::new()),
        }
    }

    pub(crate) fn add(&self, index: usize) {
        if let Some(row) = self.get(index) {
            row.in_flight.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn subtract(&self, index: usize) {
        if let Some(row) = self.get(index) {
            row.in_flight.fetch_sub(1, Relaxed);
        }
    }

    /// Learns from the end, now, of a request sent at `sent`.
    pub(crate) fn observe(&self, index: usize, sent: Instant, outcome: Outcome) {
        if let Some(row) = self.get(index) {
            let mut estimate = row.estimate();
            self.estimator.observe(&mut estimate, sent, self.clock.now(), outcome);
            row.nanos.store(estimate.nanos, Relaxed);
            row.stamp.store(estimate.stamp.as_nanos(), Relaxed);
        }
    }

    /// How long the endpoint in a slot takes to answer; `None` if that is unknown.
    pub(crate) fn latency(&self, index: usize) -> Option<Duration> {
        let nanos = self.get(index)?.nanos.load(Relaxed);
        (nanos > 0).then(|| Duration::from_nanos(nanos))
    }

    fn get(&self, index: usize) -> Option<&Row> {
        let (bucket, place) = locate(index);
        self.buckets.get(bucket)?.get()?.get(place).map(|padded| &**padded)
    }

    /// Begins the row of a new endpoint.
    fn reset(&self, index: usize) {
        let (bucket, place) = locate(index);
        if let Some(cell) = self.buckets.get(bucket) {
            let rows = cell.get_or_init(|| (0..FIRST << bucket).map(|_| CachePadded::default()).collect());
            rows[place].nanos.store(0, Relaxed);
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
        self.get(index).map_or(0, |row| row.in_flight.load(Relaxed))
    }

    fn cost(&self, index: usize, now: Instant) -> u64 {
        self.get(index).map_or(0, |row| self.estimator.cost(row.estimate(), row.in_flight.load(Relaxed), now))
    }
}

impl<A> Observer<A> for &Counters {
    fn idle(&self, index: usize) -> bool {
        self.in_flight(index) == 0
    }

    fn on_change(&mut self, change: Change<'_, A>) {
        if let Change::Added(slot, _) = change {
            self.reset(slot.index());
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
