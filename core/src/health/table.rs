mod tally;

use core::fmt;

use super::ejection::readmit;
use super::{Arithmetic, OutlierDetection, Reason, Row, Standing};
use crate::balancer::Outcome;
use crate::cluster::Touched;
use crate::config::Config;
use crate::event::{EventKind, Events};
use crate::set::{Change, Slot};
use crate::store::{DebugList, List, Store};
use crate::time::{Instant, nanos};
pub use tally::Tally;

/// The health of all slots.
pub(crate) struct Table<S: Store> {
    pub(super) rows: S::List<Row>,
    pub(super) settings: Option<OutlierDetection>,
    /// Nanoseconds.
    pub(super) max_retry_after: u64,
    pub(super) seed: u64,
    /// What needs to look at all rows; absent where the settings never do, so that it need not be linked.
    pub(super) judge: Option<Judge<S>>,
    /// When the interval ends in which all outcomes are counted.
    pub(super) interval_end: Instant,
    /// When something is due.
    timeout: Instant,
    /// Rows to which a success matters; one more where it matters to all.
    watched: u32,
    pub(super) ejected: u32,
    half_open: u32,
    /// Where the search for a half-open row goes on.
    pub(super) next: usize,
    /// Whether there may be one that a request may probe.
    pub(super) probes: bool,
    /// Decisions by chance so far.
    pub(super) draws: u32,
}

/// Judges by the rates of all: one slot after failures (and how many it had before), or all rows at the end of an interval.
pub(crate) type Judge<S> = fn(&mut Table<S>, &mut Scope<'_, S>, Option<(Slot, u32)>);

/// What a change of health needs to know of the cluster, and what it tells it.
pub(crate) struct Scope<'a, S: Store> {
    pub(crate) now: Instant,
    /// How many endpoints there are.
    pub(crate) hosts: usize,
    /// The slot with an index, while an endpoint is in it.
    pub(crate) slot: &'a dyn Fn(usize) -> Option<Slot>,
    pub(crate) events: &'a mut Events<S>,
    /// The slots that take requests now and did not before, or the other way round.
    pub(crate) touched: &'a mut Touched,
}

/// What is told of a request's end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    pub(crate) outcome: Outcome,
    /// When it was sent, if it may decide whether an ejected endpoint comes back.
    pub(crate) decides: Option<Instant>,
}

impl<S: Store> Table<S> {
    pub(crate) fn new(config: &Config, judge: Option<Judge<S>>) -> Self {
        let settings = config.outlier_detection.filter(OutlierDetection::ejects);
        let judge = judge.filter(|_| in_intervals(settings));
        Self {
            rows: S::List::default(),
            settings,
            max_retry_after: nanos(config.max_retry_after),
            seed: config.seed,
            judge,
            interval_end: Instant::MAX,
            timeout: Instant::MAX,
            watched: judge.is_some().into(),
            ejected: 0,
            half_open: 0,
            next: 0,
            probes: false,
            draws: 0,
        }
    }

    /// Goes on by other rules. Without any, all that are ejected come back.
    pub(crate) fn configure(&mut self, scope: &mut Scope<'_, S>, settings: Option<OutlierDetection>, judge: Judge<S>) {
        let settings = settings.filter(OutlierDetection::ejects);
        let judge = Some(judge).filter(|_| in_intervals(settings));
        let goes_on = judge.is_some() && self.judge.is_some();
        self.interval_end = match (self.settings, settings) {
            // An interval under way keeps its beginning.
            (Some(before), Some(now)) if goes_on && self.interval_end < Instant::MAX => {
                self.interval_end.earlier(nanos(before.interval)).later(nanos(now.interval))
            }
            _ => Instant::MAX,
        };
        self.watched = self.watched + u32::from(judge.is_some()) - u32::from(self.judge.is_some());
        (self.settings, self.judge) = (settings, judge);
        // What is due is found anew.
        self.timeout = scope.now;
        for index in 0..self.rows.len() {
            let mut row = self.rows[index];
            if !goes_on {
                row.close_window();
            }
            if let Some(slot) = (scope.slot)(index).filter(|_| settings.is_none()) {
                if row.ejected() {
                    readmit(scope, slot, &mut row);
                }
                (row.streak, row.ejections) = (0, 0);
            }
            self.put(index, row);
        }
        self.look_again(scope.now);
    }

    pub(crate) fn row(&self, index: usize) -> Row {
        self.rows.get(index).copied().unwrap_or_default()
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub(crate) fn timeout(&self) -> Instant {
        self.timeout
    }

    /// Whether a request may have to probe.
    pub(crate) fn probes(&self) -> bool {
        self.probes
    }

    /// Whether the end of a request like this changes anything.
    #[inline]
    pub(crate) fn heeds(&self, outcome: Outcome) -> bool {
        self.watched > 0 || outcome != Outcome::Success
    }

    /// The clock went back to `now`, by so many nanoseconds: all times come along.
    pub(crate) fn turn_back(&mut self, now: Instant, back: u64) {
        // From the end of time, too: there, "never" is no time of a row.
        let earlier = |at: &mut Instant| *at = Instant::from_nanos(at.as_nanos().saturating_sub(back));
        for row in &mut *self.rows {
            earlier(&mut row.since);
            earlier(&mut row.until);
        }
        self.interval_end = self.interval_end.earlier(back);
        // What is due is found anew.
        self.timeout = now;
    }

    /// Begins and ends the rows of endpoints that come and go.
    pub(crate) fn on_change<A>(&mut self, change: &Change<'_, A>) {
        if let Change::Added(slot, _) | Change::Removed(slot, _) = change {
            self.put(slot.index(), Row::default());
        }
    }

    /// Other endpoints are candidates, or the same with other contents: another half-open one may be worth a probe.
    pub(crate) fn look_again(&mut self, now: Instant) {
        self.probes = self.half_open > 0;
        if self.judge.is_some() && self.interval_end == Instant::MAX {
            self.begin_interval(now);
        }
    }

    /// A half-open endpoint that `may` be probed: the request is on its way to it from now on.
    pub(crate) fn start_probe(&mut self, scope: &mut Scope<'_, S>, may: impl Fn(Slot) -> bool) -> Option<Slot> {
        let length = self.rows.len();
        let found = (self.next..length).chain(0..self.next.min(length)).find_map(|index| {
            let open = self.rows[index].standing == Standing::HalfOpen && !self.rows[index].down;
            (scope.slot)(index).filter(|slot| open && may(*slot))
        });
        let Some(slot) = found else {
            self.probes = false;
            return None;
        };
        self.next = slot.index() + 1;
        self.probe(scope, slot, scope.now);
        Some(slot)
    }

    /// The request sent to a half-open endpoint at this time decides.
    fn probe(&mut self, scope: &mut Scope<'_, S>, slot: Slot, sent: Instant) {
        let mut row = self.row(slot.index());
        row.since = sent;
        row.until = sent + self.settings.unwrap_or_default().probe_timeout;
        row.standing = Standing::Probing;
        self.due(row.until);
        self.put(slot.index(), row);
        scope.events.push(scope.now, Some(slot), EventKind::Probing);
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, scope: &mut Scope<'_, S>) {
        let now = scope.now;
        if now < self.timeout {
            return;
        }
        self.timeout = Instant::MAX;
        let timed = self.settings.is_some_and(|settings| settings.arithmetic != Arithmetic::Evenkeel);
        for index in 0..self.rows.len() {
            let mut row = self.rows[index];
            let Some(slot) = (scope.slot)(index).filter(|_| row.standing != Standing::Admitted) else { continue };
            match row.standing {
                // Where ejections end with intervals, the judge ends them.
                Standing::Ejected if timed => continue,
                _ if row.until > now => {}
                Standing::Ejected => self.release(scope, slot, &mut row),
                Standing::Resting => readmit(scope, slot, &mut row),
                Standing::Probing => self.eject_again(scope, slot, &mut row, Reason::ProbeTimedOut),
                Standing::HalfOpen | Standing::Admitted => {}
            }
            if matches!(row.standing, Standing::Ejected | Standing::Resting | Standing::Probing) {
                self.due(row.until);
            }
            self.put(index, row);
        }
        if self.interval_end <= now
            && let Some(judge) = self.judge
        {
            judge(self, scope, None);
            self.begin_interval(now);
        }
        self.due(self.interval_end);
    }

    pub(super) fn put(&mut self, index: usize, row: Row) {
        let before = self.row(index);
        let count = |sum: &mut u32, before: bool, after: bool| *sum = *sum + u32::from(after) - u32::from(before);
        count(&mut self.watched, !before.quiet(), !row.quiet());
        count(&mut self.ejected, before.ejected(), row.ejected());
        count(&mut self.half_open, before.standing == Standing::HalfOpen, row.standing == Standing::HalfOpen);
        // Slots are handed out one by one, so an index is at most one past the end, and within the capacity.
        match self.rows.get_mut(index) {
            Some(known) => *known = row,
            None => drop(self.rows.try_push(row)),
        }
    }

    fn begin_interval(&mut self, now: Instant) {
        // At the end of time it would be none.
        let end = now + self.settings.unwrap_or_default().interval;
        self.interval_end = end.min(Instant::from_nanos(u64::MAX - 1));
        self.due(self.interval_end);
    }

    pub(super) fn due(&mut self, at: Instant) {
        self.timeout = self.timeout.min(at);
    }
}

fn in_intervals(settings: Option<OutlierDetection>) -> bool {
    settings.is_some_and(|settings| settings.in_intervals())
}

impl<S: Store> fmt::Debug for Table<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("rows", &DebugList(&self.rows))
            .field("settings", &self.settings)
            .field("timeout", &self.timeout)
            .field("ejected", &self.ejected)
            .finish_non_exhaustive()
    }
}
