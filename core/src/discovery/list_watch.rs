//! List and watch: a source lists its set once, and then streams what changes.

mod config;
mod state;
mod step;

use rand_core::Rng;

pub use super::config_error::WatchConfigError;
pub use super::query::QueryId;
use super::query::QueryIds;
use super::waits::{Spread, asked_for, backoff, end_of};
use crate::time::{Instant, Ticks, ticks};
pub use config::ListWatchConfig;
use state::State;
pub use step::{ListWatchFault, ListWatchStep, ListWatchVerdict};

/// Decides when to list a source's set and when to watch it, and from where.
///
/// A list comes with a cursor: which state of the source it shows. A watch tells what came after
/// a cursor, and brings later ones. What is known stays in force while a list or watch fails.
/// A list that fails halfway must not be published.
///
/// Ask [`poll`](Self::poll) what to do until it says [`ListWatchStep::Wait`]; tell it what a list
/// or a watch brings, and how it ends. What `poll` says changes with each of these, with time, and
/// with [`refresh`](Self::refresh) and [`close`](Self::close).
///
/// A source of one's own needs functions that list and watch it, and this loop:
///
/// ```
/// use evenkeel_core::Instant;
/// use evenkeel_core::discovery::list_watch::{
///     ListWatch, ListWatchConfig, ListWatchFault, ListWatchStep, ListWatchVerdict,
/// };
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// # let mut rng = ChaCha8Rng::seed_from_u64(1);
/// # let list = || (5_u64, vec!["a:1"]);
/// # let watch = |from| [(5, "a:1"), (6, "b:1"), (7, "c:1")].into_iter().filter(move |e| e.0 >= from);
/// # let mut now = Instant::ZERO;
/// let mut set = Vec::new();
/// let mut machine = ListWatch::new(ListWatchConfig::default())?;
/// # for _ in 0..2 {
/// match machine.poll(now, &mut rng) {
///     ListWatchStep::List { id, .. } => {
///         let (revision, listed) = list();
///         if machine.on_list(now, id, revision) == ListWatchVerdict::Believe {
///             set = listed;
///         }
///     }
///     ListWatchStep::Watch { id, from, .. } => {
///         for (revision, added) in watch(from) {
///             if machine.on_events(now, id, revision) == ListWatchVerdict::Believe {
///                 set.push(added);
///             }
///         }
///         machine.on_fault(now, id, ListWatchFault::Ended);
///     }
///     ListWatchStep::Cancel { .. } => {} // give that list or watch up
///     ListWatchStep::Wait(until) => now = until.expect("it was not closed"),
/// }
/// # }
/// assert_eq!(set, ["a:1", "b:1", "c:1"]);
/// # Ok::<(), evenkeel_core::discovery::WatchConfigError>(())
/// ```
#[derive(Debug)]
pub struct ListWatch<C> {
    config: ListWatchConfig,
    state: State,
    ids: QueryIds,
    /// The last state that is known; without it, the set is listed.
    cursor: Option<C>,
    /// In a row.
    failures: u32,
    /// When the last list or watch began.
    begun: Option<Instant>,
    /// The latest time it was told.
    last: Option<Instant>,
}

impl<C: Clone + PartialOrd> ListWatch<C> {
    /// Makes a machine whose first list is due at once.
    ///
    /// # Errors
    /// [`WatchConfigError`] when the settings contradict each other.
    pub fn new(config: ListWatchConfig) -> Result<Self, WatchConfigError> {
        config.check()?;
        let (state, ids) = (State::New, QueryIds::default());
        Ok(Self { config, state, ids, cursor: None, failures: 0, begun: None, last: None })
    }

    /// Decides what to do now.
    pub fn poll(&mut self, now: Instant, rng: &mut impl Rng) -> ListWatchStep<C> {
        self.follow_clock(now);
        match self.state {
            State::Listing { id, deadline } | State::Opening { id, deadline }
                if now >= deadline =>
            {
                self.on_fault(now, id, ListWatchFault::Failed { retry_after: None });
                return ListWatchStep::Cancel { id };
            }
            State::Watching { id, quiet_until, .. } if now >= quiet_until => {
                self.on_fault(now, id, ListWatchFault::Ended);
                return ListWatchStep::Cancel { id };
            }
            State::Settled { from, wait, spread, not_before } => {
                self.state = State::Idle { at: from.later(spread.over(wait, rng)), not_before };
            }
            State::New
            | State::Idle { .. }
            | State::Listing { .. }
            | State::Opening { .. }
            | State::Watching { .. }
            | State::Closing { .. }
            | State::Closed => {}
        }
        match self.state {
            State::New => self.begin(now),
            State::Idle { at, .. } if now >= at => self.begin(now),
            State::Idle { at, .. }
            | State::Listing { deadline: at, .. }
            | State::Opening { deadline: at, .. }
            | State::Watching { quiet_until: at, .. } => ListWatchStep::Wait(Some(at)),
            State::Closing { id } => {
                self.state = State::Closed;
                ListWatchStep::Cancel { id }
            }
            State::Settled { .. } | State::Closed => ListWatchStep::Wait(None),
        }
    }

    /// Takes a list, which is whole: it replaces the set. The watch begins at once.
    pub fn on_list(&mut self, now: Instant, id: QueryId, cursor: C) -> ListWatchVerdict {
        self.follow_clock(now);
        if !matches!(self.state, State::Listing { id: listing, .. } if listing == id) {
            return ListWatchVerdict::Drop;
        }
        self.cursor = Some(cursor);
        self.state = State::Idle { at: now, not_before: now };
        ListWatchVerdict::Believe
    }

    /// Hears that a watch has begun, and the source's state then, if it is known. If that is behind
    /// the cursor, the source's history was rewritten, as after a restore: the set is listed anew.
    pub fn on_created(&mut self, now: Instant, id: QueryId, at: Option<&C>) -> ListWatchVerdict {
        if !self.heard(now, id) {
            return ListWatchVerdict::Drop;
        }
        let behind = self.config.ordered && at.is_some_and(|at| Some(at) < self.cursor.as_ref());
        if behind {
            self.on_fault(now, id, ListWatchFault::Gone);
            return ListWatchVerdict::Drop;
        }
        ListWatchVerdict::Believe
    }

    /// Takes events of a watch: all up to this cursor, which is that of the last of them. How far the
    /// source is says nothing of that: a watch that catches up is told by and by.
    pub fn on_events(&mut self, now: Instant, id: QueryId, cursor: C) -> ListWatchVerdict {
        if !self.heard(now, id) {
            return ListWatchVerdict::Drop;
        }
        if self.config.ordered && self.cursor.as_ref().is_some_and(|known| cursor <= *known) {
            return ListWatchVerdict::Skip;
        }
        self.cursor = Some(cursor);
        self.failures = 0;
        ListWatchVerdict::Believe
    }

    /// Hears that a watch is alive and, if the source says so, that it has told all up to this
    /// cursor.
    pub fn on_progress(
        &mut self,
        now: Instant,
        id: QueryId,
        cursor: Option<C>,
    ) -> ListWatchVerdict {
        if !self.heard(now, id) {
            return ListWatchVerdict::Drop;
        }
        let ordered = self.config.ordered;
        if let Some(cursor) = cursor.filter(|to| !ordered || Some(to) > self.cursor.as_ref()) {
            self.cursor = Some(cursor);
        }
        ListWatchVerdict::Believe
    }

    /// Hears how a list or a watch ended.
    pub fn on_fault(&mut self, now: Instant, id: QueryId, fault: ListWatchFault) {
        self.follow_clock(now);
        let lived = match self.state {
            State::Listing { id: own, .. } | State::Opening { id: own, .. } if own == id => 0,
            State::Watching { id: own, since, .. } if own == id => now.since(since),
            State::New
            | State::Settled { .. }
            | State::Idle { .. }
            | State::Listing { .. }
            | State::Opening { .. }
            | State::Watching { .. }
            | State::Closing { .. }
            | State::Closed => return,
        };
        let ListWatchConfig { min_life, relist_within, backoff_base, backoff_max, .. } =
            self.config;
        if lived > 0 && lived >= ticks(min_life) {
            self.failures = 0;
        }
        let mut not_before = now.or_later(self.begun.map_or(now, |begun| begun + backoff_base));
        let (wait, spread) = match fault {
            ListWatchFault::Ended if lived > 0 && lived >= ticks(min_life) => (0, Spread::Within),
            ListWatchFault::Gone => {
                let backoff = self.fail();
                self.cursor = None;
                if self.failures == 1 {
                    (ticks(relist_within), Spread::Within)
                } else {
                    (backoff, Spread::Around)
                }
            }
            ListWatchFault::Ended => (self.fail(), Spread::Around),
            ListWatchFault::Failed { retry_after } => {
                let asked = end_of(retry_after.unwrap_or_default(), now);
                not_before = not_before.or_later(asked);
                asked_for(asked.since(now), self.fail(), 20)
            }
            ListWatchFault::Refused => {
                self.fail();
                (ticks(backoff_max), Spread::Around)
            }
        };
        self.state = State::Settled { from: now, wait, spread, not_before };
    }

    /// Asks for the next list or watch soon, in spite of any backoff: a connection failed, or the
    /// network came back. Never before the time that the source asked for, nor within
    /// [`backoff_base`](ListWatchConfig::backoff_base) of the beginning of the last one, however
    /// often this is called; nothing to do while a list or watch is under way.
    pub fn refresh(&mut self, now: Instant) {
        self.state = match self.state {
            State::Idle { at, not_before } => {
                State::Idle { at: now.or_later(not_before).or_earlier(at), not_before }
            }
            State::Settled { from, wait, not_before, .. } => {
                let at = now.or_later(not_before).or_earlier(from.later(wait));
                State::Idle { at, not_before }
            }
            State::New
            | State::Listing { .. }
            | State::Opening { .. }
            | State::Watching { .. }
            | State::Closing { .. }
            | State::Closed => return,
        };
    }

    /// Ends: there are no more lists and watches; one under way is canceled.
    pub fn close(&mut self) {
        self.state = match self.state {
            State::Listing { id, .. }
            | State::Opening { id, .. }
            | State::Watching { id, .. }
            | State::Closing { id } => State::Closing { id },
            State::New | State::Settled { .. } | State::Idle { .. } | State::Closed => {
                State::Closed
            }
        };
    }

    /// Returns the last state that is known, or `None` if the set is to be listed.
    pub fn cursor(&self) -> Option<&C> {
        self.cursor.as_ref()
    }

    fn begin(&mut self, now: Instant) -> ListWatchStep<C> {
        let (id, deadline) = (self.ids.next(), now + self.config.timeout);
        self.begun = Some(now);
        if let Some(from) = self.cursor.clone() {
            self.state = State::Opening { id, deadline };
            return ListWatchStep::Watch { id, from, deadline };
        }
        self.state = State::Listing { id, deadline };
        ListWatchStep::List { id, deadline }
    }

    /// Notes a word of the watch; `false`: there is no such watch.
    fn heard(&mut self, now: Instant, id: QueryId) -> bool {
        self.follow_clock(now);
        let since = match self.state {
            State::Opening { id: own, .. } if own == id => now,
            State::Watching { id: own, since, .. } if own == id => since,
            State::New
            | State::Settled { .. }
            | State::Idle { .. }
            | State::Listing { .. }
            | State::Opening { .. }
            | State::Watching { .. }
            | State::Closing { .. }
            | State::Closed => return false,
        };
        let quiet_until = now + self.config.idle;
        self.state = State::Watching { id, since, quiet_until };
        true
    }

    fn fail(&mut self) -> Ticks {
        self.failures = self.failures.saturating_add(1);
        if self.failures.is_multiple_of(self.config.relist_after.max(1).into()) {
            self.cursor = None;
        }
        backoff(self.config.backoff_base, self.config.backoff_max, self.failures)
    }

    /// Takes all times along with a clock that went backwards: no wait gets longer.
    fn follow_clock(&mut self, now: Instant) {
        let back = self.last.map_or(0, |last| last.since(now));
        self.last = Some(now);
        if back == 0 {
            return;
        }
        self.begun = self.begun.map(|begun| begun.earlier(back));
        self.state.earlier(back);
    }
}
