//! What a [`Poller`](super::Poller) says, and what it is told.

use core::time::Duration;

use crate::discovery::query::QueryId;
use crate::names::named;
use crate::time::Instant;

/// The end of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Endpoints.
    Ok {
        /// Life of the answer; `None` or zero: not said.
        ttl: Option<Duration>,
        /// The wait that the source asked for, at most
        /// [`MAX_RETRY_AFTER`](crate::discovery::MAX_RETRY_AFTER).
        retry_after: Option<Duration>,
    },
    /// A good answer that there is nothing.
    Empty {
        /// Life of the answer; `None`: not said.
        negative_ttl: Option<Duration>,
        /// As for [`Ok`](Self::Ok).
        retry_after: Option<Duration>,
    },
    /// No good answer.
    Fail {
        /// As for [`Ok`](Self::Ok).
        retry_after: Option<Duration>,
    },
}

impl Answer {
    pub(super) fn retry_after(self) -> Option<Duration> {
        match self {
            Self::Ok { retry_after, .. }
            | Self::Empty { retry_after, .. }
            | Self::Fail { retry_after } => retry_after,
        }
    }
}

/// One thing that a [`Poller`](super::Poller) asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum PollerStep {
    /// Ask the source now.
    Query {
        /// To be given back with the result.
        id: QueryId,
        /// Time to give the query up.
        deadline: Instant,
    },
    /// Give this query up.
    Cancel {
        /// Its name.
        id: QueryId,
    },
    /// Hear that what is known of the source has changed to this.
    Health(SourceHealth),
    /// Poll again at this time, or after a result; `None`: no more.
    Wait(Option<Instant>),
}

named!(PollerStep {
    Query { .. } => "query",
    Cancel { .. } => "cancel",
    Health(..) => "health",
    Wait(..) => "wait",
});

/// Tells how good what is known of a source still is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceHealth {
    /// No good answer yet.
    Pending,
    /// The last query was answered well.
    Fresh,
    /// The last query failed or came back empty; the last good answer stays in force.
    Stale {
        /// Since this time.
        since: Instant,
    },
    /// Stale for longer than [`max_stale`](super::PollerConfig::max_stale).
    Expired,
}

named!(SourceHealth {
    Pending => "pending",
    Fresh => "fresh",
    Stale { .. } => "stale",
    Expired => "expired",
});
