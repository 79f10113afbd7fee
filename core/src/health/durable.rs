//! The part of an endpoint's health that outlives the process.

#![allow(clippy::useless_conversion, reason = "counts are smaller with 32-bit time")]

use super::Rules;
use super::ejection::may_eject;
use super::facts::Facts;
use super::report::Effect;
use super::row::{Count, Ejections, HealthRow, Phase, Reason};
use crate::settings::Settings;
use crate::time::{Instant, Ticks, nanos_of_ticks, ticks_of_nanos};

/// The longest that any settings keep an endpoint out of service: an ejection and its jitter, a day
/// each. In nanoseconds.
pub(crate) const MOST_LEFT: u64 = 2 * 86_400_000_000_000;

/// The largest number of a state: all below 2⁵³ are whole numbers to JavaScript. As a time, it is
/// 104 days.
pub(crate) const LONGEST: u64 = (1 << 53) - 1;

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
    })
}

/// Goes on with what was known of an endpoint `age` nanoseconds ago, within the bounds of these
/// settings. All outcomes were counted then if there were `intervals`.
pub(crate) fn import<R: Rules, S: Settings>(
    row: &mut HealthRow,
    s: &S,
    facts: &Facts<'_>,
    record: &Record,
    age: u64,
    intervals: bool,
) -> Effect {
    let now = facts.now;
    let ago = |nanos: u64| now.earlier(ticks_of_nanos(nanos));
    *row = recall::<R, S>(s, record, now, age, intervals);
    let may = may_eject::<R, S>(s, facts.hosts, facts.ejected) && R::ejects(s);
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
    age: u64,
    intervals: bool,
) -> HealthRow {
    let since = record.since.saturating_add(age);
    let capped = |count: u32| count.min(Count::MAX.into()) as Count;
    let mut row = HealthRow {
        since: now.earlier(ticks_of_nanos(since)),
        successes: capped(record.successes),
        failures: capped(record.failures),
        streak: record.streak,
        ejections: record.ejections.min(Ejections::MAX.into()) as Ejections,
        ..HealthRow::NEW
    };
    let over = !R::ejects(s) || ticks_of_nanos(since) >= s.ticks(s.interval());
    if intervals != R::in_intervals(s) || !intervals && over {
        row.close_window();
    }
    if !R::ejects(s) {
        (row.streak, row.ejections) = (0, 0);
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
