//! What a balancer knows of each endpoint from the reports it got.

use core::fmt;

use crate::policy::Loads;
use crate::set::{Change, Observer};
use crate::store::{DebugList, List, Store};

/// The counts of one endpoint since it came. Counters wrap at 2³².
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

/// The counts of all slots.
pub(crate) struct Table<S: Store>(S::List<Stats>);

impl<S: Store> Table<S> {
    pub(crate) fn get(&self, index: usize) -> Stats {
        self.0.get(index).copied().unwrap_or_default()
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut Stats> {
        self.0.get_mut(index)
    }
}

impl<S: Store> Loads for Table<S> {
    fn in_flight(&self, index: usize) -> u32 {
        self.0.get(index).map_or(0, |stats| stats.in_flight)
    }
}

impl<A, S: Store> Observer<A> for Table<S> {
    fn idle(&self, index: usize) -> bool {
        self.in_flight(index) == 0
    }

    fn on_change(&mut self, change: Change<'_, A>) {
        if let Change::Added(slot, _) = change {
            // Slots are handed out one by one, so an index is at most one past the end, and within the capacity.
            match self.0.get_mut(slot.index()) {
                Some(stats) => *stats = Stats::default(),
                None => drop(self.0.try_push(Stats::default())),
            }
        }
    }
}

impl<S: Store> Default for Table<S> {
    fn default() -> Self {
        Self(S::List::default())
    }
}

impl<S: Store> fmt::Debug for Table<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        DebugList(&self.0).fmt(f)
    }
}
