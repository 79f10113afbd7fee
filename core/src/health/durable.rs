//! What of an endpoint's health outlives the process.

use super::ejection::may_eject;
use super::{Arithmetic, OutlierDetection, Reason, Row, Scope, Standing, Table};
use crate::event::EventKind;
use crate::set::Slot;
use crate::state::LONGEST;
use crate::store::Store;
use crate::time::{Instant, nanos};

/// The longest that any settings keep an endpoint out of service: an ejection and its jitter, a day each.
pub(crate) const MOST_LEFT: u64 = 2 * 86_400_000_000_000;

/// A row with times relative to the export, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Record {
    pub(crate) condition: Condition,
    /// How long ago the window opened that outcomes are counted in, or it was taken out of service.
    pub(crate) since: u64,
    pub(crate) successes: u32,
    pub(crate) failures: u32,
    pub(crate) streak: u16,
    pub(crate) ejections: u16,
}

/// Whether an endpoint takes requests. One whose probe was under way is half-open again: the probe is gone with its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub(crate) enum Condition {
    /// For how long again, if it ever was out of service.
    InService { served: Option<u64> },
    /// For how long it wants to be left alone.
    Overloaded { left: u64 },
    /// How long that takes.
    Ejected { reason: Reason, left: u64 },
    /// Why it was ejected; its time is over.
    HalfOpen { reason: Reason },
}

/// Where the rounds over all endpoints stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Rounds {
    /// What is left of the interval in which all outcomes are counted, if there are such.
    pub(crate) interval_left: Option<u64>,
    /// The slot with which the search for one to be probed goes on.
    pub(crate) next_probe: u32,
    /// Decisions by chance so far.
    pub(crate) draws: u32,
}

impl<S: Store> Table<S> {
    /// What is known of a slot's endpoint, unless that is nothing. What active checks found is left out: they will find it again,
    /// and where nobody checks any more, nobody would ever take it back.
    pub(crate) fn export(&self, index: usize, now: Instant) -> Option<Record> {
        if self.blank(index) {
            return None;
        }
        let Row { since, until, successes, failures, streak, ejections, standing, reason, down: _ } = self.row(index);
        let left = until.nanos_since(now).min(MOST_LEFT);
        let condition = match standing {
            Standing::Admitted => {
                Condition::InService { served: (until > Instant::ZERO).then(|| now.nanos_since(until).min(LONGEST)) }
            }
            Standing::Resting => Condition::Overloaded { left },
            Standing::Ejected => Condition::Ejected { reason, left },
            Standing::HalfOpen | Standing::Probing => Condition::HalfOpen { reason },
        };
        Some(Record { condition, since: now.nanos_since(since).min(LONGEST), successes, failures, streak, ejections })
    }

    /// Whether no report told anything of a slot's endpoint that still counts.
    pub(crate) fn blank(&self, index: usize) -> bool {
        let row = self.row(index);
        row.quiet() && row.successes == 0 && row.ejections == 0
    }

    pub(crate) fn rounds(&self, now: Instant) -> Rounds {
        let begun = self.judge.is_some() && self.interval_end < Instant::MAX;
        Rounds {
            interval_left: begun.then(|| self.interval_end.nanos_since(now).min(MOST_LEFT)),
            next_probe: self.next as u32,
            draws: self.draws,
        }
    }

    /// Goes on with what was known of a slot's endpoint `age` nanoseconds ago, within the bounds of these settings. All outcomes
    /// were counted then if there were `intervals`.
    pub(crate) fn import(&mut self, scope: &mut Scope<'_, S>, slot: Slot, record: &Record, age: u64, intervals: bool) {
        let now = scope.now;
        let mut row = Row { down: self.row(slot.index()).down, ..self.recall(record, now, age, intervals) };
        match record.condition {
            Condition::InService { served } => {
                self.serve(&mut row, now, served.map(|served| served.saturating_add(age)));
            }
            Condition::Overloaded { left } if left > age && self.max_retry_after > 0 => {
                let until = now.later((left - age).min(self.max_retry_after));
                (row.standing, row.until) = (Standing::Resting, until);
                self.due(until);
                scope.events.push(now, Some(slot), EventKind::Overloaded { until });
            }
            Condition::Ejected { reason, left } if self.still_ejects(left.saturating_sub(age), scope.hosts) => {
                let most = left.saturating_sub(age).min(self.longest());
                let until = back(now, age.saturating_sub(left)).later(most);
                (row.standing, row.reason, row.until) = (Standing::Ejected, reason, until);
                if !self.timed() {
                    self.due(until);
                }
                scope.events.push(now, Some(slot), EventKind::Ejected { reason, until });
            }
            Condition::HalfOpen { reason } if self.probes_still(scope.hosts) => {
                (row.standing, row.reason, row.until) = (Standing::HalfOpen, reason, now);
                scope.events.push(now, Some(slot), EventKind::Ejected { reason, until: now });
            }
            Condition::Overloaded { left } | Condition::Ejected { left, .. } => {
                row.admit(back(now, age.saturating_sub(left)));
            }
            Condition::HalfOpen { .. } => row.admit(back(now, age)),
        }
        if row.standing != Standing::Admitted {
            scope.touched.slot(slot);
        }
        self.put(slot.index(), row);
    }

    /// Goes on with the rounds over all endpoints. An interval that ended meanwhile is judged now.
    pub(crate) fn go_on(&mut self, now: Instant, age: u64, rounds: Rounds) {
        self.draws = self.draws.wrapping_add(rounds.draws);
        self.next = rounds.next_probe as usize;
        if let (Some(settings), Some(left), true) = (self.settings, rounds.interval_left, self.judge.is_some()) {
            let end = now.later(left.saturating_sub(age).min(nanos(settings.interval)));
            // At the end of time it would be none.
            self.interval_end = end.min(Instant::from_nanos(u64::MAX - 1));
            self.due(self.interval_end);
        }
    }

    /// What was counted, as far as it still counts.
    fn recall(&self, record: &Record, now: Instant, age: u64, intervals: bool) -> Row {
        let &Record { since, successes, failures, streak, ejections, .. } = record;
        let since = since.saturating_add(age);
        let mut row = Row { since: back(now, since), successes, failures, streak, ejections, ..Row::default() };
        let over = |settings: OutlierDetection| since >= nanos(settings.interval);
        if intervals != self.judge.is_some() || !intervals && self.settings.is_none_or(over) {
            row.close_window();
        }
        if self.settings.is_none() {
            (row.streak, row.ejections) = (0, 0);
        } else if !self.timed() {
            row.ejections = ejections.min(63);
        }
        row
    }

    /// Has been in service again for `served` nanoseconds. What lies before the clock's origin cannot be noted; the ejections
    /// that it makes good for are taken off at once.
    fn serve(&self, row: &mut Row, now: Instant, served: Option<u64>) {
        let Some(mut served) = served else { return };
        if served < now.as_nanos() {
            row.until = back(now, served);
        } else if let Some(settings) = self.settings.filter(|_| !self.timed()) {
            let interval = nanos(settings.interval).max(1);
            while row.ejections > 0 && served >= interval {
                row.ejections -= 1;
                served -= interval;
            }
        }
    }

    /// Whether an endpoint stays ejected of whose time so much is left.
    fn still_ejects(&self, left: u64, hosts: usize) -> bool {
        self.settings.is_some_and(|settings| {
            (left > 0 || settings.half_open || self.timed()) && may_eject(&settings, self.ejected as usize, hosts)
        })
    }

    /// Whether an endpoint stays half-open.
    fn probes_still(&self, hosts: usize) -> bool {
        self.settings.is_some_and(|settings| settings.half_open && may_eject(&settings, self.ejected as usize, hosts))
    }

    /// How long these settings keep an ejected endpoint out of service.
    fn longest(&self) -> u64 {
        let ejection = self.settings.map_or(0, |settings| {
            nanos(settings.max_ejection_time.max(settings.base_ejection_time)) + nanos(settings.max_ejection_jitter)
        });
        ejection.max(self.max_retry_after)
    }

    /// Whether ejections end with intervals.
    fn timed(&self) -> bool {
        self.settings.is_some_and(|settings| settings.arithmetic != Arithmetic::Evenkeel)
    }
}

/// So many nanoseconds ago, or at the clock's origin.
fn back(now: Instant, age: u64) -> Instant {
    Instant::from_nanos(now.as_nanos().saturating_sub(age))
}
