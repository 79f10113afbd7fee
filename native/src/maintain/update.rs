//! Makes the cluster that of the endpoints which have a client.

use evenkeel_core::{Instant, Policy, Slot};

use super::Maintenance;
use super::found::Found;
use super::touched::Touched;
use crate::aside::LONG;
use crate::factory::Factory;

impl<F: Factory, P: Policy + Clone + Send + Sync + 'static> Maintenance<F, P> {
    /// Makes the cluster that of the endpoints which have a client; tells that it is another one.
    /// O(log n) for each that was touched, as long as it is known which were.
    pub(super) fn update(&mut self, now: Instant) -> bool {
        let known = self.slots.len() == self.cluster.slots() && !self.cluster.is_empty();
        if !known {
            self.touched = Touched::All;
        }
        let Some(targets) = self.touched.targets() else { return self.update_all(now) };
        let slot = |target| self.cluster.find(target).map(Slot::index);
        let mut indices: Vec<_> = targets.iter().filter_map(slot).collect();
        let found = targets.iter().map(|target| {
            let found = self.found.get(target).filter(|found| found.client().is_some());
            (target, found.map(Found::as_served))
        });
        if self.cluster.amend(now, found).is_empty() {
            return false;
        }
        indices
            .extend(targets.iter().filter_map(|target| Some(self.cluster.find(target)?.index())));
        self.touched.add_slots(indices.iter().copied());
        self.fit(now, indices);
        true
    }

    fn update_all(&mut self, now: Instant) -> bool {
        let worst = self.worst_to_begin_with();
        let ready = self.found.iter().filter(|found| {
            found.client().is_some() && worst.is_none_or(|worst| found.endpoint.priority <= worst)
        });
        let changes = self.cluster.update(now, ready.map(Found::as_served));
        if changes.is_empty() && self.slots.len() == self.cluster.slots() {
            return false;
        }
        self.fit(now, 0..self.cluster.slots());
        true
    }

    /// Puts the clients of the endpoints in the slots with these indices in their places; all others
    /// are there.
    fn fit(&mut self, now: Instant, indices: impl IntoIterator<Item = usize>) {
        self.clients.resize_with(self.cluster.slots(), || None);
        self.slots.resize(self.cluster.slots(), None);
        // It is the user's code that drops a client: none is before all are in their places.
        let mut replaced = Vec::new();
        for index in indices {
            let (slot, known) = (self.cluster.live(index), &mut self.slots[index]);
            if *known == slot && slot.is_some() {
                continue;
            }
            let endpoint = slot.and_then(|slot| self.cluster.get(slot));
            let found = endpoint.and_then(|endpoint| self.found.get(&endpoint.addr));
            let client = found.and_then(Found::client).cloned();
            replaced.push(core::mem::replace(&mut self.clients[index], client));
            *known = slot;
            if let Some(slot) = slot.filter(|_| found.is_some_and(|found| found.down)) {
                self.cluster.set_down(now, slot, true);
            }
        }
    }

    /// Begins to make clients where a set of many endpoints needs some, and tells that the set waits
    /// to be taken over with them: in one step, which takes long, and for no longer than that takes.
    pub(super) fn awaits_clients(&mut self, now: Instant) -> bool {
        if self.found.len() <= LONG || self.cluster.is_empty() {
            return false;
        }
        self.line_up();
        self.fill();
        if self.making.is_empty() {
            return false;
        }
        if self.unmerged == 0 {
            self.rest_until = self.rest_until.max(now + self.effort);
        }
        self.unmerged += 1;
        true
    }

    /// Returns the worst priority that serves at first: the best whose first client is awaited.
    fn worst_to_begin_with(&self) -> Option<u16> {
        if !self.cluster.is_empty() {
            return None;
        }
        let awaited = self.found.iter().filter(|found| found.is_eligible() && found.is_awaited());
        awaited.map(|found| found.endpoint.priority).min()
    }
}
