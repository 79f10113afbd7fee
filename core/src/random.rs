//! A small generator for whoever has none.

use core::convert::Infallible;

use rand_core::{Rng, TryRng};

use crate::hash::{SPLITMIX64_STEP, share, splitmix64};

/// Gives random numbers that are good enough for choosing endpoints: `SplitMix64` (Steele, Lea,
/// Flood: Fast Splittable Pseudorandom Number Generators, 2014), a counter of 8 bytes and a
/// finalizer of three multiplications. Nothing secret may hang on them.
///
/// Everything here takes any generator of `rand_core`; this one saves a dependency, and the
/// JavaScript package draws the same numbers from the same seed.
///
/// ```
/// use evenkeel_core::rand_core::Rng;
/// use evenkeel_core::random::SplitMix64;
///
/// // A seed of this client's own: from the hardware, a serial number, or the time of the start.
/// let mut rng = SplitMix64::new(1_234_567);
/// assert_eq!(rng.next_u64(), 6_457_827_717_110_365_317);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// Makes a generator whose numbers are those of the seed; any seed is as good as any other.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next number.
    #[inline]
    const fn word(&mut self) -> u64 {
        let word = splitmix64(self.0);
        self.0 = self.0.wrapping_add(SPLITMIX64_STEP);
        word
    }
}

impl TryRng for SplitMix64 {
    type Error = Infallible;

    /// Returns the upper half of the next number.
    #[inline]
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.word() >> 32) as u32)
    }

    #[inline]
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.word())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            chunk.iter_mut().zip(self.word().to_le_bytes()).for_each(|(byte, word)| *byte = word);
        }
        Ok(())
    }
}

/// Returns two different random numbers in `0..n`, as [`Cx::pair`](crate::Cx::pair) says.
#[inline]
pub(crate) fn pair(rng: &mut dyn Rng, n: usize) -> (usize, usize) {
    let n = clamp(n);
    if n < 2 {
        return (0, 0);
    }
    let bits = rng.next_u64();
    let first = share(n, (bits >> 32) as u32);
    // The second is drawn from all but the first: those from the hole on move up by one.
    let second = share(n - 1, bits as u32);
    (first as usize, (second + u32::from(second >= first)) as usize)
}

/// Returns a number of things in 32 bits.
#[inline]
pub(crate) fn clamp(n: usize) -> u32 {
    n.min(u32::MAX as usize) as u32
}
