//! Publishes what picks and listings read, and tells of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use evenkeel_core::cluster::Member;
use evenkeel_core::{EventKind, Instant, Policy, Slot, TableFull};

use super::Maintenance;
use crate::event::Event;
use crate::factory::Factory;
use crate::shared::Counts;
use crate::snapshot::Snapshot;
use crate::status;
use crate::target::Target;

/// What is to be published.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct News {
    /// The endpoints, or which of them have a client.
    pub(super) set: bool,
    /// Who may be picked.
    pub(super) candidates: bool,
    /// How an endpoint is doing.
    pub(super) health: bool,
}

impl<F: Factory, P: Policy + Clone + Send + Sync + 'static> Maintenance<F, P> {
    pub(super) fn publish(&mut self, news: News) {
        let events = self.take_events();
        let candidates =
            news.candidates || events.iter().any(|(_, event)| changes_candidates(event.kind));
        let probes = self.offer_probes();
        if !(news.set || candidates || news.health || probes.is_some() || !events.is_empty()) {
            return;
        }
        let members: Vec<_> = self.cluster.members().collect();
        let mut formed = None;
        if candidates {
            self.version += 1;
            let snapshot = self.form(&members);
            self.table = snapshot.as_ref().err().copied();
            formed = snapshot.ok();
        }
        for (slot, event) in &events {
            if let (Some(slot), EventKind::Readmitted) = (slot, event.kind) {
                self.welcome(*slot, formed.is_some());
            }
        }
        if let Some(formed) = formed {
            self.shared.snapshot.store(Arc::new(formed));
        }
        if let Some(probes) = probes {
            self.shared.probes.publish(probes);
        }
        let snapshot = self.shared.snapshot.load();
        let picked = |slot| self.table.is_none() || snapshot.offers(slot);
        let client = |slot| self.client(slot).cloned();
        let entries = status::entries(self.found.keys(), &members, client, picked);
        self.shared.entries.store(Arc::new(entries));
        self.publish_counts(snapshot.len());
        // Whoever is told finds it so.
        for (_, event) in events {
            event.trace();
            // Nobody may be listening.
            let _ = self.shared.events.send(event);
        }
    }

    fn take_events(&mut self) -> Vec<(Option<Slot>, Event)> {
        let event = |event: evenkeel_core::Event<'_, Target>| {
            let (slot, target) = event.endpoint.unzip();
            (slot, Event { at: event.at, target: target.flatten().cloned(), kind: event.kind })
        };
        self.cluster.events().map(event).collect()
    }

    /// Lets picks probe the half-open endpoints that wait for it, and no others. Returns them, if
    /// they are others than those that are published.
    fn offer_probes(&mut self) -> Option<Vec<Slot>> {
        let due: BTreeSet<Slot> = self.cluster.probes().collect();
        for slot in self.offered.difference(&due) {
            self.client(*slot).inspect(|client| client.vitals.retract_probe());
        }
        for slot in due.difference(&self.offered) {
            self.client(*slot).inspect(|client| client.vitals.offer_probe());
        }
        let others = !self.shared.probes.slots().iter().eq(&due);
        let published = others.then(|| due.iter().copied().collect());
        self.offered = due;
        published
    }

    /// Makes the snapshot of now, with policies that are built for it.
    fn form(&self, members: &[Member<'_, Target>]) -> Result<Snapshot<F::Client, P>, TableFull> {
        let client = |slot| self.client(slot).cloned();
        let formed = Snapshot::new(self.version, &self.cluster, members, client, &self.policy);
        formed.inspect_err(|error| {
            tracing::error!(%error, "the endpoints changed, but the policy cannot follow");
        })
    }

    /// Lets an endpoint that is back begin anew. A snapshot says so, if one was formed: what hung
    /// meanwhile must not eject it again.
    fn welcome(&self, slot: Slot, formed: bool) {
        let Some(client) = self.client(slot) else { return };
        client.vitals.forget_streak();
        if formed && self.cluster.outdated(slot, Instant::ZERO) {
            client.vitals.come_back(self.version);
        }
    }

    fn publish_counts(&self, pickable: usize) {
        let (endpoints, ready, table) = (self.found.len(), self.cluster.len(), self.table);
        let is_empty = self.cluster.candidates().next().is_none();
        let none = is_empty.then(|| self.cluster.unavailable());
        self.shared.clients.send_if_modified(|clients| {
            let counts = Counts { endpoints, ready, pickable, none, table };
            core::mem::replace(&mut clients.counts, counts) != counts
        });
    }
}

/// Tells that other endpoints may be picked than before, or by other rules. What came and left is
/// known from the update.
fn changes_candidates(kind: EventKind) -> bool {
    match kind {
        // One whose probe failed has not been back.
        EventKind::Ejected { reason, .. } => !reason.is_of_probe(),
        EventKind::Readmitted
        | EventKind::Overloaded { .. }
        | EventKind::Down
        | EventKind::PanicOn
        | EventKind::PanicOff
        | EventKind::Lost(_) => true,
        EventKind::Added | EventKind::Removed | EventKind::Probing => false,
    }
}
