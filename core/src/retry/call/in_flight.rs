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
    /// The wait that was asked for, after [`State::PushBack`] or [`State::Overloaded`].
    wait: Ticks,
    pub(super) number: u32,
    sent: u8,
    /// The place of its endpoint among those that were tried, from 1; [`NOWHERE`] if that is not
    /// known.
    pub(super) place: u8,
    pub(super) kind: Kind,
    state: State,
}

/// No place.
pub(super) const NOWHERE: u8 = 0;

/// Where an attempt may go, and who pays for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Anywhere: it is paid for.
    Plain,
    /// Anywhere, beside others: it is paid for.
    Hedge,
    /// To an endpoint that was not tried, beside others, if the budget grants it.
    HedgeDue,
    /// To an endpoint that was not tried, for nothing: the one before never left.
    Resend,
    /// The same, beside others.
    HedgeResend,
    /// To an endpoint that does not rest, if the budget grants it: the one before was overloaded.
    Elsewhere,
}

impl Kind {
    pub(super) fn is_hedge(self) -> bool {
        match self {
            Self::Hedge | Self::HedgeDue | Self::HedgeResend => true,
            Self::Plain | Self::Resend | Self::Elsewhere => false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Free,
    /// Under way without a limit, or until a deadline.
    Unlimited,
    Limited,
    /// There was no endpoint that it may go to; the budget has nothing to know.
    NoOther,
    /// Over, and the budget does not know it yet.
    Success,
    RetryableFailure,
    NonRetryableFailure,
    TimedOut,
    Ignorable,
    Overloaded,
    PushBack,
    NeverSent,
    Canceled,
}

impl Flight {
    const FREE: Self = Self {
        time: Instant::ZERO,
        wait: 0,
        number: 0,
        sent: 0,
        place: NOWHERE,
        kind: Kind::Plain,
        state: State::Free,
    };

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

    /// Tells that it was sent as this, and is under way.
    pub(super) fn was_sent_as(&self, sent: u8) -> bool {
        self.is_under_way() && self.sent == sent
    }

    fn deadline(&self) -> Option<Instant> {
        (self.state == State::Limited).then_some(self.time)
    }

    pub(super) fn attempt(&self) -> Attempt {
        let &Self { number, sent, kind, .. } = self;
        Attempt { deadline: self.deadline(), number, sent, hedge: kind.is_hedge() }
    }

    /// Returns how it ended, for the budget; what is still under way took too long.
    #[inline]
    pub(super) fn verdict(&self) -> Option<Verdict> {
        Some(match self.state {
            State::Free | State::NoOther => return None,
            State::Success => Verdict::Success,
            State::RetryableFailure => Verdict::RetryableFailure,
            State::NonRetryableFailure => Verdict::NonRetryableFailure,
            State::Unlimited | State::Limited | State::TimedOut => Verdict::TimedOut,
            State::Ignorable => Verdict::Ignorable,
            State::Overloaded => {
                Verdict::Overloaded { wait: (self.wait > 0).then(|| duration(self.wait)) }
            }
            State::PushBack => Verdict::PushBack { wait: duration(self.wait) },
            State::NeverSent => Verdict::NeverSent,
            State::Canceled => Verdict::Canceled,
        })
    }

    pub(super) fn was_never_sent(&self) -> bool {
        self.state == State::NeverSent
    }

    /// Tells that there was no endpoint for it, and that it is no attempt that was sent before.
    pub(super) fn never_was(&self) -> bool {
        self.state == State::NoOther && matches!(self.kind, Kind::Elsewhere | Kind::HedgeDue)
    }

    /// Returns the wait that the service asked the call for.
    pub(super) fn push_back(&self) -> Option<Ticks> {
        (self.state == State::PushBack).then_some(self.wait)
    }

    /// Returns the time that the endpoint asked to be left alone for; 0 if it did not say.
    pub(super) fn rest(&self) -> Option<Ticks> {
        (self.state == State::Overloaded).then_some(self.wait)
    }
}

impl<const ROOM: usize> InFlight<ROOM> {
    pub(super) const NONE: Self = Self([Flight::FREE; ROOM]);

    /// Tells that nothing is under way, and nothing that ended is left to account for.
    pub(super) fn is_empty(&self) -> bool {
        // Free places are at the end.
        self.0.first().is_none_or(|first| first.state == State::Free)
    }

    /// Tells that no more than one is under way or left to account for.
    pub(super) fn is_alone(&self) -> bool {
        // Free places are at the end.
        self.0.get(1).is_none_or(|second| second.state == State::Free)
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
        let used = self.0.iter().take_while(|flight| flight.state != State::Free);
        used.filter_map(Flight::deadline).fold(other, |earliest, deadline| {
            Some(earliest.map_or(deadline, |earliest| earliest.or_earlier(deadline)))
        })
    }

    /// Adds one in the first free place. There is one: only one attempt is no hedge, and hedges are
    /// bounded.
    pub(super) fn push(&mut self, attempt: Attempt, kind: Kind) {
        let Attempt { deadline, number, sent, .. } = attempt;
        let (time, state) = match deadline {
            Some(deadline) => (deadline, State::Limited),
            None => (Instant::ZERO, State::Unlimited),
        };
        self.put(Flight { time, wait: 0, number, sent, place: NOWHERE, kind, state });
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut Flight> {
        self.0.get_mut(index)
    }

    /// Ends an attempt; tells that it was under way.
    pub(super) fn end(&mut self, attempt: Attempt, at: Instant, verdict: Verdict) -> bool {
        let Some(index) = self.find(|flight| flight.is(attempt)) else { return false };
        let (state, wait) = match verdict {
            Verdict::Success => (State::Success, 0),
            Verdict::RetryableFailure => (State::RetryableFailure, 0),
            Verdict::NonRetryableFailure => (State::NonRetryableFailure, 0),
            Verdict::TimedOut => (State::TimedOut, 0),
            Verdict::Ignorable => (State::Ignorable, 0),
            Verdict::Overloaded { wait } => (State::Overloaded, wait.map_or(0, ticks)),
            Verdict::PushBack { wait } => (State::PushBack, ticks(wait)),
            Verdict::NeverSent => (State::NeverSent, 0),
            Verdict::Canceled => (State::Canceled, 0),
        };
        self.finish(index, at, state, wait);
        true
    }

    /// Notes that there is no endpoint that this one may go to.
    pub(super) fn refuse(&mut self, index: usize, at: Instant) {
        self.finish(index, at, State::NoOther, 0);
    }

    fn finish(&mut self, index: usize, at: Instant, state: State, wait: Ticks) {
        if let Some(flight) = self.0.get_mut(index) {
            (flight.time, flight.state, flight.wait) = (at, state, wait);
        }
        if ROOM > 1 && !self.is_alone() {
            let ended = self.remove(index);
            self.put(ended);
        }
    }

    /// Notes that the oldest of the endpoints that were tried is forgotten.
    pub(super) fn forget_oldest(&mut self) {
        for flight in &mut self.0 {
            flight.place = flight.place.saturating_sub(1);
        }
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
        if ROOM == 1 || self.is_alone() {
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
        for (index, flight) in self.0.iter().enumerate() {
            if wanted(flight) {
                return Some(index);
            }
            // Behind a free place there are only free ones.
            if flight.state == State::Free {
                break;
            }
        }
        None
    }
}

impl<const ROOM: usize> fmt::Debug for InFlight<ROOM> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().filter(|flight| flight.state != State::Free)).finish()
    }
}
