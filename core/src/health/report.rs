//! Changes an endpoint's health at the end of requests and of waits.

use super::eject_rule::{By, SLOW};
use super::ejection::{eject, eject_again};
use super::facts::{Facts, Report};
use super::row::{Count, HealthRow, Phase, Reason};
use super::{Rules, cancellations, failure_percentage, multiple};
use crate::outcome::Outcome;
use crate::settings::{Book, Settings};
use crate::time::{Instant, ticks};

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
            row.hear();
            row.end_row();
            count::<R, S>(row, s, now, 1, 0);
            Effect::None
        }
        // The request was at fault, so the row of failures goes on as it was.
        Outcome::Ignorable if row.serves() => {
            answered(row, facts);
            row.hear();
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
        let effect = suspect(row, s, length, multiple::crosses(k, before, length));
        shorten(row, s);
        return effect;
    }
    if cross::<R, S>(row, s, facts) { Effect::Ejected } else { Effect::Failed }
}

/// Tells if an endpoint is suspect by our rule whose row of failures grew, to a multiple of `k` or
/// not.
pub(super) fn suspect(row: &HealthRow, s: &impl Settings, length: u32, multiple: bool) -> Effect {
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
pub(super) fn cross<R: Rules, S: Settings>(
    row: &mut HealthRow,
    s: &S,
    facts: &mut Facts<'_>,
) -> bool {
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
pub(super) fn count<R: Rules, S: Settings>(
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
        row.end_row();
        (row.cancels, row.ejections) = (0, 0);
    }
    effect
}
