//! Long polling: a source keeps the next question until its answer would differ.

mod config;
mod step;

use core::time::Duration;

use rand_core::Rng;

pub use super::config_error::WatchConfigError;
pub use super::query::QueryId;
use super::query::QueryIds;
use super::waits::{Spread, asked_for, backoff, end_of};
use crate::time::{Instant, Ticks, ticks};
pub use config::LongPollConfig;
pub use step::{LongPollAnswer, LongPollStep, LongPollVerdict};

/// Decides when to ask a source that names an index with each answer, and what answers mean.
///
/// The first question is answered at once. Each later one names the index of the answer before, and
/// the source keeps it until it has another, or for a time. A source that names no index is
/// asked from time to time.
///
/// Ask [`poll`](Self::poll) what to do until it says [`LongPollStep::Wait`]; give every result to
/// [`on_result`](Self::on_result). What `poll` says changes with time, with results, and with
/// [`refresh`](Self::refresh) and [`close`](Self::close).
///
/// A source of one's own needs a function that asks it, and this loop:
///
/// ```
/// use evenkeel_core::Instant;
/// use evenkeel_core::discovery::long_poll::{
///     LongPoll, LongPollAnswer, LongPollConfig, LongPollStep, LongPollVerdict,
/// };
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// # let mut rng = ChaCha8Rng::seed_from_u64(1);
/// # let mut calls = [Some((7, "10.0.0.1:80")), Some((7, "")), None, Some((9, "10.0.0.2:80"))]
/// #     .into_iter();
/// # let mut ask = |_index: Option<u64>, _wait| calls.next().flatten();
/// # let (mut now, mut published) = (Instant::ZERO, Vec::new());
///
/// let mut machine = LongPoll::new(LongPollConfig::default())?;
/// # for _ in 0..8 {
/// match machine.poll(now, &mut rng) {
///     LongPollStep::Fetch { id, index, wait, .. } => {
///         let fetched = ask(index, wait); // GET /endpoints?index=7&wait=50s
///         let answer = fetched.map_or(LongPollAnswer::Fail { retry_after: None }, |(index, _)| {
///             LongPollAnswer::Ok { index: Some(index) }
///         });
///         if machine.on_result(now, id, answer) == LongPollVerdict::Publish {
///             published.extend(fetched.map(|(_, endpoints)| endpoints));
///         }
///     }
///     LongPollStep::Cancel { .. } => {} // give that question up
///     LongPollStep::Wait(until) => now = until.expect("it was not closed"),
/// }
/// # }
/// assert_eq!(published, ["10.0.0.1:80", "10.0.0.2:80"]);
/// # Ok::<(), evenkeel_core::discovery::WatchConfigError>(())
/// ```
#[derive(Debug)]
pub struct LongPoll {
    config: LongPollConfig,
    state: State,
    ids: QueryIds,
    /// Of the last good answer; `None` if there is none to go on from.
    index: Option<u64>,
    failures: u32,
    /// The latest time it was told.
    last: Option<Instant>,
    /// When as many questions as may be can follow each other again.
    full: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// The first question is due at once.
    New,
    /// A question ended at `from`; the next is due `wait` later, spread at random, and never before
    /// the time that the source asked for.
    Settled {
        from: Instant,
        wait: Ticks,
        spread: Spread,
        not_before: Instant,
    },
    /// The next question is due at this time.
    Idle {
        at: Instant,
        not_before: Instant,
    },
    Asked {
        id: QueryId,
        deadline: Instant,
    },
    /// Closing while this question was under way.
    Closing {
        id: QueryId,
    },
    Closed,
}

impl LongPoll {
    /// Makes a machine whose first question is due at once.
    ///
    /// # Errors
    /// [`WatchConfigError`] when the settings contradict each other.
    pub fn new(config: LongPollConfig) -> Result<Self, WatchConfigError> {
        config.check()?;
        let (state, ids) = (State::New, QueryIds::default());
        Ok(Self { config, state, ids, index: None, failures: 0, last: None, full: None })
    }

    /// Decides what to do now.
    pub fn poll(&mut self, now: Instant, rng: &mut impl Rng) -> LongPollStep {
        self.follow_clock(now);
        if let State::Asked { id, deadline } = self.state
            && now >= deadline
        {
            let _failed = self.on_result(now, id, LongPollAnswer::Fail { retry_after: None });
            return LongPollStep::Cancel { id };
        }
        if let State::Settled { from, wait, spread, not_before } = self.state {
            self.state = State::Idle { at: from.later(spread.over(wait, rng)), not_before };
        }
        match self.state {
            State::New => self.fetch(now),
            State::Idle { at, .. } => {
                let at = at.or_later(self.affordable(now));
                if now >= at { self.fetch(now) } else { LongPollStep::Wait(Some(at)) }
            }
            State::Asked { deadline, .. } => LongPollStep::Wait(Some(deadline)),
            State::Closing { id } => {
                self.state = State::Closed;
                LongPollStep::Cancel { id }
            }
            State::Closed | State::Settled { .. } => LongPollStep::Wait(None),
        }
    }

    /// Takes the result of a question, and tells what it means.
    pub fn on_result(
        &mut self,
        now: Instant,
        id: QueryId,
        answer: LongPollAnswer,
    ) -> LongPollVerdict {
        self.follow_clock(now);
        match self.state {
            State::Asked { id: asked, .. } if asked == id => {}
            State::Asked { .. }
            | State::New
            | State::Settled { .. }
            | State::Idle { .. }
            | State::Closing { .. }
            | State::Closed => return LongPollVerdict::Late,
        }
        let LongPollConfig { interval, jitter_percent, backoff_max, .. } = self.config;
        let (mut wait, mut spread) = (0, Spread::Later { percent: jitter_percent });
        let mut not_before = now;
        let verdict = match answer {
            LongPollAnswer::Ok { index } => self.good(index),
            LongPollAnswer::Same { index } => {
                self.failures = 0;
                self.index = index.or(self.index);
                LongPollVerdict::Unchanged
            }
            LongPollAnswer::Fail { retry_after } => {
                not_before = end_of(retry_after.unwrap_or_default(), now);
                (wait, spread) = asked_for(not_before.since(now), self.fail(), jitter_percent);
                LongPollVerdict::Failed
            }
            LongPollAnswer::Refused => {
                self.fail();
                (wait, spread) = (ticks(backoff_max), Spread::Around);
                LongPollVerdict::Failed
            }
        };
        if matches!(verdict, LongPollVerdict::Publish | LongPollVerdict::Unchanged)
            && self.index.is_none()
        {
            wait = ticks(interval);
        }
        self.state = State::Settled { from: now, wait, spread, not_before };
        verdict
    }

    /// Asks for a question soon, in spite of any backoff: a connection failed, or the network came
    /// back. Never before the time that the source asked for, and within the least rate; nothing
    /// to do while a question is under way.
    pub fn refresh(&mut self, now: Instant) {
        match self.state {
            State::Idle { at, not_before } => {
                let at = now.or_later(not_before).or_earlier(at);
                self.state = State::Idle { at, not_before };
            }
            State::Settled { from, wait, not_before, .. } => {
                let at = now.or_later(not_before).or_earlier(from.later(wait));
                self.state = State::Idle { at, not_before };
            }
            State::New | State::Asked { .. } | State::Closing { .. } | State::Closed => {}
        }
    }

    /// Ends: there are no more questions; one under way is canceled.
    pub fn close(&mut self) {
        self.state = match self.state {
            State::Asked { id, .. } | State::Closing { id } => State::Closing { id },
            State::New | State::Settled { .. } | State::Idle { .. } | State::Closed => {
                State::Closed
            }
        };
    }

    fn good(&mut self, index: Option<u64>) -> LongPollVerdict {
        self.failures = 0;
        let before = core::mem::replace(&mut self.index, index);
        match (index, before) {
            (Some(index), Some(before)) if index < before => {
                self.index = None;
                LongPollVerdict::Rewound
            }
            // Whoever always says 0 says nothing by it.
            (Some(1..), _) if index == before => LongPollVerdict::Unchanged,
            (Some(_) | None, _) => LongPollVerdict::Publish,
        }
    }

    fn fail(&mut self) -> Ticks {
        self.failures = self.failures.saturating_add(1);
        self.index = None;
        backoff(self.config.backoff_base, self.config.backoff_max, self.failures)
    }

    fn fetch(&mut self, now: Instant) -> LongPollStep {
        let LongPollConfig { wait, timeout, refill, .. } = self.config;
        self.full = Some(self.full.map_or(now, |full| full.or_later(now)) + refill);
        // An index of 0 would ask without waiting, again and again.
        let index = self.index.map(|index| index.max(1));
        let wait = if index.is_some() { wait } else { Duration::ZERO };
        let id = self.ids.next();
        // The source may add a sixteenth, at random.
        let deadline = now + wait.saturating_add(wait / 16).saturating_add(timeout);
        self.state = State::Asked { id, deadline };
        LongPollStep::Fetch { id, index, wait, deadline }
    }

    /// Returns the time from which on there is room for one more question.
    fn affordable(&self, now: Instant) -> Instant {
        let others =
            ticks(self.config.refill).saturating_mul(self.config.burst.saturating_sub(1).into());
        self.full.map_or(now, |full| full.earlier(others))
    }

    /// Takes all times along with a clock that went backwards: no wait gets longer.
    fn follow_clock(&mut self, now: Instant) {
        let back = self.last.map_or(0, |last| last.since(now));
        self.last = Some(now);
        if back == 0 {
            return;
        }
        let times = match &mut self.state {
            State::Settled { from, not_before, .. } => [Some(from), Some(not_before)],
            State::Idle { at, not_before } => [Some(at), Some(not_before)],
            State::Asked { deadline, .. } => [Some(deadline), None],
            State::New | State::Closing { .. } | State::Closed => [None, None],
        };
        for time in times.into_iter().flatten().chain(&mut self.full) {
            *time = time.earlier(back);
        }
    }
}
