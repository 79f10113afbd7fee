//! Ends of requests: what an attempt means to its call, and what it says of its endpoint.

use core::time::Duration;

use crate::names::named;

/// Tells the health of an endpoint how a request to it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Outcome {
    /// The endpoint did its work.
    Success,
    /// It did not: an error, or no answer in time.
    Failure,
    /// It refused for now.
    Overloaded {
        /// The time that it asked to be left alone for.
        retry_after: Option<Duration>,
    },
    /// The caller lost interest. This says nothing of the endpoint's health.
    Canceled,
}

named!(Outcome {
    Success => "success",
    Failure => "failure",
    Overloaded { .. } => "overloaded",
    Canceled => "canceled",
});

/// Tells a call what to make of an attempt's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Verdict {
    /// The result is good: the call is decided.
    Success,
    /// The attempt failed, and another one may do better.
    Retry,
    /// The attempt failed, and the server said when to try again ("push-back", `Retry-After`). No
    /// retry and no hedge of the call goes earlier. A wait beyond
    /// [`RetryPolicy::with_max_retry_after`](crate::RetryPolicy::with_max_retry_after) means none
    /// at all.
    RetryAfter(Duration),
    /// The attempt failed, and would fail again wherever it goes: the call is decided.
    Fatal,
    /// The attempt never left the client. It is sent again at once without counting, 8 times in a
    /// call; then this is as [`Retry`](Self::Retry).
    NeverSent,
}

named!(Verdict {
    Success => "success",
    Retry => "retry",
    RetryAfter(..) => "retry_after",
    Fatal => "fatal",
    NeverSent => "never_sent",
});

impl Verdict {
    /// Returns what this verdict on an attempt says of the endpoint that it went to.
    ///
    /// A fatal failure is a request's own fault: the endpoint answered it.
    ///
    /// ```
    /// use evenkeel_core::{Outcome, Verdict};
    ///
    /// assert_eq!(Verdict::Fatal.outcome(), Outcome::Success);
    /// assert_eq!(Verdict::NeverSent.outcome(), Outcome::Failure);
    /// ```
    pub const fn outcome(self) -> Outcome {
        match self {
            Self::Success | Self::Fatal => Outcome::Success,
            Self::Retry | Self::NeverSent => Outcome::Failure,
            Self::RetryAfter(wait) => Outcome::Overloaded { retry_after: Some(wait) },
        }
    }
}
