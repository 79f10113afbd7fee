//! The fixed-point logarithm against the host's floating point.

use evenkeel_core::policy::fixed_log::{FRACTION, minus_ln};

use crate::bed::keys;

/// −ln((hash | 1) / 2⁶⁴), through ln(1 + x) where that is more exact.
fn oracle(hash: u64) -> f64 {
    let (u, one) = (hash | 1, 2_f64.powi(64));
    if u >> 63 == 1 { -(-(u.wrapping_neg() as f64) / one).ln_1p() } else { -(u as f64 / one).ln() }
}

fn check(hash: u64) {
    let (got, want) = (minus_ln(hash) as f64 / 2_f64.powi(FRACTION.cast_signed()), oracle(hash));
    let limit = want * 2_f64.powi(-36) + 2_f64.powi(-56);
    assert!((got - want).abs() <= limit, "{hash:#x}: {got} instead of {want}");
}

#[test]
fn within_the_stated_precision() {
    for (i, key) in keys(1, 200_000).enumerate() {
        check(key);
        check(key >> (i % 64));
        check(!(key >> (i % 64)));
    }
    for edge in (0..64).map(|bit| 1_u64 << bit) {
        [edge - 1, edge, edge + 1, !edge].into_iter().for_each(check);
    }
}
