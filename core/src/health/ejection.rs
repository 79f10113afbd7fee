//! How an endpoint is ejected and comes back.

use super::{Arithmetic, OutlierDetection, Reason, Row, Scope, Standing, Table};
use crate::event::EventKind;
use crate::hash::{self, part};
use crate::retry::doubled;
use crate::set::Slot;
use crate::store::Store;
use crate::time::nanos;

impl<S: Store> Table<S> {
    /// Ejects an endpoint in service that crossed a threshold, unless too many are ejected already, or chance spares it.
    pub(super) fn eject(
        &mut self,
        scope: &mut Scope<'_, S>,
        slot: Slot,
        row: &mut Row,
        reason: Reason,
        enforcement: u8,
    ) {
        let Some(settings) = self.settings.filter(|settings| may_eject(settings, self.ejected as usize, scope.hosts))
        else {
            return;
        };
        if enforcement < 100 && part(100, self.draw(slot)) >= enforcement.into() {
            if settings.arithmetic == Arithmetic::Evenkeel {
                // What is judged at each failure would be drawn for at each, too.
                row.close_window();
            }
            return;
        }
        if settings.arithmetic == Arithmetic::Evenkeel {
            // Each interval in service makes good for one ejection.
            let mut served = scope.now.nanos_since(row.until);
            let interval = nanos(settings.interval).max(1);
            while row.ejections > 0 && served >= interval {
                row.ejections -= 1;
                served -= interval;
            }
        }
        self.eject_again(scope, slot, row, reason);
    }

    pub(super) fn eject_again(&mut self, scope: &mut Scope<'_, S>, slot: Slot, row: &mut Row, reason: Reason) {
        let Some(settings) = self.settings else { return };
        let (base, most) = (nanos(settings.base_ejection_time), nanos(settings.max_ejection_time));
        let time = if settings.arithmetic == Arithmetic::Evenkeel {
            let whole = doubled(base, row.ejections.into()).min(most);
            row.ejections = (row.ejections + 1).min(63);
            // Equal jitter: at least half.
            whole - part(whole / 2, self.draw(slot))
        } else {
            let most = most.max(base);
            // Envoy's backoff grows until it is more than enough, gRPC's without end: there, much is to be made good.
            let enough = base.saturating_mul(row.ejections.into()) >= most.saturating_add(base);
            if !enough || settings.arithmetic == Arithmetic::Grpc {
                row.ejections = row.ejections.saturating_add(1);
            }
            base.saturating_mul(row.ejections.into()).min(most)
        };
        let jitter = part(nanos(settings.max_ejection_jitter), self.draw(slot));
        let mut until = scope.now.later(time).later(jitter);
        if row.standing == Standing::Resting {
            // It asked to be left alone as long.
            until = until.max(row.until);
        }
        row.streak = 0;
        (row.since, row.until) = (scope.now, until);
        (row.standing, row.reason) = (Standing::Ejected, reason);
        // Elsewhere intervals end ejections, and what was counted in one is judged at its end.
        if settings.arithmetic == Arithmetic::Evenkeel {
            row.close_window();
            self.due(row.until);
        }
        scope.touched.slot(slot);
        scope.events.push(scope.now, Some(slot), EventKind::Ejected { reason, until: row.until });
    }

    /// The time of an ejection is over.
    pub(super) fn release(&mut self, scope: &mut Scope<'_, S>, slot: Slot, row: &mut Row) {
        if self.settings.is_some_and(|settings| settings.half_open) {
            row.standing = Standing::HalfOpen;
            self.probes = true;
        } else {
            readmit(scope, slot, row);
        }
    }

    /// 64 random bits, from the seed, the slot, and how many were drawn before.
    fn draw(&mut self, slot: Slot) -> u64 {
        self.draws = self.draws.wrapping_add(1);
        hash::mix(self.seed, (slot.index() as u64) << 32 | u64::from(self.draws))
    }
}

/// Puts an endpoint back in service.
pub(super) fn readmit<S: Store>(scope: &mut Scope<'_, S>, slot: Slot, row: &mut Row) {
    row.admit(scope.now);
    scope.touched.slot(slot);
    if !row.down {
        scope.events.push(scope.now, Some(slot), EventKind::Readmitted);
    }
}

/// Whether one more may be ejected of `hosts` endpoints: the rules differ.
pub(super) fn may_eject(settings: &OutlierDetection, ejected: usize, hosts: usize) -> bool {
    let percent = usize::from(settings.max_ejection_percent);
    match settings.arithmetic {
        // With the only one ejected, all would be panic.
        Arithmetic::Evenkeel if hosts < 2 => false,
        _ if ejected == 0 && settings.always_eject_one => true,
        Arithmetic::Evenkeel => {
            let percent = if hosts <= 4 && percent > 0 { percent.max(50) } else { percent };
            (ejected + 1).saturating_mul(100) <= hosts.saturating_mul(percent)
        }
        Arithmetic::Envoy => (ejected + 1).saturating_mul(100) <= hosts.saturating_mul(percent),
        Arithmetic::Grpc => ejected.saturating_mul(100) < hosts.saturating_mul(percent),
    }
}
