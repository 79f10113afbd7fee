use crate::cluster::{Candidacy, Cluster, Member};
use crate::endpoint::{Address, Endpoint};
use crate::health::{Health, Held};
use crate::kit::Kit;
use crate::load::{Estimate, Load};
use crate::slot::Slot;
use crate::store::Store;

/// Shows what a balancer knows of an endpoint.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Status<'a, A> {
    /// Its slot.
    pub slot: Slot,
    /// The endpoint.
    pub endpoint: &'a Endpoint<A>,
    /// It may be picked.
    pub candidate: bool,
    /// The reason that it may be picked, or may not.
    pub candidacy: Candidacy,
    /// Its health.
    pub health: Health,
    /// The reason that it is not ejected, though it fails; kept where events are.
    pub held: Option<Held>,
    /// Its weight among the candidates of its group, where
    /// [slow start](crate::Settings::slow_start) counts in tenths of a weight; 0 if it is none.
    pub weight: u32,
    /// Its counts of reports, and the requests in flight.
    pub stats: Stats,
    /// Its answer time; unknown with a policy that does not look at the time.
    pub estimate: Estimate,
}

/// The counts of one endpoint since it came. They wrap at 2³².
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct Stats {
    /// Requests in flight; 0 with a policy that does not count them.
    pub in_flight: u32,
    /// Requests reported as successful.
    pub successes: u32,
    /// Requests reported as failed or refused by an overloaded endpoint.
    pub failures: u32,
    /// Requests reported as canceled.
    pub canceled: u32,
}

/// Lists the status of all endpoints, in the order of addresses.
pub(super) fn all<A: Address, L: Load, S: Kit, St: Store>(
    cluster: &Cluster<A, L, S, St>,
) -> impl Iterator<Item = Status<'_, A>> {
    cluster.members().filter_map(|member| {
        let Member { slot, endpoint, candidacy, health, held, weight } = member;
        let row = cluster.row(slot)?;
        let counts = row.counts();
        Some(Status {
            slot,
            endpoint,
            candidate: candidacy.is_candidate(),
            candidacy,
            health,
            held,
            weight,
            stats: Stats {
                in_flight: row.hot.load.in_flight(),
                successes: counts.successes,
                failures: counts.failures,
                canceled: counts.canceled,
            },
            estimate: row.hot.load.estimate(),
        })
    })
}
