use core::time::Duration;

use rand_core::Rng;

use crate::time::nanos;

/// How long to wait before the next attempt.
///
/// Each wait follows from the number of failures alone, in whole nanoseconds, never from an earlier random wait
/// ([`Jitter::Decorrelated`] excepted). Times beyond 2⁶⁴ nanoseconds, 584 years, count as that.
///
/// ```
/// use evenkeel_core::retry::{Backoff, Jitter};
/// # use core::time::Duration;
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// # let mut rng = ChaCha8Rng::seed_from_u64(1);
/// let (base, cap) = (Duration::from_millis(25), Duration::from_millis(250));
/// let backoff = Backoff::exponential(base, cap).with_jitter(Jitter::None);
/// let waits = [1, 2, 3, 4, 5].map(|failures| backoff.wait(failures, Duration::ZERO, &mut rng).as_millis());
/// assert_eq!(waits, [25, 50, 100, 200, 250]);
/// ```
///
/// # Settings of others
///
/// - **gRPC**: `initialBackoff` is `base` and `maxBackoff` is `cap`; `backoffMultiplier` is 2 here. What its proposal A6 first
///   said is [`Jitter::Full`]. Now it is 0.8 to 1.2 of the wait: nearest to that are [`Jitter::None`], with the same mean, and
///   [`Jitter::Equal`].
/// - **Envoy**: `base_interval` is `base` and `max_interval` is `cap`, with [`Jitter::Full`]. Its `n`-th wait is at most
///   `(2ⁿ − 1) · base`, ours `2ⁿ⁻¹ · base`: the first is the same, later ones are up to twice as long there.
/// - **AWS SDKs**: [`Jitter::Full`] from 1 s to 20 s.
/// - **Finagle**: `equalJittered` is [`Jitter::Equal`] with twice its start as `base`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backoff {
    /// Not at all.
    None,
    /// Always the same.
    Constant(Duration),
    /// Doubled with each failure: `e = min(cap, base · 2ⁿ⁻¹)` after the `n`-th, or a random time near it.
    Exponential {
        /// The first wait, before jitter.
        base: Duration,
        /// The longest wait ever.
        cap: Duration,
        /// What is random about it.
        jitter: Jitter,
    },
}

/// What is random about exponential waits, so that clients that failed together do not come back together.
///
/// With `e` the wait without jitter and U a uniform draw; names and formulas are those of Marc Brooker, "Exponential Backoff
/// And Jitter" (AWS Architecture Blog, 2015).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Jitter {
    /// `e`: for a single client.
    None,
    /// `U(0, e)`: the least load on the server.
    #[default]
    Full,
    /// `e/2 + U(0, e/2)`: never at once.
    Equal,
    /// `min(cap, U(base, 3 · previous))`, where `previous` is the wait before, `base` at first: never below `base`, and two
    /// clients that once waited alike soon differ.
    Decorrelated,
}

impl Backoff {
    /// Exponential with full jitter.
    pub const fn exponential(base: Duration, cap: Duration) -> Self {
        Self::Exponential { base, cap, jitter: Jitter::Full }
    }

    /// The same with other jitter; nothing else than [`Exponential`](Self::Exponential) has any.
    #[must_use]
    pub const fn with_jitter(self, jitter: Jitter) -> Self {
        match self {
            Self::Exponential { base, cap, .. } => Self::Exponential { base, cap, jitter },
            other => other,
        }
    }

    /// The wait after `failures >= 1` failed attempts; `previous` is the wait before that, zero at first, which only
    /// [`Jitter::Decorrelated`] looks at.
    pub fn wait(&self, failures: u32, previous: Duration, rng: &mut impl Rng) -> Duration {
        Duration::from_nanos(self.waits().wait(failures, nanos(previous), rng))
    }

    pub(super) const fn waits(self) -> Waits {
        match self {
            Self::None => Waits { base: 0, cap: 0, jitter: Jitter::None },
            Self::Constant(wait) => Waits { base: nanos(wait), cap: nanos(wait), jitter: Jitter::None },
            Self::Exponential { base, cap, jitter } => Waits { base: nanos(base), cap: nanos(cap), jitter },
        }
    }

    pub(super) const DEFAULT: Self = Self::exponential(Duration::from_millis(25), Duration::from_millis(250));
}

/// A backoff in nanoseconds: without the divisions that a [`Duration`] takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waits {
    base: u64,
    cap: u64,
    jitter: Jitter,
}

impl Waits {
    /// See [`Backoff::wait`].
    pub(super) fn wait(&self, failures: u32, previous: u64, rng: &mut impl Rng) -> u64 {
        let &Self { base, cap, jitter } = self;
        let plain = doubled(base, failures.saturating_sub(1)).min(cap);
        match jitter {
            Jitter::None => plain,
            Jitter::Full => up_to(plain, rng),
            Jitter::Equal => plain / 2 + up_to(plain - plain / 2, rng),
            Jitter::Decorrelated => {
                let previous = previous.max(base);
                let most = previous.saturating_add(previous).saturating_add(previous);
                base.saturating_add(up_to(most - base, rng)).min(cap)
            }
        }
    }
}

impl Default for Backoff {
    /// Exponential from 25 ms to 250 ms with full jitter, as Envoy's settings are.
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// `base · 2^exponent`, saturating.
pub(crate) fn doubled(base: u64, exponent: u32) -> u64 {
    // After 64 steps it is 0 or the most there is.
    (0..exponent.min(64)).fold(base, |doubled, _| doubled.saturating_add(doubled))
}

/// A random number in `0..=most`.
pub(crate) fn up_to(most: u64, rng: &mut impl Rng) -> u64 {
    scaled(rng.next_u64(), most)
}

/// The number in `0..=most` that lies where `word` lies in `0..2⁶⁴`: `word · (most + 1) / 2⁶⁴`, rounded down.
///
/// With random words, no number's probability is more than 2⁻⁶⁴ off. By halves, because small processors have no product of
/// 64 bits, let alone of 128.
pub(crate) const fn scaled(word: u64, most: u64) -> u64 {
    const HALF: u64 = u32::MAX as u64;
    let (high, low) = (word >> 32, word & HALF);
    let (most_high, most_low) = (most >> 32, most & HALF);
    let lowest = low * most_low;
    let middle = high * most_low + (lowest >> 32);
    let other = low * most_high + (middle & HALF);
    let below = (other << 32) | (lowest & HALF);
    let carry = below.checked_add(word).is_none() as u64;
    high * most_high + (middle >> 32) + (other >> 32) + carry
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

    #[test]
    fn scaling_by_halves_is_the_product_of_128_bits() {
        let edges = [0, 1, 2, 0x7fff_ffff, 0xffff_ffff, 0x1_0000_0000, 0x1_0000_0001, 1 << 63, u64::MAX - 1, u64::MAX];
        let random = (0..200).map(|step| crate::hash::mix(1, step)).map(|word| word >> (word % 64));
        let words = edges.into_iter().chain(random);
        for word in words.clone() {
            for most in words.clone() {
                let product = (u128::from(word) * (u128::from(most) + 1)) >> 64;
                assert_eq!(u128::from(scaled(word, most)), product, "{word} in 0..={most}");
            }
        }
    }
}
