//! Counts what was reported of each endpoint.

use crate::outcome::Outcome;

/// The counts of one endpoint since it came. They wrap at 2³².
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Counts {
    /// Requests reported as successful.
    pub successes: u32,
    /// Requests reported as failed or refused by an overloaded endpoint.
    pub failures: u32,
    /// Requests reported as canceled.
    pub canceled: u32,
}

/// Keeps counts of reports in a row, or nothing.
#[doc(hidden)]
pub trait Counter: Copy + core::fmt::Debug + 'static {
    /// Of a new endpoint.
    const NEW: Self;
    /// Counts the end of a request.
    fn count(&mut self, outcome: Outcome);
    /// Returns the counts.
    fn counts(&self) -> Counts;
}

impl Counter for () {
    const NEW: Self = ();

    #[inline]
    fn count(&mut self, _: Outcome) {}

    fn counts(&self) -> Counts {
        Counts::default()
    }
}

impl Counter for Counts {
    const NEW: Self = Self { successes: 0, failures: 0, canceled: 0 };

    #[inline]
    fn count(&mut self, outcome: Outcome) {
        let counter = match outcome {
            Outcome::Success => &mut self.successes,
            Outcome::Failure | Outcome::Overloaded { .. } => &mut self.failures,
            Outcome::Canceled => &mut self.canceled,
        };
        *counter = counter.wrapping_add(1);
    }

    fn counts(&self) -> Counts {
        *self
    }
}
