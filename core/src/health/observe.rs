//! What the ends of requests and active checks do to an endpoint's health.

use super::ejection::readmit;
use super::{Arithmetic, FailurePercentage, Reason, Report, Row, Scope, Standing, Table};
use crate::balancer::Outcome;
use crate::event::EventKind;
use crate::set::Slot;
use crate::store::Store;
use crate::time::{Instant, nanos};

impl<S: Store> Table<S> {
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
        let before = row.failures;
        let mut failed = false;
        match report.outcome {
            Outcome::Overloaded { .. } if rest > 0 => self.rest(scope, slot, &mut row, now.later(rest), decides),
            Outcome::Success if in_service => {
                row.streak = 0;
                self.count(&mut row, now, 1, 0);
            }
            Outcome::Success if decides => readmit(scope, slot, &mut row),
            Outcome::Failure | Outcome::Overloaded { .. } if in_service => {
                self.fail(scope, slot, &mut row);
                failed = true;
            }
            Outcome::Failure | Outcome::Overloaded { .. } if decides && row.standing == Standing::Probing => {
                self.eject_again(scope, slot, &mut row, Reason::ProbeFailed);
            }
            Outcome::Canceled if decides && row.standing == Standing::Probing => {
                row.standing = Standing::HalfOpen;
                self.probes = true;
            }
            Outcome::Canceled => {}
            // gRPC compares with what ejected endpoints still answer.
            outcome if self.follows(Arithmetic::Grpc) => {
                let success = u32::from(outcome == Outcome::Success);
                self.count(&mut row, now, success, 1 - success);
            }
            _ => {}
        }
        self.put(index, row);
        if failed {
            self.judge(scope, slot, before);
        }
    }

    /// Judges an endpoint that had so many failures `before`, where that does not wait for the end of an interval.
    pub(super) fn judge(&mut self, scope: &mut Scope<'_, S>, slot: Slot, before: u32) {
        if let Some(judge) = self.judge
            && self.follows(Arithmetic::Evenkeel)
        {
            judge(self, scope, Some((slot, before)));
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

    /// Whether a request sent then tells nothing of an endpoint in service: it has been ejected since, and come back.
    pub(crate) fn outdated(&self, index: usize, sent: Instant) -> bool {
        let row = self.row(index);
        row.standing == Standing::Admitted
            && row.ejections > 0
            && sent < row.until
            && self.follows(Arithmetic::Evenkeel)
    }

    /// One more failure of an endpoint in service.
    fn fail(&mut self, scope: &mut Scope<'_, S>, slot: Slot, row: &mut Row) {
        if self.settings.is_some() {
            row.streak = row.streak.saturating_add(1);
            self.count(row, scope.now, 0, 1);
            self.cross(scope, slot, row);
        }
    }

    /// Ejects an endpoint in service if its own outcomes are reason enough.
    pub(super) fn cross(&mut self, scope: &mut Scope<'_, S>, slot: Slot, row: &mut Row) {
        let Some(settings) = self.settings else { return };
        if settings.consecutive_failures > 0 && row.streak >= settings.consecutive_failures {
            self.eject(scope, slot, row, Reason::ConsecutiveFailures, 100);
            if settings.arithmetic == Arithmetic::Envoy {
                // One that was not ejected begins anew.
                row.streak = 0;
            }
        } else if settings.arithmetic == Arithmetic::Evenkeel
            && let Some(rule) = settings.failure_percentage
            && too_many(&rule, row)
        {
            self.eject(scope, slot, row, Reason::FailurePercentage, rule.enforcement);
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

    /// Counts outcomes in the window, which the first failure opens unless all outcomes are counted.
    pub(super) fn count(&self, row: &mut Row, now: Instant, successes: u32, failures: u32) {
        let Some(settings) = &self.settings else { return };
        if self.judge.is_none() {
            if now.nanos_since(row.since) >= nanos(settings.interval) {
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

    pub(super) fn follows(&self, arithmetic: Arithmetic) -> bool {
        self.settings.is_some_and(|settings| settings.arithmetic == arithmetic)
    }
}

/// Whether an endpoint's share of failures is too large, by our rule.
fn too_many(rule: &FailurePercentage, row: &Row) -> bool {
    row.requests() >= rule.request_volume.into()
        && row.failures >= rule.minimum_failures
        && 100 * u64::from(row.failures) >= row.requests() * u64::from(rule.threshold)
}
