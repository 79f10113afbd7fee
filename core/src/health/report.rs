//! Changes an endpoint's health at the end of requests and of waits.

use super::ejection::{eject, eject_again};
use super::facts::{Facts, Report};
use super::row::{Count, HealthRow, Phase, Reason};
use super::{Rules, consecutive, failure_percentage};
use crate::outcome::Outcome;
use crate::settings::{Book, Settings};
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
    /// Failures of an endpoint in service were counted: it had so many before.
    Failed {
        before: Count,
    },
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
        | Outcome::Canceled
        | Outcome::Overloaded { retry_after: None } => 0,
    };
    let failed = matches!(report.outcome, Outcome::Failure | Outcome::Overloaded { .. });
    if rest > 0 {
        return leave_alone(row, now.later(rest), decides);
    }
    match report.outcome {
        Outcome::Success if row.serves() => {
            row.streak = 0;
            count::<R, S>(row, s, now, 1, 0);
            Effect::None
        }
        Outcome::Success if decides => {
            row.admit(now);
            Effect::Readmitted
        }
        Outcome::Canceled if decides && row.phase() == Phase::Probing => {
            row.set_phase(Phase::HalfOpen);
            Effect::HalfOpen
        }
        Outcome::Canceled => Effect::None,
        _ if failed && row.serves() => fail::<R, S>(row, s, facts),
        _ if failed && decides && row.phase() == Phase::Probing => {
            eject_again::<R, S>(row, s, facts, Reason::ProbeFailed);
            Effect::Ejected
        }
        Outcome::Success | Outcome::Failure | Outcome::Overloaded { .. } => {
            // gRPC compares with what ejected endpoints still answer.
            if R::book(s) == Book::Grpc {
                count::<R, S>(row, s, now, (!failed).into(), failed.into());
            }
            Effect::None
        }
    }
}

/// Counts one more failure of an endpoint in service, and ejects it if that is reason enough.
fn fail<R: Rules, S: Settings>(row: &mut HealthRow, s: &S, facts: &mut Facts<'_>) -> Effect {
    let before = row.failures;
    if R::ejects(s) {
        row.streak = row.streak.saturating_add(1);
        count::<R, S>(row, s, facts.now, 0, 1);
        if cross::<R, S>(row, s, facts) {
            return Effect::Ejected;
        }
    }
    Effect::Failed { before }
}

/// Ejects an endpoint in service if its own outcomes are reason enough.
fn cross<R: Rules, S: Settings>(row: &mut HealthRow, s: &S, facts: &mut Facts<'_>) -> bool {
    if consecutive::crossed(row, s) {
        let ejected = eject::<R, S>(row, s, facts, Reason::ConsecutiveFailures, 100);
        if R::book(s) == Book::Envoy {
            // One that was not ejected begins anew.
            row.streak = 0;
        }
        return ejected;
    }
    if R::book(s) != Book::Evenkeel || !failure_percentage::crossed(row, s, Book::Evenkeel) {
        return false;
    }
    let enforcement = s.failure_percentage_enforcement();
    eject::<R, S>(row, s, facts, Reason::FailurePercentage, enforcement)
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
    let Tally { successes, failures, streak, longest } = tally;
    let (serves, before) = (row.serves(), row.failures);
    if serves || R::book(s) == Book::Grpc {
        count::<R, S>(row, s, facts.now, capped(successes), capped(failures));
    }
    if !serves || !R::ejects(s) {
        return (Effect::None, !serves);
    }
    row.streak = longest.max(streak).try_into().unwrap_or(u16::MAX);
    let mut anew = false;
    let mut effect = Effect::None;
    if failures > 0 || longest > 0 {
        if cross::<R, S>(row, s, facts) {
            effect = Effect::Ejected;
        }
        anew = row.streak == 0;
    }
    row.streak = if anew { 0 } else { streak.try_into().unwrap_or(u16::MAX) };
    if failures > 0 && effect == Effect::None {
        effect = Effect::Failed { before };
    }
    (effect, anew)
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
        (row.streak, row.ejections) = (0, 0);
    }
    effect
}
