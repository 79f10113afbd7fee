//! Another attempt while the ones before have not answered yet.

mod latency;

use core::error::Error;
use core::fmt;
use core::time::Duration;

pub use latency::{LatencyPercentile, LatencyPercentileError};

/// How many hedges a call may have: with the first attempt, as many as gRPC sends at most.
pub(super) const MOST_HEDGES: u8 = 4;

/// When a call sends another attempt without waiting for those in flight: against the slow few, not against failures.
///
/// Only for requests that may be done twice. The delay is fixed, or the service's own [`LatencyPercentile`]. See
/// [`Call`](super::Call#hedging) for what exactly happens. After gRFC A6 and Finagle's backup requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hedging {
    pub(super) delay: Duration,
    pub(super) hedges: u8,
}

impl Hedging {
    /// At most `hedges` (1 to 4) more attempts in a call, each `delay` after the last one was sent. With a delay of 0 they all
    /// go at once.
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

/// What is wrong with a [`Hedging`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HedgingError {
    /// None at all, or more than a call keeps account of.
    Hedges {
        /// What was asked for.
        hedges: u32,
        /// As many as there may be; at least 1 is needed.
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

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn hedges_are_bounded() {
        for (hedges, text) in [
            (0, "0 hedges: at least 1 is needed and at most 4 are possible"),
            (5, "5 hedges: at least 1 is needed and at most 4 are possible"),
            (u32::MAX, "4294967295 hedges: at least 1 is needed and at most 4 are possible"),
        ] {
            let error = Hedging::new(Duration::ZERO, hedges).expect_err("out of range");
            assert_eq!((error, error.to_string().as_str()), (HedgingError::Hedges { hedges, most: 4 }, text));
        }
        assert!((1..=4).all(|hedges| Hedging::new(Duration::MAX, hedges).is_ok()));
    }
}
