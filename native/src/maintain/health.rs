//! What reports add up to: told to the cluster, and what follows from it to the picks.

use std::collections::BTreeSet;
use std::sync::Arc;

use evenkeel_core::health::{Arithmetic, Health, OutlierDetection};
use evenkeel_core::{Cluster, EventKind, Heap, Instant, Outcome, Policy, Slot};

use super::{Maintenance, News};
use crate::event::Event;
use crate::factory::Factory;
use crate::shared::Order;
use crate::target::Target;
use crate::vitals::Heed;

/// What reports have to remember for this cluster, which is yet without endpoints.
pub(super) fn heed(cluster: &Cluster<Target, Heap>) -> Heed {
    match cluster.config().outlier_detection.filter(OutlierDetection::ejects) {
        None => Heed::Nothing,
        // A success that matters while nothing has happened yet matters always.
        Some(_) if cluster.heeds(Outcome::Success) => Heed::All,
        Some(_) => Heed::Failures,
    }
}

impl<F: Factory, P: Policy + Clone + Send + Sync + 'static> Maintenance<F, P> {
    pub(super) fn obey(&mut self, order: Order) {
        match order {
            Order::SetDown { target, down } => {
                if self.found.find(&target).is_none() {
                    return;
                }
                if let Some(slot) = self.cluster.set().find(&target) {
                    // What was reported before the news must not outlive it.
                    let now = self.shared.clock.now();
                    self.learn(now, slot.index());
                    self.cluster.set_down(now, slot, down);
                }
                if down {
                    self.down.insert(target);
                } else {
                    self.down.remove(&target);
                }
            }
        }
    }

    /// Takes over what was reported, and does what is due.
    pub(super) fn attend(&mut self, now: Instant, news: &mut News) {
        let marked: BTreeSet<usize> = self.shared.counters.marks.take(self.members.len()).collect();
        if !marked.is_empty() && self.judged_by_others() {
            (0..self.members.len()).filter(|index| !marked.contains(index)).for_each(|index| self.learn(now, index));
        }
        for index in marked {
            self.learn(now, index);
        }
        if self.sweep_at <= now {
            self.sweep_at = Instant::MAX;
            for index in 0..self.members.len() {
                if self.members[index].as_ref().is_some_and(|(_, client)| client.vitals.is_watched()) {
                    self.learn(now, index);
                }
            }
        }
        if self.cluster.poll_timeout().is_some_and(|at| at <= now) {
            if self.heed == Heed::All {
                // It may be the end of an interval, which judges by all that was counted.
                (0..self.members.len()).for_each(|index| self.learn(now, index));
            }
            news.candidates |= self.cluster.handle_timeout(now);
            news.health = true;
        }
    }

    /// Whether a failure is judged at once by what became of the requests to all others.
    fn judged_by_others(&self) -> bool {
        let settings = self.cluster.config().outlier_detection;
        self.heed == Heed::All && settings.is_some_and(|settings| settings.arithmetic == Arithmetic::Evenkeel)
    }

    /// Takes over what was reported of the endpoint in the slot with this index.
    fn learn(&mut self, now: Instant, index: usize) {
        let Some(Some((slot, client))) = self.members.get(index) else { return };
        let (slot, vitals, cluster) = (*slot, &client.vitals, &mut self.cluster);
        if cluster.health(slot) == Health::HalfOpen
            && let Some(sent) = vitals.probe_sent()
            && cluster.begin_probe(now, slot, sent)
        {
            self.offered.remove(&slot);
        }
        if cluster.tally(now, slot, vitals.take_tally()) {
            vitals.forget_streak();
        }
        if let Some((rest, decides)) = vitals.take_refusal() {
            cluster.observe(now, slot, Outcome::Overloaded { retry_after: Some(rest) }, decides);
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
            let interval = cluster.config().outlier_detection.unwrap_or_default().interval;
            self.sweep_at = self.sweep_at.min(now + interval);
        }
    }

    /// Publishes who may be picked, and the half-open endpoints that wait for a probe, where they are others than before.
    pub(super) fn publish_snapshot(&mut self, news: &mut News, events: &[(Option<Slot>, Event)]) {
        let probes: Vec<_> =
            self.cluster.probes().filter_map(|slot| Some((slot, self.client(slot)?.clone()))).collect();
        let due: BTreeSet<Slot> = probes.iter().map(|(slot, _)| *slot).collect();
        for slot in self.offered.difference(&due) {
            self.client(*slot).inspect(|client| client.vitals.retract_probe());
        }
        for (_, client) in probes.iter().filter(|(slot, _)| !self.offered.contains(slot)) {
            client.vitals.offer_probe();
        }
        self.offered = due;
        let formed = if news.candidates { self.form() } else { None };
        let back = events.iter().filter(|(_, event)| event.kind == EventKind::Readmitted);
        for slot in back.filter_map(|(slot, _)| *slot) {
            let Some(client) = self.client(slot) else { continue };
            client.vitals.forget_streak();
            if let Some(formed) = &formed
                && self.cluster.outdated(slot, Instant::ZERO)
            {
                // What hung meanwhile must not eject it again.
                client.vitals.come_back(formed.version);
            }
        }
        let published = self.shared.snapshot.load();
        let others = !probes.iter().map(|(slot, _)| slot).eq(&published.probes);
        news.health |= others;
        let snapshot = match formed {
            Some(formed) if probes.is_empty() => formed,
            Some(formed) => formed.probing(probes),
            None if others => published.probing(probes),
            None => return,
        };
        self.shared.snapshot.store(Arc::new(snapshot));
    }
}

fn in_service(health: Health) -> bool {
    matches!(health, Health::Healthy | Health::Overloaded { .. })
}
