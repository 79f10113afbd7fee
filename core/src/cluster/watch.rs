use crate::health::{Calm, Memory};
use crate::part::Fresh;
use crate::set::Set;
use crate::time::{Instant, Ticks};

/// Watches the health of all endpoints together.
pub(crate) struct Watch<X> {
    /// Slots for whose end of a wait something is due.
    pub(crate) waiting: X,
    /// Half-open slots.
    pub(crate) open: X,
    /// Slots that count as ejected.
    pub(crate) ejected: X,
    /// The next end of a wait.
    pub(crate) wait: Option<Instant>,
    /// The end of the interval in which all outcomes are counted.
    pub(crate) interval_end: Option<Instant>,
    /// The place at which the search for a half-open slot goes on.
    pub(crate) next_probe: u32,
    pub(crate) memory: Memory,
    /// The level whose ejections were undone last, and for how long it is calm.
    pub(crate) calm: Calm,
}

impl<X: Set> Fresh for Watch<X> {
    const NEW: Self = Self {
        waiting: X::EMPTY,
        open: X::EMPTY,
        ejected: X::EMPTY,
        wait: None,
        interval_end: None,
        next_probe: 0,
        memory: Memory { draws: 0, longest: 0 },
        calm: Calm::NEW,
    };
}

impl<X> Watch<X> {
    /// Notes that something is due at `at`.
    pub(crate) fn due(&mut self, at: Instant) {
        self.wait = earlier(self.wait, Some(at));
    }

    /// Takes all times along with a clock that went back to `now`.
    pub(crate) fn turn_back(&mut self, now: Instant, back: Ticks) {
        self.interval_end = self.interval_end.map(|end| end.earlier(back));
        self.calm.turn_back(back);
        // What is due is found anew.
        self.wait = Some(now);
    }
}

/// Returns the earlier of two times that may be never.
#[inline]
pub(crate) fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.or_earlier(b)),
        (a, None) => a,
        (None, b) => b,
    }
}
