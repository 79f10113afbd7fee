//! What the client side measures: every attempt at an endpoint, and every call as its caller sees
//! it.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use evenkeel::Target;
use hdrhistogram::Histogram;
use tokio::time::Instant;

use super::backend::label;
use super::frame::{CallsRow, EndpointRow, Frame, Percentiles};

/// Latencies are kept in microseconds, to two significant digits, up to a minute.
const DIGITS: u8 = 2;
const MAX_MICROS: u64 = 60_000_000;

/// Counts of the running second and of the whole run.
#[derive(Debug)]
pub(super) struct Stats(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    endpoints: BTreeMap<Target, Tally>,
    sent: u64,
    answered: u64,
    lost: u64,
    second: Window,
    whole: Window,
}

#[derive(Debug, Default)]
struct Tally {
    listed: bool,
    in_flight: u64,
    /// Attempts that began after the balancer had removed the endpoint.
    after_removal: u64,
    failing: bool,
    /// When it was seen to fail after answers, or to answer after failures.
    turned: Option<Instant>,
    second: Window,
    whole: Window,
}

/// Attempts at one endpoint, or calls: what began, what went wrong (for calls: what had to be tried
/// again), how long it took.
#[derive(Debug)]
struct Window {
    begun: u64,
    failed: u64,
    latency: Histogram<u64>,
}

/// How the sight of an endpoint changed with an attempt's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Same,
    /// Its first failure after answers, or ever.
    Fails,
    Recovers,
}

impl Stats {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::default()))
    }

    /// Notes that the balancer added or removed an endpoint.
    pub(super) fn set_listed(&self, target: &Target, listed: bool) {
        self.inner().endpoints.entry(target.clone()).or_default().listed = listed;
    }

    pub(super) fn begin_attempt(self: &Arc<Self>, target: &Target) -> AttemptGuard {
        let mut inner = self.inner();
        let tally = inner.endpoints.entry(target.clone()).or_default();
        tally.in_flight += 1;
        tally.second.begun += 1;
        tally.whole.begun += 1;
        tally.after_removal += u64::from(!tally.listed);
        AttemptGuard {
            stats: Arc::clone(self),
            target: target.clone(),
            begun: Instant::now(),
            open: true,
        }
    }

    pub(super) fn begin_call(&self) -> Instant {
        let mut inner = self.inner();
        inner.sent += 1;
        inner.second.begun += 1;
        inner.whole.begun += 1;
        Instant::now()
    }

    /// Counts the call's end: one with no answer is lost.
    pub(super) fn end_call(&self, begun: Instant, answered: bool) {
        let mut inner = self.inner();
        if answered {
            inner.answered += 1;
        } else {
            inner.lost += 1;
        }
        inner.second.record(begun);
        inner.whole.record(begun);
    }

    /// Counts an attempt after the call's first one failed.
    pub(super) fn count_retry(&self) {
        let mut inner = self.inner();
        inner.second.failed += 1;
        inner.whole.failed += 1;
    }

    /// Takes the running second, which starts anew.
    pub(super) fn take_second(&self) -> Frame {
        let mut inner = self.inner();
        let frame = inner.frame(false, &inner.second, |tally| &tally.second);
        inner.second.clear();
        inner.endpoints.values_mut().for_each(|tally| tally.second.clear());
        frame
    }

    /// Returns the run until now.
    pub(super) fn whole(&self) -> Frame {
        let inner = self.inner();
        inner.frame(true, &inner.whole, |tally| &tally.whole)
    }

    /// Returns how many attempts at the backend of this name have begun.
    pub(super) fn attempts(&self, name: &str) -> u64 {
        self.of(name, |window| window.begun)
    }

    /// Returns how many attempts at the backend of this name have failed.
    pub(super) fn failed(&self, name: &str) -> u64 {
        self.of(name, |window| window.failed)
    }

    fn of(&self, name: &str, count: fn(&Window) -> u64) -> u64 {
        let inner = self.inner();
        let mut tallies = inner.endpoints.iter();
        let tally = tallies.find(|(target, _)| label(target) == name);
        tally.map_or(0, |(_, tally)| count(&tally.whole))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Counters cannot be left half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn frame(&self, whole: bool, calls: &Window, of: impl Fn(&Tally) -> &Window) -> Frame {
        let all: u64 = self.endpoints.values().map(|tally| of(tally).begun).sum();
        let row = |(target, tally): (&Target, &Tally)| EndpointRow {
            target: target.clone(),
            listed: tally.listed,
            attempts: of(tally).begun,
            share: (of(tally).begun * 1000 + all / 2).checked_div(all).unwrap_or(0),
            in_flight: tally.in_flight,
            failed: of(tally).failed,
            after_removal: tally.after_removal,
            latency: of(tally).percentiles(),
        };
        Frame {
            whole,
            endpoints: self.endpoints.iter().map(row).collect(),
            calls: CallsRow {
                sent: calls.begun,
                in_flight: self.sent - self.answered - self.lost,
                retries: calls.failed,
                latency: calls.percentiles(),
                lost: self.lost,
            },
        }
    }
}

/// An attempt in flight; dropped before its end, it was given up and counts as failed.
#[derive(Debug)]
pub(super) struct AttemptGuard {
    stats: Arc<Stats>,
    target: Target,
    begun: Instant,
    open: bool,
}

impl AttemptGuard {
    pub(super) fn end(mut self, answered: bool) -> Turn {
        self.open = false;
        self.record(answered)
    }

    fn record(&self, answered: bool) -> Turn {
        let mut inner = self.stats.inner();
        let Some(tally) = inner.endpoints.get_mut(&self.target) else { return Turn::Same };
        tally.in_flight -= 1;
        tally.second.record(self.begun);
        tally.whole.record(self.begun);
        if !answered {
            tally.second.failed += 1;
            tally.whole.failed += 1;
        }
        // What was asked before says nothing of now.
        let old = tally.turned.is_some_and(|turned| self.begun <= turned);
        if old || answered != tally.failing {
            return Turn::Same;
        }
        tally.failing = !answered;
        tally.turned = Some(Instant::now());
        if answered { Turn::Recovers } else { Turn::Fails }
    }
}

impl Drop for AttemptGuard {
    fn drop(&mut self) {
        if self.open {
            self.record(false);
        }
    }
}

impl Window {
    fn record(&mut self, begun: Instant) {
        let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.latency.saturating_record(micros);
    }

    fn percentiles(&self) -> Option<Percentiles> {
        let at = |quantile| Duration::from_micros(self.latency.value_at_quantile(quantile));
        (!self.latency.is_empty()).then(|| Percentiles { p50: at(0.5), p99: at(0.99) })
    }

    fn clear(&mut self) {
        self.begun = 0;
        self.failed = 0;
        self.latency.reset();
    }
}

impl Default for Window {
    fn default() -> Self {
        let latency = Histogram::new_with_max(MAX_MICROS, DIGITS).expect("these bounds are valid");
        Self { begun: 0, failed: 0, latency }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_call_and_no_attempt_goes_uncounted() {
        let stats = Stats::new();
        let target: Target = "ash.demo.test:80".parse().expect("a target");
        stats.set_listed(&target, true);
        let calls = [stats.begin_call(), stats.begin_call(), stats.begin_call()];
        assert_eq!(stats.begin_attempt(&target).end(true), Turn::Same);
        drop(stats.begin_attempt(&target));
        stats.set_listed(&target, false);
        let open = stats.begin_attempt(&target);
        stats.end_call(calls[0], true);
        stats.end_call(calls[1], false);

        for frame in [stats.take_second(), stats.whole()] {
            let row = &frame.endpoints[0];
            let counts = (row.attempts, row.share, row.in_flight, row.failed, row.after_removal);
            assert_eq!(counts, (3, 1000, 1, 1, 1));
            let calls = &frame.calls;
            assert_eq!((calls.sent, calls.lost, calls.in_flight, calls.unanswered()), (3, 1, 1, 2));
        }
        drop(open);
        let second = stats.take_second();
        assert_eq!((second.endpoints[0].attempts, second.calls.sent, second.calls.lost), (0, 0, 1));
    }

    #[test]
    fn an_endpoint_fails_and_recovers_with_what_began_later() {
        let stats = Stats::new();
        let target: Target = "ash.demo.test:80".parse().expect("a target");
        let [early, late] = [stats.begin_attempt(&target), stats.begin_attempt(&target)];
        assert_eq!(stats.begin_attempt(&target).end(false), Turn::Fails);
        assert_eq!(stats.begin_attempt(&target).end(false), Turn::Same);
        assert_eq!(early.end(true), Turn::Same);
        assert_eq!(stats.begin_attempt(&target).end(true), Turn::Recovers);
        assert_eq!(stats.begin_attempt(&target).end(true), Turn::Same);
        assert_eq!(late.end(false), Turn::Same);
        assert_eq!(stats.begin_attempt(&target).end(false), Turn::Fails);
    }
}
