//! A call that goes on because its answer was none in the end.

use core::ops::Deref;

use evenkeel_core::retry::{Call, RetryPolicy};
use evenkeel_core::{Instant, Verdict};

/// The bounds of a call, which it owns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds(pub(super) RetryPolicy);

impl Deref for Bounds {
    type Target = RetryPolicy;

    fn deref(&self) -> &RetryPolicy {
        &self.0
    }
}

/// A call as it was before its answer: [`call_with`](crate::Balancer::call_with) hands it to `end`
/// before it tells the call of the outcome.
#[derive(Clone, Debug)]
pub(crate) struct Unanswered(Call<Bounds>);

impl Unanswered {
    #[cfg(any(feature = "http", feature = "reqwest"))]
    pub(crate) fn new(call: &Call<Bounds>) -> Self {
        Self(call.clone())
    }

    /// Goes on as if a failure had come in place of the answer: its tried endpoints, attempts,
    /// hedges and deadline are what they were.
    pub(super) fn go_on(&self, now: Instant) -> Call<Bounds> {
        let mut call = self.0.clone();
        // What went beside it was given up.
        let under_way: Vec<_> = call.in_flight().collect();
        for attempt in under_way {
            call.on_outcome(now, attempt, Verdict::RetryableFailure);
        }
        call
    }
}
