//! How long what was found holds.

use core::time::Duration;

use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// A time to live, from when it was told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    since: Instant,
    ttl: Duration,
    /// It was told as none, after another.
    ends: bool,
}

impl Life {
    pub(super) fn new(since: Instant, ttl: Duration) -> Self {
        Self { since, ttl, ends: false }
    }

    /// Begins where another was told before. A cache counts down, and tells of none in the last
    /// second: after a life, one of zero is taken for that second. Records that have none of their
    /// own say so again.
    pub(super) fn after(before: Option<Self>, since: Instant, ttl: Duration) -> Self {
        let ends = ttl.is_zero() && before.is_some_and(|life| !life.ttl.is_zero() && !life.ends);
        Self { since, ttl: if ends { SECOND } else { ttl }, ends }
    }

    pub(super) fn since(self) -> Instant {
        self.since
    }

    pub(super) fn is_over(self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= self.ttl
    }

    /// Returns what is left, a begun second as a whole one, at least one: none at all means that
    /// nothing was said (RFC 1035 §3.2.1), as with a time to live of zero.
    pub(super) fn left(self, now: Instant) -> Duration {
        if self.ttl.is_zero() {
            return Duration::ZERO;
        }
        let left = self.ttl.saturating_sub(now.saturating_duration_since(self.since));
        let begun = u64::from(left.subsec_nanos() > 0);
        Duration::from_secs(left.as_secs().saturating_add(begun)).max(SECOND)
    }
}

/// Reads a TTL as RFC 2181 §8 does: one with the top bit set is 0.
pub(super) fn meant(ttl: u32) -> u32 {
    if ttl > i32::MAX.unsigned_abs() { 0 } else { ttl }
}

/// Reads a TTL as a time.
pub(super) fn seconds(ttl: u32) -> Duration {
    Duration::from_secs(meant(ttl).into())
}
