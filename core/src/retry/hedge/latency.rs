//! A percentile of the latencies of the last half minute, in a fixed amount of memory.

use core::error::Error;
use core::fmt;
use core::time::Duration;

use crate::time::{Instant, nanos};

/// Buckets are eighths of an octave, beginning at 2^20 ns.
const FIRST_OCTAVE: u32 = 20;
const EIGHTHS: u32 = 3;
/// Up to 2^37 ns: 137 s.
const OCTAVES: u32 = 17;
const BUCKETS: usize = 1 + (OCTAVES as usize) * 8;

const SECOND: u64 = 1_000_000_000;
const WINDOW: u64 = 15 * SECOND;
const REFRESH: u64 = 3 * SECOND;

/// The delay after which a hedge is worth its price: a percentile of how long attempts took lately.
///
/// One for all calls of a client to one service. Hedges sent at the 950th per mille add 5% of load, if that is how the
/// latencies stay; a [`Budget`](super::super::Budget) bounds it when they do not.
///
/// The latencies of the last 15 to 30 s count, in buckets an eighth of an octave wide: the delay is at least the exact
/// percentile and at most 12.5% more, never below 1.05 ms (a hedge sooner than that wins nothing), and 137 s at most. It
/// changes at most every 3 s, as Finagle's. [`observe`](Self::observe) is O(1), beside a pass over 137 buckets every 3 s;
/// 1.1 KiB, no allocation.
///
/// Observe what answers took, and what attempts that were given up had taken until then: timeouts, and hedges or first
/// attempts that lost (without these, each hedge would lower the percentile for the next). Leave out failures: fast ones would
/// lower it, too. Finagle does the same.
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
    per_mille: u16,
    current: Window,
    previous: Window,
    /// When the current window began.
    began: Instant,
    refreshed: Instant,
    delay: Option<Duration>,
}

#[derive(Clone, Debug)]
struct Window {
    counts: [u32; BUCKETS],
    total: u64,
}

impl LatencyPercentile {
    /// Of all attempts, `per_mille` (1 to 999) take no longer than the delay.
    ///
    /// # Errors
    /// [`LatencyPercentileError::PerMille`].
    pub const fn new(per_mille: u16) -> Result<Self, LatencyPercentileError> {
        if per_mille == 0 || per_mille > 999 {
            return Err(LatencyPercentileError::PerMille { per_mille });
        }
        let (current, previous) = (Window::EMPTY, Window::EMPTY);
        Ok(Self { per_mille, current, previous, began: Instant::ZERO, refreshed: Instant::ZERO, delay: None })
    }

    /// An attempt ended at `now`, or was given up, and took as long as this.
    pub fn observe(&mut self, now: Instant, took: Duration) {
        self.turn(now);
        self.current.add(took);
        if self.delay.is_none() || since(self.refreshed, now) >= REFRESH {
            self.refreshed = now;
            self.delay = self.percentile();
        }
    }

    /// How long to wait for an answer before sending a hedge.
    ///
    /// `None` as long as there are too few samples: with fewer than 1000 / (1000 - per mille), the percentile is just the
    /// slowest one, and with fewer than 20 it is anything. 20 for the 950th, 100 for the 990th. Also `None` when
    /// the last sample is older than 30 s.
    pub fn delay(&self, now: Instant) -> Option<Duration> {
        self.delay.filter(|_| since(self.refreshed, now) < 2 * WINDOW)
    }

    fn turn(&mut self, now: Instant) {
        if now < self.began || now < self.refreshed {
            // The clock went backwards.
            (self.began, self.refreshed) = (now, now);
        }
        let age = since(self.began, now);
        if age >= WINDOW {
            self.began = now;
            let full = core::mem::replace(&mut self.current, Window::EMPTY);
            self.previous = if age < 2 * WINDOW { full } else { Window::EMPTY };
        }
    }

    fn percentile(&self) -> Option<Duration> {
        let total = self.current.total + self.previous.total;
        if total < 20 || total * u64::from(1000 - self.per_mille) < 1000 {
            return None;
        }
        let rank = total * u64::from(self.per_mille);
        let counts = self.current.counts.iter().zip(&self.previous.counts);
        let mut below = 0;
        for (bucket, (current, previous)) in counts.enumerate() {
            below += u64::from(*current) + u64::from(*previous);
            if below * 1000 >= rank {
                return Some(Duration::from_nanos(end_of(bucket as u32)));
            }
        }
        None
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

fn since(earlier: Instant, now: Instant) -> u64 {
    now.as_nanos().saturating_sub(earlier.as_nanos())
}

/// All below 2^20 ns, then eight of equal width in each octave.
fn bucket_of(took: Duration) -> usize {
    let eighths = nanos(took) >> (FIRST_OCTAVE - EIGHTHS);
    let Some(octave) = (u64::BITS - EIGHTHS - 1).checked_sub(eighths.leading_zeros()) else { return 0 };
    // 8 to 15.
    let eighth = eighths >> octave;
    let bucket = 1 + octave as usize * 8 + (eighth as usize & 7);
    bucket.min(BUCKETS - 1)
}

/// Nanoseconds above all in the bucket.
fn end_of(bucket: u32) -> u64 {
    let Some(bucket) = bucket.checked_sub(1) else { return 1 << FIRST_OCTAVE };
    u64::from(9 + bucket % 8) << (bucket / 8 + FIRST_OCTAVE - EIGHTHS)
}

/// What is wrong with a [`LatencyPercentile`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LatencyPercentileError {
    /// Not between 1 and 999.
    PerMille {
        /// What was asked for.
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
