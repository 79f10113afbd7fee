//! Changes an endpoint's health at the end of requests and of waits.

use super::eject_rule::{self, By, SLOW};
use super::ejection::{eject, eject_again};
use super::facts::{Facts, Report};
use super::row::{Count, HealthRow, Phase, Reason};
use super::{Rules, cancellations, failure_percentage};
use crate::outcome::Outcome;
use crate::settings::{Book, Settings};
use crate::slot::Slot;
use crate::time::{Instant, ticks};

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
    /// each request that was [abandoned](Outcome::Abandoned) weighs 4, each that [lost a
    /// race](Outcome::LostRace) 1.
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

/// Says what changed, for the sets of slots and for events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing that others see.
    None,
    Ejected,
    HalfOpen,
    Readmitted,
    /// It is left alone until then, whether it was in service or not.
    Rests,
    /// Failures of an endpoint in service were counted.
    Failed,
    /// An endpoint in service is to be judged by our rule.
    Suspect(By),
}

/// Learns from the end of a request.
pub(crate) fn report<R: Rules, S: Settings>(
    row: &mut HealthRow,
    s: &S,
    facts: &mut Facts<'_>,
    report: Report,
) -> Effect {
    let now = facts.now;
    let decides = report.decides.is_some_and(|sent| sent.has_reached(row.since));
    let rest = match report.outcome {
        Outcome::Overloaded { retry_after: Some(rest) } => {
            ticks(rest).min(s.ticks(s.max_retry_after()))
        }
        Outcome::Success
        | Outcome::Failure
        | Outcome::TimedOut
        | Outcome::NeverSent
        | Outcome::Ignorable
        | Outcome::PushedBack
        | Outcome::Abandoned
        | Outcome::LostRace
        | Outcome::Overloaded { retry_after: None } => 0,
    };
    let failed = report.outcome.is_failure();
    if rest > 0 {
        return leave_alone(row, now.later(rest), decides);
    }
    match report.outcome {
        Outcome::Success | Outcome::PushedBack if row.serves() => {
            answered(row, facts);
            row.streak = 0;
            count::<R, S>(row, s, now, 1, 0);
            Effect::None
        }
        // The request was at fault, so the row of failures goes on as it was.
        Outcome::Ignorable if row.serves() => {
            answered(row, facts);
            Effect::None
        }
        // It answered, be it that the request was at fault.
        Outcome::Success | Outcome::PushedBack | Outcome::Ignorable if decides => {
            row.admit(now);
            Effect::Readmitted
        }
        Outcome::Abandoned | Outcome::LostRace if decides && row.phase() == Phase::Probing => {
            if R::book(s) != Book::Evenkeel {
                row.set_phase(Phase::HalfOpen);
                return Effect::HalfOpen;
            }
            // No verdict: as long again as before, unless it was given much time to answer.
            let in_vain = report.outcome == Outcome::Abandoned && now.since(report.sent) >= SLOW;
            row.ejections = row.ejections.saturating_sub(u8::from(!in_vain).into());
            eject_again::<R, S>(row, s, facts, Reason::ProbeCanceled);
            Effect::Ejected
        }
        Outcome::Abandoned | Outcome::LostRace if row.serves() && R::by_row(s) => {
            give_up(row, s, facts, report.outcome.cancellation_weight() as u16)
        }
        Outcome::Ignorable | Outcome::Abandoned | Outcome::LostRace => Effect::None,
        _ if failed && row.serves() => fail::<R, S>(row, s, facts, report),
        _ if failed && decides && row.phase() == Phase::Probing => {
            eject_again::<R, S>(row, s, facts, Reason::ProbeFailed);
            Effect::Ejected
        }
        Outcome::Success
        | Outcome::Failure
        | Outcome::TimedOut
        | Outcome::NeverSent
        | Outcome::PushedBack
        | Outcome::Overloaded { .. } => {
            // gRPC compares with what ejected endpoints still answer.
            if R::book(s) == Book::Grpc {
                count::<R, S>(row, s, now, (!failed).into(), failed.into());
            }
            Effect::None
        }
    }
}

/// Ends a row of cancellations in an answer.
fn answered(row: &mut HealthRow, facts: &mut Facts<'_>) {
    facts.memory.longest = facts.memory.longest.max(row.cancels);
    row.cancels = 0;
}

/// Prolongs a row of cancellations.
fn give_up(row: &mut HealthRow, s: &impl Settings, facts: &Facts<'_>, weight: u16) -> Effect {
    let before = row.cancels;
    if before == 0 && row.streak == 0 {
        row.held = None;
    }
    row.cancels = before.saturating_add(weight);
    let crosses =
        cancellations::crosses(s.consecutive_failures(), facts.memory.longest, before, row.cancels);
    if crosses { Effect::Suspect(By::Cancels) } else { Effect::None }
}

/// Counts one more failure of an endpoint in service, and ejects it by other books, if that is
/// reason enough.
fn fail<R: Rules, S: Settings>(
    row: &mut HealthRow,
    s: &S,
    facts: &mut Facts<'_>,
    report: Report,
) -> Effect {
    let now = facts.now;
    if !R::ejects(s) {
        return Effect::Failed;
    }
    let length = row.streak;
    row.streak = length.saturating_add(1);
    let ours = R::book(s) == Book::Evenkeel;
    if ours {
        match report.outcome {
            // Who says nothing in time, or cannot be reached, does not answer.
            Outcome::TimedOut | Outcome::NeverSent => row.cancels = 0,
            Outcome::Success
            | Outcome::Failure
            | Outcome::Ignorable
            | Outcome::PushedBack
            | Outcome::Overloaded { .. }
            | Outcome::Abandoned
            | Outcome::LostRace => answered(row, facts),
        }
        if length == 0 {
            row.begin_row(report.sent);
        }
        if report.outcome != Outcome::NeverSent && now.since(report.sent) >= SLOW {
            row.note_slow();
        }
    }
    count::<R, S>(row, s, now, 0, 1);
    if ours {
        let k = u32::from(s.consecutive_failures());
        let (before, length) = (u32::from(length), u32::from(row.streak));
        let effect = suspect(row, s, length, eject_rule::crosses(k, before, length));
        shorten(row, s);
        return effect;
    }
    if cross::<R, S>(row, s, facts) { Effect::Ejected } else { Effect::Failed }
}

/// Tells if an endpoint is suspect by our rule whose row of failures grew, to a multiple of `k` or
/// not.
fn suspect(row: &HealthRow, s: &impl Settings, length: u32, multiple: bool) -> Effect {
    let k = u32::from(s.consecutive_failures());
    let by = if k > 0 && length >= k {
        multiple.then_some(By::Row)
    } else {
        failure_percentage::crossed(row, s, Book::Evenkeel).then_some(By::Share)
    };
    by.map_or(Effect::Failed, Effect::Suspect)
}

/// Keeps a row of failures countable, however long: from 5k on, as many again as at 4k.
pub(super) fn shorten(row: &mut HealthRow, s: &impl Settings) {
    let k = u32::from(s.consecutive_failures());
    if row.streak == u16::MAX && 5 * k < u32::from(u16::MAX) {
        row.streak -= s.consecutive_failures();
    }
}

/// Ejects an endpoint in service by other books than ours, if its failures in a row are enough: with
/// Envoy's default of 5, at the fifth that no success came before.
fn cross<R: Rules, S: Settings>(row: &mut HealthRow, s: &S, facts: &mut Facts<'_>) -> bool {
    if s.consecutive_failures() == 0 || row.streak < s.consecutive_failures() {
        return false;
    }
    let ejected = eject::<R, S>(row, s, facts, Reason::ConsecutiveFailures, 100);
    if R::book(s) == Book::Envoy {
        // One that was not ejected begins anew.
        row.streak = 0;
    }
    ejected
}

/// Leaves an endpoint alone until then.
fn leave_alone(row: &mut HealthRow, until: Instant, decides: bool) -> Effect {
    match row.phase() {
        Phase::InService => row.enter(Phase::Resting, until),
        Phase::Resting | Phase::Ejected if !row.until.has_reached(until) => row.until = until,
        Phase::Probing if decides => row.enter(Phase::Ejected, until),
        Phase::HalfOpen => row.enter(Phase::Ejected, until),
        Phase::Resting | Phase::Ejected | Phase::Probing => return Effect::None,
    }
    Effect::Rests
}

/// Counts outcomes in the window, which the first failure opens unless all outcomes are counted.
fn count<R: Rules, S: Settings>(
    row: &mut HealthRow,
    s: &S,
    now: Instant,
    successes: Count,
    failures: Count,
) {
    if !R::ejects(s) {
        return;
    }
    if !R::in_intervals(s) {
        // One that began after now began before a clock of 32 bits did.
        if now.since(row.since) >= s.ticks(s.interval()) || !now.has_reached(row.since) {
            row.close_window();
        }
        if row.failures == 0 {
            if failures == 0 {
                return;
            }
            row.since = now;
        }
    }
    row.successes = row.successes.saturating_add(successes);
    row.failures = row.failures.saturating_add(failures);
}

/// Learns from the ends of several requests: as if the successes had come first, except for
/// failures in a row. Tells with the effect that rows of failures begin anew.
///
/// It is not for them to decide if an endpoint that is out of service comes back; see [`report`].
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
    let Tally { failures, streak, longest, began, slow, cancels, answered, .. } = tally;
    facts.memory.longest = facts.memory.longest.max(short(answered));
    row.cancels = short(cancels);
    // One that was broken since the last tally counts from its beginning.
    let length = longest.max(streak);
    let known = if streak < failures || longest > streak { 0 } else { streak - failures };
    if known == 0 {
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
    suspect(row, s, length, eject_rule::crosses(k, known, length))
}

fn short(count: u32) -> u16 {
    count.try_into().unwrap_or(u16::MAX)
}

fn capped(count: u32) -> Count {
    count as Count
}

/// Does what is due at the end of a wait.
pub(crate) fn expire<R: Rules, S: Settings>(
    row: &mut HealthRow,
    s: &S,
    facts: &mut Facts<'_>,
) -> Effect {
    let now = facts.now;
    if !row.waits() || !now.has_reached(row.until) {
        return Effect::None;
    }
    match row.phase() {
        // Where ejections end with intervals, those end them.
        Phase::Ejected if R::timed(s) => Effect::None,
        Phase::Ejected => release(row, s, now),
        Phase::Probing => {
            eject_again::<R, S>(row, s, facts, Reason::ProbeTimedOut);
            Effect::Ejected
        }
        Phase::Resting | Phase::InService | Phase::HalfOpen => {
            row.admit(now);
            Effect::Readmitted
        }
    }
}

/// Ends an ejection whose time is over.
pub(super) fn release(row: &mut HealthRow, s: &impl Settings, now: Instant) -> Effect {
    if s.half_open() {
        row.set_phase(Phase::HalfOpen);
        Effect::HalfOpen
    } else {
        row.admit(now);
        Effect::Readmitted
    }
}

/// Tells that a request sent then says nothing of an endpoint in service: it has been ejected
/// since, and come back. Requests that hung must not eject it again.
pub(crate) fn outdated<R: Rules, S: Settings>(
    row: &HealthRow,
    s: &S,
    now: Instant,
    sent: Instant,
) -> bool {
    row.phase() == Phase::InService
        && row.ejections > 0
        && !sent.has_reached(row.until)
        // One that came back after now came back before a clock of 32 bits began anew.
        && now.has_reached(row.until)
        && R::book(s) == Book::Evenkeel
        && R::ejects(s)
}

/// Goes on by other rules: what was counted in another way is dropped; without any rule, one that
/// is ejected comes back.
pub(crate) fn configure(row: &mut HealthRow, ejects: bool, keeps: bool, now: Instant) -> Effect {
    if !keeps {
        row.close_window();
    }
    let mut effect = Effect::None;
    if !ejects {
        if row.ejected() {
            row.admit(now);
            effect = Effect::Readmitted;
        }
        (row.streak, row.cancels, row.ejections) = (0, 0, 0);
    }
    effect
}
