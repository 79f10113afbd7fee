//! What a call and its caller say to each other.

use core::time::Duration;

use crate::balancer::Outcome;
use crate::time::Instant;

/// One attempt of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub(super) deadline: Instant,
    pub(super) number: u32,
    /// The place among all that were sent, those that never left included: no two of one number share it.
    pub(super) sent: u16,
    pub(super) hedge: bool,
}

impl Attempt {
    /// Which one it is: 1 for the first. No two attempts in flight have the same number; one that never left the client
    /// keeps it when it is sent again.
    pub const fn number(self) -> u32 {
        self.number
    }

    /// When it is given up; `None` for never.
    pub fn deadline(self) -> Option<Instant> {
        (self.deadline < Instant::MAX).then_some(self.deadline)
    }

    /// Whether it goes beside others, rather than first or after all before it failed.
    pub const fn is_hedge(self) -> bool {
        self.hedge
    }
}

/// What a [`Call`](super::Call) asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Step {
    /// Pick an endpoint (avoiding [`Call::tried`](super::Call::tried)), say [`started`](super::Call::started) and send; or
    /// say [`no_endpoint`](super::Call::no_endpoint). Then poll again, without waiting for the answer.
    Send(Attempt),
    /// Poll again at this time, or when an attempt in flight ends. [`Instant::MAX`]: only then.
    Wait(Instant),
    /// Give this attempt up, and report this of it to the balancer; it is over for the call. Then poll again.
    Cancel {
        /// The attempt.
        attempt: Attempt,
        /// What it says of the endpoint: [`Outcome::Failure`] if it took too long, [`Outcome::Canceled`] if the call was
        /// decided without it.
        outcome: Outcome,
    },
    /// The call is over, and nothing of it is in flight.
    Done(End),
}

/// What the caller makes of an attempt's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The result is good: the call is decided.
    Success,
    /// It failed, and is worth another attempt.
    Retry,
    /// It failed, and the server said when to try again ("push-back", `Retry-After`): no retry and no hedge of the call goes
    /// earlier. A wait beyond [`RetryPolicy::with_max_retry_after`](crate::retry::RetryPolicy::with_max_retry_after) means
    /// none at all.
    RetryAfter(Duration),
    /// It failed, and would fail again, wherever it goes: the call is decided.
    Fatal,
    /// It never left the client. Tried again at once without counting as an attempt, 8 times in a call; then as
    /// [`Retry`](Self::Retry).
    NeverSent,
}

/// Why a call is over.
///
/// Where several reasons hold when the last attempt in flight has failed, it is the first of these: the deadline has passed,
/// no attempts are left, the next one would come too late for the deadline, a server asked for too long a wait, the
/// budget refuses. So no token is taken for an attempt that could not be made anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// An attempt succeeded.
    Success,
    /// All attempts failed.
    Attempts,
    /// The overall deadline passed, or would before the next attempt.
    Deadline,
    /// There was no endpoint to send to.
    NoEndpoints,
    /// An attempt failed in a way that is not worth retrying.
    Fatal,
    /// The budget allowed no other attempt.
    Budget,
    /// A server asked for a longer wait than the policy allows.
    RetryAfter,
}
