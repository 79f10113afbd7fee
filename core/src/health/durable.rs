//! The part of an endpoint's health that outlives the process.

#![allow(clippy::useless_conversion, reason = "counts are smaller with 32-bit time")]

use super::Rules;
use super::ejection::may_eject;
use super::facts::Facts;
use super::held::Held;
use super::report::{Effect, shorten};
use super::row::{Count, Ejections, HealthRow, Phase, Reason};
use super::undo::{LONGEST, Rest};
use crate::settings::{Book, Settings};
use crate::time::{Instant, Ticks, nanos_of_ticks, ticks_of_nanos};

/// The longest that any settings keep an endpoint out of service: an ejection and its jitter, a day
/// each. In nanoseconds.
pub(crate) const MOST_LEFT: u64 = 2 * 86_400_000_000_000;

/// A health row with times relative to the export, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Record {
    pub(crate) condition: Condition,
    /// The time since the counting window began, or since it was taken out of service.
    pub(crate) since: u64,
    pub(crate) successes: u32,
    pub(crate) failures: u32,
    pub(crate) streak: u16,
    pub(crate) ejections: u16,
    // With defaults, a state of an older version comes as far as to be refused for that; a newer one
    // that lacks a name has another checksum.
    /// The time since the first failing request of the row was sent, or since it left service.
    #[cfg_attr(feature = "serde", serde(default))]
    pub(crate) began: u64,
    /// A failure of the row was slow.
    #[cfg_attr(feature = "serde", serde(default = "slow_if_missing"))]
    pub(crate) slow: bool,
    /// It answered since the latest ejection of another one of its level.
    #[cfg_attr(feature = "serde", serde(default))]
    pub(crate) heard: bool,
    /// The row of cancellations.
    #[cfg_attr(feature = "serde", serde(default = "longest_if_missing"))]
    pub(crate) cancels: u16,
    /// Why it was not ejected so far.
    pub(crate) held: Option<Held>,
}

/// The health of an endpoint. One whose probe was in flight is half-open again: the probe is gone
/// with its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub(crate) enum Condition {
    /// For how long again, if it ever was out of service.
    InService { served: Option<u64> },
    /// For how long it wants to be left alone.
    Overloaded { left: u64 },
    /// The rest of that time.
    Ejected { reason: Reason, left: u64 },
    /// The rule that it broke; its time is over.
    HalfOpen { reason: Reason },
}

/// The standing of the rounds over all endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Rounds {
    /// The rest of the interval in which all outcomes are counted, if there are such.
    pub(crate) interval_left: Option<u64>,
    /// The slot with which the search for one to be probed goes on.
    pub(crate) next_probe: u32,
    /// Decisions by chance so far.
    pub(crate) draws: u32,
    /// The longest row of cancellations that ended in an answer.
    #[cfg_attr(feature = "serde", serde(default = "longest_if_missing"))]
    pub(crate) longest: u16,
    /// The calm after ejections that were undone, if any were.
    pub(crate) calm: Option<Rest>,
}

#[cfg(feature = "serde")]
fn slow_if_missing() -> bool {
    true
}

#[cfg(feature = "serde")]
fn longest_if_missing() -> u16 {
    u16::MAX
}

/// Returns what is known of an endpoint, unless that is nothing. What active checks found is left
/// out: they will find it again, and where nobody checks any more, nobody would ever take it back.
pub(crate) fn export(row: &HealthRow, now: Instant) -> Option<Record> {
    if row.blank() {
        return None;
    }
    let since = |at: Instant| nanos_of_ticks(now.since(at)).min(LONGEST);
    let left = nanos_of_ticks(row.until.since(now)).min(MOST_LEFT);
    let condition = match row.phase() {
        Phase::InService => {
            let served = (row.until != Instant::ZERO).then(|| since(row.until));
            Condition::InService { served }
        }
        Phase::Resting => Condition::Overloaded { left },
        Phase::Ejected => Condition::Ejected { reason: row.reason(), left },
        Phase::HalfOpen | Phase::Probing => Condition::HalfOpen { reason: row.reason() },
    };
    Some(Record {
        condition,
        since: since(row.since),
        successes: row.successes.into(),
        failures: row.failures.into(),
        streak: row.streak,
        ejections: row.ejections.into(),
        began: since(row.began),
        slow: row.slow(),
        heard: row.heard(),
        cancels: row.cancels,
        held: row.held,
    })
}

/// What is known while a state is imported.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Import {
    /// The time since the export, in nanoseconds.
    pub(crate) age: u64,
    /// All outcomes were counted, in intervals.
    pub(crate) intervals: bool,
    /// Endpoints that are ejected so far and count towards the limit.
    pub(crate) ejected: u32,
}

/// Tells that an ejection counts towards
/// [`max_ejection_percent`](crate::Settings::max_ejection_percent): by our rules those for rows do
/// not, and of a probe's end it is not known what came before.
pub(crate) fn is_limited<R: Rules>(s: &impl Settings, condition: Condition) -> bool {
    match condition {
        Condition::Ejected { reason, .. } | Condition::HalfOpen { reason } => {
            !R::by_row(s) || matches!(reason, Reason::FailurePercentage | Reason::SuccessRate)
        }
        Condition::InService { .. } | Condition::Overloaded { .. } => false,
    }
}

/// Goes on with what was known of an endpoint, within the bounds of these settings.
pub(crate) fn import<R: Rules, S: Settings>(
    row: &mut HealthRow,
    s: &S,
    facts: &Facts<'_>,
    record: &Record,
    import: Import,
) -> Effect {
    let (now, age) = (facts.now, import.age);
    let ago = |nanos: u64| now.earlier(ticks_of_nanos(nanos));
    *row = recall::<R, S>(s, record, now, import);
    let free = !is_limited::<R>(s, record.condition) && facts.hosts > 1;
    let may = R::ejects(s) && (free || may_eject::<R, S>(s, facts.hosts, import.ejected));
    match record.condition {
        Condition::InService { served: None } => {}
        Condition::InService { served: Some(served) } => {
            serve::<R, S>(row, s, now, served.saturating_add(age));
        }
        Condition::Overloaded { left } if left > age && !s.max_retry_after().is_zero() => {
            let rest = ticks_of_nanos(left - age).min(s.ticks(s.max_retry_after()));
            row.enter(Phase::Resting, now.later(rest));
            return Effect::Rests;
        }
        Condition::Ejected { reason, left }
            if may && (left > age || s.half_open() || R::timed(s)) =>
        {
            let most = ticks_of_nanos(left.saturating_sub(age)).min(longest(s));
            let until = ago(age.saturating_sub(left)).later(most);
            row.set_reason(reason);
            row.enter(Phase::Ejected, until);
            return Effect::Ejected;
        }
        Condition::HalfOpen { reason } if may && s.half_open() => {
            row.set_reason(reason);
            row.enter(Phase::HalfOpen, now);
            return Effect::Ejected;
        }
        Condition::Overloaded { left } | Condition::Ejected { left, .. } => {
            row.admit(ago(age.saturating_sub(left)));
        }
        Condition::HalfOpen { .. } => row.admit(ago(age)),
    }
    Effect::None
}

/// Returns what was counted, as far as it still counts.
fn recall<R: Rules, S: Settings>(
    s: &S,
    record: &Record,
    now: Instant,
    Import { age, intervals, .. }: Import,
) -> HealthRow {
    let since = record.since.saturating_add(age);
    let capped = |count: u32| count.min(Count::MAX.into()) as Count;
    let mut row = HealthRow {
        since: now.earlier(ticks_of_nanos(since)),
        successes: capped(record.successes),
        failures: capped(record.failures),
        streak: record.streak,
        ejections: record.ejections.min(Ejections::MAX.into()) as Ejections,
        began: now.earlier(ticks_of_nanos(record.began.saturating_add(age))),
        ..HealthRow::NEW
    };
    if record.slow {
        row.note_slow();
    }
    if !record.heard && R::book(s) == Book::Evenkeel {
        row.await_answer();
    }
    if R::by_row(s) {
        row.cancels = record.cancels;
        shorten(&mut row, s);
    }
    if R::book(s) == Book::Evenkeel {
        row.held = record.held;
    }
    let over = !R::ejects(s) || ticks_of_nanos(since) >= s.ticks(s.interval());
    if intervals != R::in_intervals(s) || !intervals && over {
        row.close_window();
    }
    if !R::ejects(s) {
        row.end_row();
        row.ejections = 0;
    } else if !R::timed(s) {
        row.ejections = row.ejections.min(63);
    }
    row
}

/// Notes that an endpoint has been in service again for `served` nanoseconds. What lies before the
/// clock's origin cannot be noted; the ejections that it makes good for are taken off at once.
fn serve<R: Rules, S: Settings>(row: &mut HealthRow, s: &S, now: Instant, served: u64) {
    if cfg!(feature = "millis32") || served < now.as_nanos() {
        row.until = now.earlier(ticks_of_nanos(served));
    } else if R::ejects(s) && !R::timed(s) {
        let interval = s.ticks(s.interval()).max(1);
        let mut served = ticks_of_nanos(served);
        while row.ejections > 0 && served >= interval {
            row.ejections -= 1;
            served -= interval;
        }
    }
}

/// Returns how long these settings keep an ejected endpoint out of service.
fn longest(s: &impl Settings) -> Ticks {
    let ejection = s.ticks(s.max_ejection_time()).max(s.ticks(s.base_ejection_time()));
    ejection.saturating_add(s.ticks(s.max_ejection_jitter())).max(s.ticks(s.max_retry_after()))
}
