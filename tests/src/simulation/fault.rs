//! What is wrong with a host, and for how long.

use core::time::Duration;

use evenkeel_core::Instant;

use super::chance::{Luck, happens};

/// Something that is wrong with a host for some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// From when on.
    pub from: Instant,
    /// Until when.
    pub until: Instant,
    /// How many of a thousand requests meet it.
    pub per_mille: u32,
    /// What becomes of those.
    pub effect: Effect,
}

/// What becomes of a request that meets a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It fails after this time, without work.
    Fails {
        /// How long that takes.
        after: Duration,
    },
    /// It cannot be sent: nobody listens. What the host was at is lost.
    Refuses {
        /// How long it takes to find that out.
        after: Duration,
    },
    /// It takes this much longer; whoever works on it may work on others meanwhile.
    Slow {
        /// How much.
        by: Duration,
    },
    /// It is so many times the work.
    Slower {
        /// How many.
        times: u32,
    },
    /// It never gets an answer.
    Hangs,
}

impl Fault {
    /// All the time, for all requests.
    pub const fn always(effect: Effect) -> Self {
        Self { from: Instant::ZERO, until: Instant::MAX, per_mille: 1000, effect }
    }

    /// In this span of seconds, for all requests.
    pub const fn between(from: u64, until: u64, effect: Effect) -> Self {
        Self {
            from: Instant::from_secs(from),
            until: Instant::from_secs(until),
            ..Self::always(effect)
        }
    }

    /// The same, but over at this time.
    #[must_use]
    pub const fn until(self, until: Instant) -> Self {
        Self { until, ..self }
    }

    /// The same for so many of a thousand requests.
    #[must_use]
    pub const fn of_a_thousand(self, per_mille: u32) -> Self {
        Self { per_mille, ..self }
    }

    /// Tells that it holds then, or did in the `grace` before.
    pub fn holds_within(&self, grace: Duration, now: Instant) -> bool {
        self.from <= now && now.saturating_since(self.until) <= grace
    }

    pub(super) fn holds(&self, now: Instant, luck: Luck) -> bool {
        self.from <= now && now < self.until && happens(self.per_mille, luck.fault)
    }
}
