//! What an operator wants to see of the endpoints.

use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::Arc;

use evenkeel_core::balancer::Candidacy;
use evenkeel_core::health::Health;
use evenkeel_core::policy::Loads;
use evenkeel_core::{EndpointSet, Slot, cluster};

use crate::client::Client;
use crate::target::Target;

/// What a balancer knows of an endpoint.
#[derive(Clone, Debug)]
pub struct Status {
    /// Where it is.
    pub target: Target,
    /// Whether it may be picked now. New [candidates](Candidacy::Candidate) may not as long as the policy's table is too small.
    pub candidate: bool,
    /// Why it may be picked, or may not; `None` as long as it has no client.
    pub candidacy: Option<Candidacy>,
    /// How it is doing. Times are those of [`Balancer::now`](crate::Balancer::now).
    pub health: Health,
    /// Its weight among the candidates of its group, where [slow start](crate::tier::SlowStart) counts in tenths of a weight; 0
    /// when it is none.
    pub weight: u32,
    /// Requests under way; 0 with a policy that does not count them.
    pub in_flight: u32,
    /// How long it takes to answer, as of the last answer; known with a policy that looks at the time.
    pub latency: Option<Duration>,
    /// Requests reported as successful since it came, where all are counted: with
    /// [`SuccessRate`](crate::health::SuccessRate), or by Envoy's or gRPC's arithmetic. Wraps at 2³².
    pub successes: Option<u32>,
    /// Requests reported as failed or refused since it came. Wraps at 2³².
    pub failures: u32,
}

/// What does not change from request to request: made with each change, read with the counters of the moment.
#[derive(Debug)]
pub(crate) struct Entry<C> {
    target: Target,
    known: Option<Known<C>>,
}

#[derive(Debug)]
struct Known<C> {
    slot: Slot,
    client: Arc<Client<C>>,
    candidate: bool,
    candidacy: Candidacy,
    health: Health,
    weight: u32,
}

/// An entry for each endpoint that discovery `found`; `members` are those that have a client, and picks go to those in
/// `picked` only, if there are such.
pub(crate) fn entries<'a, C>(
    found: &EndpointSet<Target>,
    members: impl Iterator<Item = cluster::Member<'a, Target>>,
    client: impl Fn(Slot) -> Option<Arc<Client<C>>>,
    picked: Option<BTreeSet<Slot>>,
) -> Vec<Entry<C>> {
    // Both are in the order of addresses.
    let mut members = members.peekable();
    let entry = |target: &Target| {
        let member = members.next_if(|member| member.endpoint.addr == *target);
        let known = member.and_then(|cluster::Member { slot, candidacy, health, weight, .. }| {
            let candidate = candidacy.is_candidate() && picked.as_ref().is_none_or(|picked| picked.contains(&slot));
            Some(Known { slot, client: client(slot)?, candidate, candidacy, health, weight })
        });
        Entry { target: target.clone(), known }
    };
    found.iter().map(|(_, endpoint)| &endpoint.addr).map(entry).collect()
}

impl<C> Entry<C> {
    pub(crate) fn status(&self) -> Status {
        let target = self.target.clone();
        let Some(Known { slot, client, candidate, candidacy, health, weight }) = &self.known else {
            return Status {
                target,
                candidate: false,
                candidacy: None,
                health: Health::Healthy,
                weight: 0,
                in_flight: 0,
                latency: None,
                successes: None,
                failures: 0,
            };
        };
        Status {
            target,
            candidate: *candidate,
            candidacy: Some(*candidacy),
            health: *health,
            weight: *weight,
            in_flight: client.counters.in_flight(slot.index()),
            latency: client.counters.latency(slot.index()),
            successes: client.vitals.successes(),
            failures: client.vitals.failures(),
        }
    }
}
