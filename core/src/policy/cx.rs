use core::fmt;

use rand_core::Rng;

use super::View;
use crate::hash::share;
use crate::random::{clamp, pair};
use crate::slot::Turn;
use crate::time::Instant;

/// The context of one pick: the time, the request's key, this pick's turn, and chance.
pub struct Cx<'a> {
    /// The time of the pick.
    pub now: Instant,
    /// The key that requests which belong together share, for sticky policies:
    /// [a hash](crate::hash).
    pub key: Option<u64>,
    turn: &'a mut Turn,
    rng: &'a mut dyn Rng,
}

impl<'a> Cx<'a> {
    /// Makes the context of a pick at `now`.
    #[inline]
    pub fn new(now: Instant, key: Option<u64>, turn: &'a mut Turn, rng: &'a mut dyn Rng) -> Self {
        Self { now, key, turn, rng }
    }

    /// Gives the next turn: to the slot that follows the last one in `view`, or, the first time
    /// ever, to a random one. O(1).
    #[inline]
    pub fn next(&mut self, view: &dyn View) -> Option<usize> {
        if *self.turn == Turn::START {
            // What is cold gets neither the view nor the context: so they stay in registers.
            let place = draw(self.rng, view.len());
            let slot = view.at(place)?;
            *self.turn = Turn::had(slot, place);
            return Some(slot);
        }
        view.next(self.turn)
    }

    /// Returns where the rotation stands, for policies with a cycle of their own.
    #[inline]
    pub fn turn(&mut self) -> &mut Turn {
        self.turn
    }

    /// Returns a random number in `0..n`; 0 if `n` is 0. Biased by less than `n`/2³² (Lemire's
    /// multiplication, without rejection).
    #[inline]
    pub fn below(&mut self, n: usize) -> usize {
        below(self.rng, n)
    }

    /// Returns the request's key; without one, a random one.
    #[inline]
    pub fn key_or_random(&mut self) -> u64 {
        match self.key {
            Some(key) => key,
            None => self.rng.next_u64(),
        }
    }

    /// Returns two different random numbers in `0..n`, each pair with the same probability but for
    /// a bias as in [`below`](Self::below); 0 twice if there are no two. O(1): 64 random bits.
    #[inline]
    pub fn pair(&mut self, n: usize) -> (usize, usize) {
        pair(self.rng, n)
    }

    /// Returns the source of chance.
    #[inline]
    pub fn rng(&mut self) -> &mut dyn Rng {
        self.rng
    }
}

impl fmt::Debug for Cx<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cx")
            .field("now", &self.now)
            .field("key", &self.key)
            .field("turn", &self.turn)
            .finish_non_exhaustive()
    }
}

#[inline]
fn below(rng: &mut dyn Rng, n: usize) -> usize {
    share(clamp(n), rng.next_u32()) as usize
}

#[cold]
#[inline(never)]
fn draw(rng: &mut dyn Rng, n: usize) -> usize {
    below(rng, n)
}
