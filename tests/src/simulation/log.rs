//! What happened in a run, and what it comes to.

use core::time::Duration;

use evenkeel_core::health::Reason;
use evenkeel_core::retry::End;
use evenkeel_core::{EventKind, Instant, Outcome, Why};

/// All that happened, in the order it did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// The calls, as they ended.
    pub calls: Vec<Ended>,
    /// The attempts, as they were sent.
    pub attempts: Vec<Sent>,
    /// What the balancer told of its endpoints.
    pub events: Vec<Told>,
}

/// Something that a balancer told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// When it happened.
    pub at: Instant,
    /// Whose balancer told it.
    pub client: u32,
    /// Which host it is about.
    pub host: Option<u32>,
    /// What.
    pub kind: EventKind,
}

/// A call that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// When it began.
    pub began: Instant,
    /// When it was over.
    pub at: Instant,
    /// How it ended.
    pub end: End,
    /// Its user left, though nothing was wrong.
    pub left: bool,
}

/// An attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// When it was sent.
    pub at: Instant,
    /// To which host.
    pub host: u32,
    /// Why to that one.
    pub why: Why,
    /// It was the first of its call.
    pub first: bool,
    /// How it ended.
    pub outcome: Outcome,
}

impl Ended {
    /// Tells that the call got what it asked for.
    pub fn good(&self) -> bool {
        self.end == End::Success
    }
}

impl Log {
    /// Calls that failed.
    pub fn errors(&self) -> usize {
        self.calls.iter().filter(|call| !call.good()).count()
    }

    /// Calls that failed, other than by a user who left of his own accord before anything did.
    pub fn failed(&self) -> usize {
        self.calls.iter().filter(|call| !call.good() && !call.left).count()
    }

    /// Calls that no user left.
    pub fn waited_for(&self) -> usize {
        self.calls.iter().filter(|call| !call.left).count()
    }

    /// Attempts that succeeded.
    pub fn successes(&self) -> usize {
        self.attempts.iter().filter(|attempt| attempt.outcome == Outcome::Success).count()
    }

    /// Attempts that went to this host.
    pub fn sent_to(&self, host: u32) -> usize {
        self.attempts.iter().filter(|attempt| attempt.host == host).count()
    }

    /// Attempts beyond the first of each call.
    pub fn extra_attempts(&self) -> usize {
        self.attempts.iter().filter(|attempt| !attempt.first).count()
    }

    /// Counts how often an endpoint was ejected.
    pub fn ejections(&self) -> usize {
        self.count(|kind| matches!(kind, EventKind::Ejected { .. }))
    }

    /// Counts how often a request was sent to find out if an ejected endpoint does well again.
    pub fn probes(&self) -> usize {
        self.count(|kind| matches!(kind, EventKind::Probing))
    }

    /// Counts how often that found that it does not.
    pub fn probes_failed(&self) -> usize {
        let failed = |reason| matches!(reason, Reason::ProbeFailed | Reason::ProbeTimedOut);
        self.count(|kind| matches!(kind, EventKind::Ejected { reason, .. } if failed(*reason)))
    }

    /// Lists how long the calls took that succeeded, in the order they ended.
    pub fn latencies(&self) -> impl Iterator<Item = Duration> {
        self.calls
            .iter()
            .filter(|call| call.good())
            .map(|call| call.at.saturating_since(call.began))
    }

    /// The part of what happened in this span: calls that began in it, and what was sent and told
    /// in it.
    #[must_use]
    pub fn between(&self, from: Instant, until: Instant) -> Self {
        let inside = |at: Instant| from <= at && at < until;
        Self {
            calls: self.calls.iter().copied().filter(|call| inside(call.began)).collect(),
            attempts: self.attempts.iter().copied().filter(|attempt| inside(attempt.at)).collect(),
            events: self.events.iter().copied().filter(|told| inside(told.at)).collect(),
        }
    }

    fn count(&self, counts: impl Fn(&EventKind) -> bool) -> usize {
        self.events.iter().filter(|told| counts(&told.kind)).count()
    }
}
