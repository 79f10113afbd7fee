//! Waits between the attempts of a call.

use core::time::Duration;

use rand_core::Rng;

use crate::names::named;
use crate::time::{Ticks, duration, ticks};

/// Decides how long a call waits before its next attempt.
///
/// A wait follows from the number of failures alone, never from an earlier random wait
/// ([`Jitter::Decorrelated`] excepted). Waits are whole nanoseconds, at most 2⁶⁴ of them; with the
/// feature `millis32` whole milliseconds.
///
/// A worked example, from 25 ms to 250 ms:
///
/// | failures | without jitter | [`Full`](Jitter::Full) | [`Equal`](Jitter::Equal) |
/// |---|---|---|---|
/// | 1 | 25 ms | 0-25 ms | 12.5-25 ms |
/// | 2 | 50 ms | 0-50 ms | 25-50 ms |
/// | 4 | 200 ms | 0-200 ms | 100-200 ms |
/// | 5 and more | 250 ms (400 ms, capped) | 0-250 ms | 125-250 ms |
///
/// ```
/// use evenkeel_core::retry::{Backoff, Jitter};
/// # use core::time::Duration;
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// # let mut rng = ChaCha8Rng::seed_from_u64(1);
/// let (base, cap) = (Duration::from_millis(25), Duration::from_millis(250));
/// let backoff = Backoff::exponential(base, cap).with_jitter(Jitter::None);
/// let waits = [1, 2, 3, 4, 5].map(|n| backoff.wait(n, Duration::ZERO, &mut rng).as_millis());
/// assert_eq!(waits, [25, 50, 100, 200, 250]);
/// ```
///
/// # Settings of others
///
/// - **gRPC**: `initialBackoff` is `base` and `maxBackoff` is `cap`; `backoffMultiplier` is 2 here.
///   Proposal A6 first had [`Jitter::Full`]. Now it has 0.8 to 1.2 of the wait: nearest to that are
///   [`Jitter::None`], with the same mean, and [`Jitter::Equal`].
/// - **Envoy**: `base_interval` is `base` and `max_interval` is `cap`, with [`Jitter::Full`]. Its
///   `n`-th wait is at most `(2ⁿ − 1) · base`, ours `2ⁿ⁻¹ · base`: the first is the same, later
///   ones are up to twice as long there.
/// - **AWS SDKs**: [`Jitter::Full`] from 1 s to 20 s.
/// - **Finagle**: `equalJittered` is [`Jitter::Equal`] with twice its start as `base`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Backoff {
    /// Does not wait.
    None,
    /// Waits for the same time after every failure.
    Constant(Duration),
    /// Doubles with each failure: `e = min(cap, base · 2ⁿ⁻¹)` after the `n`-th, less the jitter.
    Exponential {
        /// The first wait, before jitter.
        base: Duration,
        /// The longest wait; not below `base`.
        cap: Duration,
        /// The random part of the wait.
        jitter: Jitter,
    },
}

named!(Backoff {
    None => "none",
    Constant(..) => "constant",
    Exponential { .. } => "exponential",
});

/// Spreads exponential waits, so that clients that failed together do not come back together.
///
/// `e` is the wait without jitter and `U` a uniform draw. Names and formulas are those of Marc
/// Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Jitter {
    /// `e`: for a single client.
    None,
    /// `U(0, e)`: the least load on the server.
    #[default]
    Full,
    /// `e/2 + U(0, e/2)`: never at once.
    Equal,
    /// `min(cap, U(base, 3 · previous))`, where `previous` is the wait before, `base` at first:
    /// never below `base`, and two clients that once waited alike soon differ.
    Decorrelated,
}

named!(all Jitter {
    None => "none",
    Full => "full",
    Equal => "equal",
    Decorrelated => "decorrelated",
});

impl Backoff {
    /// From 25 ms to 250 ms with full jitter, as Envoy by default.
    pub const DEFAULT: Self =
        Self::exponential(Duration::from_millis(25), Duration::from_millis(250));

    /// Makes an exponential backoff with full jitter.
    pub const fn exponential(base: Duration, cap: Duration) -> Self {
        Self::Exponential { base, cap, jitter: Jitter::Full }
    }

    /// Changes the jitter of an [`Exponential`](Self::Exponential) backoff; others have none.
    #[must_use]
    pub const fn with_jitter(self, jitter: Jitter) -> Self {
        match self {
            Self::Exponential { base, cap, .. } => Self::Exponential { base, cap, jitter },
            Self::None | Self::Constant(_) => self,
        }
    }

    /// Returns the wait after `failures >= 1` failed attempts.
    ///
    /// `previous` is the wait before this one, zero at first. Only [`Jitter::Decorrelated`] looks
    /// at it. O(`failures`), at most 64 steps.
    pub fn wait(&self, failures: u32, previous: Duration, rng: &mut impl Rng) -> Duration {
        duration(self.waits().next(failures, ticks(previous), rng))
    }

    pub(super) const fn waits(self) -> Waits {
        let (base, cap, jitter) = match self {
            Self::None => (Duration::ZERO, Duration::ZERO, Jitter::None),
            Self::Constant(wait) => (wait, wait, Jitter::None),
            Self::Exponential { base, cap, jitter } => (base, cap, jitter),
        };
        Waits { base: ticks(base), cap: ticks(cap), jitter }
    }
}

impl Default for Backoff {
    /// [`Backoff::DEFAULT`].
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A backoff in ticks: without the divisions that a [`Duration`] takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waits {
    base: Ticks,
    cap: Ticks,
    jitter: Jitter,
}

impl Waits {
    /// See [`Backoff::wait`].
    pub(super) fn next(&self, failures: u32, previous: Ticks, rng: &mut impl Rng) -> Ticks {
        let &Self { base, cap, jitter } = self;
        let plain = doubled(base, failures.saturating_sub(1)).min(cap);
        let (least, most) = match jitter {
            Jitter::None => return plain,
            Jitter::Full => (0, plain),
            Jitter::Equal => (plain / 2, plain),
            Jitter::Decorrelated => {
                let previous = previous.max(base);
                (base, previous.saturating_add(previous).saturating_add(previous))
            }
        };
        least.saturating_add(up_to(most - least, rng)).min(cap)
    }
}

/// Returns `base · 2^exponent`, saturating.
pub(crate) fn doubled(base: Ticks, exponent: u32) -> Ticks {
    // After as many steps as there are bits it is 0 or the most there is.
    (0..exponent.min(Ticks::BITS)).fold(base, |doubled, _| doubled.saturating_add(doubled))
}

/// Draws a number in `0..=most`. Both clocks take one word of 64 bits, so that what is drawn
/// afterwards is the same.
pub(crate) fn up_to(most: Ticks, rng: &mut impl Rng) -> Ticks {
    scaled(rng.next_u64(), most)
}

/// Returns the number in `0..=most` that lies where `word` lies in `0..2⁶⁴`:
/// `word · (most + 1) / 2⁶⁴`, rounded down. No number's probability is more than 2⁻⁶⁴ off.
#[cfg(not(feature = "millis32"))]
pub(crate) const fn scaled(word: u64, most: Ticks) -> Ticks {
    // word · most + word: the upper half, and the carry from the lower one.
    let carry = word.wrapping_mul(most).checked_add(word).is_none();
    crate::time::high_product(word, most) + carry as u64
}

/// Returns the number in `0..=most` that lies where `word` lies in `0..2⁶⁴`, by its upper half. No
/// number's probability is more than 2⁻³² off.
#[cfg(feature = "millis32")]
pub(crate) const fn scaled(word: u64, most: Ticks) -> Ticks {
    let word = (word >> 32) as u32;
    match most.checked_add(1) {
        Some(whole) => crate::hash::share(whole, word),
        None => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubling_saturates() {
        assert_eq!((doubled(25, 0), doubled(25, 3), doubled(0, 70)), (25, 200, 0));
        assert_eq!(doubled(1, Ticks::BITS - 1), 1 << (Ticks::BITS - 1));
        assert_eq!(doubled(1, Ticks::BITS), Ticks::MAX);
        assert_eq!(doubled(3, Ticks::BITS - 1), Ticks::MAX);
        assert_eq!(doubled(Ticks::MAX, 1), Ticks::MAX);
    }

    #[test]
    fn scaling_is_the_product_of_all_bits() {
        let edges = [0, 1, 2, 0x7fff_ffff, 0xffff_ffff, 1 << 32, 0x1_0000_0001, 1 << 63, u64::MAX];
        let random =
            (1..200_u64).map(|step| step.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (step % 64));
        let words = edges.into_iter().chain(random);
        for word in words.clone() {
            for most in words.clone().map(|most| most as Ticks) {
                let used = u128::from(word >> (64 - Ticks::BITS));
                let product = (used * (u128::from(most) + 1)) >> Ticks::BITS;
                assert_eq!(u128::from(scaled(word, most)), product, "{word} in 0..={most}");
            }
        }
    }
}
