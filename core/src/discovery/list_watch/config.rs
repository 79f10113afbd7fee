use core::time::Duration;

use crate::discovery::config_error::WatchConfigError;

/// The settings of a [`ListWatch`](super::ListWatch).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListWatchConfig {
    /// A greater cursor is a later one, as etcd's revisions are; default `true`. Kubernetes' are
    /// opaque.
    pub ordered: bool,
    /// Time limit for a list, and for a watch to begin; default 30 s.
    pub timeout: Duration,
    /// A watch without any word for so long is begun anew, as its connection may be dead; default
    /// 60 s.
    pub idle: Duration,
    /// A watch that ends sooner counts as a failure; default 1 s.
    pub min_life: Duration,
    /// When history is gone, the set is listed anew within this time, spread at random, as all
    /// clients are told at once; default 1 s.
    pub relist_within: Duration,
    /// After so many failures in a row the set is listed anew, where else the watch would go on;
    /// default 5.
    pub relist_after: u8,
    /// Wait after the first failure, doubled with each, give or take 20 %; default 1 s.
    pub backoff_base: Duration,
    /// Longest wait after a failure, give or take 20 %; default 30 s.
    pub backoff_max: Duration,
}

impl ListWatchConfig {
    /// Checks that the settings fit together.
    ///
    /// # Errors
    /// The first that does not, with its value.
    pub fn check(&self) -> Result<(), WatchConfigError> {
        let above_zero = [
            ("timeout", !self.timeout.is_zero()),
            ("idle", !self.idle.is_zero()),
            ("relist_after", self.relist_after > 0),
            ("backoff_base", !self.backoff_base.is_zero()),
        ];
        WatchConfigError::in_settings(above_zero, self.backoff_base, self.backoff_max)
    }
}

impl Default for ListWatchConfig {
    fn default() -> Self {
        Self {
            ordered: true,
            timeout: Duration::from_secs(30),
            idle: Duration::from_secs(60),
            min_life: Duration::from_secs(1),
            relist_within: Duration::from_secs(1),
            relist_after: 5,
            backoff_base: Duration::from_secs(1),
            backoff_max: Duration::from_secs(30),
        }
    }
}
