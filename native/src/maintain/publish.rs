//! Publishes what picks and listings read, and tells of it.

use core::panic::AssertUnwindSafe;
use core::sync::atomic::Ordering::Relaxed;
use core::time::Duration;
use std::collections::BTreeSet;
use std::panic::catch_unwind;
use std::sync::{Arc, PoisonError};

use evenkeel_core::cluster::Member;
use evenkeel_core::{EventKind, Instant, PickError, Policy, Slot, TableFull};

use super::found::Found;
use super::{Maintenance, bring_forward};
use crate::event::Event;
use crate::factory::Factory;
use crate::shared::Counts;
use crate::snapshot::Snapshot;
use crate::supervise::PAUSE;
use crate::table::Table;
use crate::target::Target;

/// How long after a snapshot was published nobody puts back the one before, in all likelihood.
const LATE: Duration = Duration::from_millis(100);

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
    pub(super) fn publish(&mut self, events: Vec<(Option<Slot>, Event)>) {
        self.news.candidates |= events.iter().any(|(_, event)| changes_candidates(event.kind));
        if !self.settled {
            self.settled = !self.found.is_empty() && !self.found.iter().any(Found::is_awaited);
        }
        let (news, candidates) = (self.news, self.news.candidates);
        let probes = self.offer_probes();
        if !(news.set || candidates || news.health || probes.is_some() || !events.is_empty()) {
            return;
        }
        let mut differ = self.slots_that_differ(&events);
        let mut members = Vec::new();
        if differ.is_none() {
            members.reserve(self.cluster.len());
            members.extend(self.cluster.members());
        }
        let (mut formed, mut panicked) = (None, false);
        if candidates {
            self.version += 1;
            let spare = core::mem::replace(&mut self.spare, Table::EMPTY);
            let snapshot = self.form(&members, spare, differ.as_ref());
            panicked = snapshot.is_none();
            self.table = snapshot.as_ref().and_then(|formed| formed.as_ref().err()).copied();
            formed = snapshot.and_then(Result::ok);
            self.behind = formed.is_none();
        }
        if self.behind && differ.take().is_some() {
            members.extend(self.cluster.members());
        }
        for (slot, event) in &events {
            self.note(*slot, event.kind);
            if let (Some(slot), EventKind::Readmitted) = (slot, event.kind) {
                self.welcome(*slot, formed.is_some());
            }
        }
        let mut before = None;
        if let Some(formed) = formed {
            before = Some(self.shared.snapshot.store(formed));
            self.pockets_at = Some(self.shared.clock.now() + LATE);
        }
        if let Some(probes) = probes {
            self.shared.probes.publish(probes);
        }
        let snapshot = self.shared.snapshot.load_full();
        let all = differ.is_none().then_some(&*members);
        let (listing, complete) = self.listing(&snapshot, all);
        self.list(listing, complete);
        // Unless a pick or a handle has it still: then the next table is made anew.
        if let Some(before) = before.and_then(Arc::into_inner) {
            self.spare = before.table;
            match differ {
                Some(slots) => self.spare.follow_in(&snapshot.table, slots),
                None => self.spare.follow(&snapshot.table),
            }
        }
        self.publish_counts(snapshot.len());
        self.news = News::default();
        if panicked {
            // The policy may do better then.
            bring_forward(&mut self.retry_at, self.shared.clock.now() + PAUSE);
        }
        if news.set {
            self.unmerged = 0;
        }
        // Whoever is told finds it so.
        let mut told = self.shared.told.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, event) in &events {
            told.count(event.kind);
        }
        drop(told);
        for (_, event) in events {
            event.trace();
            // Nobody may be listening.
            let _ = self.shared.events.send(event);
        }
    }

    pub(super) fn take_events(&mut self) -> Vec<(Option<Slot>, Event)> {
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

    /// Makes the snapshot of now, with policies that are built for it; nothing, if one panics.
    fn form(
        &self,
        members: &[Member<'_, Target>],
        spare: Table<F::Client>,
        differ: Option<&BTreeSet<usize>>,
    ) -> Option<Result<Snapshot<F::Client, P>, TableFull>> {
        let before = self.shared.snapshot.load();
        let (version, client) = (self.version, |slot| self.client(slot));
        let form = || {
            let (cluster, policy) = (&self.cluster, &self.policy);
            if let Some(differ) = differ {
                let member = |index| cluster.live(index).and_then(|slot| cluster.member_in(slot));
                let differ = differ.iter().map(|&index| (index, member(index)));
                let (slots, order) = (cluster.slots(), cluster.by_address());
                let table = Table::amended(spare, slots, differ, order, client);
                return Snapshot::over(version, cluster, members, table, policy);
            }
            Snapshot::new(version, cluster, members, Some(&before), spare, client, policy)
        };
        let formed = catch_unwind(AssertUnwindSafe(form)).inspect_err(|panic| {
            self.shared.supervisor.panicked("the policy", &**panic);
        });
        if let Ok(Err(error)) = &formed {
            tracing::error!(%error, "the endpoints changed, but the policy cannot follow");
        }
        formed.ok()
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

    /// Counts an ejection, or one that was held back.
    fn note(&self, slot: Option<Slot>, kind: EventKind) {
        let place = match kind {
            EventKind::Ejected { .. } => 0,
            EventKind::Held { .. } => 1,
            EventKind::Added
            | EventKind::Removed
            | EventKind::Undone { .. }
            | EventKind::HalfOpen
            | EventKind::Probing
            | EventKind::Readmitted
            | EventKind::Overloaded { .. }
            | EventKind::Down
            | EventKind::PanicOn
            | EventKind::PanicOff
            | EventKind::Lost(_) => return,
        };
        if let Some(client) = slot.and_then(|slot| self.client(slot)) {
            client.ejections[place].fetch_add(1, Relaxed);
        }
    }

    fn publish_counts(&self, pickable: usize) {
        let mut present = self.found.iter().filter(|found| found.left.is_none());
        let none = if present.any(Found::is_eligible) {
            self.cluster.candidates().next().is_none().then(|| self.cluster.unavailable())
        } else {
            Some(PickError::AllDrained)
        };
        let busy_until = match self.cluster.unavailable() {
            PickError::Busy { until } => until,
            PickError::NoEndpoints
            | PickError::AllDrained
            | PickError::AllEjected
            | PickError::Declined => None,
        };
        let counts = Counts {
            endpoints: self.found.len() - self.left.len(),
            ready: self.cluster.len(),
            pickable,
            settled: self.settled,
            complete: self.complete,
            busy_until,
            none,
            table: self.table,
        };
        self.shared
            .clients
            .send_if_modified(|clients| core::mem::replace(&mut clients.counts, counts) != counts);
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
        EventKind::Added
        | EventKind::Removed
        | EventKind::Held { .. }
        // Each that comes back says so.
        | EventKind::Undone { .. }
        | EventKind::HalfOpen
        | EventKind::Probing => false,
    }
}
