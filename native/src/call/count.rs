//! What one call did, in numbers.

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use evenkeel_core::Policy;
use evenkeel_core::retry::End;

use crate::balancer::Balancer;
use crate::tally::Count;
use crate::telemetry::spans::CallSpan;

/// Counts one call, and adds it to the others of its thread when it ends or is dropped.
pub(super) struct CallCount<'a, C: Send + Sync, P: Policy + Send + Sync> {
    balancer: &'a Balancer<C, P>,
    pub(super) span: CallSpan,
    /// Attempts made before the call went on; 0 for a new one.
    before: u64,
    attempts: u64,
    hedges: u64,
    timed_out: u64,
    given_up: u64,
    /// How often the budget refused.
    refused: &'a AtomicU32,
    /// `None`: it has not ended.
    pub(super) end: Option<End>,
}

impl<'a, C: Send + Sync, P: Policy + Send + Sync> CallCount<'a, C, P> {
    /// Counts what a call adds to so many attempts; if there are any, it goes on, and has been
    /// counted.
    pub(super) fn new(balancer: &'a Balancer<C, P>, refused: &'a AtomicU32, attempts: u32) -> Self {
        let (hedges, timed_out, given_up) = (0, 0, 0);
        let (span, attempts) = (CallSpan::begin(), attempts.into());
        Self {
            balancer,
            span,
            before: attempts,
            attempts,
            hedges,
            timed_out,
            given_up,
            refused,
            end: None,
        }
    }

    /// Counts an attempt; tells which kind it is.
    pub(super) fn sent(&mut self, is_hedge: bool) -> Count {
        self.attempts += 1;
        self.hedges += u64::from(is_hedge);
        match (is_hedge, self.attempts) {
            (true, _) => Count::Hedge,
            (false, 1) => Count::First,
            (false, _) => Count::Retry,
        }
    }

    /// Returns how many attempts went before the next.
    pub(super) fn resends(&self) -> u64 {
        self.attempts
    }

    /// Counts an attempt that was given up: for it took too long, or another decided the call.
    pub(super) fn canceled(&mut self, late: bool) -> Count {
        let (column, count) = if late {
            (&mut self.timed_out, Count::TimedOut)
        } else {
            (&mut self.given_up, Count::GivenUp)
        };
        *column += 1;
        count
    }
}

impl<C: Send + Sync, P: Policy + Send + Sync> Drop for CallCount<'_, C, P> {
    fn drop(&mut self) {
        self.span.end(self.attempts, self.end);
        let is_new = self.before == 0;
        let ended = |end| u64::from(is_new && self.end == Some(end));
        let attempts = self.attempts - self.before;
        self.balancer.tally().add_call(&[
            u64::from(is_new),
            ended(End::Success),
            u64::from(is_new && self.end.is_none()),
            ended(End::Deadline),
            ended(End::NoEndpoints),
            attempts,
            // The first is neither; one call has no more than a few.
            (attempts - self.hedges).saturating_sub(u64::from(is_new)),
            self.hedges,
            self.timed_out,
            self.given_up,
            self.refused.load(Relaxed).into(),
        ]);
    }
}
