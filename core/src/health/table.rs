use core::fmt;

use super::ejection::readmit;
use super::{Arithmetic, FailurePercentage, OutlierDetection, Reason, Row, Standing};
use crate::balancer::Outcome;
use crate::cluster::Touched;
use crate::config::Config;
use crate::event::{EventKind, Events};
use crate::set::{Change, Slot};
use crate::store::{DebugList, List, Store};
use crate::time::{Instant, nanos};

/// The health of all slots.
pub(crate) struct Table<S: Store> {
    pub(super) rows: S::List<Row>,
    pub(super) settings: Option<OutlierDetection>,
    /// Nanoseconds.
    max_retry_after: u64,
    pub(super) seed: u64,
    /// What needs to look at all rows; absent where the settings never do, so that it need not be linked.
    judge: Option<Judge<S>>,
    /// When the interval ends in which all outcomes are counted.
    pub(super) interval_end: Instant,
    /// When something is due.
    timeout: Instant,
    /// Rows to which a success matters; one more where it matters to all.
    watched: u32,
    pub(super) ejected: u32,
    half_open: u32,
    /// Where the search for a half-open row goes on.
    next: usize,
    /// Whether there may be one that a request may probe.
    probes: bool,
    /// Decisions by chance so far.
    pub(super) draws: u32,
}

/// Judges by the rates of all: one slot after a failure, or all rows at the end of an interval.
pub(crate) type Judge<S> = fn(&mut Table<S>, &mut Scope<'_, S>, Option<Slot>);

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
        let judge = judge.filter(|_| in_intervals(config.outlier_detection));
        Self {
            rows: S::List::default(),
            settings: config.outlier_detection,
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
        self.settings = settings;
        let judge = Some(judge).filter(|_| in_intervals(settings));
        self.watched = self.watched + u32::from(judge.is_some()) - u32::from(self.judge.is_some());
        self.judge = judge;
        self.interval_end = Instant::MAX;
        // What is due is found anew.
        self.timeout = scope.now;
        for index in 0..self.rows.len() {
            let mut row = self.rows[index];
            row.close_window();
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

    /// The clock went back by so many nanoseconds: all times come along.
    pub(crate) fn turn_back(&mut self, back: u64) {
        let earlier = |at: &mut Instant| *at = at.earlier(back);
        for row in &mut *self.rows {
            earlier(&mut row.since);
            earlier(&mut row.until);
        }
        earlier(&mut self.interval_end);
        earlier(&mut self.timeout);
    }

    /// Begins and ends the rows of endpoints that come and go.
    pub(crate) fn on_change<A>(&mut self, change: &Change<'_, A>) {
        match change {
            Change::Added(slot, _) | Change::Removed(slot, _) => {
                self.put(slot.index(), Row::default());
            }
            // It may have become one that may be probed.
            Change::Changed(..) => self.probes = self.half_open > 0,
        }
    }

    /// Other endpoints are candidates: another half-open one may be worth a probe.
    pub(crate) fn look_again(&mut self, now: Instant) {
        self.probes = self.half_open > 0;
        if self.judge.is_some() && self.interval_end == Instant::MAX {
            self.begin_interval(now);
        }
    }

    /// Learns from the end of a request.
    pub(crate) fn observe(&mut self, scope: &mut Scope<'_, S>, slot: Slot, report: Report) {
        let (now, index) = (scope.now, slot.index());
        let mut row = self.row(index);
        let decides = report.decides.is_some_and(|sent| sent >= row.since);
        let in_service = matches!(row.standing, Standing::Admitted | Standing::Resting);
        let rest = match report.outcome {
            Outcome::Overloaded { retry_after: Some(rest) } => nanos(rest).min(self.max_retry_after),
            _ => 0,
        };
        match report.outcome {
            Outcome::Overloaded { .. } if rest > 0 => self.rest(scope, slot, &mut row, now.later(rest), decides),
            Outcome::Success if in_service => {
                row.streak = 0;
                self.count(&mut row, now, false);
            }
            Outcome::Success if decides => readmit(scope, slot, &mut row),
            Outcome::Failure | Outcome::Overloaded { .. } if in_service => {
                row.streak = row.streak.saturating_add(1);
                self.count(&mut row, now, true);
                if let Some(reason) = self.crossed(&row) {
                    self.eject(scope, slot, &mut row, reason);
                }
            }
            Outcome::Failure | Outcome::Overloaded { .. } if decides && row.standing == Standing::Probing => {
                self.eject_again(scope, slot, &mut row, Reason::ProbeFailed);
            }
            Outcome::Canceled if decides && row.standing == Standing::Probing => {
                row.standing = Standing::HalfOpen;
                self.probes = true;
            }
            _ => {}
        }
        self.put(index, row);
        if let Some(judge) = self.judge
            && report.outcome != Outcome::Success
            && self.settings.is_some_and(|settings| settings.arithmetic == Arithmetic::Evenkeel)
        {
            judge(self, scope, Some(slot));
        }
    }

    /// Takes over what active checks found. Good news bring an ejected endpoint back, too.
    pub(crate) fn set_down(&mut self, scope: &mut Scope<'_, S>, slot: Slot, down: bool) {
        let mut row = self.row(slot.index());
        if !down && row.ejected() {
            readmit(scope, slot, &mut row);
        }
        if row.down != down {
            row.down = down;
            if row.standing == Standing::Admitted {
                row.until = scope.now;
            }
            scope.touched.slot(slot);
            scope.events.push(scope.now, Some(slot), if down { EventKind::Down } else { EventKind::Readmitted });
        }
        self.put(slot.index(), row);
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
        let mut row = self.row(slot.index());
        row.since = scope.now;
        row.until = scope.now + self.settings.unwrap_or_default().probe_timeout;
        row.standing = Standing::Probing;
        self.due(row.until);
        self.put(slot.index(), row);
        scope.events.push(scope.now, Some(slot), EventKind::Probing);
        Some(slot)
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, scope: &mut Scope<'_, S>) {
        let now = scope.now;
        if now < self.timeout {
            return;
        }
        self.timeout = self.interval_end;
        let timed = self.settings.is_some_and(|settings| settings.arithmetic != Arithmetic::Evenkeel);
        for index in 0..self.rows.len() {
            let mut row = self.rows[index];
            let Some(slot) = (scope.slot)(index).filter(|_| row.standing != Standing::Admitted) else { continue };
            match row.standing {
                // Where ejections end with intervals, the judge ends them.
                Standing::Ejected if timed => continue,
                _ if row.until > now => {}
                Standing::Ejected if self.settings.is_some_and(|settings| settings.half_open) => {
                    row.standing = Standing::HalfOpen;
                    self.probes = true;
                }
                Standing::Ejected | Standing::Resting => readmit(scope, slot, &mut row),
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
    }

    /// Leaves an endpoint alone until then.
    fn rest(&mut self, scope: &mut Scope<'_, S>, slot: Slot, row: &mut Row, until: Instant, decides: bool) {
        match row.standing {
            Standing::Admitted => {
                scope.touched.slot(slot);
                (row.standing, row.until) = (Standing::Resting, until);
            }
            Standing::Resting | Standing::Ejected if until > row.until => row.until = until,
            Standing::Probing if decides => (row.standing, row.until) = (Standing::Ejected, until),
            Standing::HalfOpen => (row.standing, row.until) = (Standing::Ejected, until),
            _ => return,
        }
        self.due(until);
        scope.events.push(scope.now, Some(slot), EventKind::Overloaded { until });
    }

    /// Counts an outcome in the window, which the first failure opens unless all outcomes are counted.
    fn count(&self, row: &mut Row, now: Instant, failure: bool) {
        let Some(settings) = &self.settings else { return };
        if self.judge.is_none() {
            if now.nanos_since(row.since) >= nanos(settings.interval) {
                row.close_window();
            }
            if row.failures == 0 {
                if !failure {
                    return;
                }
                row.since = now;
            }
        }
        let counter = if failure { &mut row.failures } else { &mut row.successes };
        *counter = counter.saturating_add(1);
    }

    /// What an endpoint's own outcomes eject it for.
    fn crossed(&self, row: &Row) -> Option<Reason> {
        let settings = self.settings.as_ref()?;
        if settings.consecutive_failures > 0 && row.streak >= settings.consecutive_failures {
            return Some(Reason::ConsecutiveFailures);
        }
        let rule = settings.failure_percentage.filter(|_| settings.arithmetic == Arithmetic::Evenkeel)?;
        let FailurePercentage { threshold, request_volume, minimum_failures, .. } = rule;
        let crossed = row.requests() >= request_volume.into()
            && row.failures >= minimum_failures
            && 100 * u64::from(row.failures) >= row.requests() * u64::from(threshold);
        crossed.then_some(Reason::FailurePercentage)
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
        self.interval_end = now + self.settings.unwrap_or_default().interval;
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
