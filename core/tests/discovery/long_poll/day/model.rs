//! What the rules say: what is asked next, from when to when, and what answers mean.

use super::*;

/// The source may keep a question for so long, and a sixteenth longer.
const KEPT: Duration = Duration::from_secs(50);
const TIMEOUT: Duration = Duration::from_secs(10);
/// Between questions to a source that keeps none.
const INTERVAL: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_secs(3_600);
/// Each question costs so much of what time gives, and four may follow each other at once.
const COST: Duration = Duration::from_secs(5);
const SAVED: Duration = Duration::from_secs(20);

pub(super) struct Model {
    /// Of the last good answer, to go on from.
    pub(super) index: Option<u64>,
    /// In a row.
    failures: u32,
    /// The next question comes in here, if that can be afforded.
    earliest: Instant,
    latest: Instant,
    /// The source asked not to be asked before.
    not_before: Instant,
    /// When the question under way is given up.
    deadline: Option<Instant>,
    credit: Duration,
    counted: Instant,
}

impl Model {
    pub(super) fn new(now: Instant) -> Self {
        let (earliest, latest, not_before, counted) = (now, now, now, now);
        let (index, failures, deadline, credit) = (None, 0, None, SAVED);
        Self { index, failures, earliest, latest, not_before, deadline, credit, counted }
    }

    /// Checks what the machine says now, where `asked` names the question that is under way.
    pub(super) fn step(&mut self, now: Instant, step: &LongPollStep, asked: Option<QueryId>) {
        self.credit = SAVED.min(self.credit + now.saturating_since(self.counted));
        self.counted = now;
        match (self.deadline, *step) {
            (Some(deadline), LongPollStep::Wait(until)) => {
                assert_eq!(until, Some(deadline));
                assert!(deadline > now, "it is given up at {deadline}, not at {now}");
            }
            (Some(deadline), LongPollStep::Cancel { id }) => {
                assert_eq!(Some(id), asked);
                assert!(now >= deadline, "given up at {now}, not at {deadline}");
                assert_eq!(self.answered(now, FAIL), Failed);
            }
            (None, LongPollStep::Wait(Some(until))) => {
                let affordable = self.affordable();
                let (earliest, latest) =
                    (self.earliest.max(affordable), self.latest.max(affordable));
                assert!(until > now, "no wait of no time");
                assert!((earliest..=latest).contains(&until), "{until}: {earliest} to {latest}");
                // It keeps its word.
                self.latest = self.latest.min(until);
                if until > affordable {
                    self.earliest = until;
                }
            }
            (None, LongPollStep::Fetch { index, wait, deadline, .. }) => {
                let soonest = self.earliest.max(self.affordable());
                assert!(now >= soonest, "asked at {now}, not from {soonest}");
                // An index of 0 would ask without waiting.
                assert_eq!(index, self.index.map(|index| index.max(1)));
                let kept = if index.is_some() { KEPT } else { Duration::ZERO };
                assert_eq!((wait, deadline), (kept, now + kept + kept / 16 + TIMEOUT));
                self.credit -= COST;
                self.deadline = Some(deadline);
            }
            (_, step) => panic!("{step:?}, and given up is {:?}", self.deadline),
        }
    }

    /// Returns what an answer to the question under way means.
    pub(super) fn answered(&mut self, now: Instant, answer: LongPollAnswer) -> LongPollVerdict {
        self.deadline = None;
        self.not_before = now;
        let before = self.index.take();
        let verdict = match answer {
            LongPollAnswer::Ok { index } => {
                if index.is_some() && index < before {
                    Rewound
                } else {
                    self.index = index;
                    // 0 says nothing.
                    if index > Some(0) && index == before { Unchanged } else { Publish }
                }
            }
            LongPollAnswer::Same { index } => {
                self.index = index.or(before);
                Unchanged
            }
            LongPollAnswer::Fail { .. } | LongPollAnswer::Refused => Failed,
        };
        let (least, most) = match answer {
            LongPollAnswer::Fail { retry_after } => {
                let asked = retry_after.unwrap_or_default().min(HOUR);
                self.not_before = now + asked;
                let backoff = self.fails();
                ((backoff / 5 * 4).max(asked), (backoff / 5 * 6).max(asked / 10 * 11))
            }
            LongPollAnswer::Refused => {
                self.fails();
                (Duration::from_secs(48), Duration::from_secs(72))
            }
            LongPollAnswer::Ok { .. } | LongPollAnswer::Same { .. } => {
                self.failures = 0;
                let waits = self.index.is_none() && verdict != Rewound;
                if waits {
                    (INTERVAL, INTERVAL / 10 * 11)
                } else {
                    (Duration::ZERO, Duration::ZERO)
                }
            }
        };
        (self.earliest, self.latest) = (now + least, now + most);
        verdict
    }

    /// Whether somebody who is in a hurry has it earlier; `None` where nothing could be.
    pub(super) fn refresh(&mut self, now: Instant) -> Option<bool> {
        if self.deadline.is_some() || now >= self.earliest {
            return None;
        }
        let soonest = now.max(self.not_before);
        (self.earliest, self.latest) = (self.earliest.min(soonest), self.latest.min(soonest));
        Some(soonest == now)
    }

    fn fails(&mut self) -> Duration {
        self.failures += 1;
        Duration::from_secs(1 << (self.failures - 1).min(6)).min(Duration::from_secs(60))
    }

    /// Returns the time from which on one more question can be afforded.
    fn affordable(&self) -> Instant {
        self.counted + COST.saturating_sub(self.credit)
    }
}
