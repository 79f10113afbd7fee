use core::time::Duration;

use crate::discovery::config_error::WatchConfigError;

/// The settings of a [`LongPoll`](super::LongPoll).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongPollConfig {
    /// The source may keep a question for so long; default 50 s, as proxies cut what is silent for
    /// 60 s.
    pub wait: Duration,
    /// Time limit for an answer, on top of the time that the source may keep the question, which
    /// is `wait` and a sixteenth of it; default 10 s.
    pub timeout: Duration,
    /// Wait between questions to a source that names no index and so keeps none; default 30 s.
    pub interval: Duration,
    /// That wait may be so much longer, in percent; default 10.
    pub jitter_percent: u8,
    /// So many questions may follow each other at once; default 4.
    pub burst: u8,
    /// After those, one may follow in each such time; default 5 s.
    pub refill: Duration,
    /// Wait after the first failure, doubled with each, give or take 20 %; default 1 s.
    pub backoff_base: Duration,
    /// Longest wait after a failure, give or take 20 %; default 60 s.
    pub backoff_max: Duration,
}

impl LongPollConfig {
    /// Checks that the settings fit together.
    ///
    /// # Errors
    /// The first that does not, with its value.
    pub fn check(&self) -> Result<(), WatchConfigError> {
        let above_zero = [
            ("wait", !self.wait.is_zero()),
            ("timeout", !self.timeout.is_zero()),
            ("interval", !self.interval.is_zero()),
            ("burst", self.burst > 0),
            ("refill", !self.refill.is_zero()),
            ("backoff_base", !self.backoff_base.is_zero()),
        ];
        WatchConfigError::in_settings(above_zero, self.backoff_base, self.backoff_max)
    }
}

impl Default for LongPollConfig {
    fn default() -> Self {
        Self {
            wait: Duration::from_secs(50),
            timeout: Duration::from_secs(10),
            interval: Duration::from_secs(30),
            jitter_percent: 10,
            burst: 4,
            refill: Duration::from_secs(5),
            backoff_base: Duration::from_secs(1),
            backoff_max: Duration::from_secs(60),
        }
    }
}
