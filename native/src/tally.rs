//! Counts of each endpoint: every thread writes its own, and whoever asks adds them up.

use core::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Relaxed, fence};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// What is counted of an endpoint beside its picks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
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

/// How many [`Count`]s there are.
const COUNTS: usize = 5;

/// Picks, those of calls included, and one number for each [`Count`], in its order.
pub(crate) type Counts = [u64; 1 + COUNTS];

/// What calls did, in the order of [`Stats`](crate::Stats), without the picks.
pub(crate) type CallCounts = [u64; 11];

/// How many endpoints the first block is for; each of the next has twice as many.
const FIRST: usize = 32;
const BLOCKS: usize = 28;

/// What one thread counted, by the place of the endpoint's [`Column`]. It grows in place: readers
/// need no lock. Picks are apart, 8 bytes each: of very many endpoints, a pick touches a line of the
/// cache that eight of them share.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// With room for every endpoint, before it can be picked.
    picks: [OnceLock<Box<[AtomicU64]>>; BLOCKS],
    calls: [OnceLock<Box<[Row]>>; BLOCKS],
    /// What calls did, of whatever endpoint.
    ended: [AtomicU64; size_of::<CallCounts>() / size_of::<u64>()],
}

type Row = [AtomicU64; COUNTS];

/// Where an endpoint is in every tally: 32 is the first of the second block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    block: u32,
    index: u32,
}

impl Place {
    fn of(number: u32) -> Self {
        let from_first = u64::from(number) + FIRST as u64;
        let block = from_first.ilog2() - FIRST.ilog2();
        Self { block, index: (from_first - ((FIRST as u64) << block)) as u32 }
    }
}

impl Tally {
    /// Counts a pick. Only for the thread whose tally it is.
    #[inline]
    pub(crate) fn add_pick(&self, place: Place) {
        self.add_to_picks(place, 1);
    }

    /// Takes back a pick that it counted.
    pub(crate) fn take_back_pick(&self, place: Place) {
        self.add_to_picks(place, u64::MAX);
    }

    #[inline]
    fn add_to_picks(&self, place: Place, more: u64) {
        // There is room for every endpoint, and so nothing that could panic.
        if let Some(cell) = self.pick(place) {
            add(cell, more);
        }
    }

    /// Counts one. Only for the thread whose tally it is.
    pub(crate) fn add(&self, place: Place, count: Count) {
        let block = &self.calls[place.block as usize];
        let rows = block.get_or_init(|| begin(place.block));
        add(&rows[place.index as usize][count as usize], 1);
    }

    /// Counts a call that ended. Only for the thread whose tally it is.
    pub(crate) fn add_call(&self, counts: &CallCounts) {
        for (cell, more) in self.ended.iter().zip(counts) {
            if *more > 0 {
                add(cell, *more);
            }
        }
    }

    #[inline]
    fn pick(&self, place: Place) -> Option<&AtomicU64> {
        self.picks.get(place.block as usize)?.get()?.get(place.index as usize)
    }

    fn row(&self, place: Place) -> Option<&Row> {
        self.calls.get(place.block as usize)?.get()?.get(place.index as usize)
    }

    /// Makes room for the picks of all endpoints up to the one at this place.
    fn grow(&self, place: Place) {
        // Blocks are made one after the other.
        if self.picks.get(place.block as usize).is_some_and(|block| block.get().is_some()) {
            return;
        }
        for (block, picks) in (0..=place.block).zip(&self.picks) {
            picks.get_or_init(|| begin(block));
        }
    }
}

/// Adds to what nobody else writes.
#[inline]
fn add(cell: &AtomicU64, more: u64) {
    cell.store(cell.load(Relaxed).wrapping_add(more), Relaxed);
}

fn begin<T: Default>(block: u32) -> Box<[T]> {
    (0..FIRST << block).map(|_| T::default()).collect()
}

/// The tallies of all threads, and the numbers that endpoints have in them.
#[derive(Debug, Default)]
pub(crate) struct Tallies {
    threads: Mutex<Vec<Arc<Tally>>>,
    numbers: Mutex<Numbers>,
    #[cfg(feature = "metrics")]
    pub(crate) left: crate::telemetry::left::Left,
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
        // Whoever takes another number from now on finds this tally in the list.
        tallies.push(Arc::clone(&tally));
        if let Some(last) = lock(&self.numbers).used.checked_sub(1) {
            tally.grow(Place::of(last));
        }
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
        let place = Place::of(number);
        for tally in lock(&self.threads).iter() {
            tally.grow(place);
        }
        Column { number, place, before: self.of(place), all: Arc::clone(self) }
    }

    /// Returns how many picks there were, of endpoints that left, too. O(threads · endpoints)
    pub(crate) fn picks(&self) -> u64 {
        let threads = lock(&self.threads);
        let picks = threads.iter().flat_map(|tally| &tally.picks).filter_map(OnceLock::get);
        picks.flatten().map(|picks| picks.load(Relaxed)).fold(0, u64::wrapping_add)
    }

    /// Returns what calls did. O(threads)
    pub(crate) fn calls(&self) -> CallCounts {
        let mut sum = CallCounts::default();
        for tally in lock(&self.threads).iter() {
            for (sum, cell) in sum.iter_mut().zip(&tally.ended) {
                *sum = sum.wrapping_add(cell.load(Relaxed));
            }
        }
        sum
    }

    fn of(&self, place: Place) -> Counts {
        let mut sum = [0; 1 + COUNTS];
        for tally in lock(&self.threads).iter() {
            let cells = tally.pick(place).into_iter().chain(tally.row(place).into_iter().flatten());
            for (sum, cell) in sum.iter_mut().zip(cells) {
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
    place: Place,
    /// What was counted for those that had the number before.
    before: Counts,
    all: Arc<Tallies>,
}

impl Column {
    pub(crate) fn place(&self) -> Place {
        self.place
    }

    #[cfg(feature = "metrics")]
    pub(crate) fn tallies(&self) -> Arc<Tallies> {
        Arc::clone(&self.all)
    }

    /// Returns what all threads counted. O(threads)
    pub(crate) fn sum(&self) -> Counts {
        let mut sum = self.all.of(self.place);
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
        let mut next = Place { block: 0, index: 0 };
        for number in 0..10_000 {
            assert_eq!(Place::of(number), next);
            next.index += 1;
            if next.index as usize == FIRST << next.block {
                next = Place { block: next.block + 1, index: 0 };
            }
        }
        let Place { block, index } = Place::of(u32::MAX);
        assert!((block as usize) < BLOCKS && (index as usize) < FIRST << block);
    }

    #[test]
    fn who_gets_a_number_anew_begins_at_zero_and_the_whole_goes_on() {
        let all = Arc::new(Tallies::default());
        let (one, other) = (all.begin(), all.begin());
        let first = all.column();
        one.add_pick(first.place());
        other.add_pick(first.place());
        other.add(first.place(), Count::Hedge);
        assert_eq!((first.sum(), all.picks()), ([2, 0, 0, 1, 0, 0], 2));
        let second = all.column();
        assert_ne!(first.place(), second.place());
        let place = first.place();
        drop(first);
        let third = all.column();
        assert_eq!((third.place(), third.sum()), (place, [0; 1 + COUNTS]));
        one.add_pick(place);
        assert_eq!((third.sum()[0], all.picks()), (1, 3));
    }

    #[test]
    fn every_tally_has_room_for_every_endpoint() {
        let all = Arc::new(Tallies::default());
        let early = all.begin();
        let columns: Vec<_> = (0..100).map(|_| all.column()).collect();
        let late = all.begin();
        for column in &columns {
            early.add_pick(column.place());
            late.add_pick(column.place());
            assert_eq!(column.sum()[0], 2);
        }
        assert_eq!(all.picks(), 200);
    }
}
