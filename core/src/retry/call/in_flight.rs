//! The attempts of a call that are not accounted for yet.

use super::step::{Attempt, Verdict};
use crate::store::List;
use crate::time::Instant;

/// Those under way are in the order they were sent, those that ended in the order they did.
#[derive(Clone, Debug, Default)]
pub(super) struct InFlight<const ROOM: usize>(heapless::Vec<Flight, ROOM>);

#[derive(Clone, Debug)]
struct Flight {
    attempt: Attempt,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    /// Until it is given up: its own deadline, unless the clock went backwards since.
    UnderWay(Instant),
    /// The caller told at this time; the budget does not know it yet.
    Ended(Instant, Verdict),
}

impl Flight {
    fn is_under_way(&self) -> bool {
        matches!(self.state, State::UnderWay(_))
    }
}

impl<const ROOM: usize> InFlight<ROOM> {
    /// Nothing under way, and nothing that ended is left to account for.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn under_way(&self) -> impl Iterator<Item = Attempt> {
        self.0.iter().filter(|flight| flight.is_under_way()).map(|flight| flight.attempt)
    }

    /// Something is under way, and all that ended is accounted for.
    pub(super) fn all_under_way(&self) -> bool {
        !self.is_empty() && self.0.iter().all(Flight::is_under_way)
    }

    /// The first time at which one is given up.
    pub(super) fn deadline(&self) -> Instant {
        let mut first = Instant::MAX;
        for flight in &self.0 {
            if let State::UnderWay(until) = flight.state {
                first = first.min(until);
            }
        }
        first
    }

    pub(super) fn push(&mut self, attempt: Attempt) {
        // There is room: only one is not a hedge, and those are bounded.
        let _ = self.0.push(Flight { attempt, state: State::UnderWay(attempt.deadline) });
    }

    /// It ended; tells whether it was under way.
    pub(super) fn end(&mut self, attempt: Attempt, at: Instant, verdict: Verdict) -> bool {
        let found = self.take(|flight| flight.is_under_way() && flight.attempt == attempt);
        found.is_some_and(|flight| self.0.push(Flight { state: State::Ended(at, verdict), ..flight }).is_ok())
    }

    /// Forgets the one that was sent as this, if it is under way.
    pub(super) fn forget(&mut self, sent: u16) -> bool {
        self.take(|flight| flight.is_under_way() && flight.attempt.sent == sent).is_some()
    }

    /// Takes one out that should have ended by now.
    pub(super) fn take_late(&mut self, now: Instant) -> Option<Attempt> {
        let late = self.take(|flight| matches!(flight.state, State::UnderWay(until) if until <= now))?;
        Some(late.attempt)
    }

    pub(super) fn take_under_way(&mut self) -> Option<Attempt> {
        Some(self.take(Flight::is_under_way)?.attempt)
    }

    /// Takes out the one that ended first.
    pub(super) fn take_ended(&mut self) -> Option<(Attempt, Instant, Verdict)> {
        let ended = self.take(|flight| !flight.is_under_way())?;
        let State::Ended(at, verdict) = ended.state else { return None };
        Some((ended.attempt, at, verdict))
    }

    /// All times come so many nanoseconds earlier.
    pub(super) fn move_back(&mut self, by: u64) {
        for flight in &mut self.0 {
            let (State::UnderWay(time) | State::Ended(time, _)) = &mut flight.state;
            *time = time.earlier(by);
        }
    }

    fn take(&mut self, wanted: impl Fn(&Flight) -> bool) -> Option<Flight> {
        let index = self.0.iter().position(wanted)?;
        self.0.take(index)
    }
}
