//! The attempts of a call that are not accounted for yet.

use core::fmt;
use core::mem::swap;

use super::step::Attempt;
use crate::outcome::Verdict;
use crate::time::{Instant, Ticks, duration, ticks};

/// Those under way are in the order they were sent, those that ended in the order they did; free
/// places are at the end.
#[derive(Clone)]
pub(super) struct InFlight<const ROOM: usize>([Flight; ROOM]);

/// A place for an attempt, in as few bytes as there may be: firmware keeps it on a small stack.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flight {
    /// Under way: when it is given up, if it is limited. Over: when that was told.
    pub(super) time: Instant,
    /// The wait that the server asked for, after [`State::RetryAfter`].
    wait: Ticks,
    pub(super) number: u32,
    sent: u8,
    pub(super) hedge: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Free,
    /// Under way without a limit, or until a deadline.
    Unlimited,
    Limited,
    /// Over, and the budget does not know it yet.
    Success,
    Retry,
    RetryAfter,
    Fatal,
    NeverSent,
}

impl Flight {
    const FREE: Self =
        Self { time: Instant::ZERO, wait: 0, number: 0, sent: 0, hedge: false, state: State::Free };

    pub(super) fn is_under_way(&self) -> bool {
        matches!(self.state, State::Unlimited | State::Limited)
    }

    pub(super) fn is_over(&self) -> bool {
        !matches!(self.state, State::Free | State::Unlimited | State::Limited)
    }

    /// Tells that it should have ended by now.
    pub(super) fn is_late(&self, now: Instant) -> bool {
        self.state == State::Limited && now.has_reached(self.time)
    }

    /// Tells that it is this attempt, and under way.
    pub(super) fn is(&self, attempt: Attempt) -> bool {
        self.is_under_way() && self.number == attempt.number && self.sent == attempt.sent
    }

    fn deadline(&self) -> Option<Instant> {
        (self.state == State::Limited).then_some(self.time)
    }

    pub(super) fn attempt(&self) -> Attempt {
        let &Self { number, sent, hedge, .. } = self;
        Attempt { deadline: self.deadline(), number, sent, hedge }
    }

    /// Returns how it ended; what is still under way took too long.
    #[inline]
    pub(super) fn verdict(&self) -> Verdict {
        match self.state {
            State::Success => Verdict::Success,
            State::Free | State::Unlimited | State::Limited | State::Retry => Verdict::Retry,
            State::RetryAfter => Verdict::RetryAfter(duration(self.wait)),
            State::Fatal => Verdict::Fatal,
            State::NeverSent => Verdict::NeverSent,
        }
    }

    pub(super) fn was_never_sent(&self) -> bool {
        self.state == State::NeverSent
    }

    /// Returns the wait that a server asked for.
    pub(super) fn push_back(&self) -> Option<Ticks> {
        (self.state == State::RetryAfter).then_some(self.wait)
    }
}

impl<const ROOM: usize> InFlight<ROOM> {
    pub(super) const NONE: Self = Self([Flight::FREE; ROOM]);

    /// Tells that nothing is under way, and nothing that ended is left to account for.
    pub(super) fn is_empty(&self) -> bool {
        !self.any(|flight| flight.state != State::Free)
    }

    #[inline]
    pub(super) fn any(&self, wanted: impl Fn(&Flight) -> bool) -> bool {
        self.find(wanted).is_some()
    }

    pub(super) fn under_way(&self) -> impl Iterator<Item = Attempt> {
        self.0.iter().filter(|flight| flight.is_under_way()).map(Flight::attempt)
    }

    /// Returns the first time at which one is given up, or `other` if that is earlier.
    pub(super) fn first_deadline(&self, other: Option<Instant>) -> Option<Instant> {
        if ROOM == 1 {
            return self.0.first().and_then(Flight::deadline);
        }
        self.0.iter().filter_map(Flight::deadline).chain(other).reduce(Instant::or_earlier)
    }

    /// Adds one in the first free place. There is one: only one attempt is no hedge, and hedges are
    /// bounded.
    pub(super) fn push(&mut self, attempt: Attempt) {
        let Attempt { deadline, number, sent, hedge } = attempt;
        let (time, state) = match deadline {
            Some(deadline) => (deadline, State::Limited),
            None => (Instant::ZERO, State::Unlimited),
        };
        self.put(Flight { time, wait: 0, number, sent, hedge, state });
    }

    /// Ends an attempt; tells that it was under way.
    pub(super) fn end(&mut self, attempt: Attempt, at: Instant, verdict: Verdict) -> bool {
        let Some(index) = self.find(|flight| flight.is(attempt)) else { return false };
        if let Some(flight) = self.0.get_mut(index) {
            flight.time = at;
            flight.state = match verdict {
                Verdict::Success => State::Success,
                Verdict::Retry => State::Retry,
                Verdict::RetryAfter(wait) => {
                    flight.wait = ticks(wait);
                    State::RetryAfter
                }
                Verdict::Fatal => State::Fatal,
                Verdict::NeverSent => State::NeverSent,
            };
        }
        if ROOM > 1 {
            let ended = self.remove(index);
            self.put(ended);
        }
        true
    }

    /// Forgets the one that was sent as this, if it is under way.
    pub(super) fn forget(&mut self, sent: u8) -> bool {
        let index = self.find(|flight| flight.is_under_way() && flight.sent == sent);
        index.map(|index| self.remove(index)).is_some()
    }

    /// Moves all times earlier.
    pub(super) fn move_back(&mut self, by: Ticks) {
        for flight in &mut self.0 {
            flight.time = flight.time.earlier(by);
        }
    }

    fn put(&mut self, flight: Flight) {
        let free = self.find(|flight| flight.state == State::Free);
        if let Some(free) = free.and_then(|index| self.0.get_mut(index)) {
            *free = flight;
        }
    }

    /// Takes one out, and moves up those behind it.
    #[inline]
    pub(super) fn remove(&mut self, index: usize) -> Flight {
        let mut behind = Flight::FREE;
        if ROOM == 1 {
            if let Some(flight) = self.0.first_mut() {
                behind = *flight;
                flight.state = State::Free;
            }
            return behind;
        }
        let flights = self.0.get_mut(index..).unwrap_or_default();
        flights.iter_mut().rev().for_each(|flight| swap(flight, &mut behind));
        behind
    }

    /// Returns the index of the first that is wanted.
    #[inline]
    pub(super) fn find(&self, wanted: impl Fn(&Flight) -> bool) -> Option<usize> {
        // Compiled for size, a loop of one turn would stay a loop.
        if ROOM == 1 {
            return self.0.first().filter(|flight| wanted(flight)).map(|_| 0);
        }
        self.0.iter().position(wanted)
    }
}

impl<const ROOM: usize> fmt::Debug for InFlight<ROOM> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().filter(|flight| flight.state != State::Free)).finish()
    }
}
