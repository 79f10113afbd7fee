//! What clients did that were dropped before it was recorded as metrics.

use core::mem;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::target::Target;

/// How many counts of an endpoint are recorded.
pub(crate) const RECORDED: usize = 9;

/// Of more endpoints, nothing is kept: nobody records any more.
const MOST: usize = 1 << 16;

/// What is counted of an endpoint.
pub(crate) type Totals = [u64; RECORDED];

type Counts = BTreeMap<Target, Totals>;

/// What is to be recorded of clients that are gone, by the label of the balancer: nothing, until
/// anything has been recorded under it.
#[derive(Debug, Default)]
pub(crate) struct Left(Mutex<BTreeMap<String, Counts>>);

impl Left {
    /// Takes what is to be recorded under this label, which is known from now on.
    pub(super) fn take(&self, label: &str) -> Counts {
        mem::take(self.lock().entry(label.to_owned()).or_default())
    }

    /// Keeps what a client of this endpoint did in all, but for what is recorded of it by label.
    pub(super) fn keep(
        &self,
        target: &Target,
        totals: impl FnOnce() -> Totals,
        recorded: &BTreeMap<String, Totals>,
    ) {
        let mut labels = self.lock();
        if labels.is_empty() {
            return;
        }
        let totals = totals();
        for (label, counts) in &mut *labels {
            if counts.len() >= MOST && !counts.contains_key(target) {
                continue;
            }
            let sums = counts.entry(target.clone()).or_default();
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
