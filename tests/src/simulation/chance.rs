//! Random times, the same on every platform.

use core::time::Duration;

use evenkeel_core::hash;
use evenkeel_core::policy::fixed_log::{FRACTION, minus_ln};

/// What chance gives to a request: it follows from the seed and the numbers of call and attempt
/// alone, so that what a client decides changes nothing for others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Luck {
    /// How much work it is: the lower, the more.
    pub(super) work: u64,
    /// Which fault it meets.
    pub(super) fault: u64,
}

impl Luck {
    /// Of an attempt, from 1 on.
    pub(super) fn of(seed: u64, call: u32, attempt: u32) -> Self {
        let work = bits(seed, call, attempt);
        Self { work, fault: hash::splitmix64(work) }
    }
}

/// Returns how long after the call before it this one begins.
pub(super) fn gap(seed: u64, call: u32, mean: Duration) -> Duration {
    exponential(mean, bits(seed, call, 0))
}

/// Returns a number below `bound`, by seed and number of the draw.
pub fn draw(seed: u64, number: u32, bound: u32) -> u32 {
    ((u128::from(hash::splitmix64(bits(seed, number, u32::MAX))) * u128::from(bound)) >> 64) as u32
}

fn bits(seed: u64, call: u32, attempt: u32) -> u64 {
    hash::mix(seed, u64::from(call) << 32 | u64::from(attempt))
}

/// A time that is distributed exponentially if `bits` are uniform.
pub(super) fn exponential(mean: Duration, bits: u64) -> Duration {
    let nanos = (mean.as_nanos() * u128::from(minus_ln(bits))) >> FRACTION;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// Tells that something happens that happens so many times in a thousand.
pub(super) fn happens(per_mille: u32, bits: u64) -> bool {
    (u128::from(bits) * 1000) >> 64 < u128::from(per_mille)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_times_have_their_mean_and_percentiles() {
        let mean = Duration::from_millis(20);
        let mut times: Vec<_> =
            (0..100_000).map(|call| exponential(mean, Luck::of(1, call, 1).work)).collect();
        times.sort_unstable();
        let near =
            |time: Duration, micros: u64| time.abs_diff(Duration::from_micros(micros)) < mean / 50;
        assert!(near(times.iter().sum::<Duration>() / 100_000, 20_000));
        assert!(near(times[50_000], 13_863), "20 ms · ln 2");
        assert!(near(times[95_000], 59_915), "20 ms · ln 20");
        assert!(times[0] > Duration::ZERO);
    }

    #[test]
    fn shares_are_kept_whatever_the_work() {
        let luck: Vec<_> = (0..100_000).map(|call| Luck::of(1, call, 1)).collect();
        let much: Vec<_> = luck.iter().filter(|luck| luck.work < 1 << 62).collect();
        let hits = |luck: &[&Luck]| luck.iter().filter(|luck| happens(250, luck.fault)).count();
        assert!((24_500..25_500).contains(&hits(&luck.iter().collect::<Vec<_>>())));
        assert!((6_000..6_500).contains(&hits(&much)), "{} of {}", hits(&much), much.len());
        assert!(
            !happens(0, 0) && happens(1, 0) && happens(1000, u64::MAX) && !happens(999, u64::MAX)
        );
    }
}
