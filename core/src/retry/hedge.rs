//! Another attempt while the ones before have not answered yet.

mod latency;

use core::error::Error;
use core::fmt;
use core::time::Duration;

pub use latency::{LatencyPercentile, LatencyPercentileError};

/// The most hedges of a call: with the first attempt, as many as gRPC sends at most.
pub(super) const MOST_HEDGES: u8 = 4;

/// Sends another attempt without waiting for those in flight: against the slow few, not against
/// failures.
///
/// Only for requests that may be done twice. The delay is fixed, or the service's own
/// [`LatencyPercentile`]. [`Call`](super::Call#hedging) says what exactly happens. After gRFC A6
/// and Finagle's backup requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hedging {
    pub(super) delay: Duration,
    pub(super) hedges: u8,
}

impl Hedging {
    /// Allows at most `hedges` (1 to 4) more attempts in a call, each `delay` after the last one
    /// was sent. With a delay of 0 they all go at once.
    ///
    /// # Errors
    /// [`HedgingError::Hedges`].
    pub const fn new(delay: Duration, hedges: u32) -> Result<Self, HedgingError> {
        if hedges == 0 || hedges > MOST_HEDGES as u32 {
            return Err(HedgingError::Hedges { hedges, most: MOST_HEDGES as u32 });
        }
        Ok(Self { delay, hedges: hedges as u8 })
    }
}

/// Tells what is wrong with a [`Hedging`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HedgingError {
    /// None at all, or more than a call keeps account of.
    Hedges {
        /// The number asked for.
        hedges: u32,
        /// The limit; at least 1 is needed.
        most: u32,
    },
}

impl fmt::Display for HedgingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Hedges { hedges, most } = self;
        write!(f, "{hedges} hedges: at least 1 is needed and at most {most} are possible")
    }
}

impl Error for HedgingError {}
