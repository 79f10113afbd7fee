//! How long an endpoint takes: the arithmetic of a peak-sensitive moving average, in integers.

use core::time::Duration;

use super::decay::{ONE, rough_weight_after, weight_after};
use crate::balancer::Outcome;
use crate::config::{ConfigError, at_least, at_most};
use crate::time::{Instant, nanos};

/// How answer times are averaged for [`PeakEwma`](crate::policy::PeakEwma).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// How fast the past is forgotten: after this time an estimate weighs 1/e beside a new, shorter answer time, and that of an
    /// endpoint without traffic has sunk to 1/e. From 1 ms to 1 day; default: 10 s, as in Finagle.
    pub tau: Duration,
    /// Estimates below this count as this, so that between fast endpoints, and after a quiet time, requests in flight
    /// decide. At most 1 day; default: 1 ms.
    pub floor: Duration,
    /// A failure counts as an answer after this time, if it came sooner. About ten times what an answer usually takes: with less,
    /// an endpoint that fails at once attracts requests. At most 1 day; default: 200 ms.
    pub failure_penalty: Duration,
}

impl Latency {
    /// See the fields.
    pub(crate) const DEFAULT: Self = Self {
        tau: Duration::from_secs(10),
        floor: Duration::from_millis(1),
        failure_penalty: Duration::from_millis(200),
    };

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        const DAY: u64 = 86_400_000_000_000;
        at_least("latency.tau (ns)", nanos(self.tau), 1_000_000)?;
        at_most("latency.tau (ns)", nanos(self.tau), DAY)?;
        at_most("latency.floor (ns)", nanos(self.floor), DAY)?;
        at_most("latency.failure_penalty (ns)", nanos(self.failure_penalty), DAY)
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What is remembered of an endpoint's answer times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Estimate {
    /// How long an answer took, as of `stamp`, in nanoseconds; 0 = it never answered.
    pub nanos: u64,
    /// When that was found.
    pub stamp: Instant,
}

/// What an endpoint costs that has a request in flight and never answered: more than any that answered.
const UNKNOWN: u64 = u64::MAX >> 16;

/// The settings made ready for arithmetic without division.
///
/// An answer slower than the estimate replaces it at once; a faster one draws it down by how long ago the last one was. Reading
/// a cost changes nothing, so costs may be looked at as often as one likes.
///
/// ```
/// use core::time::Duration;
/// use evenkeel_core::stats::{Estimate, Estimator, Latency};
/// use evenkeel_core::{Instant, Outcome};
///
/// let estimator = Estimator::new(Latency::default());
/// let mut estimate = Estimate::default();
/// assert_eq!(estimator.cost(estimate, 0, Instant::ZERO), 0); // try it
/// assert!(estimator.cost(estimate, 1, Instant::ZERO) > 1 << 47); // but not twice
///
/// let answered = Instant::from_millis(20);
/// estimator.observe(&mut estimate, Instant::ZERO, answered, Outcome::Success);
/// assert_eq!(estimator.cost(estimate, 2, answered), 3 * 20_000_000);
/// let quiet = answered + Duration::from_secs(10);
/// assert_eq!(estimator.cost(estimate, 0, quiet), 7_364_164); // 20 ms / e = 7,357,589
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimator {
    /// Halvings per nanosecond, in units of 2⁻⁵⁶.
    rate: u64,
    floor: u64,
    failure_penalty: u64,
}

impl Estimator {
    /// From settings that have been [checked](crate::Config::check).
    pub const fn new(latency: Latency) -> Self {
        /// 2⁵⁶/ln 2: e^(−t/τ) is 2^(−t/(τ ln 2)).
        const HALVINGS: u64 = 103_957_133_576_908_769;
        let tau = nanos(latency.tau);
        Self {
            rate: HALVINGS / if tau == 0 { 1 } else { tau },
            floor: nanos(latency.floor),
            failure_penalty: nanos(latency.failure_penalty),
        }
    }

    /// Learns from a request sent at `sent` that ended at `now`.
    ///
    /// A failure counts as an answer after the penalty and never lowers the estimate. A canceled request would have taken
    /// longer: it never lowers the cost either; of an endpoint that never answered it tells as little as a failure.
    pub fn observe(&self, estimate: &mut Estimate, sent: Instant, now: Instant, outcome: Outcome) {
        // 0 is "never answered".
        let took = since(sent, now).max(1);
        let sample = match outcome {
            Outcome::Success => took,
            Outcome::Canceled if estimate.nanos > 0 => {
                if took > self.decayed(*estimate, now) {
                    *estimate = Estimate { nanos: took, stamp: now };
                }
                return;
            }
            Outcome::Failure | Outcome::Overloaded { .. } | Outcome::Canceled => {
                took.max(self.failure_penalty).max(estimate.nanos)
            }
        };
        // Nothing is left over where the sample is higher. The stamp follows a clock that goes backwards: one that was far
        // ahead for a moment must not stop time.
        let above = estimate.nanos.saturating_sub(sample);
        let weight = self.halvings(*estimate, now).map_or(0, weight_after);
        *estimate = Estimate { nanos: sample + scale(above, weight), stamp: now };
    }

    /// An estimate that is `age` nanoseconds old at `now`. What of that lies before the clock's origin has decayed already.
    pub(crate) fn recall(&self, nanos: u64, age: u64, now: Instant) -> Estimate {
        let before = age.saturating_sub(now.as_nanos());
        let weight = before.checked_mul(self.rate).map_or(0, weight_after);
        let left = if before == 0 { nanos } else { scale(nanos, weight).max(1).min(nanos) };
        Estimate { nanos: left, stamp: Instant::from_nanos(now.as_nanos().saturating_sub(age)) }
    }

    /// How long one more request would take beside `pending` others: nanoseconds, times the requests that would share the
    /// endpoint; 0 when it never answered and nothing is under way.
    #[inline]
    pub fn cost(&self, estimate: Estimate, pending: u32, now: Instant) -> u64 {
        let pending = u64::from(pending);
        match estimate.nanos {
            0 if pending == 0 => 0,
            0 => UNKNOWN + pending,
            _ => self.decayed(estimate, now).max(self.floor).saturating_mul(pending + 1),
        }
    }

    #[inline]
    fn decayed(&self, estimate: Estimate, now: Instant) -> u64 {
        scale(estimate.nanos, self.halvings(estimate, now).map_or(0, rough_weight_after))
    }

    /// How often an estimate has halved, in units of 2⁻⁵⁶; `None` for more than 255 times, when nothing is left of it.
    #[inline]
    fn halvings(&self, estimate: Estimate, now: Instant) -> Option<u64> {
        since(estimate.stamp, now).checked_mul(self.rate)
    }
}

#[inline]
fn scale(nanos: u64, weight: u64) -> u64 {
    (u128::from(nanos) * u128::from(weight) / u128::from(ONE)) as u64
}

/// Nanoseconds between the two; 0 if the clock went backwards.
fn since(earlier: Instant, now: Instant) -> u64 {
    now.as_nanos().saturating_sub(earlier.as_nanos())
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::{Estimate, Estimator, Latency, UNKNOWN};
    use crate::balancer::Outcome;
    use crate::config::ConfigError;
    use crate::time::Instant;

    const MS: u64 = 1_000_000;

    /// An estimate fed with answers: when they came, how long they took, and how it went.
    fn fed(answers: &[(u64, u64, Outcome)]) -> Estimate {
        let mut estimate = Estimate::default();
        for &(at, took, outcome) in answers {
            let sent = Instant::from_millis(at - took);
            Estimator::new(Latency::default()).observe(&mut estimate, sent, Instant::from_millis(at), outcome);
        }
        estimate
    }

    fn cost(estimate: Estimate, pending: u32, at: u64) -> u64 {
        Estimator::new(Latency::default()).cost(estimate, pending, Instant::from_millis(at))
    }

    #[test]
    fn a_slower_answer_counts_at_once_and_a_faster_one_by_time() {
        let slow = fed(&[(100, 20, Outcome::Success), (200, 50, Outcome::Success)]);
        assert_eq!((slow.nanos, slow.stamp), (50 * MS, Instant::from_millis(200)));
        // After τ, the past weighs 1/e: 20 + 30/e.
        let later = fed(&[(200, 50, Outcome::Success), (10_200, 20, Outcome::Success)]);
        assert!(later.nanos.abs_diff(31_036_383) < 50, "{}", later.nanos);
        // Compared with what is stored, not with what is left of it.
        let again = fed(&[(200, 50, Outcome::Success), (10_200, 50, Outcome::Success)]);
        assert_eq!(again.nanos, 50 * MS);
    }

    #[test]
    fn frequent_answers_draw_it_down_as_fast_as_rare_ones() {
        let mut often = fed(&[(100, 50, Outcome::Success)]);
        for at in 101..=10_100 {
            let (sent, now) = (Instant::from_millis(at - 20), Instant::from_millis(at));
            Estimator::new(Latency::default()).observe(&mut often, sent, now, Outcome::Success);
        }
        assert!(often.nanos.abs_diff(31_036_383) < 20_000, "{}", often.nanos);
    }

    #[test]
    fn looking_changes_nothing() {
        let estimate = fed(&[(100, 20, Outcome::Success)]);
        assert_eq!(cost(estimate, 0, 100), 20 * MS);
        let later = cost(estimate, 0, 10_100);
        assert!(later > 7_357_588 && later < 7_378_000, "{later}");
        assert_eq!(cost(estimate, 0, 100), 20 * MS);
        assert_eq!(cost(estimate, 3, 100), 80 * MS);
        assert_eq!(cost(estimate, 3, 10_000_000), 4 * MS, "the floor");
        assert_eq!(cost(estimate, u32::MAX, 0), (20 * MS) << 32);
    }

    #[test]
    fn a_new_endpoint_gets_one_request_until_it_answers() {
        let new = Estimate::default();
        assert_eq!(cost(new, 0, 5), 0);
        assert_eq!((cost(new, 1, 5), cost(new, 2, 5)), (UNKNOWN + 1, UNKNOWN + 2));
        assert_eq!(cost(fed(&[(5, 0, Outcome::Success)]), 1, 5), 2 * MS, "an answer in no time is one too");
    }

    #[test]
    fn a_failure_counts_as_slow_and_never_lowers() {
        assert_eq!(fed(&[(5, 1, Outcome::Failure)]).nanos, 200 * MS);
        assert_eq!(fed(&[(500, 300, Outcome::Failure)]).nanos, 300 * MS);
        let refused = Outcome::Overloaded { retry_after: None };
        assert_eq!(fed(&[(500, 400, Outcome::Success), (90_000, 1, refused)]).nanos, 400 * MS);
    }

    #[test]
    fn a_canceled_request_took_at_least_this_long() {
        let answered = (100, 20, Outcome::Success);
        assert_eq!(fed(&[answered, (200, 50, Outcome::Canceled)]).nanos, 50 * MS);
        assert_eq!(fed(&[answered, (200, 10, Outcome::Canceled)]), fed(&[answered]));
        // Of 20 ms nothing is left after a quiet time, but 10 ms are certain.
        let quiet = fed(&[answered, (100_000, 10, Outcome::Canceled)]);
        assert_eq!((quiet.nanos, cost(quiet, 0, 100_000)), (10 * MS, 10 * MS));
        assert_eq!(fed(&[(100, 1, Outcome::Canceled)]).nanos, 200 * MS, "neither sought after nor unknown");
    }

    #[test]
    fn a_clock_that_goes_backwards_does_no_harm() {
        let estimator = Estimator::new(Latency::default());
        let mut estimate = fed(&[(1_000_000, 20, Outcome::Success)]);
        estimator.observe(&mut estimate, Instant::from_millis(7), Instant::from_millis(2), Outcome::Success);
        assert_eq!(estimate, Estimate { nanos: 20 * MS, stamp: Instant::from_millis(2) });
        estimator.observe(&mut estimate, Instant::from_secs(60), Instant::from_secs(61), Outcome::Canceled);
        assert_eq!(cost(estimate, 0, 0), 1_000 * MS);
        estimator.observe(&mut estimate, Instant::ZERO, Instant::MAX, Outcome::Success);
        assert_eq!(estimator.cost(estimate, 9, Instant::MAX), u64::MAX);
    }

    #[test]
    fn settings_have_limits() {
        let latency = Latency::default();
        assert_eq!(latency.check(), Ok(()));
        let tau = Duration::from_micros(999);
        let error = ConfigError::TooSmall { setting: "latency.tau (ns)", value: 999_000, least: 1_000_000 };
        assert_eq!(Latency { tau, ..latency }.check(), Err(error));
        assert!(Latency { tau: Duration::from_secs(86_401), ..latency }.check().is_err());
        assert!(Latency { floor: Duration::MAX, ..latency }.check().is_err());
        assert!(Latency { failure_penalty: Duration::MAX, ..latency }.check().is_err());
        let still = Estimator::new(Latency { tau: Duration::ZERO, ..latency });
        assert_eq!(still.cost(Estimate { nanos: 9, stamp: Instant::ZERO }, 0, Instant::MAX), MS);
    }
}
