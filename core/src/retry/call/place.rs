//! Where attempts go: what the caller tells of the endpoint that it found, or did not find.

use core::mem::{replace, swap};
use core::ops::Deref;

use super::Call;
use super::in_flight::{Kind, NOWHERE};
use super::step::{Attempt, End};
use crate::retry::budget::Budget;
use crate::retry::policy::RetryPolicy;
use crate::slot::Slot;
use crate::time::{Instant, Ticks};

/// The bit of a place, counted from 1, among those that rest; those beyond the eighth have none, and
/// are taken to be well.
fn bit(place: u8) -> u8 {
    1_u8.checked_shl(u32::from(place).wrapping_sub(1)).unwrap_or(0)
}

/// Tells that a call goes on to the next level, after so many waits of the backoff and so many
/// attempts that never left. Envoy's `previous_priorities` with an `update_frequency` of 2 does the
/// same.
fn leaves_level(waits: u8, never_sent: u8) -> bool {
    u32::from(waits) + u32::from(never_sent) >= 2
}

impl<P, const ROOM: usize, const TRIED: usize> Call<P, ROOM, TRIED>
where
    P: Deref<Target = RetryPolicy>,
{
    /// Tells that the endpoint in `slot` was picked for the attempt of the last
    /// [`Step::Send`](super::Step::Send), and asks if it goes there. If not, nothing is sent: the
    /// pick is to be [withdrawn](crate::Balancer::withdraw). Then poll again.
    ///
    /// First attempts and retries go anywhere. A hedge, and an attempt that is sent again because
    /// it never left, go to an endpoint that the call has not tried; one that follows
    /// [`Verdict::Overloaded`](crate::Verdict::Overloaded) to one that does not rest. Only then is
    /// the budget asked, for a hedge and for what goes elsewhere: what is not sent costs nothing.
    #[must_use]
    pub fn started(&mut self, attempt: Attempt, slot: Slot, budget: &mut impl Budget) -> bool {
        let Some(index) = self.in_flight.find(|flight| flight.is(attempt)) else { return false };
        if !self.asks() {
            let place = self.place(slot);
            self.remember(slot, place);
            return true;
        }
        let place = self.place(slot);
        let Some(flight) = self.in_flight.get_mut(index) else { return false };
        let kind = flight.kind;
        let (fits, asks) = match kind {
            // Those that others followed are taken to be sent.
            _ if attempt.sent != self.sent => (true, false),
            Kind::Plain | Kind::Hedge => (true, false),
            Kind::HedgeDue => (place == NOWHERE, true),
            Kind::Resend | Kind::HedgeResend => (place == NOWHERE, false),
            Kind::Elsewhere => (self.resting & bit(place) == 0, true),
        };
        if !fits {
            self.turn_away(index, kind);
            return false;
        }
        if asks && !budget.withdraw(self.last) {
            self.take_back(index, kind);
            if kind == Kind::Elsewhere {
                self.end = self.end.or(Some(End::Budget));
            }
            return false;
        }
        flight.kind = if kind.is_hedge() { Kind::Hedge } else { Kind::Plain };
        let place = self.remember(slot, place);
        if let Some(flight) = self.in_flight.get_mut(index) {
            flight.place = place;
        }
        true
    }

    /// Tells that there is no endpoint for the attempt of the last
    /// [`Step::Send`](super::Step::Send), which was not started.
    ///
    /// Where that was a hedge, the call goes on with those in flight and has no hedges any more. What
    /// was to go elsewhere, because all asked to be left alone, waits for the first endpoint that
    /// comes back. A first attempt or a retry waits for any, if its policy
    /// [waits until ready](RetryPolicy::with_wait_for_ready); otherwise the call ends, since trying
    /// again at once would find none either.
    pub fn no_endpoint(&mut self, now: Instant) {
        self.without_endpoint(now, self.policy.wait_for_ready);
    }

    /// Tells that all endpoints have as many requests in flight as they may have: does as
    /// [`no_endpoint`](Self::no_endpoint), and never waits until ready.
    pub fn all_busy(&mut self, now: Instant) {
        self.without_endpoint(now, false);
    }

    fn without_endpoint(&mut self, now: Instant, waits: bool) {
        self.follow_clock(now);
        let sent = self.sent;
        let Some(index) = self.in_flight.find(|flight| flight.was_sent_as(sent)) else { return };
        let mut kind = Kind::Plain;
        if self.asks() {
            let Some(flight) = self.in_flight.get_mut(index) else { return };
            if flight.place != NOWHERE {
                // It was started.
                return;
            }
            kind = flight.kind;
            if kind != Kind::Plain {
                self.turn_away(index, kind);
                return;
            }
        }
        // It went when nothing was in flight.
        self.take_back(index, kind);
        if waits && self.end.is_none() {
            self.waits_for_endpoint = true;
        } else {
            self.end = self.end.or(Some(End::NoEndpoints));
        }
    }

    /// Tells that there may be an endpoint now. A call that
    /// [waits for one](Self::waits_for_endpoint) asks for it again; to others it means nothing.
    pub fn endpoints_changed(&mut self) {
        if self.waits_for_endpoint {
            self.waits_for_endpoint = false;
            self.next = self.last;
        }
    }

    /// Tells that it waits until there is an endpoint: whoever hears that there may be one tells
    /// [`endpoints_changed`](Self::endpoints_changed), and polls.
    pub fn waits_for_endpoint(&self) -> bool {
        self.waits_for_endpoint
    }

    /// Returns the slots of the last attempts, at most `TRIED`, oldest first: what the next attempt
    /// had better avoid.
    pub fn tried(&self) -> &[Slot] {
        self.tried.get(..usize::from(self.remembered)).unwrap_or_default()
    }

    /// Tells that the next attempt had better leave the level (priority): two have failed, and the
    /// others of the level may be as dead. To be told with the request:
    /// [`Request::leaving_level`](crate::Request::leaving_level).
    ///
    /// An attempt counts that never left, or after which the backoff waited; those of hedging that
    /// fail together are one. A push-back forgets those for which the backoff waited.
    pub fn leaves_level(&self) -> bool {
        leaves_level(self.waits, self.never_sent)
    }

    /// There is no endpoint that the attempt may go to.
    fn turn_away(&mut self, index: usize, kind: Kind) {
        if ROOM > 1 && kind == Kind::HedgeDue {
            self.hedges = 0;
            if !self.in_flight.is_alone() {
                self.take_back(index, kind);
                return;
            }
        }
        self.in_flight.refuse(index, self.last);
    }

    /// Makes the attempt as if it had not been asked for.
    fn take_back(&mut self, index: usize, kind: Kind) {
        self.in_flight.remove(index);
        self.discount(kind);
    }

    /// Does not count the last attempt, which was not sent.
    pub(super) fn discount(&mut self, kind: Kind) {
        self.number = self.number.saturating_sub(1);
        if ROOM > 1 && kind.is_hedge() {
            self.hedged = self.hedged.wrapping_sub(1);
        }
    }

    /// Returns the place of a slot among those that were tried, from 1.
    fn place(&self, slot: Slot) -> u8 {
        let place = self.tried().iter().position(|tried| *tried == slot);
        place.map_or(NOWHERE, |place| place as u8 + 1)
    }

    /// Adds a slot unless it has a place, and returns that; the oldest is forgotten where there is no
    /// room.
    fn remember(&mut self, slot: Slot, place: u8) -> u8 {
        if place != NOWHERE {
            return place;
        }
        if let Some(free) = self.tried.get_mut(usize::from(self.remembered)) {
            *free = slot;
            self.remembered += 1;
        } else if let Some((last, older)) = self.tried.split_last_mut() {
            // All move by one.
            let mut newer = replace(last, slot);
            older.iter_mut().rev().for_each(|slot| swap(slot, &mut newer));
            self.resting >>= 1;
            self.in_flight.forget_oldest();
        }
        self.remembered
    }

    /// Notes that the endpoint in `place` is to be left alone from `at` on, for so long.
    pub(super) fn rest(&mut self, now: Instant, at: Instant, place: u8, rest: Ticks) {
        if self.resting == 0 || now.has_reached(self.back) {
            self.resting = 0;
            self.back = at.later(rest);
        } else {
            self.back = self.back.or_earlier(at.later(rest));
        }
        self.resting |= bit(place);
    }
}
