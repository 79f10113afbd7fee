//! The caller's clock.
//!
//! A time is one number: nanoseconds of 64 bits, or, with the feature `millis32`, milliseconds of
//! 32 bits for targets where every byte of flash counts. Both have the same methods.

use core::fmt;
use core::ops::Add;
use core::time::Duration;

/// The unit of times and spans, counted.
#[cfg(not(feature = "millis32"))]
pub(crate) type Ticks = u64;
/// The unit of times and spans, counted.
#[cfg(feature = "millis32")]
pub(crate) type Ticks = u32;

/// A point in time since an origin that the caller chooses.
///
/// Any monotonic clock serves. Nanoseconds of 64 bits last 584 years, and all arithmetic
/// saturates. With the feature `millis32` it is milliseconds of 32 bits, which wrap after 49.7
/// days: two times are compared by their distance, so no two that are compared may lie more than
/// 24.8 days apart, and what is rounded is rounded down.
///
/// With the feature `serde` it is a number, in nanoseconds; JavaScript rounds those from 104 days
/// (2⁵³ ns) after the origin on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Instant(Ticks);

impl Instant {
    /// The clock's origin.
    pub const ZERO: Self = Self(0);
    /// The last time there is.
    pub const MAX: Self = Self(Ticks::MAX);

    /// Makes a time from nanoseconds since the origin.
    pub const fn from_nanos(nanos: u64) -> Self {
        #[cfg(not(feature = "millis32"))]
        return Self(nanos);
        #[cfg(feature = "millis32")]
        return Self(millis(nanos));
    }

    /// Makes a time from microseconds since the origin, saturating.
    pub const fn from_micros(micros: u64) -> Self {
        #[cfg(not(feature = "millis32"))]
        return Self(micros.saturating_mul(1_000));
        #[cfg(feature = "millis32")]
        return Self(thousandth(micros) as u32);
    }

    /// Makes a time from milliseconds since the origin, saturating.
    pub const fn from_millis(millis: u64) -> Self {
        #[cfg(not(feature = "millis32"))]
        return Self(millis.saturating_mul(1_000_000));
        #[cfg(feature = "millis32")]
        return Self(millis as u32);
    }

    /// Makes a time from seconds since the origin, saturating.
    pub const fn from_secs(secs: u64) -> Self {
        Self::from_millis(secs.saturating_mul(1_000))
    }

    /// Returns nanoseconds since the origin.
    pub const fn as_nanos(self) -> u64 {
        #[cfg(not(feature = "millis32"))]
        return self.0;
        #[cfg(feature = "millis32")]
        return self.0 as u64 * 1_000_000;
    }

    /// Returns whole microseconds since the origin. Without a division.
    pub const fn as_micros(self) -> u64 {
        #[cfg(not(feature = "millis32"))]
        return thousandth(self.0);
        #[cfg(feature = "millis32")]
        return self.0 as u64 * 1_000;
    }

    /// Returns whole milliseconds since the origin. Without a division.
    pub const fn as_millis(self) -> u64 {
        #[cfg(not(feature = "millis32"))]
        // A million is 2⁶ · 15,625, and ⌈2⁷⁷ / 15,625⌉ is exact for 58 bits.
        return high_product(self.0 >> 6, 0x8637_bd05_af6c_69b6) >> 13;
        #[cfg(feature = "millis32")]
        return self.0 as u64;
    }

    /// Returns this time moved later by `duration`, at most [`Instant::MAX`].
    #[must_use]
    pub const fn saturating_add(self, duration: Duration) -> Self {
        self.later(ticks(duration))
    }

    /// Returns this time moved earlier by `duration`, at least [`Instant::ZERO`].
    #[must_use]
    pub const fn saturating_sub(self, duration: Duration) -> Self {
        self.earlier(ticks(duration))
    }

    /// Returns the time from `earlier` to this one; zero if `earlier` is later.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        duration(self.since(earlier))
    }

    /// Returns the ticks since the origin; those of 32 bits wrap.
    #[inline]
    pub(crate) const fn raw(self) -> Ticks {
        self.0
    }

    /// Returns the ticks since `earlier`; 0 if that is later.
    #[inline]
    pub(crate) const fn since(self, earlier: Self) -> Ticks {
        if self.has_reached(earlier) { self.0.wrapping_sub(earlier.0) } else { 0 }
    }

    /// Tells that `at` has come at this time.
    #[inline]
    pub(crate) const fn has_reached(self, at: Self) -> bool {
        #[cfg(not(feature = "millis32"))]
        return self.0 >= at.0;
        #[cfg(feature = "millis32")]
        return self.0.wrapping_sub(at.0).cast_signed() >= 0;
    }

    /// Returns the time so many ticks later.
    #[inline]
    pub(crate) const fn later(self, by: Ticks) -> Self {
        #[cfg(not(feature = "millis32"))]
        return Self(self.0.saturating_add(by));
        #[cfg(feature = "millis32")]
        return Self(self.0.wrapping_add(if by > HORIZON { HORIZON } else { by }));
    }

    /// Returns the time so many ticks earlier.
    #[inline]
    pub(crate) const fn earlier(self, by: Ticks) -> Self {
        #[cfg(not(feature = "millis32"))]
        return Self(self.0.saturating_sub(by));
        #[cfg(feature = "millis32")]
        return Self(self.0.wrapping_sub(if by > HORIZON { HORIZON } else { by }));
    }

    /// Returns a time that is over, on a clock that is at this one.
    pub(crate) const fn long_ago(self) -> Self {
        self.earlier(Ticks::MAX / 4)
    }

    /// Returns the later of the two.
    #[inline]
    pub(crate) const fn or_later(self, other: Self) -> Self {
        if self.has_reached(other) { self } else { other }
    }

    /// Returns the earlier of the two.
    #[inline]
    pub(crate) const fn or_earlier(self, other: Self) -> Self {
        if self.has_reached(other) { other } else { self }
    }
}

/// The largest distance of two times of 32 bits: 24.8 days.
#[cfg(feature = "millis32")]
const HORIZON: Ticks = Ticks::MAX / 2;

impl Ord for Instant {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        if self == other {
            core::cmp::Ordering::Equal
        } else if self.has_reached(*other) {
            core::cmp::Ordering::Greater
        } else {
            core::cmp::Ordering::Less
        }
    }
}

impl PartialOrd for Instant {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }

    #[inline]
    fn ge(&self, other: &Self) -> bool {
        self.has_reached(*other)
    }

    #[inline]
    fn lt(&self, other: &Self) -> bool {
        !self.has_reached(*other)
    }

    #[inline]
    fn le(&self, other: &Self) -> bool {
        other.has_reached(*self)
    }

    #[inline]
    fn gt(&self, other: &Self) -> bool {
        !other.has_reached(*self)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// Saturates at [`Instant::MAX`].
    fn add(self, duration: Duration) -> Self {
        self.saturating_add(duration)
    }
}

impl fmt::Display for Instant {
    /// Writes seconds since the origin, as `12.345678901s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.as_nanos();
        write!(f, "{}.{:09}s", nanos / 1_000_000_000, nanos % 1_000_000_000)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Instant {
    fn serialize<W: serde::Serializer>(&self, serializer: W) -> Result<W::Ok, W::Error> {
        self.as_nanos().serialize(serializer)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Instant {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(Self::from_nanos)
    }
}

/// Returns a duration in whole ticks, saturating, rounded up to the next tick: no wait gets
/// shorter. It is too long to stand at every use on small processors.
#[cfg_attr(target_pointer_width = "32", inline(never))]
pub(crate) const fn ticks(duration: Duration) -> Ticks {
    constant(duration)
}

/// Returns the [`ticks`] of a duration that the compiler knows.
#[expect(clippy::inline_always, reason = "a constant that must fold")]
#[inline(always)]
pub(crate) const fn constant(duration: Duration) -> Ticks {
    #[cfg(not(feature = "millis32"))]
    return nanos_of(duration);
    #[cfg(feature = "millis32")]
    {
        if duration.as_secs() >= (HORIZON / 1_000) as u64 {
            return HORIZON;
        }
        // A million is 2⁶ · 15,625, and ⌈2⁴⁵ / 15,625⌉ is exact for 32 bits.
        let rest = (duration.subsec_nanos() + 999_999) >> 6;
        duration.as_secs() as u32 * 1_000 + ((rest as u64 * 0x8637_bd06) >> 45) as u32
    }
}

/// Returns ticks as a duration.
#[cfg(not(feature = "millis32"))]
pub(crate) const fn duration(ticks: Ticks) -> Duration {
    duration_of_nanos(ticks)
}

/// Returns ticks as a duration, without a division: ⌈2³⁸ / 1,000⌉ is exact for 32 bits.
#[cfg(feature = "millis32")]
pub(crate) const fn duration(ticks: Ticks) -> Duration {
    let secs = ((ticks as u64 * 0x1062_4dd3) >> 38) as u32;
    let millis = ticks - secs * 1_000;
    // The comparison tells the compiler that `Duration::new` cannot overflow.
    if millis < 1_000 { Duration::new(secs as u64, millis * 1_000_000) } else { Duration::ZERO }
}

/// Returns nanoseconds as ticks.
pub(crate) const fn ticks_of_nanos(nanos: u64) -> Ticks {
    #[cfg(not(feature = "millis32"))]
    return nanos;
    #[cfg(feature = "millis32")]
    return if nanos > nanos_of_ticks(HORIZON) { HORIZON } else { millis(nanos + 999_999) };
}

/// Returns ticks in nanoseconds.
pub(crate) const fn nanos_of_ticks(ticks: Ticks) -> u64 {
    #[cfg(not(feature = "millis32"))]
    return ticks;
    #[cfg(feature = "millis32")]
    return ticks as u64 * 1_000_000;
}

/// Returns a duration in whole nanoseconds, saturating.
#[cfg_attr(target_pointer_width = "32", inline(never))]
pub(crate) const fn nanos(duration: Duration) -> u64 {
    nanos_of(duration)
}

/// Returns the [`nanos`] of a duration that the compiler knows. Without the 128-bit division of
/// `Duration::as_nanos`.
#[expect(clippy::inline_always, reason = "a constant that must fold")]
#[inline(always)]
const fn nanos_of(duration: Duration) -> u64 {
    // On 32 bits a comparison is less code than a multiplication that finds its own overflow.
    if duration.as_secs() > u64::MAX / 1_000_000_000 {
        return u64::MAX;
    }
    (duration.as_secs() * 1_000_000_000).saturating_add(duration.subsec_nanos() as u64)
}

/// Returns nanoseconds as a duration, without the division of `Duration::from_nanos`.
pub(crate) const fn duration_of_nanos(nanos: u64) -> Duration {
    // A second is 2⁹ · 5⁹ ns: ⌈2⁸⁴ / 5⁹⌉ = 2⁶³·⁰⁹…, exact for 55 bits.
    let secs = high_product(nanos >> 9, 0x8970_5f41_36b4_a598) >> 20;
    let rest = nanos.wrapping_sub(secs.wrapping_mul(1_000_000_000)) as u32;
    // The comparison tells the compiler that `Duration::new` cannot overflow.
    if rest < 1_000_000_000 { Duration::new(secs, rest) } else { Duration::ZERO }
}

/// Returns the lower 32 bits of ⌊nanos / 1,000,000⌋.
#[cfg(feature = "millis32")]
#[cfg_attr(target_pointer_width = "32", inline(never))]
const fn millis(nanos: u64) -> u32 {
    // A million is 2⁶ · 15,625. By digits of 16 bits, as by hand: what is divided has 30.
    let (mut left, mut quotient, mut rest) = (nanos >> 6, 0, 0);
    let mut digits = 0;
    while digits < 4 {
        let part = rest << 16 | (left >> 48) as u32;
        // ⌈2⁴⁵ / 15,625⌉ is exact for 32 bits.
        let digit = ((part as u64 * 0x8637_bd06) >> 45) as u32;
        rest = part - digit * 15_625;
        quotient = quotient << 16 | digit;
        left <<= 16;
        digits += 1;
    }
    quotient
}

/// Returns ⌊number / 1,000⌋. A thousand is 2³ · 125, and ⌈2⁷⁰ / 125⌉ is exact for 61 bits.
const fn thousandth(number: u64) -> u64 {
    high_product(number >> 3, 0x8312_6e97_8d4f_df3c) >> 6
}

/// Returns the upper 64 bits of a product.
#[cfg(target_pointer_width = "64")]
#[inline]
pub(crate) const fn high_product(a: u64, b: u64) -> u64 {
    ((a as u128 * b as u128) >> 64) as u64
}

/// Returns the upper 64 bits of a product, by halves: small processors have no product of 64 bits.
#[cfg(not(target_pointer_width = "64"))]
pub(crate) const fn high_product(a: u64, b: u64) -> u64 {
    const HALF: u64 = u32::MAX as u64;
    let (a_high, a_low) = (a >> 32, a & HALF);
    let (b_high, b_low) = (b >> 32, b & HALF);
    let middle = a_high * b_low + ((a_low * b_low) >> 32);
    let other = a_low * b_high + (middle & HALF);
    a_high * b_high + (middle >> 32) + (other >> 32)
}
