//! What changes from pick to pick, kept per thread: threads that pick share no written cache line.

use core::cell::Cell;
use core::convert::Infallible;

use evenkeel_core::cluster::GROUPS;
use evenkeel_core::hash::{SPLITMIX64_STEP, splitmix64};
use evenkeel_core::policy::Turn;
use evenkeel_core::rand_core::TryRng;

use crate::snapshot::Group;

/// One thread's place in the rotation of each group, and its source of chance.
#[derive(Debug)]
pub(crate) struct Stripe {
    places: [Place; GROUPS],
    rng: Cell<CounterRng>,
}

#[derive(Debug)]
struct Place {
    version: Cell<u64>,
    turn: Cell<Turn>,
    /// The index of the slot picked last.
    last: Cell<usize>,
}

impl Stripe {
    pub(crate) fn new(seed: u64) -> Self {
        let place = || Place { version: Cell::new(0), turn: Cell::new(Turn::UNSET), last: Cell::new(0) };
        Self { places: core::array::from_fn(|_| place()), rng: Cell::new(CounterRng(seed)) }
    }

    /// The turn in this group of a snapshot: after the endpoint this thread picked last, if the snapshot is new to it.
    #[inline]
    pub(crate) fn turn<P>(&self, version: u64, index: usize, group: &Group<P>) -> Turn {
        let place = &self.places[index];
        let turn = place.turn.get();
        if place.version.get() == version || turn == Turn::UNSET {
            turn
        } else {
            Turn::at(group.after(place.last.get()))
        }
    }

    pub(crate) fn rng(&self) -> CounterRng {
        self.rng.get()
    }

    #[inline]
    pub(crate) fn picked(&self, version: u64, index: usize, turn: Turn, slot_index: usize, rng: CounterRng) {
        let place = &self.places[index];
        place.version.set(version);
        place.turn.set(turn);
        place.last.set(slot_index);
        self.rng.set(rng);
    }

    /// A generator of its own for something longer than a pick.
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
