//! The part that only gRPC's outlier detection (proposal A50) has.

use super::row::HealthRow;
use crate::settings::Settings;
use crate::time::{Instant, Ticks};

/// Returns how long an ejection takes: the base times the number of ejections, which grows without
/// end: much is to be made good.
pub(super) fn ejection_time(row: &mut HealthRow, s: &impl Settings, base: Ticks) -> Ticks {
    row.ejections = row.ejections.saturating_add(1);
    base.saturating_mul(row.ejections.into()).min(s.ticks(s.max_ejection_time()).max(base))
}

/// Tells that an ejection is over at the end of an interval: it must be so for a moment.
pub(super) fn is_over(row: &HealthRow, now: Instant) -> bool {
    !row.until.has_reached(now)
}

/// Takes off one ejection at the end of each interval.
pub(super) fn forgive(row: &mut HealthRow) {
    row.ejections = row.ejections.saturating_sub(1);
}
