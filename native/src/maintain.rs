//! The one writer: takes over what discovery finds, makes clients, publishes snapshots.

use core::panic::AssertUnwindSafe;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel_core::retry::Backoff;
use evenkeel_core::{Cluster, Endpoint, EndpointSet, Heap, Instant, Policy, TableFull, set};
use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::balancer::{Change, Shared};
use crate::error::SharedError;
use crate::factory::{BoxError, Factory};
use crate::lease::Client;
use crate::snapshot::Snapshot;
use crate::stripe::CounterRng;
use crate::target::Target;

/// The waits between tries to make a client.
const BACKOFF: Backoff = Backoff::exponential(Duration::from_millis(100), Duration::from_secs(30));

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
    connections: BTreeMap<Target, Connection<F::Client>>,
    making: JoinSet<(Target, Result<F::Client, BoxError>)>,
    version: u64,
    /// Why the policy could not follow the last change.
    table: Option<TableFull>,
}

enum Connection<C> {
    Ready(Arc<Client<C>>),
    Making { failures: u32 },
    Failed { failures: u32, retry_at: Instant },
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
            cluster,
            connections: BTreeMap::new(),
            making: JoinSet::new(),
            version: 1,
            table: None,
        }
    }

    pub(crate) async fn run(mut self, mut sets: mpsc::Receiver<Vec<Endpoint<Target>>>) {
        loop {
            let retry_at = self.next_retry();
            let step_at = self.cluster.poll_timeout().unwrap_or(Instant::MAX);
            let mut stepped = false;
            tokio::select! {
                set = sets.recv() => match set {
                    Some(endpoints) => self.adopt(endpoints),
                    None => return,
                },
                Some(Ok((target, result))) = self.making.join_next() => {
                    self.made(target, result);
                    // All that are there by now make one snapshot.
                    while let Some(Ok((target, result))) = self.making.try_join_next() {
                        self.made(target, result);
                    }
                }
                () = self.shared.clock.sleep_until(retry_at) => self.retry(),
                () = self.shared.clock.sleep_until(step_at) => {
                    stepped = self.cluster.handle_timeout(self.shared.clock.now());
                }
            }
            self.publish(stepped);
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
                Change::Removed(endpoint) => drop(self.connections.remove(&endpoint.addr)),
                Change::Changed(_) => {}
            }
            // Nobody may be listening.
            let _ = self.shared.changes.send(change);
        }
    }

    fn make(&mut self, target: Target, failures: u32) {
        let made = self.factory.make(target.clone());
        self.connections.insert(target.clone(), Connection::Making { failures });
        self.making.spawn(async move {
            let made = AssertUnwindSafe(made).catch_unwind().await;
            (target, made.unwrap_or_else(|_| Err("the factory panicked".into())))
        });
    }

    fn made(&mut self, target: Target, result: Result<F::Client, BoxError>) {
        let Some(Connection::Making { failures }) = self.connections.get(&target) else { return };
        let connection = match result {
            Ok(client) => Connection::Ready(Arc::new(Client::new(client, target.clone(), &self.shared.counters))),
            Err(error) => {
                let failures = failures.saturating_add(1);
                tracing::warn!(%target, %error, failures, "no client could be made");
                let error: SharedError = error.into();
                self.shared.clients.send_modify(|clients| clients.error = Some(error));
                let retry_at = self.shared.clock.now() + BACKOFF.wait(failures, Duration::ZERO, &mut self.rng);
                Connection::Failed { failures, retry_at }
            }
        };
        self.connections.insert(target, connection);
    }

    fn next_retry(&self) -> Instant {
        let retries = self.connections.values().filter_map(|connection| match connection {
            Connection::Failed { retry_at, .. } => Some(*retry_at),
            Connection::Ready(_) | Connection::Making { .. } => None,
        });
        retries.min().unwrap_or(Instant::MAX)
    }

    fn retry(&mut self) {
        let now = self.shared.clock.now();
        let due = self.connections.iter().filter_map(|(target, connection)| match connection {
            Connection::Failed { failures, retry_at } if *retry_at <= now => Some((target.clone(), *failures)),
            _ => None,
        });
        for (target, failures) in due.collect::<Vec<_>>() {
            self.make(target, failures);
        }
    }

    /// Makes the endpoints that have a client pickable, if they are not what they were, or `anew`.
    fn publish(&mut self, anew: bool) {
        let connections = &self.connections;
        let client = |target: &Target| match connections.get(target) {
            Some(Connection::Ready(client)) => Some(Arc::clone(client)),
            _ => None,
        };
        let endpoints =
            self.found.iter().map(|(_, endpoint)| endpoint).filter(|endpoint| client(&endpoint.addr).is_some());
        let now = self.shared.clock.now();
        let changes = self.cluster.update_with(now, endpoints.cloned(), &mut &*self.shared.counters);
        if anew || !changes.is_empty() {
            self.version += 1;
            match Snapshot::new(self.version, &self.cluster, client, &self.policy, &self.shared.counters) {
                Ok(snapshot) => {
                    self.table = None;
                    self.shared.snapshot.store(Arc::new(snapshot));
                }
                Err(error) => {
                    tracing::error!(%error, "the endpoints changed, but the policy cannot follow");
                    self.table = Some(error);
                }
            }
        }
        let (endpoints, ready, table) = (self.found.len(), self.cluster.set().len(), self.table);
        let pickable = self.shared.snapshot.load().clients.len();
        self.shared.clients.send_if_modified(|clients| {
            let before = (clients.endpoints, clients.ready, clients.pickable, clients.table);
            (clients.endpoints, clients.ready, clients.pickable, clients.table) = (endpoints, ready, pickable, table);
            before != (endpoints, ready, pickable, table)
        });
    }
}
