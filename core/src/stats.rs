//! What a balancer knows of each endpoint from the reports it got.

mod decay;
mod peak_ewma;

use core::fmt;

use crate::balancer::Outcome;
use crate::policy::Loads;
use crate::set::{Change, Observer};
use crate::store::{DebugList, Store, put};
use crate::time::Instant;
pub use peak_ewma::{Estimate, Estimator, Latency};

/// The counts of one endpoint since it came. Counters wrap at 2³².
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct Stats {
    /// Requests under way; 0 with a policy that does not count them.
    pub in_flight: u32,
    /// Requests reported as successful.
    pub successes: u32,
    /// Requests reported as failed or refused by an overloaded endpoint.
    pub failures: u32,
    /// Requests reported as canceled.
    pub canceled: u32,
}

/// The counts and answer times of all slots.
pub(crate) struct Table<S: Store> {
    counts: Counts<S>,
    /// Apart from the counts: most policies never look at them.
    estimates: S::Extra<Estimate>,
    estimator: Estimator,
}

struct Counts<S: Store>(S::List<Stats>);

impl<S: Store> Table<S> {
    pub(crate) fn new(estimator: Estimator) -> Self {
        Self { counts: Counts(S::List::default()), estimates: <S::Extra<Estimate>>::default(), estimator }
    }

    pub(crate) fn get(&self, index: usize) -> Stats {
        self.counts.0.get(index).copied().unwrap_or_default()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut Stats> {
        self.counts.0.get_mut(index)
    }

    /// What a policy sees of it: one that does not look at the time never asks for costs, so they need not be linked for it.
    #[inline]
    pub(crate) fn loads(&self, timed: bool) -> &dyn Loads {
        if timed { self } else { &self.counts }
    }

    pub(crate) fn estimate(&self, index: usize) -> Estimate {
        self.estimates.get(index).copied().unwrap_or_default()
    }

    pub(crate) fn estimator(&self) -> Estimator {
        self.estimator
    }

    /// Takes over an answer time that was known before, unless something was reported of the endpoint; tells which.
    pub(crate) fn adopt(&mut self, index: usize, known: Estimate) -> bool {
        let Stats { successes, failures, canceled, .. } = self.get(index);
        let own = [successes, failures, canceled] != [0; 3] || self.estimate(index).nanos > 0;
        if let Some(estimate) = self.estimates.get_mut(index).filter(|_| !own) {
            *estimate = known;
        }
        !own
    }

    /// Learns from the end of a request to the slot with this index.
    #[inline]
    pub(crate) fn observe(&mut self, index: usize, sent: Instant, now: Instant, outcome: Outcome) {
        if let Some(estimate) = self.estimates.get_mut(index) {
            self.estimator.observe(estimate, sent, now, outcome);
        }
    }
}

impl<S: Store> Loads for Counts<S> {
    #[inline]
    fn in_flight(&self, index: usize) -> u32 {
        self.0.get(index).map_or(0, |stats| stats.in_flight)
    }
}

impl<S: Store> Loads for Table<S> {
    #[inline]
    fn in_flight(&self, index: usize) -> u32 {
        self.counts.in_flight(index)
    }

    #[inline]
    fn cost(&self, index: usize, now: Instant) -> u64 {
        let Some(&estimate) = self.estimates.get(index) else { return 0 };
        self.estimator.cost(estimate, self.in_flight(index), now)
    }
}

impl<A, S: Store> Observer<A> for Table<S> {
    fn idle(&self, index: usize) -> bool {
        self.in_flight(index) == 0
    }

    fn on_change(&mut self, change: Change<'_, A>) {
        if let Change::Added(slot, _) = change {
            put(&mut self.counts.0, slot.index(), Stats::default());
            put(&mut self.estimates, slot.index(), Estimate::default());
        }
    }
}

impl<S: Store> fmt::Debug for Table<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("counts", &DebugList(&self.counts.0))
            .field("estimates", &DebugList(&self.estimates))
            .field("estimator", &self.estimator)
            .finish()
    }
}
