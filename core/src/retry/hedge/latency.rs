//! A percentile of the latencies of the last half minute, in a fixed amount of memory.

use core::error::Error;
use core::fmt;
use core::mem::replace;
use core::time::Duration;

use crate::time::{Instant, Ticks, duration_of_nanos, nanos, ticks};

/// Finds the delay after which a hedge is worth its price: a percentile of how long attempts took
/// lately.
///
/// One for all calls of a client to one service. Hedges sent at the 950th per mille add 5 % of
/// load, if that is how the latencies stay; a [`Budget`](super::super::Budget) bounds it when they
/// do not.
///
/// Observe what answers took, and what attempts that were given up had taken until then: timeouts,
/// and hedges or first attempts that lost (without these, each hedge would lower the percentile for
/// the next). Leave out failures: fast ones would lower it, too. Finagle does the same.
///
/// # What it counts
///
/// The latencies of the last 15 to 30 s, in buckets an eighth of an octave wide. The delay is the
/// end of the bucket that holds the exact percentile: at most 12.5 % more. The first bucket ends at
/// 2²⁰ ns, 1.05 ms: a hedge sooner than that wins nothing. The last one ends at 2³⁷ ns, 137 s.
///
/// A worked example: of 1,000 latencies, the 950th in order is 50 ms, between 2²⁵ ns (33.6 ms) and
/// 2²⁶ ns (67.1 ms). An eighth of that octave is 4.19 ms, and 50 ms lies in the fourth bucket of
/// it, 46.1 to 50.3 ms: the delay is 50.3 ms.
///
/// It changes at most every 3 s, as Finagle's. [`observe`](Self::observe) is O(1), beside a pass
/// over 137 buckets every 3 s; 1.1 KiB, zeros for [`DEFAULT`](Self::DEFAULT).
///
/// ```
/// # use core::time::Duration;
/// use evenkeel_core::Instant;
/// use evenkeel_core::retry::{Hedging, LatencyPercentile, RetryPolicy};
/// let mut latencies = LatencyPercentile::new(950)?;
/// let mut policy = RetryPolicy::new(2)?;
/// for request in 0..1000 {
///     let now = Instant::from_millis(10 * request);
///     if let Some(delay) = latencies.delay(now) {
///         policy = policy.with_hedging(Hedging::new(delay, 1)?);
///     }
///     latencies.observe(now, Duration::from_millis(request % 100));
/// }
/// let delay = latencies.delay(Instant::from_secs(10)).expect("enough samples");
/// assert!((94..=107).contains(&delay.as_millis()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct LatencyPercentile {
    /// Less the default, wrapping: a static with that starts zeroed.
    more_per_mille: u16,
    current: Window,
    previous: Window,
    /// Start of the current window.
    began: Instant,
    /// The last change of the delay.
    refreshed: Instant,
    delay: Option<Duration>,
}

#[derive(Clone, Debug)]
struct Window {
    counts: [u32; BUCKETS],
    total: u64,
}

impl LatencyPercentile {
    /// The 950th per mille, without samples.
    pub const DEFAULT: Self = Self {
        more_per_mille: 0,
        current: Window::EMPTY,
        previous: Window::EMPTY,
        began: Instant::ZERO,
        refreshed: Instant::ZERO,
        delay: None,
    };

    /// Finds the delay that `per_mille` (1 to 999) of all attempts do not exceed.
    ///
    /// # Errors
    /// [`LatencyPercentileError::PerMille`].
    pub const fn new(per_mille: u16) -> Result<Self, LatencyPercentileError> {
        if per_mille == 0 || per_mille > 999 {
            return Err(LatencyPercentileError::PerMille { per_mille });
        }
        Ok(Self { more_per_mille: per_mille.wrapping_sub(PER_MILLE), ..Self::DEFAULT })
    }

    /// Counts an attempt that ended at `now`, or was given up, and took as long as this.
    pub fn observe(&mut self, now: Instant, took: Duration) {
        self.turn(now);
        self.current.add(took);
        if self.delay.is_none() || now.since(self.refreshed) >= REFRESH {
            self.refreshed = now;
            self.delay = self.percentile();
        }
    }

    /// Returns how long to wait for an answer before sending a hedge.
    ///
    /// `None` as long as there are too few samples: with fewer than 1000 / (1000 - per mille), the
    /// percentile is just the slowest one, and with fewer than 20 it is anything. 20 for the 950th,
    /// 100 for the 990th. Also `None` when the last sample is older than 30 s.
    pub fn delay(&self, now: Instant) -> Option<Duration> {
        self.delay.filter(|_| now.since(self.refreshed) < 2 * WINDOW)
    }

    /// Begins a new window once the current one is over.
    fn turn(&mut self, now: Instant) {
        // A clock that goes back takes both times along. It does so by a little wherever threads
        // share it: a window that began anew each time would never end.
        let back = self.began.or_later(self.refreshed).since(now);
        (self.began, self.refreshed) = (self.began.earlier(back), self.refreshed.earlier(back));
        let age = now.since(self.began);
        if age >= WINDOW {
            self.began = now;
            let full = replace(&mut self.current, Window::EMPTY);
            self.previous = if age < 2 * WINDOW { full } else { Window::EMPTY };
        }
    }

    fn percentile(&self) -> Option<Duration> {
        let per_mille = u64::from(self.more_per_mille.wrapping_add(PER_MILLE));
        let total = self.current.total + self.previous.total;
        if total < 20 || total * (1000 - per_mille) < 1000 {
            return None;
        }
        let rank = total * per_mille;
        let mut below = 0;
        for (bucket, (current, previous)) in
            (0..).zip(self.current.counts.iter().zip(&self.previous.counts))
        {
            below += u64::from(*current) + u64::from(*previous);
            if below * 1000 >= rank {
                return Some(duration_of_nanos(end_of(bucket)));
            }
        }
        None
    }
}

impl Default for LatencyPercentile {
    /// [`LatencyPercentile::DEFAULT`].
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Window {
    const EMPTY: Self = Self { counts: [0; BUCKETS], total: 0 };

    fn add(&mut self, took: Duration) {
        if let Some(count) = self.counts.get_mut(bucket_of(took))
            && let Some(more) = count.checked_add(1)
        {
            *count = more;
            self.total += 1;
        }
    }
}

const PER_MILLE: u16 = 950;
const WINDOW: Ticks = ticks(Duration::from_secs(15));
const REFRESH: Ticks = ticks(Duration::from_secs(3));

/// Buckets are eighths of an octave, beginning at 2^20 ns.
const FIRST_OCTAVE: u32 = 20;
const EIGHTHS: u32 = 3;
/// Up to 2^37 ns.
const OCTAVES: u32 = 17;
const BUCKETS: usize = 1 + (OCTAVES as usize) * 8;

/// Returns 0 for all below 2^20 ns, then a number for each of eight equal parts of each octave.
///
/// For 50 ms: 50,000,000 >> 17 is 381, or 0b101111101, five octaves above the first; 381 >> 5 is
/// 11, the fourth eighth (8 is the first). So it is bucket 1 + 5 · 8 + 3 = 44, which [ends](end_of)
/// at (9 + 3) << (5 + 17) = 50,331,648 ns.
fn bucket_of(took: Duration) -> usize {
    let eighths = nanos(took) >> (FIRST_OCTAVE - EIGHTHS);
    let Some(octave) = (u64::BITS - EIGHTHS - 1).checked_sub(eighths.leading_zeros()) else {
        return 0;
    };
    // 8 to 15.
    let eighth = eighths >> octave;
    let bucket = 1 + octave as usize * 8 + (eighth as usize & 7);
    bucket.min(BUCKETS - 1)
}

/// Returns the nanoseconds above all in the bucket.
fn end_of(bucket: u32) -> u64 {
    let Some(bucket) = bucket.checked_sub(1) else { return 1 << FIRST_OCTAVE };
    u64::from(9 + bucket % 8) << (bucket / 8 + FIRST_OCTAVE - EIGHTHS)
}

/// Tells what is wrong with a [`LatencyPercentile`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LatencyPercentileError {
    /// Not between 1 and 999.
    PerMille {
        /// The one asked for.
        per_mille: u16,
    },
}

impl fmt::Display for LatencyPercentileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::PerMille { per_mille } = self;
        write!(f, "{per_mille} per mille: it must be between 1 and 999")
    }
}

impl Error for LatencyPercentileError {}

#[cfg(test)]
mod tests;
