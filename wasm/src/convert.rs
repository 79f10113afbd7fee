use core::time::Duration;

use evenkeel_core::Instant;

const NANOS_PER_MILLI: f64 = 1e6;

/// From milliseconds since the caller's origin; saturating, and the origin for NaN.
pub(crate) fn instant(millis: f64) -> Instant {
    Instant::from_nanos(nanos(millis))
}

/// From milliseconds; saturating, and zero for NaN. Not inlined: a division of 64 bits is large.
#[inline(never)]
pub(crate) fn duration(millis: f64) -> Duration {
    Duration::from_nanos(nanos(millis))
}

/// From milliseconds, where NaN stands for none.
pub(crate) fn maybe(millis: f64) -> Option<Duration> {
    (!millis.is_nan()).then(|| duration(millis))
}

/// In milliseconds, rounded up: who waits until then does not wake too early and spin. Never is
/// infinity.
pub(crate) fn millis(instant: Option<Instant>) -> f64 {
    let Some(instant) = instant else { return f64::INFINITY };
    let millis = fraction(instant.as_nanos());
    if nanos(millis) < instant.as_nanos() { millis.next_up() } else { millis }
}

/// From nanoseconds to milliseconds, to the nearest number.
#[expect(clippy::cast_precision_loss, reason = "to the nearest number")]
pub(crate) fn fraction(nanos: u64) -> f64 {
    nanos as f64 / NANOS_PER_MILLI
}

/// The nearest whole number; that of `112.345678 * 1e6` is below it.
#[expect(clippy::cast_sign_loss, reason = "`as` saturates, which is what is wanted")]
fn nanos(millis: f64) -> u64 {
    (millis * NANOS_PER_MILLI + 0.5) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_saturate() {
        assert_eq!(instant(1.5), Instant::from_micros(1500));
        assert_eq!(instant(112.345_678), Instant::from_nanos(112_345_678));
        assert_eq!(instant(-1.0), Instant::ZERO);
        assert_eq!(instant(f64::NAN), Instant::ZERO);
        assert_eq!(instant(f64::INFINITY), Instant::MAX);
        assert_eq!(duration(2.0), Duration::from_millis(2));
        assert_eq!(maybe(f64::NAN), None);
        assert!(millis(None).is_infinite());
    }

    #[test]
    fn a_wait_is_never_rounded_to_before_its_end() {
        let year = 365 * 24 * 3600 * 1_000_000_000_u64;
        for nanos in [1, 333, 1_000_001, year + 1, 57 * year + 12_345_678_901] {
            let until = Instant::from_nanos(nanos);
            assert!(instant(millis(Some(until))) >= until, "{nanos}");
        }
    }
}
