//! What a [`ListWatch`](super::ListWatch) says, and what it is told.

use core::time::Duration;

use crate::discovery::query::QueryId;
use crate::names::named;
use crate::time::Instant;

/// One thing that a [`ListWatch`](super::ListWatch) asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum ListWatchStep<C> {
    /// List the whole set now.
    List {
        /// To be given back with the result.
        id: QueryId,
        /// Time to give the list up.
        deadline: Instant,
    },
    /// Watch for what came after this cursor.
    Watch {
        /// To be given back with all that the watch brings.
        id: QueryId,
        /// The last state that is known.
        from: C,
        /// Time to give the watch up if it has not begun.
        deadline: Instant,
    },
    /// Give this list or watch up.
    Cancel {
        /// Its name.
        id: QueryId,
    },
    /// Poll again at this time, or after news; `None`: no more.
    Wait(Option<Instant>),
}

impl<C> ListWatchStep<C> {
    /// Returns the name of this variant, in snake case.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::List { .. } => "list",
            Self::Watch { .. } => "watch",
            Self::Cancel { .. } => "cancel",
            Self::Wait(..) => "wait",
        }
    }
}

/// Tells what to do with something that a list or a watch brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum ListWatchVerdict {
    /// Believe it: replace the set by the list, apply the events, read on.
    Believe,
    /// These events are known already: drop them, and read on.
    Skip,
    /// It came too late, or the source's history was rewritten: drop it, and the list or watch that
    /// brought it.
    Drop,
}

named!(all ListWatchVerdict {
    Believe => "believe",
    Skip => "skip",
    Drop => "drop",
});

/// Tells how a list or a watch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListWatchFault {
    /// The source has forgotten what came after the cursor.
    Gone,
    /// The watch ended without an error: the source lets none live longer.
    Ended,
    /// Anything else.
    Failed {
        /// The wait that the source asked for, at most
        /// [`MAX_RETRY_AFTER`](crate::discovery::MAX_RETRY_AFTER).
        retry_after: Option<Duration>,
    },
    /// The source will not answer such a question, however often it is asked: the wrong name or
    /// password. Asked again after the longest backoff.
    Refused,
}

named!(ListWatchFault {
    Gone => "gone",
    Ended => "ended",
    Failed { .. } => "failed",
    Refused => "refused",
});
