//! What reports add up to: told to the cluster.

use std::collections::BTreeSet;

use evenkeel_core::health::{Counted, Health};
use evenkeel_core::load::Estimate;
use evenkeel_core::{Book, Instant, Policy, Slot};

use super::touched::Touched;
use super::{Maintenance, bring_forward, is_due};
use crate::factory::Factory;
use crate::shared::Order;
use crate::snapshot::Cluster;
use crate::target::Target;
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
            Order::Export { reply } => {
                // Nobody may wait for it any more.
                let _ = reply.send(self.export());
            }
            Order::SetDown { target, down } => drop(self.set_down(&target, down)),
            #[cfg(feature = "tonic")]
            Order::Renew { target } => {
                let Some(slot) = self.set_down(&target, false) else { return };
                if let Some(Some(client)) = self.clients.get(slot.index()) {
                    client.load.forget();
                    self.lend(self.shared.clock.now(), &BTreeSet::from([slot.index()]));
                }
            }
            #[cfg(feature = "tonic")]
            Order::Confirm(done) => self.confirm.push(done),
        }
    }

    /// Takes over what checks found; returns the endpoint's slot, if it has one.
    fn set_down(&mut self, target: &Target, down: bool) -> Option<Slot> {
        self.touched = Touched::All;
        let found = self.found.get_mut(target)?;
        found.down = down;
        let slot = self.cluster.find(target)?;
        // What was reported before the news must not outlive it.
        let now = self.shared.clock.now();
        self.learn(now, &BTreeSet::from([slot.index()]));
        self.cluster.set_down(now, slot, down);
        Some(slot)
    }

    /// Takes over what was reported, and does what is due. Tells that clients were given up.
    pub(super) fn attend(&mut self, now: Instant) -> bool {
        let slots = self.clients.len();
        let marked: BTreeSet<usize> = self.shared.marks.take(slots).collect();
        let given_up = self.give_up_broken(&marked);
        if !marked.is_empty() {
            self.learn(now, &marked);
            self.lend(now, &marked);
        }
        if is_due(self.sweep_at, now) {
            self.sweep_at = None;
            let watched = (0..slots).filter(|&index| self.is_watched(index)).collect();
            self.learn(now, &watched);
        }
        if is_due(self.cluster.poll_timeout(), now) {
            if self.heed == Heed::All {
                // It may be the end of an interval, which judges by all that was counted.
                self.learn(now, &(0..slots).collect());
            }
            self.touched = Touched::All;
            self.news.candidates |= self.cluster.handle_timeout(now);
            self.news.health = true;
        }
        given_up
    }

    /// Lends how long others take to the endpoints in the slots with these indices that have only
    /// met requests at fault.
    fn lend(&self, now: Instant, indices: &BTreeSet<usize>) {
        let all = || self.clients.iter().flatten().map(|client| client.load.nanos());
        for client in indices.iter().filter_map(|&index| self.clients.get(index)?.as_ref()) {
            client.load.borrow(|| Estimate::lent(all(), now));
        }
    }

    /// Tells that a failure is judged at once by what became of the requests to all others.
    fn judged_by_others(&self) -> bool {
        self.heed == Heed::All && self.cluster.settings().book == Book::Evenkeel
    }

    fn is_watched(&self, index: usize) -> bool {
        self.clients[index].as_ref().is_some_and(|client| client.vitals.is_watched())
    }

    /// Takes over what was reported of the endpoints in the slots with these indices: all is
    /// counted before one is judged. Where one is to be compared with the others, what was reported
    /// of those counts, too: else a single failure of theirs would look like a row, without the
    /// successes that they have had since.
    pub(super) fn learn(&mut self, now: Instant, indices: &BTreeSet<usize>) {
        self.touched = Touched::All;
        let mut counted: Vec<_> =
            indices.iter().filter_map(|&index| self.count(now, index)).collect();
        if self.judged_by_others() || counted.iter().any(Counted::is_suspect) {
            let others = (0..self.clients.len()).filter(|index| !indices.contains(index));
            let others: Vec<_> = others.filter(|&index| self.is_watched(index)).collect();
            counted.extend(others.into_iter().filter_map(|index| self.count(now, index)));
        }
        let judged = counted.iter().any(Counted::is_suspect);
        for counted in counted {
            self.settle(now, counted);
        }
        if judged {
            // Where one was ejected, the others are heard anew.
            (0..self.clients.len()).for_each(|index| self.watch(now, index));
        }
    }

    fn count(&mut self, now: Instant, index: usize) -> Option<Counted> {
        let slot = self.cluster.live(index)?;
        let vitals = &self.clients.get(index)?.as_ref()?.vitals;
        // One that was sent before it was ejected again is none of now.
        if let Some(sent) = vitals.take_probe_sent()
            && self.cluster.health(slot) == Health::HalfOpen
            && self.cluster.begin_probe(now, slot, sent)
        {
            self.offered.remove(&slot);
        }
        Some(self.cluster.count_tally(now, slot, vitals.take_tally()))
    }

    fn settle(&mut self, now: Instant, counted: Counted) {
        let slot = counted.slot();
        let Some(Some(client)) = self.clients.get(slot.index()) else { return };
        let (vitals, cluster) = (&client.vitals, &mut self.cluster);
        if cluster.settle_tally(counted) {
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
        self.watch(now, slot.index());
    }

    /// Has successes counted as long as they teach something.
    fn watch(&mut self, now: Instant, index: usize) {
        let (Some(Some(client)), Some(slot)) = (self.clients.get(index), self.cluster.live(index))
        else {
            return;
        };
        let cluster = &self.cluster;
        let watched = cluster.watches(slot);
        client.vitals.watch(watched);
        if watched && self.heed == Heed::Failures {
            bring_forward(&mut self.sweep_at, now + cluster.settings().interval);
        }
    }
}

fn in_service(health: Health) -> bool {
    matches!(health, Health::Healthy | Health::Overloaded { .. })
}
