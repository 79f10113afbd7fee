//! Counts of each endpoint: every thread writes its own, and whoever asks adds them up.

use core::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Relaxed, fence};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// What is counted of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    /// Picks, those of calls included.
    Pick,
    /// First attempts of calls.
    First,
    /// Attempts after the first that are no hedges.
    Retry,
    /// Attempts beside others that had not answered yet.
    Hedge,
    /// Attempts that took too long and were given up.
    TimedOut,
    /// Attempts that were given up because another one decided their call.
    GivenUp,
}

/// One number for each [`Count`], in its order.
pub(crate) type Counts = [u64; COUNTS];

const COUNTS: usize = 6;

/// How many rows the first block has; each of the next has twice as many.
const FIRST: usize = 32;
const BLOCKS: usize = 28;

/// What one thread counted, by the number of the endpoint's [`Column`]. It grows in place: readers
/// need no lock.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    blocks: [OnceLock<Box<[Row]>>; BLOCKS],
}

#[derive(Debug, Default)]
struct Row([AtomicU64; COUNTS]);

impl Tally {
    /// Counts one. Only for the thread whose tally it is.
    #[inline]
    pub(crate) fn add(&self, column: u32, count: Count) {
        self.add_to(column, count, 1);
    }

    /// Takes back a pick that it counted.
    pub(crate) fn take_back_pick(&self, column: u32) {
        self.add_to(column, Count::Pick, u64::MAX);
    }

    #[inline]
    fn add_to(&self, column: u32, count: Count, more: u64) {
        let (block, place) = Self::place(column);
        let rows = match self.blocks[block].get() {
            Some(rows) => rows,
            None => self.grow(block),
        };
        let cell = &rows[place].0[count as usize];
        // Nobody else writes here.
        cell.store(cell.load(Relaxed).wrapping_add(more), Relaxed);
    }

    #[cold]
    #[inline(never)]
    fn grow(&self, block: usize) -> &[Row] {
        self.blocks[block].get_or_init(|| (0..FIRST << block).map(|_| Row::default()).collect())
    }

    /// Returns the block of a column and its place there: 32 is the first of the second block.
    #[inline]
    fn place(column: u32) -> (usize, usize) {
        let from_first = column as usize + FIRST;
        let block = (from_first.ilog2() - FIRST.ilog2()) as usize;
        (block, from_first - (FIRST << block))
    }

    fn row(&self, column: u32) -> Option<&Row> {
        let (block, place) = Self::place(column);
        self.blocks[block].get()?.get(place)
    }
}

/// The tallies of all threads, and the numbers that endpoints have in them.
#[derive(Debug, Default)]
pub(crate) struct Tallies {
    threads: Mutex<Vec<Arc<Tally>>>,
    numbers: Mutex<Numbers>,
}

#[derive(Debug, Default)]
struct Numbers {
    used: u32,
    free: Vec<u32>,
}

impl Tallies {
    /// Returns a tally for another thread or handle: one whose owner has ended, or else a new one.
    /// O(threads and handles)
    pub(crate) fn begin(&self) -> Arc<Tally> {
        let mut tallies = lock(&self.threads);
        if let Some(left) = tallies.iter().find(|tally| Arc::strong_count(tally) == 1) {
            // What its last owner wrote is seen before anything is added.
            fence(Acquire);
            return Arc::clone(left);
        }
        let tally = Arc::new(Tally::default());
        tallies.push(Arc::clone(&tally));
        tally
    }

    /// Gives a number to an endpoint, of which nothing has been counted.
    pub(crate) fn column(self: &Arc<Self>) -> Column {
        let number = {
            let mut numbers = lock(&self.numbers);
            numbers.free.pop().unwrap_or_else(|| {
                numbers.used += 1;
                numbers.used - 1
            })
        };
        Column { number, before: self.of(number), all: Arc::clone(self) }
    }

    /// Returns how many picks there were, of endpoints that left, too. O(threads · endpoints)
    pub(crate) fn picks(&self) -> u64 {
        let threads = lock(&self.threads);
        let rows = threads.iter().flat_map(|tally| &tally.blocks).filter_map(OnceLock::get);
        let picks = rows.flatten().map(|row| row.0[Count::Pick as usize].load(Relaxed));
        picks.fold(0, u64::wrapping_add)
    }

    fn of(&self, column: u32) -> Counts {
        let mut sum = [0; COUNTS];
        for row in lock(&self.threads).iter().filter_map(|tally| tally.row(column)) {
            for (sum, cell) in sum.iter_mut().zip(&row.0) {
                *sum = u64::wrapping_add(*sum, cell.load(Relaxed));
            }
        }
        sum
    }
}

/// An endpoint's number in all tallies. It is another's once its client is dropped: then, nobody
/// counts for it any more.
#[derive(Debug)]
pub(crate) struct Column {
    number: u32,
    /// What was counted for those that had the number before.
    before: Counts,
    all: Arc<Tallies>,
}

impl Column {
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// Returns what all threads counted. O(threads)
    pub(crate) fn sum(&self) -> Counts {
        let mut sum = self.all.of(self.number);
        for (sum, before) in sum.iter_mut().zip(&self.before) {
            *sum = sum.wrapping_sub(*before);
        }
        sum
    }
}

impl Drop for Column {
    fn drop(&mut self) {
        lock(&self.all.numbers).free.push(self.number);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_has_a_place_of_its_own() {
        let mut next = (0, 0);
        for column in 0..10_000 {
            assert_eq!(Tally::place(column), next);
            next.1 += 1;
            if next.1 == FIRST << next.0 {
                next = (next.0 + 1, 0);
            }
        }
        let (block, place) = Tally::place(u32::MAX);
        assert!(block < BLOCKS && place < FIRST << block);
    }

    #[test]
    fn who_gets_a_number_anew_begins_at_zero_and_the_whole_goes_on() {
        let all = Arc::new(Tallies::default());
        let (one, other) = (all.begin(), all.begin());
        let first = all.column();
        one.add(first.number(), Count::Pick);
        other.add(first.number(), Count::Pick);
        other.add(first.number(), Count::Hedge);
        assert_eq!((first.sum(), all.picks()), ([2, 0, 0, 1, 0, 0], 2));
        let second = all.column();
        assert_ne!(first.number(), second.number());
        let number = first.number();
        drop(first);
        let third = all.column();
        assert_eq!((third.number(), third.sum()), (number, [0; COUNTS]));
        one.add(number, Count::Pick);
        assert_eq!((third.sum()[0], all.picks()), (1, 3));
    }
}
