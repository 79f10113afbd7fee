//! Negative powers of two in fixed point.

/// The number of a weight's bits behind the point.
const FRACTION: u32 = 31;

/// One, as a weight.
#[cfg(test)]
const ONE: u64 = 1 << FRACTION;

/// 2^(−k/256) for k = 0..=256, in units of 2⁻³¹.
#[cfg(any(test, not(target_arch = "wasm32")))]
static POWERS: [u32; 257] = {
    let mut powers = [0; 257];
    let mut k = 0;
    while k < powers.len() {
        powers[k] = rounded(root_to(k) >> 1) as u32;
        k += 1;
    }
    powers
};

/// 2^(−k/16) for k = 0..=16 and 2^(−k/256) for k = 0..16, in units of 2⁻⁶³: together the same with
/// less to download.
#[cfg(any(test, target_arch = "wasm32"))]
static COARSE_AND_FINE: ([u64; 17], [u64; 16]) = {
    let (mut coarse, mut fine) = ([0; 17], [0; 16]);
    let mut k = 0;
    while k < 17 {
        coarse[k] = root_to(16 * k);
        if k < 16 {
            fine[k] = root_to(k);
        }
        k += 1;
    }
    (coarse, fine)
};

/// Returns 2^(−halvings) as a weight, in units of 2⁻³¹; `halvings` in units of 2⁻⁵⁶. Too high by less
/// than 2⁻¹⁹ of itself, or too low by less than 2⁻³⁰.
///
/// Between the steps of the table it is a straight line, so that even microseconds count beside a
/// τ of seconds.
#[inline]
pub(super) fn weight_after(halvings: u64) -> u64 {
    let step = step(halvings);
    let (upper, lower) = (power(step), power(step + 1));
    let between = (halvings >> 16) & 0xffff_ffff;
    halve(upper - (((upper - lower) * between) >> 32), halvings)
}

/// Returns the same to the last whole step: too high by less than 0.28 % of itself. Takes half the
/// time.
#[inline]
pub(super) fn rough_weight_after(halvings: u64) -> u64 {
    halve(power(step(halvings)), halvings)
}

/// Returns the part of `nanos` that has this weight, rounded down. Without a division, and where
/// products of 128 bits are long, without one: the weight has 32, so two products of halves do.
#[inline]
pub(super) fn scale(nanos: u64, weight: u64) -> u64 {
    if cfg!(target_pointer_width = "64") {
        return ((u128::from(nanos) * u128::from(weight)) >> FRACTION) as u64;
    }
    scale_in_halves(nanos, weight)
}

#[inline]
fn scale_in_halves(nanos: u64, weight: u64) -> u64 {
    const HALF: u64 = u32::MAX as u64;
    let (upper, lower) = ((nanos >> 32) * weight, (nanos & HALF) * weight);
    (upper << (32 - FRACTION)) + (lower >> FRACTION)
}

#[inline]
fn step(halvings: u64) -> usize {
    ((halvings >> 48) & 0xff) as usize
}

#[inline]
fn power(step: usize) -> u64 {
    // A step is below 256, so there is one behind it.
    #[cfg(not(target_arch = "wasm32"))]
    return POWERS.get(step).map_or(0, |&power| power.into());
    #[cfg(target_arch = "wasm32")]
    product_of_powers(step)
}

#[cfg(any(test, target_arch = "wasm32"))]
fn product_of_powers(step: usize) -> u64 {
    let (coarse, fine) = &COARSE_AND_FINE;
    let (coarse, fine) = (coarse.get(step / 16), fine.get(step % 16));
    rounded(rough_product(coarse.copied().unwrap_or(0), fine.copied().unwrap_or(0)))
}

/// Returns the upper 64 bits of a product, or one or two less: three products of 32 bits, where an
/// exact one calls a function for 128.
#[cfg(any(test, target_arch = "wasm32"))]
const fn rough_product(a: u64, b: u64) -> u64 {
    const HALF: u64 = u32::MAX as u64;
    let (a_high, b_high) = (a >> 32, b >> 32);
    a_high * b_high + ((a_high * (b & HALF)) >> 32) + (((a & HALF) * b_high) >> 32)
}

/// Returns a power in units of 2⁻⁶² in units of 2⁻³¹, to the nearest.
const fn rounded(power: u64) -> u64 {
    (power >> (62 - FRACTION - 1)).div_ceil(2)
}

#[inline]
fn halve(weight: u64, halvings: u64) -> u64 {
    weight.checked_shr((halvings >> 56) as u32).unwrap_or(0)
}

/// Computes a power of the 256th root of one half, which is eight square roots of it, in units of
/// 2⁻⁶³; for the compiler only.
const fn root_to(k: usize) -> u64 {
    const BITS: u32 = 63;
    let mut root: u128 = 1 << (BITS - 1);
    let mut roots = 0;
    while roots < 8 {
        root = (root << BITS).isqrt();
        roots += 1;
    }
    let mut power: u128 = 1 << BITS;
    let mut factors = 0;
    while factors < k {
        power = (power * root) >> BITS;
        factors += 1;
    }
    power as u64
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss)] // 31 bits of them matter.
mod tests {
    use super::{ONE, POWERS, product_of_powers, rough_weight_after};
    use super::{scale, scale_in_halves, weight_after};

    #[test]
    fn the_table_is_rounded_to_the_nearest() {
        for k in 0..=256_u32 {
            let exact = (-f64::from(k) / 256.0).exp2() * ONE as f64;
            assert!((exact - f64::from(POWERS[k as usize])).abs() < 0.500_001, "{k}");
        }
    }

    #[test]
    fn products_are_the_same_as_the_table() {
        for (k, &power) in POWERS.iter().enumerate() {
            assert_eq!(product_of_powers(k), power.into(), "{k}");
        }
    }

    #[test]
    fn weights_are_powers_of_two() {
        for sample in 0..=10_000_u64 {
            let halvings = sample * ((40 << 56) / 10_000);
            let exact = (-(halvings as f64) / (1_u64 << 56) as f64).exp2() * ONE as f64;
            let fine = weight_after(halvings) as f64;
            let rough = rough_weight_after(halvings) as f64;
            let most = exact * (1.0 + 1.0 / f64::from(1 << 19)) + 1.0;
            assert!(fine > exact - 2.0 && fine < most, "{sample}: {fine} {exact}");
            let most = exact * 1.0028 + 1.0;
            assert!(rough > exact - 2.0 && rough < most, "{sample}: {rough} {exact}");
        }
        let weights = [0, 1 << 56, u64::MAX].map(weight_after);
        assert_eq!(weights, [ONE, ONE / 2, 0]);
    }

    #[test]
    fn weights_never_rise() {
        let weights = (0..100_000_u64).map(|at| weight_after(at << 44));
        assert!(weights.is_sorted_by(|a, b| a >= b));
    }

    #[test]
    fn halves_make_the_whole_product() {
        let whole = |nanos: u64, weight: u64| (u128::from(nanos) * u128::from(weight)) >> 31;
        let mut nanos = u64::MAX;
        for step in 0..10_000_u64 {
            for weight in [0, 1, ONE / 2 + 1, ONE - 1, ONE, step * 214_748] {
                assert_eq!(u128::from(scale(nanos, weight)), whole(nanos, weight));
                assert_eq!(scale_in_halves(nanos, weight), scale(nanos, weight));
            }
            nanos = nanos.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(step);
        }
    }
}
