//! What a [`LongPoll`](super::LongPoll) says, and what it is told.

use core::time::Duration;

use crate::discovery::query::QueryId;
use crate::names::named;
use crate::time::Instant;

/// The end of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LongPollAnswer {
    /// The whole set.
    Ok {
        /// Which state of the set it is; `None`: the source names none, and keeps no question.
        index: Option<u64>,
    },
    /// The source says that the set is what it was.
    Same {
        /// Which state of the set it is, if that is said.
        index: Option<u64>,
    },
    /// No good answer.
    Fail {
        /// The wait that the source asked for, at most
        /// [`MAX_RETRY_AFTER`](crate::discovery::MAX_RETRY_AFTER).
        retry_after: Option<Duration>,
    },
    /// The source will not answer such a question, however often it is asked: the wrong name or
    /// password. Asked again after the longest backoff.
    Refused,
}

named!(LongPollAnswer {
    Ok { .. } => "ok",
    Same { .. } => "same",
    Fail { .. } => "fail",
    Refused => "refused",
});

/// Tells what an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum LongPollVerdict {
    /// The set is to be believed.
    Publish,
    /// The set is what it was: the source was only asked for too long.
    Unchanged,
    /// The index went backwards, as after a restore: the set is asked for anew, and this one
    /// dropped.
    Rewound,
    /// There is none; what is known stays in force.
    Failed,
    /// It came too late, and must be dropped.
    Late,
}

named!(all LongPollVerdict {
    Publish => "publish",
    Unchanged => "unchanged",
    Rewound => "rewound",
    Failed => "failed",
    Late => "late",
});

/// One thing that a [`LongPoll`](super::LongPoll) asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum LongPollStep {
    /// Ask the source now.
    Fetch {
        /// To be given back with the result.
        id: QueryId,
        /// The source is to keep the question while this is its index; `None`: not at all.
        index: Option<u64>,
        /// For how long it is to keep it at most.
        wait: Duration,
        /// Time to give the question up.
        deadline: Instant,
    },
    /// Give this question up.
    Cancel {
        /// Its name.
        id: QueryId,
    },
    /// Poll again at this time, or after a result; `None`: no more.
    Wait(Option<Instant>),
}

named!(LongPollStep {
    Fetch { .. } => "fetch",
    Cancel { .. } => "cancel",
    Wait(..) => "wait",
});
