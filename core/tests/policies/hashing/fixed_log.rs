//! The fixed-point logarithm against the host's floating point.

use evenkeel_core::policy::fixed_log::{FRACTION, minus_ln};

use crate::fixture::keys;

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

#[test]
fn never_grows_across_intervals() {
    for exponent in 0..56 {
        for bucket in 128..256_u64 {
            let edge = (bucket << 56) >> exponent;
            for hash in edge - 3..edge + 3 {
                assert!(minus_ln(hash) >= minus_ln(hash + 1), "{hash:#x}");
            }
        }
    }
}

#[test]
fn never_grows_within_an_interval() {
    let mut hash = 1_u64;
    for step in 0..100_000_u64 {
        hash = hash.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(step);
        for ahead in [1, 2, 1 << 10, 1 << 40] {
            assert!(minus_ln(hash) >= minus_ln(hash.saturating_add(ahead)), "{hash:#x}");
        }
    }
}
