//! What the model knows of an endpoint: a list of what happened to it.

use evenkeel_core::health::{Held, Reason};
use evenkeel_core::{Endpoint, Slot};

use super::model::Time;

pub(super) struct Known {
    pub(super) endpoint: Endpoint<u8>,
    pub(super) slot: Slot,
    pub(super) down: bool,
    pub(super) state: State,
    /// Why it was taken out last.
    pub(super) reason: Reason,
    /// When it was taken out, or its probe sent.
    pub(super) since: Time,
    /// Since when it has been in service; 0 for ever.
    pub(super) back: Time,
    /// What its next ejection time grows by.
    pub(super) ejections: u64,
    pub(super) log: Vec<(Time, Mark)>,
    /// When the first failing request of the row was sent, or when it left service.
    pub(super) began: Time,
    /// A failure of the row was slow.
    pub(super) slow: bool,
    /// It answered since the latest ejection of another one of its level.
    pub(super) heard: bool,
    /// Requests given up in a row, weighed.
    pub(super) cancels: u16,
    pub(super) held: Option<Held>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    In,
    Resting(Time),
    Out(Time),
    Open,
    Probing(Time),
}

/// What is written down of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Success,
    Failure,
    /// The same, of one that is out.
    LateSuccess,
    LateFailure,
    /// Failures in a row begin anew.
    Bout,
    /// Shares of failures begin anew.
    Window,
}

impl Known {
    pub(super) fn new(endpoint: Endpoint<u8>, slot: Slot) -> Self {
        let (reason, log) = (Reason::ConsecutiveFailures, Vec::new());
        Self {
            endpoint,
            slot,
            down: false,
            state: State::In,
            reason,
            since: 0,
            back: 0,
            ejections: 0,
            log,
            began: 0,
            slow: false,
            heard: true,
            cancels: 0,
            held: None,
        }
    }

    pub(super) fn out(&self) -> bool {
        !matches!(self.state, State::In | State::Resting(_))
    }

    pub(super) fn eligible(&self) -> bool {
        self.endpoint.weight > 0 && !self.endpoint.draining
    }

    pub(super) fn available(&self) -> bool {
        self.eligible() && self.state == State::In && !self.down
    }

    /// Failures in a row.
    pub(super) fn streak(&self) -> usize {
        let marks = self.log.iter().rev().map(|(_, mark)| mark);
        marks
            .take_while(|mark| !matches!(mark, Mark::Success | Mark::Bout))
            .filter(|mark| **mark == Mark::Failure)
            .count()
    }

    /// Successes and failures that are judged: all in the interval, or those within `length` of the
    /// first failure.
    pub(super) fn window(&self, length: Option<u64>) -> (u64, u64) {
        self.open_window(length, 0)
    }

    /// The same, unless it is over at this time.
    pub(super) fn open_window(&self, length: Option<u64>, now: Time) -> (u64, u64) {
        let begin = self
            .log
            .iter()
            .rposition(|(_, mark)| *mark == Mark::Window)
            .map_or(0, |place| place + 1);
        let (mut opened, mut counts) = (None, (0, 0));
        for &(at, mark) in &self.log[begin..] {
            let failure = match mark {
                Mark::Success | Mark::LateSuccess => false,
                Mark::Failure | Mark::LateFailure => true,
                Mark::Bout | Mark::Window => continue,
            };
            if let Some(length) = length {
                if opened.is_some_and(|opened| at.saturating_sub(opened) >= length) {
                    (opened, counts) = (None, (0, 0));
                }
                if opened.is_none() && !failure {
                    continue;
                }
                opened = opened.or(Some(at));
            }
            if failure { counts.1 += 1 } else { counts.0 += 1 }
        }
        let over = |length| opened.is_some_and(|at| now.saturating_sub(at) >= length);
        if length.is_some_and(over) {
            return (0, 0);
        }
        counts
    }
}
