//! What calls did, in numbers: each thread counts for itself, and whoever asks adds it all up.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use evenkeel_core::EventCounts;
use evenkeel_core::retry::End;
use thread_local::ThreadLocal;

/// What a balancer did since it began, for metrics; see [`Balancer::stats`](crate::Balancer::stats). Totals, which only
/// grow.
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

    pub(crate) fn new(all: &'a Columned, refused: &'a AtomicU32) -> Self {
        let (attempts, hedges, timed_out, given_up) = (0, 0, 0, 0);
        Self { all, attempts, hedges, timed_out, given_up, refused, end: None }
    }

    pub(crate) fn sent(&mut self, is_hedge: bool) {
        self.attempts += 1;
        self.hedges += u64::from(is_hedge);
    }

    /// Counts an attempt that was given up: for it took too long, or another decided the call.
    pub(crate) fn canceled(&mut self, late: bool) {
        let column = if late { &mut self.timed_out } else { &mut self.given_up };
        *column += 1;
    }
}

impl Drop for CallCount<'_> {
    fn drop(&mut self) {
        let ended = |end| u64::from(self.end == Some(end));
        self.all.add(&[
            1,
            ended(End::Success),
            u64::from(self.end.is_none()),
            ended(End::Deadline),
            ended(End::NoEndpoints),
            self.attempts,
            // The first is neither; one call has no more than a few.
            (self.attempts - self.hedges).saturating_sub(1),
            self.hedges,
            self.timed_out,
            self.given_up,
            self.refused.load(Relaxed).into(),
        ]);
    }
}
