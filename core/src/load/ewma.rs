//! Averages answer times: a peak-sensitive moving average, in integers.

use core::time::Duration;

use super::decay::{rough_weight_after, scale, weight_after};
use super::{Load, Needs};
use crate::outcome::Outcome;
use crate::settings::{Config, Settings};
use crate::time::{Instant, nanos, nanos_of_ticks, ticks_of_nanos};

/// Remembers the answer times of an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Estimate {
    /// The answer time as of `stamp`, in nanoseconds; 0 = it never answered.
    pub nanos: u64,
    /// The time at which that was found; later, as long as fast refusals count as requests in
    /// flight.
    pub stamp: Instant,
}

impl Estimate {
    /// Of an endpoint that never answered.
    pub const NONE: Self = Self { nanos: 0, stamp: Instant::ZERO };

    /// Returns the mean of answer times, of which 0 are unknown, as of `now`; nothing, if all are.
    /// For an endpoint that has only met requests at fault: until it is known how long it takes,
    /// its fast refusals must not attract.
    pub fn lent(all: impl Iterator<Item = u64>, now: Instant) -> Option<Self> {
        let (mut sum, mut known) = (0_u64, 0_u64);
        for nanos in all {
            sum = sum.saturating_add(nanos);
            known += u64::from(nanos > 0);
        }
        let nanos = sum.checked_div(known)?.max(1);
        Some(Self { nanos, stamp: now })
    }
}

/// The cost of an endpoint that has a request in flight and never answered: more than any that
/// answered.
const UNKNOWN: u64 = u64::MAX >> 16;

/// One request, where parts of requests count.
const ONE: u64 = 1 << 12;

/// Ghosts are fewer than two to the power of this.
const MOST_STEPS: u64 = 10;

/// The settings made ready for arithmetic without division.
///
/// An answer slower than the estimate replaces it at once; a faster one draws it down by how long
/// ago the last one was. Reading a cost changes nothing.
///
/// ```
/// use core::time::Duration;
/// use evenkeel_core::load::{Estimate, Estimator};
/// use evenkeel_core::{Instant, Outcome};
///
/// let estimator = Estimator::DEFAULT;
/// let mut estimate = Estimate::NONE;
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
    /// The longest time for which that times the rate is below 2⁶⁴.
    longest: u64,
    floor: u64,
    failure_penalty: u64,
}

impl Estimator {
    /// That of our defaults.
    pub const DEFAULT: Self = Self::new(
        Config::DEFAULT.latency_tau,
        Config::DEFAULT.latency_floor,
        Config::DEFAULT.failure_penalty,
    );

    /// Makes an estimator.
    ///
    /// - `tau`: after this time an estimate weighs 1/e beside a new, shorter answer time, and that
    ///   of an endpoint without traffic has sunk to 1/e.
    /// - `floor`: estimates below it count as this much.
    /// - `failure_penalty`: a failure counts as an answer after this time, if it came sooner.
    pub const fn new(tau: Duration, floor: Duration, failure_penalty: Duration) -> Self {
        /// 2⁵⁶/ln 2: e^(−t/τ) is 2^(−t/(τ ln 2)).
        const HALVINGS: u64 = 103_957_133_576_908_769;
        let rate = match HALVINGS.checked_div(nanos(tau)) {
            Some(rate) => rate,
            None => HALVINGS,
        };
        let longest = match u64::MAX.checked_div(rate) {
            Some(longest) => longest,
            None => u64::MAX,
        };
        Self { rate, longest, floor: nanos(floor), failure_penalty: nanos(failure_penalty) }
    }

    /// Learns from a request sent at `sent` that ended at `now`.
    ///
    /// A failure counts as an answer after the penalty and never lowers the estimate. A request
    /// that was given up would have taken longer: it never lowers the cost either; of an endpoint
    /// that never answered it tells as little as a failure. One that was at fault itself keeps the
    /// estimate as it is, or raises it; where it came back sooner, it counts as in flight for about
    /// as long as others are: answers that cost no work must not attract. What such a request says
    /// of an endpoint that never answered another, what the endpoint never took up, and what it
    /// refused for a time, is nothing.
    pub fn observe(&self, estimate: &mut Estimate, sent: Instant, now: Instant, outcome: Outcome) {
        // 0 is "never answered".
        let took = nanos_of_ticks(now.since(sent)).max(1);
        let sample = match outcome {
            Outcome::Success => took,
            Outcome::Ignorable if estimate.nanos > took => {
                estimate.stamp = self.haunted(*estimate, took, now);
                return;
            }
            Outcome::Ignorable if estimate.nanos > 0 => took,
            Outcome::Ignorable
            | Outcome::NeverSent
            | Outcome::PushedBack
            | Outcome::Overloaded { retry_after: Some(_) } => return,
            Outcome::TimedOut | Outcome::Abandoned | Outcome::LostRace if estimate.nanos > 0 => {
                if took > self.decayed(*estimate, now) {
                    *estimate = Estimate { nanos: took, stamp: now };
                }
                return;
            }
            Outcome::Failure
            | Outcome::TimedOut
            | Outcome::Overloaded { retry_after: None }
            | Outcome::Abandoned
            | Outcome::LostRace => took.max(self.failure_penalty).max(estimate.nanos),
        };
        // Nothing is left over where the sample is higher. The stamp follows a clock that goes
        // backwards: one that was far ahead for a moment must not stop time.
        let above = estimate.nanos.saturating_sub(sample);
        let mut nanos = sample;
        if above > 0 {
            let weight = self.halvings(*estimate, now).map_or(0, weight_after);
            nanos += scale(above, weight);
        }
        *estimate = Estimate { nanos, stamp: now };
    }

    /// Makes an estimate that is `age` nanoseconds old at `now`. What of that lies farther back
    /// than the clock reaches has decayed already.
    pub(crate) fn recall(&self, nanos: u64, age: u64, now: Instant) -> Estimate {
        let stamp = now.earlier(ticks_of_nanos(age));
        let before = age.saturating_sub(nanos_of_ticks(now.since(stamp)));
        let weight = self.halvings_in(before).map_or(0, weight_after);
        let left = if before == 0 { nanos } else { scale(nanos, weight).max(1).min(nanos) };
        Estimate { nanos: left, stamp }
    }

    /// Returns how long one more request would take beside `in_flight` others: nanoseconds, times
    /// the requests that would share the endpoint; 0 when it never answered and none is in flight.
    #[inline]
    pub fn cost(&self, estimate: Estimate, in_flight: u32, now: Instant) -> u64 {
        let in_flight = u64::from(in_flight);
        match estimate.nanos {
            0 if in_flight == 0 => 0,
            0 => UNKNOWN + in_flight,
            _ if now.has_reached(estimate.stamp) => {
                times(self.decayed(estimate, now).max(self.floor), in_flight + 1)
            }
            _ => self.haunted_cost(estimate, in_flight, now),
        }
    }

    #[cold]
    #[inline(never)]
    fn haunted_cost(&self, estimate: Estimate, in_flight: u64, now: Instant) -> u64 {
        let (usual, ghosts) = (self.usual(estimate), self.ghosts(estimate, now));
        usual.saturating_mul(in_flight).saturating_add(usual.saturating_mul(ghosts) / ONE)
    }

    /// Returns how many refused requests count as in flight, and one: in units of `ONE`.
    ///
    /// A stamp in the future stands for them: its distance, in steps of two thirds of the usual
    /// answer time (about ln 2), is the logarithm of their number and one. So time alone takes them
    /// away, and the more, the more there are. At 60 ms, a stamp 100 ms ahead is 2½ steps: 2² · 1½
    /// = 6, which is five ghosts; 40 ms later it is 1½ steps ahead, and they are two. Within a step
    /// it is a straight line.
    fn ghosts(&self, estimate: Estimate, now: Instant) -> u64 {
        let ahead = nanos_of_ticks(estimate.stamp.since(now));
        let parts = ahead.saturating_mul(ONE) / self.step(estimate);
        // Farther ahead, it was the clock that went back.
        if parts < MOST_STEPS * ONE { (ONE + parts % ONE) << (parts / ONE) } else { ONE }
    }

    /// Returns the stamp of an estimate with one more ghost: of a request that was refused after
    /// `took`, for the part of the usual answer time that it did not take.
    #[cold]
    #[inline(never)]
    fn haunted(&self, estimate: Estimate, took: u64, now: Instant) -> Instant {
        let part = (estimate.nanos - took).saturating_mul(ONE) / self.usual(estimate);
        let ghosts = (self.ghosts(estimate, now) + part).min((ONE << MOST_STEPS) - 1);
        let steps = (ghosts / ONE).ilog2();
        let parts = u64::from(steps) * ONE + (ghosts >> steps) - ONE;
        // To the nearest tick: always up, a clock of milliseconds would make two of each.
        let ahead = self.step(estimate).saturating_mul(parts) / ONE;
        now.later(ticks_of_nanos(ahead.saturating_sub(nanos_of_ticks(1) / 2)))
    }

    /// Returns the time that takes away half of many ghosts.
    fn step(&self, estimate: Estimate) -> u64 {
        let usual = self.usual(estimate);
        usual - usual / 3
    }

    fn usual(&self, estimate: Estimate) -> u64 {
        estimate.nanos.max(self.floor)
    }

    #[inline]
    fn decayed(&self, estimate: Estimate, now: Instant) -> u64 {
        scale(estimate.nanos, self.halvings(estimate, now).map_or(0, rough_weight_after))
    }

    /// Returns how often an estimate has halved, in units of 2⁻⁵⁶; `None` for more than 255 times,
    /// when nothing is left of it.
    #[inline]
    fn halvings(&self, estimate: Estimate, now: Instant) -> Option<u64> {
        self.halvings_in(nanos_of_ticks(now.since(estimate.stamp)))
    }

    /// Returns the same of a time in nanoseconds.
    #[inline]
    fn halvings_in(&self, nanos: u64) -> Option<u64> {
        (nanos <= self.longest).then(|| nanos.wrapping_mul(self.rate))
    }
}

/// Returns a product, saturating; the factor is at most 2³². By halves: where products of 128 bits are
/// functions, one that finds its own overflow is one.
#[inline]
fn times(nanos: u64, factor: u64) -> u64 {
    let upper = (nanos >> 32) * factor;
    let lower = (nanos & u64::from(u32::MAX)) * factor;
    if upper >> 32 > 0 { u64::MAX } else { (upper << 32).saturating_add(lower) }
}

/// The number of requests in flight, and how long answers take.
///
/// Without gaps: with what else picks look at, it takes half a line of the cache.
#[derive(Clone, Copy, Debug)]
#[repr(C, packed(4))]
pub struct Ewma {
    in_flight: u32,
    estimate: Estimate,
}

impl Load for Ewma {
    const NEW: Self = Self { in_flight: 0, estimate: Estimate::NONE };
    const NEEDS: Needs = Needs { in_flight: true, time: true };
    type Tuning = Estimator;
    const TUNING: Estimator = Estimator::DEFAULT;

    fn tune(settings: &impl Settings) -> Estimator {
        let (tau, floor) = (settings.latency_tau(), settings.latency_floor());
        Estimator::new(tau, floor, settings.failure_penalty())
    }

    #[inline]
    fn begin(&mut self) {
        self.in_flight = self.in_flight.saturating_add(1);
    }

    #[inline]
    fn end(&mut self, by: &Estimator, sent: Instant, now: Instant, outcome: Outcome) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let mut estimate = self.estimate;
        by.observe(&mut estimate, sent, now, outcome);
        self.estimate = estimate;
    }

    #[inline]
    fn in_flight(&self) -> u32 {
        self.in_flight
    }

    #[inline]
    fn cost(&self, by: &Estimator, now: Instant) -> u64 {
        by.cost(self.estimate, self.in_flight, now)
    }

    fn estimate(&self) -> Estimate {
        self.estimate
    }

    fn recall(by: &Estimator, nanos: u64, age: u64, now: Instant) -> Estimate {
        by.recall(nanos, age, now)
    }

    fn set_estimate(&mut self, estimate: Estimate) {
        self.estimate = estimate;
    }

    fn turn_back(&mut self, back: Duration) {
        self.estimate.stamp = self.estimate.stamp.saturating_sub(back);
    }
}
