//! The one writer: takes over what discovery finds and what reports add up to, makes clients, publishes snapshots.

mod connections;
mod health;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evenkeel_core::{Cluster, Endpoint, EndpointSet, Heap, Instant, Policy, Slot, TableFull, set};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use self::connections::Connection;
use crate::client::Client;
use crate::event::{Change, Event};
use crate::factory::{BoxError, Factory};
use crate::shared::{Order, Shared};
use crate::snapshot::Snapshot;
use crate::status;
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
    found: EndpointSet<Target>,
    /// The endpoints of `found` that have a client.
    cluster: Cluster<Target, Heap>,
    /// By the index of its slot, the client of each of these.
    members: Vec<Option<Member<F::Client>>>,
    /// What active checks say of endpoints in `found`.
    down: BTreeSet<Target>,
    /// The half-open endpoints that picks may probe.
    offered: BTreeSet<Slot>,
    heed: Heed,
    connections: BTreeMap<Target, Connection<F::Client>>,
    making: JoinSet<(Target, Result<F::Client, BoxError>)>,
    /// When the next client is to be tried again.
    retry_at: Instant,
    /// When to look whether endpoints need no watching any more.
    sweep_at: Instant,
    version: u64,
    /// Why the policy could not follow the last change.
    table: Option<TableFull>,
}

/// An endpoint in the cluster.
type Member<C> = (Slot, Arc<Client<C>>);

/// What is to be published.
#[derive(Clone, Copy, Debug, Default)]
struct News {
    /// The endpoints, or which of them have a client.
    set: bool,
    /// Who may be picked.
    candidates: bool,
    /// How an endpoint is doing.
    health: bool,
}

impl<F: Factory, P: Policy + Clone + Send + Sync + 'static> Maintenance<F, P> {
    pub(crate) fn new(
        shared: Arc<Shared<F::Client, P>>,
        factory: F,
        policy: P,
        cluster: Cluster<Target, Heap>,
    ) -> Self {
        Self {
            rng: CounterRng(shared.seed.rotate_left(32)),
            shared,
            factory,
            policy,
            found: EndpointSet::new(),
            heed: health::heed(&cluster),
            cluster,
            members: Vec::new(),
            down: BTreeSet::new(),
            offered: BTreeSet::new(),
            connections: BTreeMap::new(),
            making: JoinSet::new(),
            retry_at: Instant::MAX,
            sweep_at: Instant::MAX,
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
            let step_at = self.cluster.poll_timeout().unwrap_or(Instant::MAX);
            let wake_at = step_at.min(self.retry_at).min(self.sweep_at);
            tokio::select! {
                Some(endpoints) = sets.recv() => {
                    self.adopt(endpoints);
                    news.set = true;
                }
                Some(Ok((target, result))) = self.making.join_next() => {
                    self.made(target, result);
                    // All that are there by now make one snapshot.
                    while let Some(Ok((target, result))) = self.making.try_join_next() {
                        self.made(target, result);
                    }
                    news.set = true;
                }
                Some(order) = orders.recv() => self.obey(order),
                () = self.shared.counters.marks.marked() => {}
                () = self.shared.clock.sleep_until(wake_at) => {}
            }
            let now = self.shared.clock.now();
            if self.retry_at <= now {
                self.retry(now);
            }
            if news.set {
                news.candidates = self.update(now);
            }
            self.attend(now, &mut news);
            self.publish(news);
        }
    }

    /// Takes over the whole set that discovery found.
    fn adopt(&mut self, endpoints: Vec<Endpoint<Target>>) {
        let mut changes = Vec::new();
        let _ = self.found.update_with(endpoints, &mut |change: set::Change<'_, Target>| {
            changes.push(match change {
                set::Change::Added(_, endpoint) => Change::Added(endpoint.clone()),
                set::Change::Removed(_, endpoint) => Change::Removed(endpoint.clone()),
                set::Change::Changed(_, endpoint) => Change::Changed(endpoint.clone()),
            });
        });
        for change in changes {
            match &change {
                Change::Added(endpoint) => self.make(endpoint.addr.clone(), 0),
                Change::Removed(endpoint) => {
                    self.connections.remove(&endpoint.addr);
                    self.down.remove(&endpoint.addr);
                }
                Change::Changed(_) => {}
            }
            // Nobody may be listening.
            let _ = self.shared.changes.send(change);
        }
    }

    /// Makes the cluster that of the endpoints which have a client; tells whether it is another one.
    fn update(&mut self, now: Instant) -> bool {
        let connections = &self.connections;
        let client = |target: &Target| connections.get(target).and_then(Connection::client);
        let endpoints = self.found.iter().map(|(_, endpoint)| endpoint);
        let ready = endpoints.filter(|endpoint| client(&endpoint.addr).is_some()).cloned();
        let changes = self.cluster.update_with(now, ready, &mut &*self.shared.counters);
        if changes.is_empty() {
            return false;
        }
        self.members.clear();
        self.members.resize_with(self.cluster.set().slots(), || None);
        for (slot, endpoint) in self.cluster.set().iter() {
            self.members[slot.index()] = client(&endpoint.addr).map(|client| (slot, Arc::clone(client)));
        }
        for slot in self.down.iter().filter_map(|target| self.cluster.set().find(target)).collect::<Vec<_>>() {
            self.cluster.set_down(now, slot, true);
        }
        true
    }

    fn client(&self, slot: Slot) -> Option<&Arc<Client<F::Client>>> {
        self.members.get(slot.index())?.as_ref().filter(|(known, _)| *known == slot).map(|(_, client)| client)
    }

    fn publish(&mut self, mut news: News) {
        let event = |event: evenkeel_core::Event<'_, Target>| {
            let (slot, target) = event.endpoint.unzip();
            (slot, Event { at: event.at, target: target.flatten().cloned(), kind: event.kind })
        };
        let events: Vec<_> = self.cluster.events().map(event).collect();
        self.publish_snapshot(&mut news, &events);
        if news.set || news.candidates || news.health || !events.is_empty() {
            let picked = self.table.map(|_| self.shared.snapshot.load().candidates.slots().iter().copied().collect());
            let client = |slot| self.client(slot).cloned();
            let entries = status::entries(&self.found, self.cluster.members(), client, picked);
            self.shared.entries.store(Arc::new(entries));
            self.publish_counts();
        }
        // Whoever is told finds it so.
        for (_, event) in events {
            event.trace();
            // Nobody may be listening.
            let _ = self.shared.events.send(event);
        }
    }

    /// The candidates of now, with a policy that is made for them; `None` if it cannot be.
    fn form(&mut self) -> Option<Snapshot<F::Client, P>> {
        self.version += 1;
        let client = |slot| self.client(slot).cloned();
        let formed = Snapshot::new(self.version, &self.cluster, client, &self.policy, &self.shared.counters);
        self.table = formed.as_ref().err().copied();
        formed.inspect_err(|error| tracing::error!(%error, "the endpoints changed, but the policy cannot follow")).ok()
    }

    fn publish_counts(&self) {
        let (endpoints, ready, table) = (self.found.len(), self.cluster.set().len(), self.table);
        let pickable = self.shared.snapshot.load().candidates.len();
        let none = self.cluster.candidates().is_empty().then(|| self.cluster.unavailable());
        self.shared.clients.send_if_modified(|clients| {
            let before = (clients.endpoints, clients.ready, clients.pickable, clients.none, clients.table);
            let after = (endpoints, ready, pickable, none, table);
            (clients.endpoints, clients.ready, clients.pickable, clients.none, clients.table) = after;
            before != after
        });
    }
}
