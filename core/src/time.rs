//! The caller's clock.

use core::fmt;
use core::ops::Add;
use core::time::Duration;

/// A point in time: nanoseconds since an origin that the caller chooses.
///
/// Any monotonic clock serves. All arithmetic saturates, so a clock that goes backwards or jumps far ahead gives wrong
/// waits, never a panic. 64 bits of nanoseconds last 584 years.
///
/// With the feature `serde` it is a number; JavaScript rounds it from 104 days (2⁵³ ns) after the origin on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Instant(u64);

impl Instant {
    /// The clock's origin.
    pub const ZERO: Self = Self(0);
    /// The end of time; as a deadline, "never".
    pub const MAX: Self = Self(u64::MAX);

    /// From nanoseconds since the origin.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// From microseconds since the origin, saturating.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    /// From milliseconds since the origin, saturating.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// From seconds since the origin, saturating.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(NANOS_PER_SEC))
    }

    /// Nanoseconds since the origin.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// This instant moved later by `duration`, at most [`Instant::MAX`].
    #[must_use]
    pub const fn saturating_add(self, duration: Duration) -> Self {
        self.later(nanos(duration))
    }

    /// This instant moved earlier by `duration`, at least [`Instant::ZERO`]; [`Instant::MAX`], "never", stays.
    #[must_use]
    pub const fn saturating_sub(self, duration: Duration) -> Self {
        self.earlier(nanos(duration))
    }

    /// The time from `earlier` to this instant; zero if `earlier` is later.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Nanoseconds since `earlier`; 0 if that is later. Without the division that a [`Duration`] costs.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub(crate) const fn nanos_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// So many nanoseconds later.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub(crate) const fn later(self, nanos: u64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// The later of the two. Shadows [`Ord::max`], which is long where it stands.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub(crate) const fn max(self, other: Self) -> Self {
        if self.0 < other.0 { other } else { self }
    }

    /// The earlier of the two.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub(crate) const fn min(self, other: Self) -> Self {
        if other.0 < self.0 { other } else { self }
    }

    /// So many nanoseconds earlier; "never" stays.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub(crate) const fn earlier(self, nanos: u64) -> Self {
        if self.0 == u64::MAX { self } else { Self(self.0.saturating_sub(nanos)) }
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
    /// Seconds since the origin, as `12.345678901s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}s", self.0 / NANOS_PER_SEC, self.0 % NANOS_PER_SEC)
    }
}

const NANOS_PER_SEC: u64 = 1_000_000_000;

/// A duration in whole nanoseconds, saturating; without the 128-bit division of `Duration::as_nanos`.
// Where numbers of 64 bits take two registers, it is too long to stand at every use.
#[cfg_attr(target_pointer_width = "32", inline(never))]
pub(crate) const fn nanos(duration: Duration) -> u64 {
    // On 32 bits a comparison is much less code than a multiplication that finds its own overflow.
    if duration.as_secs() > u64::MAX / NANOS_PER_SEC {
        return u64::MAX;
    }
    (duration.as_secs() * NANOS_PER_SEC).saturating_add(duration.subsec_nanos() as u64)
}
