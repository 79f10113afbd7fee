//! The words of a call and its caller.

use crate::names::named;
use crate::outcome::Outcome;
use crate::time::Instant;

/// One attempt of a call.
///
/// Two are equal if they are the same attempt of the same call.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Attempt {
    pub(super) deadline: Option<Instant>,
    pub(super) number: u32,
    /// Counts all that were sent, those that never left included: no two of one number share it.
    pub(super) sent: u8,
    pub(super) hedge: bool,
}

impl Attempt {
    /// Returns which one it is: 1 for the first. No two attempts in flight have the same number;
    /// one that never left the client keeps it when it is sent again.
    pub const fn number(self) -> u32 {
        self.number
    }

    /// Returns when it is given up; `None` for never.
    pub const fn deadline(self) -> Option<Instant> {
        self.deadline
    }

    /// Tells that it goes beside others, rather than first or after all before it failed.
    pub const fn is_hedge(self) -> bool {
        self.hedge
    }
}

impl PartialEq for Attempt {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number && self.sent == other.sent
    }
}

impl Eq for Attempt {}

/// One thing that a [`Call`](super::Call) asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use]
pub enum Step {
    /// Pick an endpoint (avoiding [`Call::tried`](super::Call::tried), and leaving its level where
    /// [`Call::leaves_level`](super::Call::leaves_level) says so), and send if
    /// [`started`](super::Call::started) says so; or tell
    /// [`no_endpoint`](super::Call::no_endpoint). Then poll again, without waiting for the answer.
    Send(Attempt),
    /// Poll again at this time, or when an attempt in flight ends; `None`: only then. While it
    /// [waits for an endpoint](super::Call::waits_for_endpoint), also when there may be one.
    Wait(Option<Instant>),
    /// Give this attempt up, and report this of it to the balancer; it is over for the call. Then
    /// poll again.
    Cancel {
        /// The attempt.
        attempt: Attempt,
        /// Its outcome for the endpoint: [`Outcome::TimedOut`] if it took too long,
        /// [`Outcome::LostRace`] if another attempt decided the call, [`Outcome::Abandoned`] if the
        /// caller canceled it.
        outcome: Outcome,
    },
    /// The call is over, and nothing of it is in flight.
    Done(End),
}

named!(Step {
    Send(..) => "send",
    Wait(..) => "wait",
    Cancel { .. } => "cancel",
    Done(..) => "done",
});

/// The reason that a call is over.
///
/// If several reasons hold once the last attempt in flight has failed, it is the first of these:
/// the deadline has passed, no attempts are left, the service asked for too long a wait, the next
/// one would come too late for the deadline, the budget refuses. So no token is taken for an
/// attempt that could not be made anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum End {
    /// An attempt succeeded.
    Success,
    /// All attempts failed.
    Attempts,
    /// The overall deadline passed, or would before the next attempt.
    Deadline,
    /// There was no endpoint to send to.
    NoEndpoints,
    /// An attempt failed, and must not be repeated.
    NonRetryableFailure,
    /// The request itself is at fault: it would fail wherever it goes.
    Ignorable,
    /// The budget allowed no other attempt.
    Budget,
    /// The service asked for a longer wait than the policy allows.
    PushBack,
    /// The caller canceled it.
    Canceled,
}

named!(all End {
    Success => "success",
    Attempts => "attempts",
    Deadline => "deadline",
    NoEndpoints => "no_endpoints",
    NonRetryableFailure => "non_retryable_failure",
    Ignorable => "ignorable",
    Budget => "budget",
    PushBack => "push_back",
    Canceled => "canceled",
});
