//! Negative powers of two in fixed point.

/// One, as a weight.
pub(super) const ONE: u64 = 1 << 31;

/// 2^(−k/256) for k = 0..=256, in units of 2⁻³¹.
static POWERS: [u32; 257] = powers();

/// 2^(−halvings), in units of [`ONE`]⁻¹; `halvings` in units of 2⁻⁵⁶. Too high by less than 2⁻¹⁹ of itself, or too low by less
/// than 2⁻³⁰.
///
/// Between the steps of the table it is a straight line, so that even microseconds count beside a τ of seconds.
#[inline]
pub(super) fn weight_after(halvings: u64) -> u64 {
    let step = step(halvings);
    let (upper, lower) = (u64::from(POWERS[step]), u64::from(POWERS[step + 1]));
    let between = (halvings >> 16) & 0xffff_ffff;
    halve(upper - (((upper - lower) * between) >> 32), halvings)
}

/// The same to the last whole step: too high by less than 0.28 % of itself. Half the time of the other.
#[inline]
pub(super) fn rough_weight_after(halvings: u64) -> u64 {
    halve(POWERS[step(halvings)].into(), halvings)
}

#[inline]
fn step(halvings: u64) -> usize {
    ((halvings >> 48) & 0xff) as usize
}

#[inline]
fn halve(weight: u64, halvings: u64) -> u64 {
    weight.checked_shr((halvings >> 56) as u32).unwrap_or(0)
}

/// The powers of the 256th root of one half, which is eight square roots of it.
const fn powers() -> [u32; 257] {
    const FRACTION: u32 = 63;
    let mut root: u128 = 1 << (FRACTION - 1);
    let mut roots = 0;
    while roots < 8 {
        root = (root << FRACTION).isqrt();
        roots += 1;
    }
    let mut powers = [0; 257];
    let mut power: u128 = 1 << FRACTION;
    let mut k = 0;
    while k < powers.len() {
        powers[k] = (power >> (FRACTION - 32)).div_ceil(2) as u32;
        power = (power * root) >> FRACTION;
        k += 1;
    }
    powers
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss)] // 31 bits of them matter.
mod tests {
    use super::{ONE, rough_weight_after, weight_after};

    #[test]
    fn the_table_is_rounded_to_the_nearest() {
        for k in 0..=256_u32 {
            let exact = (-f64::from(k) / 256.0).exp2() * ONE as f64;
            assert!((exact - f64::from(super::POWERS[k as usize])).abs() < 0.500_001, "{k}");
        }
    }

    #[test]
    fn weights_are_powers_of_two() {
        for sample in 0..=10_000_u64 {
            let halvings = sample * ((40 << 56) / 10_000);
            let exact = (-(halvings as f64) / (1_u64 << 56) as f64).exp2() * ONE as f64;
            let (fine, rough) = (weight_after(halvings) as f64, rough_weight_after(halvings) as f64);
            assert!(
                fine > exact - 2.0 && fine < exact * (1.0 + 1.0 / f64::from(1 << 19)) + 1.0,
                "{sample}: {fine} {exact}"
            );
            assert!(rough > exact - 2.0 && rough < exact * 1.0028 + 1.0, "{sample}: {rough} {exact}");
        }
        assert_eq!((weight_after(0), weight_after(1 << 56), weight_after(u64::MAX)), (ONE, ONE / 2, 0));
    }

    #[test]
    fn weights_never_rise() {
        let weights = (0..100_000_u64).map(|at| weight_after(at << 44));
        assert!(weights.is_sorted_by(|a, b| a >= b));
    }
}
