//! Success rates, compared with those of all others.

#![allow(clippy::useless_conversion, reason = "counts are smaller with 32-bit time")]

use super::row::{HealthRow, Requests};
use crate::settings::Settings;

/// The sums of the success rates of all endpoints that have the volume, and of their squares; in
/// units of 2⁻²⁴.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rates {
    hosts: u64,
    sum: u64,
    squares: u128,
}

impl Rates {
    /// Adds an endpoint's rate.
    pub(super) fn add(&mut self, row: &HealthRow) {
        let rate = rate(row);
        self.hosts += 1;
        self.sum += rate;
        self.squares += square(rate);
    }

    /// Tells that an endpoint's rate is below `mean − factor · deviation`, where the deviation is
    /// that of the whole population, and below the floor.
    ///
    /// Five endpoints with rates 1, 1, 1, 1 and 0.5 have a mean of 0.9 and a deviation of 0.2: with
    /// a factor of 1.9 the limit is 0.52, and the last is an outlier. Both sides are multiplied by
    /// 1,000 and the number of endpoints: n · deviation is √(n · Σ rate² − (Σ rate)²), whole. No
    /// root has to be drawn: `factor · ⌊√spread⌋ < room` says `spread < ⌈room / factor⌉²`.
    pub(super) fn has_outlier(&self, row: &HealthRow, s: &impl Settings) -> bool {
        let spread = (u128::from(self.hosts) * self.squares).saturating_sub(square(self.sum));
        let factor = u64::from(s.success_rate_stdev_per_mille());
        let room = (1_000 * self.sum).saturating_sub(1_000 * self.hosts * rate(row));
        self.hosts >= s.success_rate_minimum_hosts().into()
            && row.requests() > 0
            && row.requests() >= s.success_rate_request_volume().into()
            && Requests::from(row.failures) >= s.success_rate_minimum_failures().into()
            && 100 * Requests::from(row.successes)
                < Requests::from(s.success_rate_floor_percent()) * row.requests()
            && room > 0
            && (factor == 0 || spread < square(room.div_ceil(factor.max(1))))
    }
}

/// Returns the share of successes, in units of 2⁻²⁴.
fn rate(row: &HealthRow) -> u64 {
    // Of 57 bits at most; the compiler sees that nothing is divided by 0.
    let requests = u64::from(row.requests()).max(1);
    (u64::from(row.successes) << 24) / requests
}

fn square(number: u64) -> u128 {
    u128::from(number) * u128::from(number)
}
