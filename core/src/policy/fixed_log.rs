//! Logarithms without floating point, the same bit for bit on every platform.

use crate::time::high_product;

/// The number of bits of a [`minus_ln`] behind the point.
pub const FRACTION: u32 = 58;

/// Returns −ln(`u`) for `u` = (`hash` | 1) / 2⁶⁴, in units of 2⁻⁵⁸; at least one unit, at most
/// 64 · ln 2.
///
/// Off by less than 2⁻³⁶ of itself plus 2⁻⁵⁶. It never grows with `hash`, so it orders hashes as
/// they are, reversed. A table lookup and six multiplications.
pub fn minus_ln(hash: u64) -> u64 {
    // Odd, so neither 0 nor 1; the bit given up moves `u` by no more than 2⁻⁶⁴.
    let u = hash | 1;
    let exponent = u.leading_zeros();
    let mantissa = u << exponent;
    // The highest bit is set: what follows it is the number of the interval.
    let bucket = (mantissa >> 56) as usize & (BUCKETS - 1);
    let (reciprocal, ln_reciprocal) = entry(bucket);
    // u = 2^-exponent · m, and m · reciprocal = 1 - z: all parts of the sum are positive, so none
    // cancels another, and where m is almost 1 the reciprocal is 1 and z exact.
    let z = (((1 << 79) - u128::from(mantissa) * u128::from(reciprocal)) >> 15) as u64;
    let ln = u64::from(exponent) * LN_2 + ln_reciprocal + (minus_ln_1p(z) >> (64 - FRACTION));
    ln.max(1)
}

/// Intervals into which the mantissas, `1/2..1`, are divided.
const BUCKETS: usize = 128;

/// Returns the reciprocal of an interval's upper end, rounded down to units of 2⁻¹⁵.
const fn reciprocal(bucket: usize) -> u16 {
    ((1 << 23) / (BUCKETS + bucket + 1)) as u16
}

/// Returns the reciprocal of an interval, and that one's logarithm.
#[cfg(not(target_arch = "wasm32"))]
#[inline]
fn entry(bucket: usize) -> (u16, u64) {
    static TABLE: [(u16, u64); BUCKETS] = {
        let mut table = [(0, 0); BUCKETS];
        let mut bucket = 0;
        while bucket < BUCKETS {
            let reciprocal = reciprocal(bucket);
            table[bucket] = (reciprocal, ln(reciprocal as u64));
            bucket += 1;
        }
        table
    };
    TABLE.get(bucket).copied().unwrap_or_default()
}

/// The same from logarithms that are computed when they are asked for first, as zeros need not be
/// downloaded.
#[cfg(target_arch = "wasm32")]
fn entry(bucket: usize) -> (u16, u64) {
    use core::sync::atomic::{AtomicU64, Ordering};

    static KNOWN: [AtomicU64; BUCKETS] = [const { AtomicU64::new(0) }; BUCKETS];
    let reciprocal = reciprocal(bucket);
    let Some(known) = KNOWN.get(bucket) else { return (reciprocal, 0) };
    if known.load(Ordering::Relaxed) == 0 {
        known.store(ln(reciprocal.into()), Ordering::Relaxed);
    }
    (reciprocal, known.load(Ordering::Relaxed))
}

const LN_2: u64 = ln(2 << 15);

/// Returns ln(`x` / 2¹⁵) by the series 2 · artanh((x - 1) / (x + 1)).
const fn ln(x: u64) -> u64 {
    // The quotient of 64 bits, in two halves.
    let (above, below) = ((x - (1 << 15)) << 32, x + (1 << 15));
    let y = ((above / below) << 32) | (((above % below) << 32) / below);
    let square = high_product(y, y);
    let (mut power, mut sum, mut odd) = (y, 0, 1);
    while power > 0 {
        sum += (power + odd / 2) / odd;
        power = ((power as u128 * square as u128 + (1 << 63)) >> 64) as u64;
        odd += 2;
    }
    // Twice the sum, rounded.
    (sum + (1 << 4)) >> 5
}

/// Returns −ln(1 - z) = z + z²/2 + z³/3 + z⁴/4 + z⁵/5 + …, for z < 2⁻⁶·⁹ in units of 2⁻⁶⁴.
fn minus_ln_1p(z: u64) -> u64 {
    let tail = u64::MAX / 4 + high_product(z, u64::MAX / 5);
    let tail = u64::MAX / 3 + high_product(z, tail);
    let tail = u64::MAX / 2 + high_product(z, tail);
    z + high_product(z, high_product(z, tail))
}

#[cfg(test)]
mod tests {
    use super::{LN_2, minus_ln};

    #[test]
    fn known_values() {
        // ln 2 = 0.b17217f7d1cf79abc9e3b398…₁₆ (OEIS A002162).
        assert_eq!(LN_2, (0xb172_17f7_d1cf_79ab_u64 + 0x20) >> 6);
        assert_eq!(minus_ln(u64::MAX), 1);
        assert!((64 * LN_2).abs_diff(minus_ln(0)) < minus_ln(0) >> 36);
        assert_eq!(minus_ln(0), minus_ln(1));
    }
}
