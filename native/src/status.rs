//! What an operator wants to see of the endpoints.

use core::time::Duration;
use std::sync::Arc;

use evenkeel_core::cluster::{Candidacy, Member};
use evenkeel_core::health::{Health, Held};
use evenkeel_core::{Endpoint, Instant, Slot};

use crate::client::Client;
use crate::target::Target;

/// What a balancer knows of an endpoint.
#[derive(Clone, Debug)]
pub struct Status {
    /// Where it is.
    pub target: Target,
    /// What discovery said of it: weight, priority, zone, draining.
    pub endpoint: Endpoint<Target>,
    /// It may be picked now. New [candidates](Candidacy::Candidate) may not as long as the policy's
    /// table is too small.
    pub candidate: bool,
    /// Discovery does not find it any more. It serves until another of its level can, and is
    /// drained after that, as long as the [removal grace](crate::Removal) lasts.
    pub leaving: bool,
    /// Why it may be picked, or may not; `None` for one that should get requests as long as it has
    /// no client.
    pub candidacy: Option<Candidacy>,
    /// How it is doing. Times are those of [`Balancer::now`](crate::Balancer::now).
    pub health: Health,
    /// Why it is not ejected, though it fails.
    pub held: Option<Held>,
    /// Until when its level is calm, if it is: ejections of the level were undone, and none of it is
    /// ejected before, unless another level is well.
    pub calm_until: Option<Instant>,
    /// Its weight among the candidates of its group, where a
    /// [slow start](crate::Config::slow_start) counts in tenths of a weight; 0 if it is none.
    pub weight: u32,
    /// Requests in flight; 0 where neither the policy nor
    /// [`max_in_flight`](crate::Config::max_in_flight) wants them counted.
    pub in_flight: u32,
    /// How long it takes to answer, as of the last answer; known with a policy that looks at the
    /// time.
    pub latency: Option<Duration>,
    /// Requests reported as successful since it came, where all are counted: with
    /// [success rates](crate::Config::success_rate), or by Envoy's or gRPC's rules. Wraps at 2³².
    pub successes: Option<u32>,
    /// Requests reported as failed or refused since it came. Wraps at 2³².
    pub failures: u32,
}

/// What does not change from request to request: made with each change, read with the counts of the
/// moment.
#[derive(Debug)]
pub(crate) struct Entry<C> {
    place: Place,
    known: Option<Known<C>>,
}

/// What is known of an endpoint without a client, too.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) endpoint: Endpoint<Target>,
    pub(crate) leaving: bool,
    /// Why it gets no client, if it needs none.
    pub(crate) left_out: Option<Candidacy>,
}

#[derive(Debug)]
struct Known<C> {
    client: Arc<Client<C>>,
    candidate: bool,
    candidacy: Candidacy,
    health: Health,
    held: Option<Held>,
    calm_until: Option<Instant>,
    weight: u32,
}

/// Makes an entry for each endpoint that was found, and perhaps left; `members` are those that have
/// a client, and of the candidates, those get requests that are `picked`. `calm` tells the end of a
/// level's calm.
pub(crate) fn entries<C>(
    found: impl Iterator<Item = Place>,
    members: &[Member<'_, Target>],
    client: impl Fn(Slot) -> Option<Arc<Client<C>>>,
    picked: impl Fn(Slot) -> bool,
    calm: impl Fn(u16) -> Option<Instant>,
) -> Vec<Entry<C>> {
    // Both are in the order of addresses.
    let mut members = members.iter().peekable();
    let entry = |place: Place| {
        let member = members.next_if(|member| member.endpoint.addr == place.endpoint.addr);
        let known =
            member.and_then(|&Member { slot, endpoint, candidacy, health, held, weight }| {
                let candidate = candidacy.is_candidate() && picked(slot);
                let (client, calm_until) = (client(slot)?, calm(endpoint.priority));
                Some(Known { client, candidate, candidacy, health, held, calm_until, weight })
            });
        Entry { place, known }
    };
    found.map(entry).collect()
}

impl<C> Entry<C> {
    /// Returns its client, if it has one.
    pub(crate) fn client(&self) -> Option<&Arc<Client<C>>> {
        self.known.as_ref().map(|known| &known.client)
    }

    pub(crate) fn status(&self) -> Status {
        let mut status = Status {
            target: self.place.endpoint.addr.clone(),
            endpoint: self.place.endpoint.clone(),
            candidate: false,
            leaving: self.place.leaving,
            candidacy: self.place.left_out,
            health: Health::Healthy,
            held: None,
            calm_until: None,
            weight: 0,
            in_flight: 0,
            latency: None,
            successes: None,
            failures: 0,
        };
        if let Some(known) = &self.known {
            let Known { client, candidate, candidacy, health, held, calm_until, weight } = known;
            let full = candidacy.is_candidate() && client.load.is_full();
            status.candidate = *candidate && !full;
            status.candidacy = Some(if full { Candidacy::Full } else { *candidacy });
            (status.health, status.held, status.weight) = (*health, *held, *weight);
            // Nothing is published where it ends.
            status.calm_until = calm_until.filter(|until| *until > client.clock.now());
            (status.in_flight, status.latency) = (client.load.in_flight(), client.load.latency());
            status.successes = client.vitals.successes();
            status.failures = client.vitals.failures();
        }
        status
    }
}
