//! What calls did, in numbers: each thread counts for itself, and whoever asks adds it all up.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use evenkeel_core::EventCounts;
use evenkeel_core::retry::End;
use thread_local::ThreadLocal;

use crate::client::Client;
use crate::tally::Count;
use crate::target::Target;
use crate::telemetry::spans::CallSpan;

/// What a balancer did since it began, for metrics; see
/// [`Balancer::stats`](crate::Balancer::stats). Totals, which only grow.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Calls that ended, however that was.
    pub calls: u64,
    /// Calls that were answered well.
    pub succeeded: u64,
    /// Calls that were dropped before they ended.
    pub abandoned: u64,
    /// Calls that ended because their time was over.
    pub deadlines: u64,
    /// Calls that ended because there was no endpoint for them.
    pub unavailable: u64,
    /// Picks, those of calls included.
    pub picks: u64,
    /// Attempts, hedges included.
    pub attempts: u64,
    /// Attempts after the first of their call that are no hedges.
    pub retries: u64,
    /// Attempts beside others that had not answered yet.
    pub hedges: u64,
    /// Attempts that took too long and were given up.
    pub timed_out: u64,
    /// Attempts that were given up because another one decided their call.
    pub given_up: u64,
    /// Times that the [budget](crate::Retry::budget) refused a retry or a hedge.
    pub budget_refusals: u64,
    /// What happened to endpoints: ejections by reason, and those that were held back.
    pub events: EventCounts,
}

/// What a balancer did with one endpoint since it got its client, for metrics; see
/// [`Balancer::endpoint_stats`](crate::Balancer::endpoint_stats). Totals, which begin anew where
/// the endpoint gets another client.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EndpointStats {
    /// Where it is.
    pub target: Target,
    /// Picks, those of calls included.
    pub picks: u64,
    /// Attempts of calls, hedges included.
    pub attempts: u64,
    /// Attempts after the first of their call that are no hedges.
    pub retries: u64,
    /// Attempts beside others that had not answered yet.
    pub hedges: u64,
    /// Attempts that took too long and were given up.
    pub timed_out: u64,
    /// Attempts that were given up because another one decided their call.
    pub given_up: u64,
    /// Requests reported as failed or refused. Wraps at 2³².
    pub failures: u32,
    /// Requests in flight, where they are counted: see
    /// [`Status::in_flight`](crate::Status::in_flight).
    pub in_flight: u32,
    /// How often it was ejected.
    pub ejections: u64,
    /// How often it was not ejected though it failed, for one of the rules that keep endpoints.
    pub held: u64,
}

impl EndpointStats {
    pub(crate) fn of<C>(client: &Client<C>) -> Self {
        let [picks, first, retries, hedges, timed_out, given_up] = client.column.sum();
        let [ejections, held] = client.ejections.each_ref().map(|count| count.load(Relaxed));
        Self {
            target: client.target.clone(),
            picks,
            attempts: first + retries + hedges,
            retries,
            hedges,
            timed_out,
            given_up,
            failures: client.vitals.failures(),
            in_flight: client.load.in_flight(),
            ejections,
            held,
        }
    }
}

/// The columns of one thread, in the order of [`Stats`].
#[derive(Debug, Default)]
struct Columns([AtomicU64; CallCount::COLUMNS]);

/// What all threads counted. Those that ended are counted, too.
#[derive(Debug, Default)]
pub(crate) struct Columned(ThreadLocal<Columns>);

impl Columned {
    fn add(&self, count: &[u64; CallCount::COLUMNS]) {
        for (column, more) in self.0.get_or_default().0.iter().zip(count) {
            if *more > 0 {
                // This thread alone writes here.
                column.store(column.load(Relaxed).wrapping_add(*more), Relaxed);
            }
        }
    }

    pub(crate) fn sum(&self) -> [u64; CallCount::COLUMNS] {
        let mut sum = [0_u64; CallCount::COLUMNS];
        for columns in &self.0 {
            for (sum, column) in sum.iter_mut().zip(&columns.0) {
                *sum = sum.wrapping_add(column.load(Relaxed));
            }
        }
        sum
    }
}

/// Counts one call, and adds it to the others when it ends or is dropped.
#[derive(Debug)]
pub(crate) struct CallCount<'a> {
    all: &'a Columned,
    pub(crate) span: CallSpan,
    /// Attempts made before the call went on; 0 for a new one.
    before: u64,
    attempts: u64,
    hedges: u64,
    timed_out: u64,
    given_up: u64,
    /// How often the budget refused.
    refused: &'a AtomicU32,
    /// `None`: it has not ended.
    pub(crate) end: Option<End>,
}

impl<'a> CallCount<'a> {
    const COLUMNS: usize = 11;

    /// Counts what a call adds to so many attempts; if there are any, it goes on, and has been
    /// counted.
    pub(crate) fn new(all: &'a Columned, refused: &'a AtomicU32, attempts: u32) -> Self {
        let (hedges, timed_out, given_up) = (0, 0, 0);
        let (span, attempts) = (CallSpan::begin(), attempts.into());
        Self {
            all,
            span,
            before: attempts,
            attempts,
            hedges,
            timed_out,
            given_up,
            refused,
            end: None,
        }
    }

    /// Counts an attempt; tells which kind it is.
    pub(crate) fn sent(&mut self, is_hedge: bool) -> Count {
        self.attempts += 1;
        self.hedges += u64::from(is_hedge);
        match (is_hedge, self.attempts) {
            (true, _) => Count::Hedge,
            (false, 1) => Count::First,
            (false, _) => Count::Retry,
        }
    }

    /// Returns how many attempts went before the next.
    pub(crate) fn resends(&self) -> u64 {
        self.attempts
    }

    /// Counts an attempt that was given up: for it took too long, or another decided the call.
    pub(crate) fn canceled(&mut self, late: bool) -> Count {
        let (column, count) = if late {
            (&mut self.timed_out, Count::TimedOut)
        } else {
            (&mut self.given_up, Count::GivenUp)
        };
        *column += 1;
        count
    }
}

impl Drop for CallCount<'_> {
    fn drop(&mut self) {
        self.span.end(self.attempts, self.end);
        let is_new = self.before == 0;
        let ended = |end| u64::from(is_new && self.end == Some(end));
        let attempts = self.attempts - self.before;
        self.all.add(&[
            u64::from(is_new),
            ended(End::Success),
            u64::from(is_new && self.end.is_none()),
            ended(End::Deadline),
            ended(End::NoEndpoints),
            attempts,
            // The first is neither; one call has no more than a few.
            (attempts - self.hedges).saturating_sub(u64::from(is_new)),
            self.hedges,
            self.timed_out,
            self.given_up,
            self.refused.load(Relaxed).into(),
        ]);
    }
}
