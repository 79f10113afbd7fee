//! Takes over what was counted of many requests at once.

use super::facts::Facts;
use super::report::{Effect, count, cross, suspect};
use super::row::{Count, HealthRow};
use super::{Rules, multiple};
use crate::settings::{Book, Settings};
use crate::slot::Slot;
use crate::time::Instant;

/// Counts the requests to an endpoint since its last tally: for shells whose threads count
/// with atomics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests that succeeded; those of an endpoint that is not
    /// [watched](crate::Cluster::watches) need not be counted.
    pub successes: u32,
    /// Requests that failed.
    pub failures: u32,
    /// Failures in a row up to now, those of earlier tallies included.
    pub streak: u32,
    /// The most failures in a row at any moment since the last tally, those of earlier ones
    /// included; 0 without a failure.
    pub longest: u32,
    /// When the first failing request of the row was sent; unknown counts as now.
    pub began: Option<Instant>,
    /// A failure of the row took 200 ms or more, and the request had left the client.
    pub slow: bool,
    /// The row of cancellations without any answer up to now, those of earlier tallies included:
    /// each request that was [abandoned](crate::Outcome::Abandoned) weighs 4, each that [lost a
    /// race](crate::Outcome::LostRace) 1.
    pub cancels: u32,
    /// The longest such row that ended in an answer since the last tally.
    pub answered: u32,
}

/// What a [`Tally`] was counted as; see
/// [`Cluster::count_tally`](crate::Cluster::count_tally).
#[must_use = "the endpoint is still to be judged"]
#[derive(Debug)]
pub struct Counted {
    pub(crate) slot: Slot,
    /// The row of failures to go on with.
    pub(crate) streak: u32,
    /// Failures in its window before, where success rates are judged by them.
    pub(crate) failures: Count,
    /// The row of cancellations grew, from this length.
    pub(crate) given_up: Option<u16>,
    pub(crate) anew: bool,
    pub(crate) effect: Effect,
}

impl Counted {
    /// Returns the slot of the endpoint.
    pub fn slot(&self) -> Slot {
        self.slot
    }

    /// Tells that the endpoint is to be compared with others: what was reported of those should be
    /// counted, too, before it is settled.
    pub fn is_suspect(&self) -> bool {
        self.given_up.is_some() || matches!(self.effect, Effect::Suspect(_))
    }
}

/// Learns from the ends of several requests: as if the successes had come first, except for
/// failures in a row. Tells with the effect that rows of failures begin anew.
///
/// It is not for them to decide if an endpoint that is out of service comes back; see
/// [`report`](super::report).
pub(crate) fn tally<R: Rules, S: Settings>(
    row: &mut HealthRow,
    s: &S,
    facts: &mut Facts<'_>,
    tally: Tally,
) -> (Effect, bool) {
    let Tally { successes, failures, streak, longest, .. } = tally;
    let serves = row.serves();
    if serves || R::book(s) == Book::Grpc {
        count::<R, S>(row, s, facts.now, capped(successes), capped(failures));
    }
    if !serves || !R::ejects(s) {
        return (Effect::None, !serves);
    }
    if R::book(s) == Book::Evenkeel {
        return (tally_rows(row, s, facts, tally), false);
    }
    row.streak = short(longest.max(streak));
    let mut anew = false;
    let mut effect = Effect::None;
    if failures > 0 || longest > 0 {
        if cross::<R, S>(row, s, facts) {
            effect = Effect::Ejected;
        }
        anew = row.streak == 0;
    }
    row.streak = if anew { 0 } else { short(streak) };
    if failures > 0 && effect == Effect::None {
        effect = Effect::Failed;
    }
    (effect, anew)
}

/// Takes over rows of failures and of cancellations; tells what is to be judged by our rule, while
/// the row is as long as it was at most.
fn tally_rows(
    row: &mut HealthRow,
    s: &impl Settings,
    facts: &mut Facts<'_>,
    tally: Tally,
) -> Effect {
    let Tally { successes, failures, streak, longest, began, slow, cancels, answered } = tally;
    facts.memory.longest = facts.memory.longest.max(short(answered));
    // A row of cancellations that goes on was held for the same reason.
    let goes_on = failures == 0 && answered == 0 && row.cancels > 0 && cancels > 0;
    row.cancels = short(cancels);
    if successes > 0 {
        row.hear();
    }
    // One that was broken since the last tally counts from its beginning.
    let length = longest.max(streak);
    let known = if streak < failures || longest > streak { 0 } else { streak - failures };
    if known == 0 && !goes_on {
        row.begin_row(began.unwrap_or(facts.now));
    }
    if slow {
        row.note_slow();
    }
    row.streak = short(length);
    if failures == 0 {
        return Effect::None;
    }
    let k = u32::from(s.consecutive_failures());
    suspect(row, s, length, multiple::crosses(k, known, length))
}

fn short(count: u32) -> u16 {
    count.try_into().unwrap_or(u16::MAX)
}

fn capped(count: u32) -> Count {
    count as Count
}
