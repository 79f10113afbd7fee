//! The one writer: takes over what discovery finds and what reports add up to, makes clients,
//! publishes snapshots.

mod connections;
mod found;
mod health;
mod publish;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evenkeel_core::{Endpoint, Instant, Policy, Slot, TableFull};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use self::found::Found;
use self::publish::News;
use crate::client::Client;
use crate::factory::{BoxError, Factory};
use crate::shared::{Order, Shared};
use crate::snapshot::Cluster;
use crate::stripe::CounterRng;
use crate::target::Target;
use crate::vitals::Heed;

pub(crate) struct Maintenance<F: Factory, P> {
    shared: Arc<Shared<F::Client, P>>,
    factory: F,
    /// As it was given; each snapshot has clones of it.
    policy: P,
    rng: CounterRng,
    /// What discovery has found.
    found: BTreeMap<Target, Found<F::Client>>,
    /// The endpoints of these that have a client.
    cluster: Cluster,
    /// By the index of its slot, the client of each endpoint in the cluster.
    clients: Vec<Option<Arc<Client<F::Client>>>>,
    /// The half-open endpoints that picks may probe.
    offered: BTreeSet<Slot>,
    heed: Heed,
    making: JoinSet<(Target, Result<F::Client, BoxError>)>,
    /// When the next client is to be tried again.
    retry_at: Option<Instant>,
    /// When to look if endpoints need no watching any more.
    sweep_at: Option<Instant>,
    version: u64,
    /// Why the policy could not follow the last change.
    table: Option<TableFull>,
}

impl<F: Factory, P: Policy + Clone + Send + Sync + 'static> Maintenance<F, P> {
    pub(crate) fn new(
        shared: Arc<Shared<F::Client, P>>,
        factory: F,
        policy: P,
        cluster: Cluster,
    ) -> Self {
        Self {
            rng: CounterRng(shared.seed.rotate_left(32)),
            shared,
            factory,
            policy,
            found: BTreeMap::new(),
            heed: health::heed(&cluster),
            cluster,
            clients: Vec::new(),
            offered: BTreeSet::new(),
            making: JoinSet::new(),
            retry_at: None,
            sweep_at: None,
            version: 1,
            table: None,
        }
    }

    pub(crate) async fn run(
        mut self,
        mut sets: mpsc::Receiver<Vec<Endpoint<Target>>>,
        mut orders: mpsc::UnboundedReceiver<Order>,
    ) {
        loop {
            let mut news = News::default();
            let timers = [self.cluster.poll_timeout(), self.retry_at, self.sweep_at];
            tokio::select! {
                Some(endpoints) = sets.recv() => {
                    self.adopt(endpoints);
                    news.set = true;
                }
                Some(Ok((target, result))) = self.making.join_next() => {
                    self.made(&target, result);
                    // All that are there by now make one snapshot.
                    while let Some(Ok((target, result))) = self.making.try_join_next() {
                        self.made(&target, result);
                    }
                    news.set = true;
                }
                Some(order) = orders.recv() => self.obey(order),
                () = self.shared.marks.marked() => {}
                () = self.shared.clock.sleep_until(timers.into_iter().flatten().min()) => {}
            }
            let now = self.shared.clock.now();
            if is_due(self.retry_at, now) {
                self.retry(now);
            }
            if news.set {
                news.candidates = self.update(now);
            }
            self.attend(now, &mut news);
            self.publish(news);
        }
    }

    /// Makes the cluster that of the endpoints which have a client; tells that it is another one.
    fn update(&mut self, now: Instant) -> bool {
        let ready = self.found.values().filter(|found| found.client().is_some());
        let changes = self.cluster.update(now, ready.map(|found| found.endpoint.clone()));
        if changes.is_empty() {
            return false;
        }
        self.clients.clear();
        self.clients.resize_with(self.cluster.slots(), || None);
        let mut down = Vec::new();
        for (slot, endpoint) in self.cluster.iter() {
            let Some(found) = self.found.get(&endpoint.addr) else { continue };
            self.clients[slot.index()] = found.client().cloned();
            if found.down {
                down.push(slot);
            }
        }
        for slot in down {
            self.cluster.set_down(now, slot, true);
        }
        true
    }

    fn client(&self, slot: Slot) -> Option<&Arc<Client<F::Client>>> {
        self.cluster.get(slot)?;
        self.clients.get(slot.index())?.as_ref()
    }
}

/// Tells that it is time.
fn is_due(at: Option<Instant>, now: Instant) -> bool {
    at.is_some_and(|at| at <= now)
}

/// Sets a time to an earlier one.
fn bring_forward(at: &mut Option<Instant>, to: Instant) {
    *at = Some(at.map_or(to, |at| at.min(to)));
}
