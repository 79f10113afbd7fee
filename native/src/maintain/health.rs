//! What reports add up to: told to the cluster.

use std::collections::BTreeSet;

use evenkeel_core::health::Health;
use evenkeel_core::{Book, Instant, Policy};

use super::publish::News;
use super::{Maintenance, bring_forward, is_due};
use crate::factory::Factory;
use crate::shared::Order;
use crate::snapshot::Cluster;
use crate::vitals::Heed;

/// Returns what reports have to remember for a cluster.
pub(super) fn heed(cluster: &Cluster) -> Heed {
    if !cluster.ejects() {
        Heed::Nothing
    } else if cluster.watches_all() {
        Heed::All
    } else {
        Heed::Failures
    }
}

impl<F: Factory, P: Policy + Clone + Send + Sync + 'static> Maintenance<F, P> {
    pub(super) fn obey(&mut self, order: Order) {
        match order {
            Order::SetDown { target, down } => {
                let Some(found) = self.found.get_mut(&target) else { return };
                found.down = down;
                if let Some(slot) = self.cluster.find(&target) {
                    // What was reported before the news must not outlive it.
                    let now = self.shared.clock.now();
                    self.learn(now, slot.index());
                    self.cluster.set_down(now, slot, down);
                }
            }
        }
    }

    /// Takes over what was reported, and does what is due.
    pub(super) fn attend(&mut self, now: Instant, news: &mut News) {
        let slots = self.clients.len();
        let marked: BTreeSet<usize> = self.shared.marks.take(slots).collect();
        if !marked.is_empty() && self.judged_by_others() {
            let unmarked = (0..slots).filter(|index| !marked.contains(index));
            unmarked.for_each(|index| self.learn(now, index));
        }
        for index in marked {
            self.learn(now, index);
        }
        if is_due(self.sweep_at, now) {
            self.sweep_at = None;
            for index in 0..slots {
                let client = self.clients[index].as_ref();
                if client.is_some_and(|client| client.vitals.is_watched()) {
                    self.learn(now, index);
                }
            }
        }
        if is_due(self.cluster.poll_timeout(), now) {
            if self.heed == Heed::All {
                // It may be the end of an interval, which judges by all that was counted.
                (0..slots).for_each(|index| self.learn(now, index));
            }
            news.candidates |= self.cluster.handle_timeout(now);
            news.health = true;
        }
    }

    /// Tells that a failure is judged at once by what became of the requests to all others.
    fn judged_by_others(&self) -> bool {
        self.heed == Heed::All && self.cluster.settings().book == Book::Evenkeel
    }

    /// Takes over what was reported of the endpoint in the slot with this index.
    fn learn(&mut self, now: Instant, index: usize) {
        let (Some(slot), Some(Some(client))) = (self.cluster.live(index), self.clients.get(index))
        else {
            return;
        };
        let (vitals, cluster) = (&client.vitals, &mut self.cluster);
        if cluster.health(slot) == Health::HalfOpen
            && let Some(sent) = vitals.probe_sent()
            && cluster.begin_probe(now, slot, sent)
        {
            self.offered.remove(&slot);
        }
        if cluster.tally(now, slot, vitals.take_tally()) {
            vitals.forget_streak();
        }
        if let Some((refused, decides)) = vitals.take_refusal() {
            cluster.observe(now, slot, refused, decides);
        }
        for (outcome, sent) in vitals.take_decisions() {
            // In service, it has been counted.
            if !in_service(cluster.health(slot)) {
                cluster.observe(now, slot, outcome, Some(sent));
            }
        }
        let watched = cluster.watches(slot);
        vitals.watch(watched);
        if watched && self.heed == Heed::Failures {
            bring_forward(&mut self.sweep_at, now + cluster.settings().interval);
        }
    }
}

fn in_service(health: Health) -> bool {
    matches!(health, Health::Healthy | Health::Overloaded { .. })
}
