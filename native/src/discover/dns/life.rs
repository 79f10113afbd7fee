//! How long what was found holds.

use core::time::Duration;

use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// A time to live, from when it was told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    since: Instant,
    ttl: Duration,
}

impl Life {
    pub(super) fn new(since: Instant, ttl: Duration) -> Self {
        Self { since, ttl }
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
