use core::fmt;

use crate::cluster::{Cluster, GROUPS};
use crate::endpoint::{Address, Endpoint};
use crate::health::Health;
use crate::set::Slot;
use crate::stats::{Estimate, Stats, Table};
use crate::store::Store;

/// What a balancer knows of an endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Status<'a, A> {
    /// Its slot.
    pub slot: Slot,
    /// The endpoint.
    pub endpoint: &'a Endpoint<A>,
    /// Whether it may be picked now.
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
        })
    }
}

/// The status of all endpoints, in the order of addresses.
pub(super) fn all<'a, A: Address, S: Store>(
    cluster: &'a Cluster<A, S>,
    stats: &'a Table<S>,
) -> impl ExactSizeIterator<Item = Status<'a, A>> {
    let candidates = cluster.candidates();
    // Each group is listed in the same order.
    let mut places = [0; GROUPS];
    let worst = cluster.worst_priority();
    cluster.set().iter().map(move |(slot, endpoint)| {
        let place = places.iter_mut().enumerate().find_map(|(index, place)| {
            let group = candidates.group(index);
            let found = group.slots.get(*place) == Some(&slot);
            *place += usize::from(found);
            found.then(|| (group.panic, group.weights[*place - 1]))
        });
        let health = cluster.health(slot);
        let candidacy = match place {
            Some((false, _)) => Candidacy::Candidate,
            Some((true, _)) => Candidacy::Panic,
            None if endpoint.weight == 0 => Candidacy::NoWeight,
            None if endpoint.draining => Candidacy::Draining,
            None if health != Health::Healthy => Candidacy::Unhealthy,
            None if endpoint.priority > worst => Candidacy::Priority,
            None => cut(cluster, endpoint),
        };
        Status {
            slot,
            endpoint,
            candidate: place.is_some(),
            candidacy,
            health,
            weight: place.map_or(0, |(_, weight)| weight),
            stats: stats.get(slot.index()),
            estimate: stats.estimate(slot.index()),
        }
    })
}

/// What keeps a healthy endpoint of a level in use from being a candidate.
fn cut<A: Address, S: Store>(cluster: &Cluster<A, S>, endpoint: &Endpoint<A>) -> Candidacy {
    let config = cluster.config();
    let serves = |slot: &Slot| cluster.set().get(*slot).is_some_and(|candidate| candidate.zone == endpoint.zone);
    match (config.subset, config.zone) {
        (None, None) => Candidacy::Priority,
        (Some(_), None) => Candidacy::Subset,
        (Some(_), Some(_)) if cluster.candidates().slots().iter().any(serves) => Candidacy::Subset,
        (_, Some(_)) => Candidacy::Zone,
    }
}
