//! tokio's clock as the core's, and the date.

use std::time::SystemTime;

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

    #[inline(never)]
    pub(crate) fn now(self) -> Instant {
        Instant::ZERO + self.origin.elapsed()
    }

    /// Returns what tokio's clock says at this time.
    #[cfg(feature = "http-verdict")]
    pub(crate) fn at(self, time: Instant) -> tokio::time::Instant {
        self.origin + time.saturating_since(Instant::ZERO)
    }

    /// Returns at `until`; never, without one.
    pub(crate) async fn sleep_until(self, until: Option<Instant>) {
        let since = |until: Instant| until.saturating_since(Instant::ZERO);
        match until.and_then(|until| self.origin.checked_add(since(until))) {
            Some(until) => tokio::time::sleep_until(until).await,
            None => core::future::pending().await,
        }
    }
}

/// Reads the date: for answers that name one and not their own, and to tell how old a state is.
#[expect(clippy::disallowed_methods, reason = "dates outlive a process, clocks do not")]
pub(crate) fn date() -> SystemTime {
    SystemTime::now()
}
