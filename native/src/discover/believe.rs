//! What an answer means: which set to believe.

use core::error::Error;

use evenkeel_core::discovery::poller::Answer as PollerAnswer;
use evenkeel_core::{Endpoint, Instant};
use tokio::sync::watch;

use super::{Answer, DiscoveryStatus, Empty};
use crate::error::SharedError;
use crate::target::Target;

/// What discovery found.
#[derive(Debug)]
pub(crate) struct Set {
    pub(crate) endpoints: Vec<Endpoint<Target>>,
    /// What is missing in it is gone.
    pub(crate) whole: bool,
}

impl Set {
    fn none() -> Self {
        Self { endpoints: Vec::new(), whole: true }
    }
}

/// Judges answers: an empty one is not believed at once.
#[derive(Debug)]
pub(crate) struct Belief {
    empty: Empty,
    absent_before: bool,
    /// When the first of a row of empty answers came.
    empty_since: Option<Instant>,
    /// An empty answer was believed, and none with endpoints has come since.
    none: bool,
}

impl Belief {
    pub(crate) fn new(empty: Empty) -> Self {
        Self { empty, absent_before: false, empty_since: None, none: false }
    }

    /// Returns what a result means to the poller, and the set to believe, if any.
    pub(crate) fn judge(
        &mut self,
        now: Instant,
        result: Result<Answer, Box<dyn Error + Send + Sync>>,
        status: &watch::Sender<DiscoveryStatus>,
    ) -> (PollerAnswer, Option<Set>) {
        let answer = result.unwrap_or_else(Answer::failed);
        let Answer {
            endpoints,
            ttl,
            retry_after,
            absent,
            skipped,
            why_none,
            partial,
            error,
            server,
            parts,
        } = answer;
        status.send_if_modified(|status| {
            let more = parts.len() > status.parts.len();
            if more {
                status.parts = parts;
            }
            more
        });
        if endpoints.is_empty()
            && let Some(error) = error
        {
            failed(status, error);
            return (PollerAnswer::Fail { retry_after }, None);
        }
        let set = if !endpoints.is_empty() {
            (self.empty_since, self.none) = (None, false);
            Some(Set { endpoints, whole: !partial })
        } else if self.none || (absent && self.absent_before) {
            self.none = true;
            Some(Set::none())
        } else {
            self.empty_since.get_or_insert(now);
            self.when_empty(now)
        };
        self.absent_before = absent;
        status.send_modify(|status| {
            status.failures += u64::from(error.is_some());
            status.error = error;
            status.last_success = Some(now);
            status.server = server;
            status.absent = absent;
            status.skipped = skipped;
            status.why_none = why_none;
            status.empty_held += u64::from(set.is_none());
        });
        if set.is_some() {
            (PollerAnswer::Ok { ttl, retry_after }, set)
        } else {
            tracing::warn!("discovery came back empty; what is known stays in force");
            (PollerAnswer::Empty { negative_ttl: ttl, retry_after }, None)
        }
    }

    /// Returns when a row of empty answers is to be believed, unless another answer comes first.
    pub(crate) fn believes_empty_at(&self) -> Option<Instant> {
        let since = self.empty_since?;
        match self.empty {
            Empty::Keep => None,
            Empty::KeepFor(wait) => Some(since + wait),
            Empty::Accept => Some(since),
        }
    }

    /// Believes a row of empty answers, if it is time. It is told once.
    pub(crate) fn when_empty(&mut self, now: Instant) -> Option<Set> {
        self.believes_empty_at().filter(|at| *at <= now)?;
        (self.empty_since, self.none) = (None, true);
        Some(Set::none())
    }
}

/// Notes a failure.
pub(crate) fn failed(status: &watch::Sender<DiscoveryStatus>, error: SharedError) {
    tracing::warn!(%error, "discovery failed");
    status.send_modify(|status| {
        status.failures += 1;
        status.error = Some(error);
    });
}
