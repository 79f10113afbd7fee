//! Failures in a row.

use super::row::HealthRow;
use crate::settings::Settings;

/// Tells that an endpoint failed too often in a row: with the default of 5, at the fifth failure
/// that no success came before.
pub(super) fn crossed(row: &HealthRow, s: &impl Settings) -> bool {
    s.consecutive_failures() > 0 && row.streak >= s.consecutive_failures()
}
