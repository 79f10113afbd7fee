//! What became of requests, in numbers.

use core::time::Duration;
use std::collections::BTreeMap;

use evenkeel::http::{AttemptEnd, Attempted, Error};
use evenkeel::{Cause, Target};
use hdrhistogram::Histogram;

/// What one worker saw, or all of them.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Requests answered with a status below 400, to the end of their body.
    pub(crate) good: u64,
    pub(crate) bytes: u64,
    pub(crate) attempts: u64,
    pub(crate) hedges: u64,
    /// Of all requests, in microseconds.
    pub(crate) latency: Histogram<u64>,
    pub(crate) endpoints: BTreeMap<Target, Row>,
    /// How many requests were lost by each cause.
    pub(crate) lost: BTreeMap<String, u64>,
    /// Requests without an answer when it was interrupted.
    pub(crate) given_up: u64,
    pub(crate) elapsed: Duration,
}

/// An endpoint's attempts.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) attempts: u64,
    pub(crate) failed: u64,
    /// To the head of an answer, in microseconds.
    pub(crate) latency: Histogram<u64>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            good: 0,
            bytes: 0,
            attempts: 0,
            hedges: 0,
            latency: histogram(),
            endpoints: BTreeMap::new(),
            lost: BTreeMap::new(),
            given_up: 0,
            elapsed: Duration::ZERO,
        }
    }
}

/// From a microsecond to more than an hour, to three digits.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 1 << 32, 3).expect("these bounds are allowed")
}

/// A number to be shown.
#[expect(clippy::cast_precision_loss, reason = "to the nearest number, which is all that is shown")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1)
}

impl Tally {
    /// How many requests ended.
    pub(crate) fn requests(&self) -> u64 {
        self.good + self.lost.values().sum::<u64>()
    }

    /// Notes a request that ended well.
    pub(crate) fn good(&mut self, took: Duration, bytes: u64) {
        self.good += 1;
        self.bytes += bytes;
        self.latency.saturating_record(micros(took));
    }

    /// Notes a request that was lost.
    pub(crate) fn lost(&mut self, took: Duration, cause: String) {
        *self.lost.entry(cause).or_default() += 1;
        self.latency.saturating_record(micros(took));
    }

    /// Notes an attempt of a request that was answered.
    pub(crate) fn attempt(&mut self, attempt: &Attempted) {
        let Attempted { target, hedge, end, elapsed, .. } = attempt;
        self.hedges += u64::from(*hedge);
        let row = self.row(target);
        match end {
            AttemptEnd::Answered(status) => {
                row.failed += u64::from(status.as_u16() >= 500);
                row.latency.saturating_record(micros(*elapsed));
            }
            AttemptEnd::Failed(_) => row.failed += 1,
            AttemptEnd::GivenUp => {}
        }
    }

    /// Notes the attempts of a request that was not answered, and returns why.
    pub(crate) fn error(&mut self, error: &Error) -> String {
        let Error::Call { call, .. } = error else { return error.to_string() };
        for attempt in &call.attempts {
            let failed = !matches!(attempt.cause, Cause::GivenUp);
            self.row(&attempt.target).failed += u64::from(failed);
        }
        match call.attempts.last().map(|attempt| &attempt.cause) {
            Some(Cause::Failed(error)) => error.to_string(),
            Some(Cause::TimedOut | Cause::GivenUp) => "no answer in time".to_owned(),
            None => call.to_string(),
        }
    }

    fn row(&mut self, target: &Target) -> &mut Row {
        self.attempts += 1;
        let row = || Row { attempts: 0, failed: 0, latency: histogram() };
        let row = self.endpoints.entry(target.clone()).or_insert_with(row);
        row.attempts += 1;
        row
    }

    /// Adds what another worker saw.
    pub(crate) fn add(&mut self, other: Self) {
        self.good += other.good;
        self.bytes += other.bytes;
        self.attempts += other.attempts;
        self.hedges += other.hedges;
        self.given_up += other.given_up;
        self.latency += other.latency;
        for (cause, count) in other.lost {
            *self.lost.entry(cause).or_default() += count;
        }
        for (target, row) in other.endpoints {
            match self.endpoints.get_mut(&target) {
                Some(sum) => {
                    sum.attempts += row.attempts;
                    sum.failed += row.failed;
                    sum.latency += row.latency;
                }
                None => {
                    self.endpoints.insert(target, row);
                }
            }
        }
    }
}
