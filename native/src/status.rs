//! What an operator wants to see of the endpoints.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel_core::cluster::{Candidacy, Member};
use evenkeel_core::health::{Health, Held};
use evenkeel_core::{Endpoint, Instant, Slot};

use crate::client::Client;
use crate::runs::Runs;
use crate::snapshot::Snapshot;
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
    /// Until when its level is calm, if it is: ejections of the level were undone, and at most half
    /// as many of it are ejected before, unless nobody of it is well and another level is.
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

/// All that is known of the endpoints, in the order of addresses.
#[derive(Debug)]
pub(crate) struct Listing<C, P> {
    entries: Runs<Entry>,
    /// That of the time when it was made: it keeps their clients.
    snapshot: Arc<Snapshot<C, P>>,
    /// The clients that it lacks, as the policy could not follow.
    late: BTreeMap<Slot, Arc<Client<C>>>,
    /// Until when levels are calm that are.
    calm: BTreeMap<u16, Instant>,
}

/// What does not change from request to request: made with each change, read with the counts of the
/// moment.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    place: Place,
    known: Option<Known>,
}

/// What is known of an endpoint without a client, too.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) endpoint: Endpoint<Target>,
    pub(crate) leaving: bool,
    /// Why it gets no client, if it needs none.
    pub(crate) left_out: Option<Candidacy>,
}

#[derive(Clone, Debug)]
struct Known {
    slot: Slot,
    candidate: bool,
    candidacy: Candidacy,
    health: Health,
    held: Option<Held>,
    weight: u32,
}

impl Entry {
    /// Lists an endpoint, of which this is known if it has a client.
    pub(crate) fn new(
        place: Place,
        member: Option<&Member<'_, Target>>,
        picked: impl Fn(Slot) -> bool,
    ) -> Self {
        let known = member.map(|&Member { slot, candidacy, health, held, weight, .. }| {
            let candidate = candidacy.is_candidate() && picked(slot);
            Known { slot, candidate, candidacy, health, held, weight }
        });
        Self { place, known }
    }

    pub(crate) fn target(&self) -> &Target {
        &self.place.endpoint.addr
    }
}

impl<C, P> Listing<C, P> {
    /// Lists nobody.
    pub(crate) fn empty(snapshot: Arc<Snapshot<C, P>>) -> Self {
        Self { entries: Runs::EMPTY, snapshot, late: BTreeMap::new(), calm: BTreeMap::new() }
    }

    /// Lists each endpoint that was found, and perhaps left; `members` are those that have a client,
    /// and of the candidates, those get requests that are in `snapshot`. `calm` tells the end of a
    /// level's calm.
    pub(crate) fn new<'c>(
        found: impl Iterator<Item = Place>,
        members: &[Member<'_, Target>],
        snapshot: Arc<Snapshot<C, P>>,
        client: impl Fn(Slot) -> Option<&'c Arc<Client<C>>>,
        picked: impl Fn(Slot) -> bool,
        calm: impl Fn(u16) -> Option<Instant>,
    ) -> Self
    where
        C: 'c,
    {
        let mut listing = Self::empty(snapshot);
        // Both are in the order of addresses.
        let mut members = members.iter().peekable();
        let entry = |place: Place| {
            let member = members.next_if(|member| member.endpoint.addr == place.endpoint.addr);
            let member = member.and_then(|member| {
                let client = client(member.slot)?;
                let kept = listing.snapshot.table.client(member.slot);
                if !kept.is_some_and(|kept| Arc::ptr_eq(kept, client)) {
                    listing.late.insert(member.slot, Arc::clone(client));
                }
                if let Some(until) = calm(member.endpoint.priority) {
                    listing.calm.insert(member.endpoint.priority, until);
                }
                Some(member)
            });
            Entry::new(place, member, &picked)
        };
        listing.entries = found.map(entry).collect();
        listing
    }

    /// Lists these.
    pub(crate) fn of(entries: Runs<Entry>, snapshot: Arc<Snapshot<C, P>>) -> Self {
        Self { entries, ..Self::empty(snapshot) }
    }

    /// Returns what is listed, if nothing but the snapshot is needed for it.
    pub(crate) fn entries(&self) -> Option<&Runs<Entry>> {
        (self.late.is_empty() && self.calm.is_empty()).then_some(&self.entries)
    }

    /// Lists the clients that there are.
    pub(crate) fn clients(&self) -> impl Iterator<Item = &Arc<Client<C>>> {
        self.entries.iter().filter_map(|entry| self.client(entry.known.as_ref()?.slot))
    }

    /// Lists what an operator wants to see.
    pub(crate) fn statuses(&self) -> impl Iterator<Item = Status> {
        self.entries.iter().map(|entry| self.status(entry))
    }

    fn client(&self, slot: Slot) -> Option<&Arc<Client<C>>> {
        self.late.get(&slot).or_else(|| self.snapshot.table.client(slot))
    }

    fn status(&self, Entry { place, known }: &Entry) -> Status {
        let mut status = Status {
            target: place.endpoint.addr.clone(),
            endpoint: place.endpoint.clone(),
            candidate: false,
            leaving: place.leaving,
            candidacy: place.left_out,
            health: Health::Healthy,
            held: None,
            calm_until: None,
            weight: 0,
            in_flight: 0,
            latency: None,
            successes: None,
            failures: 0,
        };
        if let Some(known) = known
            && let Some(client) = self.client(known.slot)
        {
            let Known { candidate, candidacy, health, held, weight, .. } = known;
            let full = candidacy.is_candidate() && client.load.is_full();
            status.candidate = *candidate && !full;
            status.candidacy = Some(if full { Candidacy::Full } else { *candidacy });
            (status.health, status.held, status.weight) = (*health, *held, *weight);
            // Nothing is published where it ends.
            let calm_until = self.calm.get(&place.endpoint.priority).copied();
            status.calm_until = calm_until.filter(|until| *until > client.clock.now());
            (status.in_flight, status.latency) = (client.load.in_flight(), client.load.latency());
            status.successes = client.vitals.successes();
            status.failures = client.vitals.failures();
        }
        status
    }
}
