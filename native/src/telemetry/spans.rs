//! Spans of calls and of their attempts, which cost nothing as long as no subscriber wants them.

use evenkeel_core::Outcome;
use evenkeel_core::retry::{Attempt, End};
use tracing::field::Empty;
use tracing::{Span, debug_span};

use super::names;
use crate::target::Target;

/// The span of a call. It is never entered: attempts are its children.
#[derive(Debug)]
pub(crate) struct CallSpan(Span);

impl CallSpan {
    /// Begins one in the caller's span.
    #[inline]
    pub(crate) fn begin() -> Self {
        Self(debug_span!(
            target: names::TARGET,
            "call",
            { names::ATTEMPTS } = Empty,
            { names::END } = Empty,
            { names::ERROR_TYPE } = Empty
        ))
    }

    /// Begins the span of an attempt, in which its code runs.
    #[inline]
    pub(crate) fn attempt(&self, target: &Target, sent: Attempt, resends: u64) -> AttemptSpan {
        let span = debug_span!(
            target: names::TARGET,
            parent: &self.0,
            "attempt",
            { names::OTEL_KIND } = "client",
            { names::SERVER_ADDRESS } = target.host(),
            { names::SERVER_PORT } = target.port(),
            { names::PEER_ADDRESS } = Empty,
            { names::HEDGE } = sent.is_hedge(),
            { names::RESEND_COUNT } = Empty,
            { names::OUTCOME } = Empty,
            { names::ERROR_TYPE } = Empty
        );
        if !span.is_disabled() {
            if let Some(addr) = target.socket_addr() {
                span.record(names::PEER_ADDRESS, tracing::field::display(addr.ip()));
            }
            if resends > 0 {
                span.record(names::RESEND_COUNT, resends);
            }
        }
        AttemptSpan(span)
    }

    /// Tells how the call ended; `None`: it was dropped.
    #[inline]
    pub(crate) fn end(&self, attempts: u64, end: Option<End>) {
        if !self.0.is_disabled() {
            self.record_end(attempts, end);
        }
    }

    #[cold]
    fn record_end(&self, attempts: u64, end: Option<End>) {
        self.0.record(names::ATTEMPTS, attempts);
        self.0.record(names::END, end.map_or("dropped", |end| end.name()));
        match end {
            Some(End::Success) => {}
            Some(End::Deadline) => _ = self.0.record(names::ERROR_TYPE, TIMEOUT),
            Some(
                end @ (End::NoEndpoints
                | End::Attempts
                | End::Budget
                | End::PushBack
                | End::NonRetryableFailure
                | End::Ignorable
                | End::Canceled),
            ) => _ = self.0.record(names::ERROR_TYPE, end.name()),
            None => _ = self.0.record(names::ERROR_TYPE, "dropped"),
        }
    }
}

/// What OpenTelemetry calls it, in `error.type`.
const TIMEOUT: &str = "timeout";

/// The span of an attempt.
#[derive(Debug)]
pub(crate) struct AttemptSpan(Span);

impl AttemptSpan {
    /// Runs code of the attempt within.
    #[inline]
    pub(crate) fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        self.0.in_scope(f)
    }

    /// Tells how it ended. A race that it lost is no error.
    #[inline]
    pub(crate) fn end(&self, outcome: Outcome) {
        if !self.0.is_disabled() {
            self.record_end(outcome);
        }
    }

    #[cold]
    fn record_end(&self, outcome: Outcome) {
        self.0.record(names::OUTCOME, outcome.name());
        match outcome {
            Outcome::Success | Outcome::PushedBack | Outcome::LostRace | Outcome::Abandoned => {}
            Outcome::TimedOut => _ = self.0.record(names::ERROR_TYPE, TIMEOUT),
            Outcome::Failure
            | Outcome::NeverSent
            | Outcome::Ignorable
            | Outcome::Overloaded { .. } => _ = self.0.record(names::ERROR_TYPE, outcome.name()),
        }
    }
}
