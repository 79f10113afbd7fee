use core::fmt;

use crate::cluster::{Cluster, Member};
use crate::endpoint::{Address, Endpoint};
use crate::health::Health;
use crate::set::Slot;
use crate::stats::{Estimate, Stats, Table};
use crate::store::Store;

/// What a balancer knows of an endpoint.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Status<'a, A> {
    /// Its slot.
    pub slot: Slot,
    /// The endpoint.
    pub endpoint: &'a Endpoint<A>,
    /// Whether it may be picked. What reports changed of its health counts from the next pick on.
    pub candidate: bool,
    /// Why it may be picked, or may not.
    pub candidacy: Candidacy,
    /// How it is doing.
    pub health: Health,
    /// Its weight among the candidates of its group, where [slow start](crate::tier::SlowStart) counts in tenths of a weight; 0
    /// when it is none.
    pub weight: u32,
    /// What was reported of it, and the requests under way.
    pub stats: Stats,
    /// How long it takes to answer; unknown with a policy that does not look at the time.
    pub estimate: Estimate,
}

/// Why an endpoint may be picked, or may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Candidacy {
    /// It is a candidate.
    Candidate,
    /// It is one because there are too few others.
    Panic,
    /// It has weight 0.
    NoWeight,
    /// It drains.
    Draining,
    /// Its health is bad.
    Unhealthy,
    /// A better priority serves all requests.
    Priority,
    /// The subset does not include it.
    Subset,
    /// Other zones serve all requests.
    Zone,
    /// It has just come back: the next pick will choose among the candidates with it.
    Pending,
}

impl fmt::Display for Candidacy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Candidate => "candidate",
            Self::Panic => "candidate for want of better ones",
            Self::NoWeight => "weight 0",
            Self::Draining => "draining",
            Self::Unhealthy => "unhealthy",
            Self::Priority => "a better priority serves all",
            Self::Subset => "not in the subset",
            Self::Zone => "other zones serve all",
            Self::Pending => "a candidate from the next pick on",
        })
    }
}

impl Candidacy {
    /// Whether it may be picked now.
    pub const fn is_candidate(self) -> bool {
        matches!(self, Self::Candidate | Self::Panic)
    }
}

/// The status of all endpoints, in the order of addresses.
pub(super) fn all<'a, A: Address, S: Store>(
    cluster: &'a Cluster<A, S>,
    stats: &'a Table<S>,
) -> impl ExactSizeIterator<Item = Status<'a, A>> {
    cluster.members().map(|Member { slot, endpoint, candidacy, health, weight }| Status {
        slot,
        endpoint,
        candidate: candidacy.is_candidate(),
        candidacy,
        health,
        weight,
        stats: stats.get(slot.index()),
        estimate: stats.estimate(slot.index()),
    })
}
