use core::time::Duration;

use rand_core::Rng;

use crate::time::nanos;

/// How long to wait before the next attempt.
///
/// Each wait follows from the number of the attempt alone, in whole nanoseconds, never from an earlier random wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backoff {
    /// Not at all.
    None,
    /// Always the same.
    Constant(Duration),
    /// A random time between 0 and `min(cap, base · 2ⁿ)` after the `n`-th failure, from 0 ("full jitter").
    Exponential {
        /// Longest first wait.
        base: Duration,
        /// Longest wait ever.
        cap: Duration,
    },
}

impl Backoff {
    /// The wait after `failures >= 1` failed attempts.
    pub fn wait(&self, failures: u32, rng: &mut impl Rng) -> Duration {
        match *self {
            Self::None => Duration::ZERO,
            Self::Constant(wait) => wait,
            Self::Exponential { base, cap } => {
                let exponent = failures.saturating_sub(1);
                Duration::from_nanos(up_to(doubled(nanos(base), exponent).min(nanos(cap)), rng))
            }
        }
    }
}

/// `base · 2^exponent`, saturating.
pub(crate) fn doubled(base: u64, exponent: u32) -> u64 {
    if base == 0 {
        0
    } else if exponent > base.leading_zeros() {
        u64::MAX
    } else {
        base.checked_shl(exponent).unwrap_or(u64::MAX)
    }
}

/// A random number in `0..=most`.
pub(crate) fn up_to(most: u64, rng: &mut impl Rng) -> u64 {
    ((u128::from(rng.next_u64()) * (u128::from(most) + 1)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubling_saturates() {
        assert_eq!(doubled(25, 0), 25);
        assert_eq!(doubled(25, 3), 200);
        assert_eq!(doubled(0, 70), 0);
        assert_eq!(doubled(1, 63), 1 << 63);
        assert_eq!(doubled(1, 64), u64::MAX);
        assert_eq!(doubled(3, 63), u64::MAX);
        assert_eq!(doubled(u64::MAX, 1), u64::MAX);
    }
}
