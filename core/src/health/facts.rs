//! Facts that rules are told.

use crate::hash;
use crate::outcome::Outcome;
use crate::settings::Settings;
use crate::time::{Instant, Ticks};

/// Facts on all endpoints that a rule may know, and the source of chance: the slot, and the number
/// of draws so far.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) now: Instant,
    pub(crate) hosts: u32,
    pub(crate) ejected: u32,
    pub(crate) slot: usize,
    pub(crate) memory: &'a mut Memory,
}

/// What rules remember of all endpoints together.
#[derive(Debug)]
pub(crate) struct Memory {
    /// Decisions by chance so far.
    pub(crate) draws: u32,
    /// The longest row of cancellations that ended in an answer.
    pub(crate) longest: u16,
}

impl Facts<'_> {
    /// Returns 64 random bits, which follow from the seed.
    #[inline(never)]
    pub(super) fn bits(&mut self, s: &impl Settings) -> u64 {
        self.memory.draws = self.memory.draws.wrapping_add(1);
        hash::mix(s.seed(), (self.slot as u64) << 32 | u64::from(self.memory.draws))
    }

    /// Returns the part of `whole` that a draw stands for: 0 or more, less than `whole`.
    pub(super) fn part(&mut self, s: &impl Settings, whole: Ticks) -> Ticks {
        #[cfg(not(feature = "millis32"))]
        return hash::part(whole, self.bits(s));
        #[cfg(feature = "millis32")]
        return hash::share(whole, (self.bits(s) >> 32) as u32);
    }

    /// Draws all the same: what chance decides next does not depend on a setting.
    pub(super) fn skip(&mut self) -> Ticks {
        self.memory.draws = self.memory.draws.wrapping_add(1);
        0
    }
}

/// The end of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    pub(crate) outcome: Outcome,
    /// The time at which it was sent.
    pub(crate) sent: Instant,
    /// That time, if it may decide that an ejected endpoint comes back.
    pub(crate) decides: Option<Instant>,
}
