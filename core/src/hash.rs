//! Hashes for request keys: the same on every platform and in every version.
//!
//! Policies that keep requests together ([`Rendezvous`](crate::policy::Rendezvous),
//! [`Maglev`](crate::policy::Maglev), [`RingHash`](crate::policy::RingHash),
//! [`Ketama`](crate::policy::Ketama)) take the key of a [`Request`](crate::Request) as a hash
//! already: on a ring, keys 1, 2 and 3 would be neighbours and share an endpoint. Hash what the
//! requests have in common with [`str()`] or [`bytes`].
//!
//! None of them is a defence against someone who chooses the keys.

mod xxh64;

use crc::{CRC_32_ISO_HDLC, Crc};
pub(crate) use xxh64::Xxh64;

/// A table of one kilobyte; none where it would have to be downloaded.
#[cfg(not(target_arch = "wasm32"))]
type Tables = crc::Table<1>;
#[cfg(target_arch = "wasm32")]
type Tables = crc::NoTable;

/// CRC-32 as in zlib and nginx.
pub(crate) static CRC32: Crc<u32, Tables> = Crc::<u32, Tables>::new(&CRC_32_ISO_HDLC);

/// Returns the key of `bytes`: XXH64 with seed 0, what Envoy and gRPC hash request properties with.
///
/// ```
/// assert_eq!(evenkeel_core::hash::bytes(b"abc"), 0x44bc_2cf5_ad77_0999);
/// ```
pub fn bytes(bytes: &[u8]) -> u64 {
    Xxh64::oneshot(0, bytes)
}

/// Returns the key of a text: [`bytes`] of its UTF-8.
pub fn str(text: &str) -> u64 {
    bytes(text.as_bytes())
}

/// Returns the key with which [`Ketama`](crate::policy::Ketama) picks what nginx's
/// `hash … consistent` picks: CRC-32.
///
/// ```
/// assert_eq!(evenkeel_core::hash::crc32(b"123456789"), 0xcbf4_3926);
/// ```
pub fn crc32(bytes: &[u8]) -> u64 {
    CRC32.checksum(bytes).into()
}

/// Returns the id of an address: [`bytes`] of its key.
pub fn of_key<A: crate::Address>(addr: &A) -> u64 {
    let mut hash = Xxh64::new(0);
    addr.key(&mut |bytes| hash.write(bytes));
    hash.finish()
}

/// Returns a hash of a pair of numbers, such as a key and an endpoint's id; neither needs to be a
/// hash itself.
///
/// For each `a` it is a permutation of all `b`: two ids never collide under one key.
pub const fn mix(a: u64, b: u64) -> u64 {
    splitmix64(splitmix64(a) ^ b)
}

/// Returns what a `SplitMix64` generator in the state `word` gives next (Steele, Lea, Flood: Fast
/// Splittable Pseudorandom Number Generators, 2014): a permutation in which each bit of the input
/// changes each bit of the output with a probability of about one half. The next state is `word` +
/// [`SPLITMIX64_STEP`].
pub const fn splitmix64(word: u64) -> u64 {
    let word = word.wrapping_add(SPLITMIX64_STEP);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// The step of a `SplitMix64` generator's state for each number: 2⁶⁴/φ, odd.
pub const SPLITMIX64_STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Returns the part of `whole` that 32 random bits stand for: 0 or more, less than `whole`.
///
/// It is the upper half of their product (Lemire 2019): no part's probability is more than 2⁻³² off.
#[inline]
pub(crate) const fn share(whole: u32, word: u32) -> u32 {
    ((whole as u64 * word as u64) >> 32) as u32
}

/// Returns the part of `whole` that 32 random bits, the upper ones of `bits`, stand for: 0 or more,
/// less than `whole`. Without 128-bit arithmetic.
#[cfg(not(feature = "millis32"))]
pub(crate) const fn part(whole: u64, bits: u64) -> u64 {
    let (high, low, bits) = (whole >> 32, whole & 0xffff_ffff, bits >> 32);
    high * bits + ((low * bits) >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_splitmix64() {
        // The first outputs for the seed 1234567 that implementations of SplitMix64 publish.
        let outputs =
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        for (step, output) in (0..).zip(outputs) {
            assert_eq!(
                splitmix64(SPLITMIX64_STEP.wrapping_mul(step).wrapping_add(1_234_567)),
                output
            );
        }
    }
}
