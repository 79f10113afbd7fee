//! tokio's clock as the core's.

use evenkeel_core::Instant;

/// Reads tokio's clock, which tests can pause.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: tokio::time::Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { origin: tokio::time::Instant::now() }
    }

    pub(crate) fn now(self) -> Instant {
        Instant::ZERO + self.origin.elapsed()
    }

    /// Returns at `until`; never, if that is the end of time.
    pub(crate) async fn sleep_until(self, until: Instant) {
        match self.origin.checked_add(until.saturating_since(Instant::ZERO)) {
            Some(until_tokio) if until < Instant::MAX => tokio::time::sleep_until(until_tokio).await,
            _ => core::future::pending().await,
        }
    }
}
