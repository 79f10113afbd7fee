//! What the reports on one endpoint add up to until the maintenance task takes it over.

use core::time::Duration;

use crossbeam_utils::CachePadded;
use evenkeel_core::health::{SLOW_FAILURE, Tally};
use evenkeel_core::{Instant, Outcome};

use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// The successes count, too.
const WATCHED: u32 = 1 << 31;
/// There is a row of cancellations, which an answer of any kind ends.
const GIVEN_UP: u32 = 1 << 30;
/// The failures in a row.
const STREAK: u32 = GIVEN_UP - 1;
/// In [`Counts::began`]: a failure of the row was slow.
const SLOW: u64 = 1;
/// In [`Counts::probe`]: a pick may take the probe. 0: there is none; everything else is when it
/// was sent.
const DUE: u64 = u64::MAX;

/// Which outcomes say something of an endpoint's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heed {
    /// None: endpoints are never ejected.
    Nothing,
    /// Failures, and successes for a while after one.
    Failures,
    /// All.
    All,
}

/// What was reported of an endpoint since it came. A success writes nothing as long as nobody needs
/// to know.
#[derive(Debug)]
pub(crate) struct Vitals {
    heed: Heed,
    /// An endpoint that asks for it is left alone.
    rests: bool,
    /// Failures in a row, [`WATCHED`] and [`GIVEN_UP`]: read at each success, written around failures only.
    watch: AtomicU32,
    /// Apart, as they are written with failures.
    counts: Box<CachePadded<Counts>>,
}

/// Totals wrap.
#[derive(Debug, Default)]
struct Counts {
    successes: AtomicU32,
    failures: AtomicU32,
    /// Successes and failures that say nothing of its health: what is outdated, and refusals for a
    /// time.
    others: [AtomicU32; 2],
    /// The successes and failures that the last tally had.
    told: [AtomicU32; 2],
    /// The most failures in a row since the last tally.
    longest: AtomicU32,
    /// When the first failing request of the row was sent, to 2 ns, and [`SLOW`].
    began: AtomicU64,
    /// The row of cancellations.
    given_up: AtomicU32,
    /// The longest such row that ended in an answer since the last tally.
    answered: AtomicU32,
    /// For how long the endpoint asked to be left alone at most, in nanoseconds.
    rest: AtomicU64,
    probe: AtomicU64,
    /// The version of the snapshot in which it came back last: picks from earlier ones say nothing
    /// of its health any more.
    back: AtomicU64,
    /// For each outcome, when the last of those requests was sent that decide.
    decided: [AtomicU64; Outcome::NAMES.len()],
}

impl Vitals {
    pub(crate) fn new(heed: Heed, rests: bool) -> Self {
        let watch = AtomicU32::new(if heed == Heed::All { WATCHED } else { 0 });
        Self { heed, rests, watch, counts: Box::default() }
    }

    /// Tells that a request which decides nothing and ended like this is worth a
    /// [`report`](Self::report).
    #[inline]
    pub(crate) fn heeds(&self, outcome: Outcome) -> bool {
        match outcome {
            Outcome::Success | Outcome::PushedBack => self.watch.load(Relaxed) != 0,
            Outcome::Failure
            | Outcome::TimedOut
            | Outcome::NeverSent
            | Outcome::Overloaded { .. } => true,
            Outcome::Ignorable => self.watch.load(Relaxed) & GIVEN_UP != 0,
            Outcome::Abandoned | Outcome::LostRace => self.heed != Heed::Nothing,
        }
    }

    /// Learns from a request that was picked from the snapshot with this version; one that was sent
    /// as a probe or in panic `decides` and says when it was sent. Tells that the maintenance task
    /// has to know. It was sent and ended at these times.
    pub(crate) fn report(
        &self,
        outcome: Outcome,
        version: u64,
        decides: Option<Instant>,
        [sent, now]: [Instant; 2],
    ) -> bool {
        let counts = &**self.counts;
        let rest = match outcome {
            Outcome::Overloaded { retry_after } if self.rests => nanos(retry_after),
            Outcome::Success
            | Outcome::Failure
            | Outcome::TimedOut
            | Outcome::NeverSent
            | Outcome::Ignorable
            | Outcome::PushedBack
            | Outcome::Abandoned
            | Outcome::LostRace
            | Outcome::Overloaded { .. } => 0,
        };
        let failed = outcome.is_failure();
        if version < counts.back.load(Relaxed) && rest == 0 {
            if !outcome.is_canceled() {
                counts.others[usize::from(failed)].fetch_add(1, Relaxed);
            }
            return false;
        }
        let decides = decides.filter(|_| self.heed != Heed::Nothing);
        if let Some(sent) = decides {
            // What the cluster does not tell apart is kept together.
            let end = match outcome {
                Outcome::Overloaded { .. } if rest > 0 => outcome,
                Outcome::Failure
                | Outcome::TimedOut
                | Outcome::NeverSent
                | Outcome::Overloaded { .. } => Outcome::Failure,
                Outcome::Success | Outcome::PushedBack => Outcome::Success,
                Outcome::Ignorable | Outcome::Abandoned | Outcome::LostRace => outcome,
            };
            counts.decided[usize::from(end.index())].fetch_max(stamp(sent), Relaxed);
        }
        if rest > 0 {
            counts.others[1].fetch_add(1, Relaxed);
            counts.rest.fetch_max(rest, Relaxed);
            return true;
        }
        if failed {
            counts.failures.fetch_add(1, Relaxed);
            if self.heed != Heed::Nothing {
                self.fail(outcome, sent, now);
            }
            return self.heed != Heed::Nothing;
        }
        if outcome.is_canceled() {
            return self.heed != Heed::Nothing && self.give_up(outcome) || decides.is_some();
        }
        let watch = self.watch.load(Relaxed);
        if watch & GIVEN_UP != 0 {
            self.answer();
        }
        if matches!(outcome, Outcome::Success | Outcome::PushedBack) && watch != 0 {
            if watch & STREAK != 0 {
                self.watch.fetch_and(!STREAK, Relaxed);
            }
            counts.successes.fetch_add(1, Relaxed);
        }
        decides.is_some()
    }

    /// Prolongs the row of failures.
    fn fail(&self, outcome: Outcome, sent: Instant, now: Instant) {
        let (counts, watch) = (&**self.counts, self.watch.load(Relaxed));
        if watch & GIVEN_UP != 0 {
            if matches!(outcome, Outcome::TimedOut | Outcome::NeverSent) {
                // No answer.
                self.watch.fetch_and(!GIVEN_UP, Relaxed);
                counts.given_up.store(0, Relaxed);
            } else {
                self.answer();
            }
        }
        let slow = outcome != Outcome::NeverSent && now.saturating_since(sent) >= SLOW_FAILURE;
        let slow = if slow { SLOW } else { 0 };
        // Far from the other bits, whatever threads do at the same time.
        if watch & STREAK >= STREAK / 2 {
            self.watch.fetch_sub(STREAK / 4, Relaxed);
        }
        let before = self.watch.fetch_add(1, Relaxed) & STREAK;
        counts.longest.fetch_max(before + 1, Relaxed);
        if before == 0 {
            counts.began.store(stamp(sent) & !SLOW | slow, Relaxed);
        } else if slow != 0 {
            counts.began.fetch_or(slow, Relaxed);
        }
    }

    /// Prolongs the row of cancellations; tells that it may be long enough to be judged.
    fn give_up(&self, outcome: Outcome) -> bool {
        let weight = outcome.cancellation_weight();
        let before = self.counts.given_up.fetch_add(weight, Relaxed);
        if self.watch.load(Relaxed) & GIVEN_UP == 0 {
            self.watch.fetch_or(GIVEN_UP, Relaxed);
        }
        // Most lengths at which a row is judged first are multiples of 8; at others, it is judged
        // a request or two later.
        before / 8 != (before.wrapping_add(weight)) / 8
    }

    /// Ends the row of cancellations in an answer.
    fn answer(&self) {
        self.watch.fetch_and(!GIVEN_UP, Relaxed);
        let row = self.counts.given_up.swap(0, Relaxed);
        self.counts.answered.fetch_max(row, Relaxed);
    }

    /// Takes what became of requests since the last tally.
    pub(crate) fn take_tally(&self) -> Tally {
        let counts = &**self.counts;
        let since = |total: &AtomicU32, told: &AtomicU32| {
            let total = total.load(Relaxed);
            total.wrapping_sub(told.swap(total, Relaxed))
        };
        Tally {
            successes: since(&counts.successes, &counts.told[0]),
            failures: since(&counts.failures, &counts.told[1]),
            streak: self.watch.load(Relaxed) & STREAK,
            longest: counts.longest.swap(0, Relaxed),
            began: Some(counts.began.load(Relaxed) & !SLOW)
                .filter(|&at| at > 0)
                .map(Instant::from_nanos),
            slow: counts.began.load(Relaxed) & SLOW != 0,
            cancels: counts.given_up.load(Relaxed),
            answered: counts.answered.swap(0, Relaxed),
        }
    }

    /// Takes the longest time that the endpoint asked to be left alone for, since this was asked
    /// last; and when the request was sent that it refused, if that decides.
    pub(crate) fn take_refusal(&self) -> Option<(Outcome, Option<Instant>)> {
        let retry_after = Some(Duration::from_nanos(take(&self.counts.rest)?));
        let outcome = Outcome::Overloaded { retry_after };
        Some((outcome, self.take_decision(outcome)))
    }

    /// Takes the other ends of requests that decide, since this was asked last: the latest of each
    /// kind, and when it was sent.
    pub(crate) fn take_decisions(&self) -> impl Iterator<Item = (Outcome, Instant)> {
        let ends = [
            Outcome::Success,
            Outcome::Failure,
            Outcome::Ignorable,
            Outcome::Abandoned,
            Outcome::LostRace,
        ];
        ends.into_iter().filter_map(|outcome| Some((outcome, self.take_decision(outcome)?)))
    }

    fn take_decision(&self, outcome: Outcome) -> Option<Instant> {
        take(&self.counts.decided[usize::from(outcome.index())]).map(Instant::from_nanos)
    }

    /// Forgets the failures and the cancellations in a row so far.
    pub(crate) fn forget_streak(&self) {
        self.watch.fetch_and(WATCHED, Relaxed);
        self.counts.given_up.store(0, Relaxed);
    }

    /// Counts successes until this is told again, or does not.
    pub(crate) fn watch(&self, watched: bool) {
        if watched {
            self.watch.fetch_or(WATCHED, Relaxed);
        } else {
            self.watch.fetch_and(!WATCHED, Relaxed);
        }
    }

    pub(crate) fn is_watched(&self) -> bool {
        self.watch.load(Relaxed) != 0
    }

    /// Lets one pick be the probe.
    pub(crate) fn offer_probe(&self) {
        self.counts.probe.store(DUE, Relaxed);
    }

    /// Lets no pick be the probe any more; one that is under way goes on.
    pub(crate) fn retract_probe(&self) {
        let _ = self.counts.probe.compare_exchange(DUE, 0, Relaxed, Relaxed);
    }

    /// Tells that this pick is the probe.
    pub(crate) fn take_probe(&self, now: Instant) -> bool {
        let probe = &self.counts.probe;
        probe.load(Relaxed) == DUE
            && probe.compare_exchange(DUE, stamp(now), Relaxed, Relaxed).is_ok()
    }

    /// Takes when a probe was sent, unless that is known or another one is due.
    pub(crate) fn take_probe_sent(&self) -> Option<Instant> {
        let probe = &self.counts.probe;
        let sent = probe.load(Relaxed);
        let is_sent = sent != 0 && sent != DUE;
        // Nobody else takes it, and nobody picks a probe before the next is offered.
        (is_sent && probe.compare_exchange(sent, 0, Relaxed, Relaxed).is_ok())
            .then(|| Instant::from_nanos(sent))
    }

    /// Notes that it has come back with the snapshot of this version.
    pub(crate) fn come_back(&self, version: u64) {
        self.counts.back.store(version, Relaxed);
    }

    /// Returns how many requests failed or were refused.
    pub(crate) fn failures(&self) -> u32 {
        self.counts.failures.load(Relaxed).wrapping_add(self.counts.others[1].load(Relaxed))
    }

    /// Returns how many requests succeeded, where all are counted.
    pub(crate) fn successes(&self) -> Option<u32> {
        let [counted, others] = [&self.counts.successes, &self.counts.others[0]];
        let all = || counted.load(Relaxed).wrapping_add(others.load(Relaxed));
        (self.heed == Heed::All).then(all)
    }
}

/// Returns a time as it is kept, where 0 stands for none.
fn stamp(time: Instant) -> u64 {
    time.as_nanos().clamp(1, DUE - 1)
}

/// Returns a duration as it is kept, where 0 stands for none.
fn nanos(duration: Option<Duration>) -> u64 {
    duration.map_or(0, |duration| duration.as_nanos().try_into().unwrap_or(u64::MAX))
}

fn take(word: &AtomicU64) -> Option<u64> {
    // Almost always there is nothing to take. Nobody else takes it.
    (word.load(Relaxed) != 0).then(|| word.swap(0, Relaxed))
}

#[cfg(test)]
mod tests;
