//! The numbers of a table.

use core::time::Duration;

use evenkeel::Target;

/// A table's worth of numbers.
#[derive(Debug)]
pub(super) struct Frame {
    /// Of the whole run, not of a second.
    pub(super) whole: bool,
    pub(super) endpoints: Vec<EndpointRow>,
    pub(super) calls: CallsRow,
}

#[derive(Debug)]
pub(super) struct EndpointRow {
    pub(super) target: Target,
    pub(super) listed: bool,
    pub(super) attempts: u64,
    /// Of all attempts, in thousandths.
    pub(super) share: u64,
    pub(super) in_flight: u64,
    pub(super) failed: u64,
    pub(super) after_removal: u64,
    pub(super) latency: Option<Percentiles>,
}

#[derive(Debug)]
pub(super) struct CallsRow {
    pub(super) sent: u64,
    pub(super) in_flight: u64,
    pub(super) retries: u64,
    pub(super) latency: Option<Percentiles>,
    /// Since the start, in every frame.
    pub(super) lost: u64,
}

impl CallsRow {
    /// Calls that came to nothing, or to no end at all. When the load has ended, these are lost.
    pub(super) fn unanswered(&self) -> u64 {
        self.lost + self.in_flight
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Percentiles {
    pub(super) p50: Duration,
    pub(super) p99: Duration,
}
