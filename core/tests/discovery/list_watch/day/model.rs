//! What the rules say: what may be asked next, and from when to when it may be.

use super::*;

const TIMEOUT: Duration = Duration::from_secs(30);
const IDLE: Duration = Duration::from_secs(60);
/// A watch that ends sooner has failed.
const MIN_LIFE: Duration = Duration::from_secs(1);
/// Clients that are all told that history is gone list it within this time.
const RELIST_WITHIN: Duration = Duration::from_secs(1);
const BACKOFF_BASE: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

pub(super) struct Model {
    pub(super) cursor: Option<u64>,
    /// In a row.
    failures: u32,
    /// The next list or watch comes in here.
    earliest: Instant,
    latest: Instant,
    /// The source asked not to be asked before.
    not_before: Instant,
    way: Option<Way>,
}

/// A list or watch that is under way.
#[derive(Clone, Copy)]
struct Way {
    begun: Instant,
    /// When a watch said something first and last.
    heard: Option<(Instant, Instant)>,
}

impl Model {
    pub(super) fn new(now: Instant) -> Self {
        let (earliest, latest, not_before) = (now, now, now);
        Self { cursor: None, failures: 0, earliest, latest, not_before, way: None }
    }

    /// Checks what the machine says now, where `way` names the list or watch that is under way.
    pub(super) fn step(&mut self, now: Instant, step: &ListWatchStep<u64>, way: Option<QueryId>) {
        let Some(under_way) = self.way else {
            self.idle_step(now, step);
            return;
        };
        let gives_up = under_way.gives_up();
        match step {
            ListWatchStep::Wait(until) => {
                assert_eq!(*until, Some(gives_up));
                assert!(gives_up > now, "it is given up at {gives_up}, not at {now}");
            }
            ListWatchStep::Cancel { id } => {
                assert_eq!(Some(*id), way);
                assert!(now >= gives_up, "given up at {now}, not at {gives_up}");
                let begun = under_way.heard.is_some();
                self.fault(now, if begun { ListWatchFault::Ended } else { FAILED });
            }
            ListWatchStep::List { .. } | ListWatchStep::Watch { .. } => {
                panic!("{step:?} beside another")
            }
        }
    }

    /// Checks what the machine says while nothing is under way.
    fn idle_step(&mut self, now: Instant, step: &ListWatchStep<u64>) {
        let Self { cursor, earliest, latest, .. } = *self;
        let deadline = match *step {
            ListWatchStep::Wait(Some(until)) => {
                assert!(until > now, "no wait of no time");
                assert!((earliest..=latest).contains(&until), "{until}: {earliest} to {latest}");
                // It keeps its word.
                (self.earliest, self.latest) = (until, until);
                return;
            }
            ListWatchStep::List { deadline, .. } => {
                assert_eq!(cursor, None, "it could go on from there");
                deadline
            }
            ListWatchStep::Watch { from, deadline, .. } => {
                assert_eq!(cursor, Some(from));
                deadline
            }
            ListWatchStep::Cancel { .. } | ListWatchStep::Wait(None) => {
                panic!("{step:?} while nothing is under way")
            }
        };
        assert!(now >= earliest, "asked at {now}, not from {earliest}");
        assert_eq!(deadline, now + TIMEOUT);
        self.way = Some(Way { begun: now, heard: None });
    }

    pub(super) fn listed(&mut self, now: Instant, cursor: u64) {
        self.cursor = Some(cursor);
        self.way = None;
        // The watch begins at once.
        (self.earliest, self.latest, self.not_before) = (now, now, now);
    }

    /// Whether a watch may go on that begins when the source is at this revision.
    pub(super) fn created(&mut self, now: Instant, at: u64) -> bool {
        self.heard(now);
        if self.cursor.is_some_and(|known| at < known) {
            self.fault(now, ListWatchFault::Gone);
            return false;
        }
        true
    }

    /// Whether events are news.
    pub(super) fn events(&mut self, now: Instant, revision: u64) -> bool {
        self.heard(now);
        if self.cursor.is_some_and(|known| revision <= known) {
            return false;
        }
        (self.cursor, self.failures) = (Some(revision), 0);
        true
    }

    pub(super) fn progress(&mut self, now: Instant, revision: Option<u64>) {
        self.heard(now);
        self.cursor = self.cursor.max(revision);
    }

    pub(super) fn fault(&mut self, now: Instant, fault: ListWatchFault) {
        let way = self.way.take().expect("something is under way");
        let lived = way.heard.map(|(first, _)| now.saturating_since(first));
        let lived_well = lived >= Some(MIN_LIFE);
        if lived_well {
            self.failures = 0;
        }
        // Whoever is in a hurry waits for the least of all waits since the last began.
        self.not_before = now.max(way.begun + BACKOFF_BASE);
        if lived_well && fault == ListWatchFault::Ended {
            (self.earliest, self.latest) = (now, now);
            return;
        }
        self.failures += 1;
        if self.failures.is_multiple_of(5) || fault == ListWatchFault::Gone {
            self.cursor = None;
        }
        let doubled = Duration::from_secs(1 << (self.failures - 1).min(5));
        let backoff = doubled.min(Duration::from_secs(30));
        let (least, most) = match fault {
            ListWatchFault::Gone if self.failures == 1 => (Duration::ZERO, RELIST_WITHIN),
            ListWatchFault::Gone | ListWatchFault::Ended => around(backoff),
            ListWatchFault::Refused => around(Duration::from_secs(30)),
            ListWatchFault::Failed { retry_after } => {
                let asked = retry_after.unwrap_or_default().min(HOUR);
                self.not_before = self.not_before.max(now + asked);
                (around(backoff).0.max(asked), around(backoff.max(asked)).1)
            }
        };
        (self.earliest, self.latest) = (now + least, now + most);
    }

    /// Whether somebody who is in a hurry gets it now; `None` where nothing could be earlier.
    pub(super) fn refresh(&mut self, now: Instant) -> Option<bool> {
        if self.way.is_some() || now >= self.earliest {
            return None;
        }
        let soonest = now.max(self.not_before);
        (self.earliest, self.latest) = (self.earliest.min(soonest), self.latest.min(soonest));
        Some(soonest == now)
    }

    fn heard(&mut self, now: Instant) {
        let way = self.way.as_mut().expect("a watch is under way");
        let first = way.heard.map_or(now, |(first, _)| first);
        way.heard = Some((first, now));
    }
}

impl Way {
    fn gives_up(self) -> Instant {
        match self.heard {
            None => self.begun + TIMEOUT,
            Some((_, last)) => last + IDLE,
        }
    }
}

/// Returns a fifth less and a fifth more.
fn around(wait: Duration) -> (Duration, Duration) {
    (wait / 5 * 4, wait / 5 * 6)
}
