//! Polling: when to ask a source that answers with a whole set and a time to live.

mod config;
mod step;

use rand_core::Rng;

pub use super::query::QueryId;
use super::query::QueryIds;
use super::waits::{Spread, asked_for, backoff, end_of};
use crate::time::{Instant, Ticks, ticks};
pub use config::{PollerConfig, PollerConfigError};
pub use step::{Answer, PollerStep, SourceHealth};

/// Decides when to query a source, how long to wait for it, and how good what is known still is.
///
/// Ask [`poll`](Self::poll) what to do until it says [`PollerStep::Wait`]; give it every result.
/// Its answer changes with time, [`on_result`](Self::on_result), [`refresh`](Self::refresh),
/// [`on_news`](Self::on_news) and [`close`](Self::close). A late poll means one query, never a burst.
///
/// ```
/// use evenkeel_core::discovery::poller::{Answer, Poller, PollerConfig, PollerStep, SourceHealth};
/// use evenkeel_core::Instant;
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// # use std::time::Duration;
/// # let mut rng = ChaCha8Rng::seed_from_u64(1);
/// let mut poller = Poller::new(PollerConfig::default())?;
/// let PollerStep::Query { id, .. } = poller.poll(Instant::ZERO, &mut rng) else {
///     panic!("the first query is due at once")
/// };
/// // … ask; the answer is there after 3 ms and lives for 60 s …
/// let now = Instant::from_millis(3);
/// let ttl = Some(Duration::from_secs(60));
/// assert!(poller.on_result(now, id, Answer::Ok { ttl, retry_after: None }));
/// assert_eq!(poller.poll(now, &mut rng), PollerStep::Health(SourceHealth::Fresh));
/// let PollerStep::Wait(Some(at)) = poller.poll(now, &mut rng) else { panic!("nothing is due") };
/// assert!(at >= Instant::from_secs(60) && at < Instant::from_secs(67));
/// # Ok::<(), evenkeel_core::discovery::poller::PollerConfigError>(())
/// ```
#[derive(Debug)]
pub struct Poller {
    config: PollerConfig,
    state: State,
    health: SourceHealth,
    told: SourceHealth,
    ids: QueryIds,
    failures: u32,
    /// The latest time it was told.
    last: Option<Instant>,
    last_start: Option<Instant>,
    last_ok: Option<Instant>,
    /// When the next query was due before somebody wanted it earlier.
    planned: Option<Instant>,
    /// The end of the wait that the source asked for last, until it is over.
    not_before: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// The first query is due at once.
    New,
    /// The next query is due at this time.
    Idle {
        at: Instant,
    },
    /// A query ended at `from`; the next is due `wait` later, spread at random.
    Settled {
        from: Instant,
        wait: Ticks,
        spread: Spread,
    },
    Asked {
        id: QueryId,
        deadline: Instant,
        again: Again,
    },
    /// Closing while this query was under way.
    Closing {
        id: QueryId,
    },
    Closed,
}

/// Which query follows the one under way, whatever its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Again {
    /// None.
    No,
    /// One for a refresh.
    Soon,
    /// One for news.
    AtOnce,
}

impl Poller {
    /// Makes a poller whose first query is due at once.
    ///
    /// # Errors
    /// [`PollerConfigError`] when the settings contradict each other.
    pub fn new(config: PollerConfig) -> Result<Self, PollerConfigError> {
        config.check()?;
        Ok(Self {
            config,
            state: State::New,
            health: SourceHealth::Pending,
            told: SourceHealth::Pending,
            ids: QueryIds::default(),
            failures: 0,
            last: None,
            last_start: None,
            last_ok: None,
            planned: None,
            not_before: None,
        })
    }

    /// Decides what to do now.
    pub fn poll(&mut self, now: Instant, rng: &mut impl Rng) -> PollerStep {
        self.follow_clock(now);
        if let State::Asked { id, deadline, .. } = self.state
            && now >= deadline
        {
            self.on_result(now, id, Answer::Fail { retry_after: None });
            return PollerStep::Cancel { id };
        }
        if self.expiry().is_some_and(|expiry| now >= expiry) {
            self.health = SourceHealth::Expired;
        }
        if self.health != self.told {
            self.told = self.health;
            return PollerStep::Health(self.health);
        }
        if let State::Settled { from, wait, spread } = self.state {
            self.state = State::Idle { at: from.later(spread.over(wait, rng)) };
        }
        match self.state {
            State::New => self.query(now),
            State::Idle { at } if now >= at => self.query(now),
            State::Idle { at } => self.wait(at),
            State::Asked { deadline, .. } => self.wait(deadline),
            State::Closing { id } => {
                self.state = State::Closed;
                PollerStep::Cancel { id }
            }
            State::Closed | State::Settled { .. } => PollerStep::Wait(None),
        }
    }

    /// Takes the result of a query. `false`: it came too late and must be dropped, payload and all.
    pub fn on_result(&mut self, now: Instant, id: QueryId, answer: Answer) -> bool {
        self.follow_clock(now);
        let State::Asked { id: asked, again, .. } = self.state else { return false };
        if asked != id {
            return false;
        }
        let PollerConfig { min, max, default, backoff_max, jitter_percent, .. } = self.config;
        let later = Spread::Later { percent: jitter_percent };
        // One that came early and found nothing postpones nothing, unless the source asks for it.
        let postpones_nothing = matches!(
            answer,
            Answer::Empty { retry_after: None, .. } | Answer::Fail { retry_after: None }
        );
        let planned = self.planned.take().filter(|_| postpones_nothing);
        if let Some(asked) = answer.retry_after() {
            self.not_before = Some(end_of(asked, now));
        }
        let asked = self.not_before.map_or(0, |end| end.since(now));
        let (wait, spread) = match answer {
            Answer::Ok { ttl, .. } => {
                self.failures = 0;
                self.last_ok = Some(now);
                self.health = SourceHealth::Fresh;
                let ttl = ttl.filter(|ttl| !ttl.is_zero()).unwrap_or(default);
                // Not `clamp`, which panics where the least is above the most.
                (ticks(ttl.max(min).min(max)).max(asked), later)
            }
            Answer::Empty { negative_ttl, .. } => {
                self.fail(now);
                match negative_ttl.filter(|ttl| !ttl.is_zero()) {
                    Some(ttl) => (ticks(ttl.min(backoff_max).max(min)).max(asked), later),
                    None => asked_for(asked, self.backoff(), jitter_percent),
                }
            }
            Answer::Fail { .. } => {
                self.fail(now);
                asked_for(asked, self.backoff(), jitter_percent)
            }
        };
        self.state = match planned {
            Some(at) => State::Idle { at: self.soonest(at).or_earlier(now.later(wait)) },
            None => State::Settled { from: now, wait, spread },
        };
        match again {
            Again::No => {}
            Again::Soon => self.refresh(now),
            Again::AtOnce => self.on_news(now),
        }
        true
    }

    /// Hears that the last answer, which was empty, is believed after all: what is known of the
    /// source, nothing, is as good as it says. When it is asked again stays as it is.
    pub fn on_believed(&mut self, now: Instant) {
        self.follow_clock(now);
        self.failures = 0;
        self.last_ok = Some(now);
        self.health = SourceHealth::Fresh;
    }

    /// Asks for a query soon: a connection failed, or the network came back. Any number of calls
    /// means one query, at least [`PollerConfig::min_gap`] after the last one began, and never
    /// before the time that the source asked for. If it finds nothing, the next one comes when it
    /// would have come without it.
    pub fn refresh(&mut self, now: Instant) {
        self.hurry(self.soonest(now), Again::Soon);
    }

    /// Asks for a query now, in spite of any wait, also one that the source asked for: it says now
    /// that it has news. During a query, the next one follows it at once.
    pub fn on_news(&mut self, now: Instant) {
        self.hurry(now, Again::AtOnce);
    }

    /// Returns `at`, or the end of the least gap after the last query began, or that of the wait
    /// that the source asked for.
    fn soonest(&self, at: Instant) -> Instant {
        let gap = self.last_start.map(|start| start + self.config.min_gap);
        [gap, self.not_before].into_iter().flatten().fold(at, Instant::or_later)
    }

    fn hurry(&mut self, soonest: Instant, follow: Again) {
        let due = match &mut self.state {
            State::Idle { at } => *at,
            State::Settled { from, wait, .. } => from.later(*wait),
            State::Asked { again, .. } => {
                *again = follow.max(*again);
                return;
            }
            State::New | State::Closing { .. } | State::Closed => return,
        };
        if soonest < due {
            self.planned.get_or_insert(due);
        }
        self.state = State::Idle { at: soonest.or_earlier(due) };
    }

    /// Ends: there are no more queries; one under way is canceled.
    pub fn close(&mut self) {
        self.state = match self.state {
            State::Asked { id, .. } | State::Closing { id } => State::Closing { id },
            State::New | State::Idle { .. } | State::Settled { .. } | State::Closed => {
                State::Closed
            }
        };
    }

    /// Returns how good what is known of the source still is.
    pub fn health(&self) -> SourceHealth {
        self.health
    }

    /// Takes all times along with a clock that went backwards: no wait gets longer.
    fn follow_clock(&mut self, now: Instant) {
        let back = self.last.map_or(0, |last| last.since(now));
        self.last = Some(now);
        if back == 0 {
            return;
        }
        let state = match &mut self.state {
            State::Idle { at } => Some(at),
            State::Settled { from, .. } => Some(from),
            State::Asked { deadline, .. } => Some(deadline),
            State::New | State::Closing { .. } | State::Closed => None,
        };
        let times =
            [&mut self.last_start, &mut self.last_ok, &mut self.planned, &mut self.not_before];
        for time in times.into_iter().flatten().chain(state) {
            *time = time.earlier(back);
        }
        for health in [&mut self.health, &mut self.told] {
            if let SourceHealth::Stale { since } = health {
                *since = since.earlier(back);
            }
        }
    }

    fn query(&mut self, now: Instant) -> PollerStep {
        let id = self.ids.next();
        let deadline = now + self.config.timeout;
        self.last_start = Some(now);
        self.not_before = self.not_before.filter(|end| *end > now);
        self.state = State::Asked { id, deadline, again: Again::No };
        PollerStep::Query { id, deadline }
    }

    fn wait(&self, until: Instant) -> PollerStep {
        PollerStep::Wait(Some(self.expiry().map_or(until, |expiry| until.or_earlier(expiry))))
    }

    fn fail(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        if self.health == SourceHealth::Fresh {
            self.health = SourceHealth::Stale { since: now };
        }
    }

    fn backoff(&self) -> Ticks {
        backoff(self.config.backoff_base, self.config.backoff_max, self.failures)
    }

    /// Returns when a stale source expires.
    fn expiry(&self) -> Option<Instant> {
        let stale = matches!(self.health, SourceHealth::Stale { .. });
        Some(self.last_ok.filter(|_| stale)? + self.config.max_stale?)
    }
}
