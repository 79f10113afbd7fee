//! What needs the outcomes of all endpoints: success rates, and the ends of Envoy's and gRPC's intervals.

use super::{Arithmetic, OutlierDetection, Reason, Row, Scope, Standing, SuccessRate, Table};
use crate::set::Slot;
use crate::store::Store;

/// Judges one slot after failures (and how many it had before), or all rows at the end of an interval.
pub(crate) fn judge<S: Store>(table: &mut Table<S>, scope: &mut Scope<'_, S>, failed: Option<(Slot, u32)>) {
    let Some(settings) = table.settings else { return };
    if let Some((slot, before)) = failed {
        // Looking at all rows for each failure would make an outage of many endpoints expensive.
        let row = table.row(slot.index());
        let lots = |failures: u32, rule: &SuccessRate| failures / rule.minimum_failures.max(1);
        let due = |rule: &SuccessRate| lots(row.failures, rule) > lots(before, rule);
        if let Some(rule) = settings.success_rate.filter(due)
            && Rates::of(table, &settings, &rule).outlier(&row, &rule)
        {
            eject(table, scope, slot, Reason::SuccessRate, rule.enforcement);
        }
        return;
    }
    if settings.arithmetic == Arithmetic::Envoy {
        readmit(table, scope, &settings);
    }
    let volume = settings.failure_percentage.map_or(0, |rule| rule.request_volume);
    let hosts = table.rows.iter().filter(|row| counts(row, &settings, volume)).count();
    success_rates(table, scope, &settings);
    if settings.arithmetic != Arithmetic::Evenkeel {
        failure_percentages(table, scope, &settings, hosts);
    }
    match settings.arithmetic {
        Arithmetic::Evenkeel => {}
        Arithmetic::Envoy => forgive(table, scope, &settings),
        Arithmetic::Grpc => {
            forgive(table, scope, &settings);
            readmit(table, scope, &settings);
        }
    }
    for index in 0..table.rows.len() {
        let mut row = table.row(index);
        row.close_window();
        table.put(index, row);
    }
}

fn success_rates<S: Store>(table: &mut Table<S>, scope: &mut Scope<'_, S>, settings: &OutlierDetection) {
    let Some(rule) = settings.success_rate else { return };
    let rates = Rates::of(table, settings, &rule);
    for index in 0..table.rows.len() {
        let row = table.row(index);
        if let Some(slot) = (scope.slot)(index)
            && counts(&row, settings, rule.request_volume)
            && rates.outlier(&row, &rule)
        {
            eject(table, scope, slot, Reason::SuccessRate, rule.enforcement);
        }
    }
}

/// `hosts` endpoints had the volume.
fn failure_percentages<S: Store>(
    table: &mut Table<S>,
    scope: &mut Scope<'_, S>,
    settings: &OutlierDetection,
    hosts: usize,
) {
    let Some(rule) = settings.failure_percentage.filter(|rule| hosts >= rule.minimum_hosts as usize) else { return };
    for index in 0..table.rows.len() {
        let row = table.row(index);
        let (failures, limit) = (100 * u64::from(row.failures), row.requests() * u64::from(rule.threshold));
        let crossed = failures > limit || failures == limit && settings.arithmetic == Arithmetic::Envoy;
        if let Some(slot) = (scope.slot)(index)
            && counts(&row, settings, rule.request_volume)
            && row.failures >= rule.minimum_failures
            && crossed
        {
            eject(table, scope, slot, Reason::FailurePercentage, rule.enforcement);
        }
    }
}

fn eject<S: Store>(table: &mut Table<S>, scope: &mut Scope<'_, S>, slot: Slot, reason: Reason, enforcement: u8) {
    let mut row = table.row(slot.index());
    if !row.ejected() {
        table.eject(scope, slot, &mut row, reason, enforcement);
        table.put(slot.index(), row);
    }
}

/// Whether a row is among those that are compared.
fn counts(row: &Row, settings: &OutlierDetection, volume: u32) -> bool {
    row.requests() > 0 && row.requests() >= volume.into() && (settings.arithmetic == Arithmetic::Grpc || !row.ejected())
}

/// Brings endpoints back whose time is over, or opens them to a probe; gRPC wants it to be over for a moment.
fn readmit<S: Store>(table: &mut Table<S>, scope: &mut Scope<'_, S>, settings: &OutlierDetection) {
    for index in 0..table.rows.len() {
        let mut row = table.row(index);
        let over = row.until < scope.now || row.until == scope.now && settings.arithmetic == Arithmetic::Envoy;
        if let Some(slot) = (scope.slot)(index)
            && row.standing == Standing::Ejected
            && over
        {
            table.release(scope, slot, &mut row);
            table.put(index, row);
        }
    }
}

/// Counts one ejection less of endpoints in service: in Envoy's arithmetic of those that were so for an interval.
fn forgive<S: Store>(table: &mut Table<S>, scope: &Scope<'_, S>, settings: &OutlierDetection) {
    for row in table.rows.iter_mut().filter(|row| !row.ejected()) {
        if settings.arithmetic == Arithmetic::Grpc || row.until + settings.interval <= scope.now {
            row.ejections = row.ejections.saturating_sub(1);
        }
    }
}

/// The sums of the success rates of all endpoints that have the volume, and of their squares; in units of 2⁻²⁴.
struct Rates {
    hosts: u128,
    sum: u128,
    squares: u128,
}

impl Rates {
    fn of<S: Store>(table: &Table<S>, settings: &OutlierDetection, rule: &SuccessRate) -> Self {
        let mut rates = Self { hosts: 0, sum: 0, squares: 0 };
        for row in table.rows.iter().filter(|row| counts(row, settings, rule.request_volume)) {
            let rate = rate(row);
            rates.hosts += 1;
            rates.sum += rate;
            rates.squares += rate * rate;
        }
        rates
    }

    /// Whether a row's rate is below `mean - factor · deviation`, where the deviation is that of the whole population, and below
    /// the floor.
    fn outlier(&self, row: &Row, rule: &SuccessRate) -> bool {
        // Both sides times 1,000 hosts.
        let deviation = (self.hosts * self.squares - self.sum * self.sum).isqrt();
        self.hosts >= rule.minimum_hosts.into()
            && row.requests() > 0
            && row.requests() >= rule.request_volume.into()
            && row.failures >= rule.minimum_failures
            && 100 * u64::from(row.successes) < u64::from(rule.floor) * row.requests()
            && 1000 * self.hosts * rate(row) + u128::from(rule.stdev_factor) * deviation < 1000 * self.sum
    }
}

fn rate(row: &Row) -> u128 {
    (u128::from(row.successes) << 24) / u128::from(row.requests().max(1))
}
