//! What clients did that were dropped before it was recorded as metrics.

use core::mem;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::client::{Client, RECORDED};
use crate::stats::EndpointStats;
use crate::target::Target;

/// Of more endpoints, nothing is kept: nobody records any more.
const MOST: usize = 1 << 16;

type Counts = BTreeMap<Target, [u64; RECORDED]>;

/// What is to be recorded of clients that are gone, by the label of the balancer: nothing, until
/// anything has been recorded under it.
#[derive(Debug, Default)]
pub(crate) struct Left(Mutex<BTreeMap<String, Counts>>);

impl Left {
    /// Takes what is to be recorded under this label, which is known from now on.
    pub(super) fn take(&self, label: &str) -> Counts {
        mem::take(self.lock().entry(label.to_owned()).or_default())
    }

    /// Keeps what a client did that is not recorded yet.
    fn keep<C>(&self, client: &mut Client<C>) {
        let mut labels = self.lock();
        if labels.is_empty() {
            return;
        }
        let totals = totals(&EndpointStats::of(client));
        let recorded = client.recorded.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (label, counts) in &mut *labels {
            if counts.len() >= MOST && !counts.contains_key(&client.target) {
                continue;
            }
            let sums = counts.entry(client.target.clone()).or_default();
            let before = recorded.get(label).copied().unwrap_or_default();
            for ((sum, total), before) in sums.iter_mut().zip(totals).zip(before) {
                *sum = sum.saturating_add(total.saturating_sub(before));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Counts>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> Drop for Client<C> {
    fn drop(&mut self) {
        let tallies = self.column.tallies();
        tallies.left.keep(self);
    }
}

/// Returns what is recorded of a client, in the order of [`NAMES`](super::record::NAMES).
pub(super) fn totals(stats: &EndpointStats) -> [u64; RECORDED] {
    [
        stats.picks,
        stats.attempts,
        stats.retries,
        stats.hedges,
        stats.timed_out,
        stats.given_up,
        stats.failures.into(),
        stats.ejections,
        stats.held,
    ]
}
