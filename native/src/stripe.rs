//! Keeps what changes from pick to pick per thread: threads that pick share no written cache line.

use core::cell::Cell;
use core::convert::Infallible;
use std::sync::Arc;

use evenkeel_core::kit::GROUPS;
use evenkeel_core::rand_core::TryRng;
use evenkeel_core::random::SplitMix64;
use evenkeel_core::slot::Turn;

use crate::tally::Tally;

/// One thread's turn in each group, and its source of chance.
#[derive(Debug)]
pub(crate) struct Stripe {
    /// The last is for all levels that take what the groups have no room for.
    turns: [Cell<Turn>; GROUPS + 1],
    /// The turn of retries, which take nobody else's.
    retries: Cell<Turn>,
    rng: Cell<SplitMix64>,
    tally: Arc<Tally>,
}

impl Stripe {
    pub(crate) fn new(seed: u64, tally: Arc<Tally>) -> Self {
        let turns = [const { Cell::new(Turn::START) }; GROUPS + 1];
        Self {
            turns,
            retries: Cell::new(Turn::START),
            rng: Cell::new(SplitMix64::new(seed)),
            tally,
        }
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

    /// Returns the source of chance.
    #[inline]
    pub(crate) fn rng(&self) -> Chance<'_> {
        Chance(&self.rng)
    }
}

/// A thread's source of chance, which is not written where nothing is drawn.
pub(crate) struct Chance<'a>(&'a Cell<SplitMix64>);

impl Chance<'_> {
    #[inline]
    fn draw<T>(&self, draw: impl FnOnce(&mut SplitMix64) -> T) -> T {
        let mut rng = self.0.get();
        let drawn = draw(&mut rng);
        self.0.set(rng);
        drawn
    }
}

impl TryRng for Chance<'_> {
    type Error = Infallible;

    #[inline]
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.draw(SplitMix64::try_next_u32)
    }

    #[inline]
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.draw(SplitMix64::try_next_u64)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.draw(|rng| rng.try_fill_bytes(bytes))
    }
}
