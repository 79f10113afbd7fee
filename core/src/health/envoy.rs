//! The part that only Envoy's outlier detection has.

use super::row::HealthRow;
use crate::settings::Settings;
use crate::time::{Instant, Ticks};

/// Returns how long an ejection takes: the base times the number of ejections. The number stops
/// growing once it is more than enough for the longest time.
pub(super) fn ejection_time(row: &mut HealthRow, s: &impl Settings, base: Ticks) -> Ticks {
    let most = s.ticks(s.max_ejection_time()).max(base);
    if base.saturating_mul(row.ejections.into()) < most.saturating_add(base) {
        row.ejections = row.ejections.saturating_add(1);
    }
    base.saturating_mul(row.ejections.into()).min(most)
}

/// Tells that an ejection is over at the end of an interval.
pub(super) fn is_over(row: &HealthRow, now: Instant) -> bool {
    now.has_reached(row.until)
}

/// Takes off one ejection at the end of an interval that the endpoint was in service for.
pub(super) fn forgive(row: &mut HealthRow, s: &impl Settings, now: Instant) {
    if now.has_reached(row.until.later(s.ticks(s.interval()))) {
        row.ejections = row.ejections.saturating_sub(1);
    }
}
