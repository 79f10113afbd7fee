use core::fmt;

use crate::time::Instant;

/// What is known of one endpoint's health; 32 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    /// In service: when the window opened that its outcomes are counted in. Otherwise: when it was taken out, or its probe sent.
    pub(crate) since: Instant,
    /// In service: since when. Otherwise: until when not, or when its probe has failed.
    pub(crate) until: Instant,
    /// In the window.
    pub(crate) successes: u32,
    /// In the window.
    pub(crate) failures: u32,
    /// Failures in a row.
    pub(crate) streak: u16,
    /// How often it was ejected, less how long it did well since.
    pub(crate) ejections: u16,
    pub(crate) standing: Standing,
    /// Why it was ejected last.
    pub(crate) reason: Reason,
    /// Active checks say that it is not there.
    pub(crate) down: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Standing {
    #[default]
    Admitted,
    /// It asked to be left alone.
    Resting,
    Ejected,
    /// Its time is over: the next request decides.
    HalfOpen,
    /// A request under way decides.
    Probing,
}

impl Row {
    /// Whether it takes requests.
    pub(crate) fn admits(&self) -> bool {
        self.standing == Standing::Admitted && !self.down
    }

    /// Whether it counts as ejected.
    pub(super) fn ejected(&self) -> bool {
        matches!(self.standing, Standing::Ejected | Standing::HalfOpen | Standing::Probing)
    }

    /// Whether a success would teach nothing.
    pub(super) fn quiet(&self) -> bool {
        self.standing == Standing::Admitted && self.streak == 0 && self.failures == 0
    }

    pub(super) fn requests(&self) -> u64 {
        u64::from(self.successes) + u64::from(self.failures)
    }

    pub(super) fn close_window(&mut self) {
        (self.successes, self.failures) = (0, 0);
    }

    /// Puts it back in service.
    pub(super) fn admit(&mut self, now: Instant) {
        self.close_window();
        (self.standing, self.streak, self.until) = (Standing::Admitted, 0, now);
    }

    pub(crate) fn health(&self) -> Health {
        match self.standing {
            _ if self.down => Health::Down,
            Standing::Admitted => Health::Healthy,
            Standing::Resting => Health::Overloaded { until: self.until },
            Standing::Ejected => Health::Ejected { reason: self.reason, until: self.until },
            Standing::HalfOpen => Health::HalfOpen,
            Standing::Probing => Health::Probing { until: self.until },
        }
    }
}

/// How an endpoint is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Health {
    /// As far as anybody knows, well.
    Healthy,
    /// Ejected for what requests to it met.
    Ejected {
        /// What that was.
        reason: Reason,
        /// When its time is over.
        until: Instant,
    },
    /// Its time is over: the next request to be sent decides whether it comes back.
    HalfOpen,
    /// A request is under way that decides whether it comes back.
    Probing {
        /// When that has failed, unless it is reported before.
        until: Instant,
    },
    /// It asked to be left alone.
    Overloaded {
        /// Until then.
        until: Instant,
    },
    /// Active checks say that it is not there.
    Down,
}

/// Why an endpoint was ejected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Reason {
    /// Too many failures in a row.
    #[default]
    ConsecutiveFailures,
    /// Too large a share of failures.
    FailurePercentage,
    /// A success rate far below the others'.
    SuccessRate,
    /// The request failed that was to decide whether it comes back.
    ProbeFailed,
    /// The request that was to decide did not end in time, or was never reported.
    ProbeTimedOut,
}

impl Reason {
    /// Whether a probe's end is the reason: the endpoint was ejected before.
    pub const fn is_of_probe(self) -> bool {
        matches!(self, Self::ProbeFailed | Self::ProbeTimedOut)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ConsecutiveFailures => "failures in a row",
            Self::FailurePercentage => "share of failures",
            Self::SuccessRate => "success rate below the others'",
            Self::ProbeFailed => "the probe failed",
            Self::ProbeTimedOut => "the probe timed out",
        })
    }
}
