//! What balancers need that are shared by threads: these count for themselves, and tell the cluster later.

use super::Cluster;
use crate::balancer::Candidacy;
use crate::cluster::GROUPS;
use crate::endpoint::{Address, Endpoint};
use crate::health::{Health, Tally};
use crate::set::Slot;
use crate::store::Store;
use crate::tier::subset_rank;
use crate::time::Instant;

/// What a cluster knows of an endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a, A> {
    /// Its slot.
    pub slot: Slot,
    /// The endpoint.
    pub endpoint: &'a Endpoint<A>,
    /// Why it may be picked, or may not.
    pub candidacy: Candidacy,
    /// How it is doing.
    pub health: Health,
    /// Its weight among the candidates of its group, as [`Status`](crate::balancer::Status) has it; 0 when it is none.
    pub weight: u32,
}

impl<A: Address, S: Store> Cluster<A, S> {
    /// Learns from the ends of many requests to the endpoint in `slot` at once: all since the last tally, in bulk.
    ///
    /// Tells whether rows of failures begin anew: that is so while the endpoint is out of service. Then, the ends of those that
    /// [decide](Self::observe) are to be told one by one besides. O(1), except with [`SuccessRate`](crate::health::SuccessRate):
    /// O(n) for some failures.
    #[cold]
    pub fn tally(&mut self, now: Instant, slot: Slot, tally: Tally) -> bool {
        let mut anew = false;
        self.with_health(now, slot, |health, scope| anew = health.tally(scope, slot, tally));
        anew
    }

    /// Whether a success of the endpoint in `slot` changes its health. If not, successes need not be counted until the next
    /// failure.
    pub fn watches(&self, slot: Slot) -> bool {
        self.health.watches(slot)
    }

    /// A request that was sent to the half-open endpoint in `slot` a moment ago is its [probe](Self::start_probe); tells whether
    /// it is, as the endpoint may have come back meanwhile, or be probed already.
    pub fn begin_probe(&mut self, now: Instant, slot: Slot, sent: Instant) -> bool {
        let mut begun = false;
        self.with_health(now, slot, |health, scope| begun = health.begin_probe(scope, slot, sent));
        begun
    }

    /// Every endpoint with what is known of it, in the order of addresses. O(n).
    pub fn members(&self) -> impl ExactSizeIterator<Item = Member<'_, A>> {
        let candidates = self.candidates();
        // Each group is listed in the same order.
        let mut places = [0; GROUPS];
        let worst = self.worst_priority();
        self.set().iter().map(move |(slot, endpoint)| {
            let place = places.iter_mut().enumerate().find_map(|(index, place)| {
                let group = candidates.group(index);
                let found = group.slots.get(*place) == Some(&slot);
                *place += usize::from(found);
                found.then(|| (group.panic, group.weights[*place - 1]))
            });
            let health = self.health(slot);
            let candidacy = match place {
                Some((false, _)) => Candidacy::Candidate,
                Some((true, _)) => Candidacy::Panic,
                None if endpoint.weight == 0 => Candidacy::NoWeight,
                None if endpoint.draining => Candidacy::Draining,
                None if health != Health::Healthy => Candidacy::Unhealthy,
                None if endpoint.priority > worst => Candidacy::Priority,
                None if self.pends(slot) => Candidacy::Pending,
                None => self.cut(slot),
            };
            Member { slot, endpoint, candidacy, health, weight: place.map_or(0, |(_, weight)| weight) }
        })
    }

    /// What keeps a healthy endpoint of a level in use from being a candidate. O(n) where both a subset and zones do.
    fn cut(&self, slot: Slot) -> Candidacy {
        let (set, config) = (self.set(), self.config());
        let Some(most) = config.subset else {
            return if config.zone.is_some() { Candidacy::Zone } else { Candidacy::Priority };
        };
        let rank = |slot| set.id(slot).map(|id| subset_rank(config.seed, id));
        let priority = set.get(slot).map(|endpoint| endpoint.priority);
        let before = set.iter().filter(|(other, endpoint)| {
            let level = endpoint.eligible() && Some(endpoint.priority) == priority;
            level && self.health(*other) == Health::Healthy && rank(*other) < rank(slot)
        });
        // Zones divide what the subset leaves.
        if config.zone.is_some() && before.count() < most as usize { Candidacy::Zone } else { Candidacy::Subset }
    }
}
