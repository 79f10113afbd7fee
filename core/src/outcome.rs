//! Ends of requests: what an attempt means to its call, and what it says of its endpoint.

use core::time::Duration;

use crate::names::named;

/// Tells an endpoint's health and load how a request to it ended.
///
/// | outcome | health | load: answer times |
/// |---|---|---|
/// | [`Success`](Self::Success) | a success | a sample |
/// | [`Failure`](Self::Failure) | a failure | a sample, not below the failure penalty |
/// | [`TimedOut`](Self::TimedOut) | a failure | took at least this long |
/// | [`NeverSent`](Self::NeverSent) | a failure, never a slow one | none |
/// | [`Ignorable`] | nothing; of a probe, it is back | none below the estimate; a fast one lingers |
/// | [`PushedBack`](Self::PushedBack) | a success | none |
/// | [`Overloaded`] | rests; without a time, a failure | none; without a time, as a failure |
/// | [`Abandoned`], [`LostRace`] | no answer | took at least this long |
///
/// A request that lingers counts as in flight for about as long as others are.
///
/// [`Ignorable`]: Self::Ignorable
/// [`Overloaded`]: Self::Overloaded
/// [`Abandoned`]: Self::Abandoned
/// [`LostRace`]: Self::LostRace
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Outcome {
    /// The endpoint did its work.
    Success,
    /// It did not: it answered with an error.
    Failure,
    /// It did not answer in time.
    TimedOut,
    /// It could not be reached: nothing left the client.
    NeverSent,
    /// It answered, and the request is at fault: this says nothing for or against it.
    Ignorable,
    /// It answered, and asked the whole call to wait: it is well.
    PushedBack,
    /// It refused for now.
    Overloaded {
        /// The time that it asked to be left alone for.
        retry_after: Option<Duration>,
    },
    /// The caller gave up before an answer: a time-out outside of the call, a future, a lease or a
    /// pick that was dropped.
    Abandoned,
    /// Another attempt of the call was answered first.
    LostRace,
}

named!(Outcome {
    Success => "success",
    Failure => "failure",
    TimedOut => "timed_out",
    NeverSent => "never_sent",
    Ignorable => "ignorable",
    PushedBack => "pushed_back",
    Overloaded { .. } => "overloaded",
    Abandoned => "abandoned",
    LostRace => "lost_race",
});

impl Outcome {
    /// Tells that the endpoint failed the request: it answered with an error, too late or not at
    /// all, or refused it. One that refused for a time rests instead, where that is heeded.
    #[inline]
    pub const fn is_failure(self) -> bool {
        match self {
            Self::Failure | Self::TimedOut | Self::NeverSent | Self::Overloaded { .. } => true,
            Self::Success
            | Self::Ignorable
            | Self::PushedBack
            | Self::Abandoned
            | Self::LostRace => false,
        }
    }

    /// Returns what it adds to a row of cancellations without any answer: 4 where a caller gave up,
    /// 1 where another attempt was faster, else 0.
    pub const fn cancellation_weight(self) -> u32 {
        match self {
            Self::Abandoned => 4,
            Self::LostRace => 1,
            Self::Success
            | Self::Failure
            | Self::TimedOut
            | Self::NeverSent
            | Self::Ignorable
            | Self::PushedBack
            | Self::Overloaded { .. } => 0,
        }
    }

    /// Tells that the request was given up before anything was known of it.
    #[inline]
    pub const fn is_canceled(self) -> bool {
        match self {
            Self::Abandoned | Self::LostRace => true,
            Self::Success
            | Self::Failure
            | Self::TimedOut
            | Self::NeverSent
            | Self::Ignorable
            | Self::PushedBack
            | Self::Overloaded { .. } => false,
        }
    }
}

/// Tells a call what to make of an attempt's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Verdict {
    /// The result is good: the call ends.
    Success,
    /// The attempt failed, and another one may do better.
    RetryableFailure,
    /// The attempt failed, and must not be repeated, such as a write that may have been done: the
    /// call ends. The endpoint is told all the same.
    NonRetryableFailure,
    /// There was no answer in time; for the call as [`RetryableFailure`](Self::RetryableFailure).
    TimedOut,
    /// The request itself is at fault, and would fail wherever it goes: the call ends. This says
    /// nothing against the endpoint.
    Ignorable,
    /// The endpoint has too much to do (`503` with `Retry-After`): another one may do better.
    Overloaded {
        /// The time that it asked to be left alone for.
        wait: Option<Duration>,
    },
    /// The service asked the whole call to wait (gRPC's push-back, `429` with `Retry-After`). No
    /// retry and no hedge of the call goes earlier. A wait beyond
    /// [`RetryPolicy::with_max_push_back`](crate::RetryPolicy::with_max_push_back) means none at
    /// all.
    PushBack {
        /// The time that it asked for.
        wait: Duration,
    },
    /// The attempt never left the client.
    NeverSent,
    /// The caller wants no answer any more: the call ends.
    Canceled,
}

named!(Verdict {
    Success => "success",
    RetryableFailure => "retryable_failure",
    NonRetryableFailure => "non_retryable_failure",
    TimedOut => "timed_out",
    Ignorable => "ignorable",
    Overloaded { .. } => "overloaded",
    PushBack { .. } => "push_back",
    NeverSent => "never_sent",
    Canceled => "canceled",
});

impl Verdict {
    /// Returns what this verdict on an attempt says of the endpoint that it went to.
    ///
    /// ```
    /// use evenkeel_core::{Outcome, Verdict};
    ///
    /// assert_eq!(Verdict::NonRetryableFailure.outcome(), Outcome::Failure);
    /// assert_eq!(Verdict::Ignorable.outcome(), Outcome::Ignorable);
    /// ```
    pub const fn outcome(self) -> Outcome {
        match self {
            Self::Success => Outcome::Success,
            Self::RetryableFailure | Self::NonRetryableFailure => Outcome::Failure,
            Self::TimedOut => Outcome::TimedOut,
            Self::Ignorable => Outcome::Ignorable,
            Self::Overloaded { wait } => Outcome::Overloaded { retry_after: wait },
            Self::PushBack { .. } => Outcome::PushedBack,
            Self::NeverSent => Outcome::NeverSent,
            Self::Canceled => Outcome::Abandoned,
        }
    }
}
