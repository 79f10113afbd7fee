//! What it took to get an answer.

use core::fmt;
use core::time::Duration;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ::http::StatusCode;
use evenkeel_core::Instant;

use crate::call::Attempt;
use crate::clock::Clock;
use crate::target::Target;

/// What it took to get an answer: every attempt up to its head, as an extension of the
/// [`Response`](::http::Response). Where its body broke and came from elsewhere, the attempts for
/// that are not among them.
#[derive(Clone, Debug)]
pub struct Attempts {
    made: Vec<Attempted>,
    answered: usize,
}

/// One attempt of a request.
#[derive(Clone, Debug)]
pub struct Attempted {
    /// Where it went.
    pub target: Target,
    /// Which one it was: 1 for the first. One that never left the client is sent again under its
    /// number.
    pub number: u32,
    /// It went beside others that had not answered.
    pub hedge: bool,
    /// What became of it.
    pub end: AttemptEnd,
    /// How long it took, up to the head of its answer.
    pub elapsed: Duration,
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptEnd {
    /// It was answered with this status.
    Answered(StatusCode),
    /// It failed; this says why.
    Failed(String),
    /// It was given up: it took too long, or another one was faster.
    GivenUp,
}

impl Attempts {
    /// Iterates over the attempts, in the order they ended.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Attempted> {
        self.made.iter()
    }

    /// Returns the attempt whose answer this is.
    pub fn answered(&self) -> &Attempted {
        &self.made[self.answered]
    }

    /// Counts the attempts, hedges included.
    pub fn count(&self) -> usize {
        self.made.len()
    }

    /// Counts those that went beside others.
    pub fn hedges(&self) -> usize {
        self.made.iter().filter(|attempt| attempt.hedge).count()
    }
}

impl fmt::Display for Attempted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, end, elapsed, .. } = self;
        match end {
            AttemptEnd::Answered(status) => {
                write!(f, "{target} answered {} after {elapsed:?}", status.as_u16())
            }
            AttemptEnd::Failed(why) => write!(f, "{target} failed after {elapsed:?}: {why}"),
            AttemptEnd::GivenUp => write!(f, "{target} was given up after {elapsed:?}"),
        }
    }
}

/// Where the attempts of a request are noted.
#[derive(Debug, Default)]
pub(super) struct Log(Mutex<Noted>);

#[derive(Debug, Default)]
struct Noted {
    made: Vec<Attempted>,
    /// When the last ended.
    last: Instant,
}

/// An attempt under way; dropped, it was given up.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    log: &'a Log,
    attempt: Option<Attempted>,
    clock: Clock,
    began: Instant,
}

impl Log {
    pub(super) fn begin<C>(&self, attempt: &Attempt<C>) -> Entry<'_> {
        let (clock, began) = attempt.began();
        let attempt = Attempted {
            target: attempt.target().clone(),
            number: attempt.number(),
            hedge: attempt.is_hedge(),
            end: AttemptEnd::GivenUp,
            elapsed: Duration::ZERO,
        };
        Entry { log: self, attempt: Some(attempt), clock, began }
    }

    /// Tells what was made for the answer that was noted as this one.
    pub(super) fn attempts(self, answered: usize) -> Attempts {
        let Noted { made, .. } = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        Attempts { made, answered }
    }

    /// Returns when the last that was noted ended.
    pub(super) fn last(&self) -> Instant {
        self.lock().last
    }

    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry<'_> {
    /// Notes how it ended; returns its place in the log.
    pub(super) fn end(mut self, end: AttemptEnd) -> usize {
        self.note(end)
    }

    fn note(&mut self, end: AttemptEnd) -> usize {
        let mut noted = self.log.lock();
        let Noted { made, last } = &mut *noted;
        if let Some(attempt) = self.attempt.take() {
            *last = self.clock.now();
            let elapsed = last.saturating_since(self.began);
            made.push(Attempted { end, elapsed, ..attempt });
        }
        made.len() - 1
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        if self.attempt.is_some() {
            self.note(AttemptEnd::GivenUp);
        }
    }
}
