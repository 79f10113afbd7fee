//! Keeps what changes from pick to pick per thread: threads that pick share no written cache line.

use core::cell::Cell;
use core::convert::Infallible;
use std::sync::Arc;

use evenkeel_core::hash::{SPLITMIX64_STEP, splitmix64};
use evenkeel_core::kit::GROUPS;
use evenkeel_core::rand_core::TryRng;
use evenkeel_core::slot::Turn;

use crate::tally::Tally;

/// One thread's turn in each group, and its source of chance.
#[derive(Debug)]
pub(crate) struct Stripe {
    /// The last is for all levels that take what the groups have no room for.
    turns: [Cell<Turn>; GROUPS + 1],
    /// The turn of retries, which take nobody else's.
    retries: Cell<Turn>,
    rng: Cell<CounterRng>,
    tally: Arc<Tally>,
}

impl Stripe {
    pub(crate) fn new(seed: u64, tally: Arc<Tally>) -> Self {
        let turns = [const { Cell::new(Turn::START) }; GROUPS + 1];
        Self { turns, retries: Cell::new(Turn::START), rng: Cell::new(CounterRng(seed)), tally }
    }

    /// Returns the turn of the group with this index.
    #[inline]
    pub(crate) fn turn(&self, group: usize) -> &Cell<Turn> {
        &self.turns[group.min(GROUPS)]
    }

    /// Returns the turn of retries.
    pub(crate) fn retries(&self) -> &Cell<Turn> {
        &self.retries
    }

    /// Returns what this thread counts of endpoints.
    #[inline]
    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    pub(crate) fn rng(&self) -> &Cell<CounterRng> {
        &self.rng
    }

    /// Makes a generator for something longer than a pick.
    pub(crate) fn fork(&self) -> CounterRng {
        let mut rng = self.rng.get();
        let fork = CounterRng(rng.next());
        self.rng.set(rng);
        fork
    }
}

/// `SplitMix64`: a counter and a finalizer, good enough for choosing endpoints.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CounterRng(pub(crate) u64);

impl CounterRng {
    fn next(&mut self) -> u64 {
        let word = splitmix64(self.0);
        self.0 = self.0.wrapping_add(SPLITMIX64_STEP);
        word
    }
}

impl TryRng for CounterRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.next() >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.next())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}
