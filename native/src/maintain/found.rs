//! What discovery has found: compared with what was known before.

use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel_core::cluster::Candidacy;
use evenkeel_core::health::Health;
use evenkeel_core::{Endpoint, Policy};

use super::Maintenance;
use super::connections::Connection;
use super::line::Line;
use crate::client::Client;
use crate::discover::{Set, folded};
use crate::event::Change;
use crate::factory::Factory;
use crate::target::Target;

/// An endpoint that discovery has found.
pub(super) struct Found<C> {
    pub(super) endpoint: Endpoint<Target>,
    pub(super) connection: Connection<C>,
    pub(super) line: Line,
    /// Why it is no candidate, client or not.
    pub(super) left_out: Option<Candidacy>,
    /// Active checks say that it is not there.
    pub(super) down: bool,
    /// Discovery does not find it any more; it serves until another of its level can.
    pub(super) left: bool,
}

impl<C> Found<C> {
    fn new(endpoint: Endpoint<Target>) -> Self {
        let connection = Connection::Waiting { failures: 0 };
        Self { endpoint, connection, line: Line::Out, left_out: None, down: false, left: false }
    }

    pub(super) fn client(&self) -> Option<&Arc<Client<C>>> {
        match &self.connection {
            Connection::Ready(client) => Some(client),
            Connection::Waiting { .. } | Connection::Making { .. } | Connection::Failed { .. } => {
                None
            }
        }
    }

    /// Tells that requests may be meant for it.
    pub(super) fn is_eligible(&self) -> bool {
        self.endpoint.weight > 0 && !self.endpoint.draining
    }

    /// Tells that its first client is awaited.
    pub(super) fn is_awaited(&self) -> bool {
        self.line != Line::Out && self.connection.is_new()
    }
}

impl<F: Factory, P: Policy + Clone + Send + Sync + 'static> Maintenance<F, P> {
    /// Takes over what discovery found, and tells the differences. Those that left the whole set
    /// stay for now, if they have a client.
    pub(super) fn adopt(&mut self, set: Set) {
        let named = folded(set.endpoints);
        let (mut changes, mut gone) = (Vec::new(), Vec::new());
        for (target, found) in &mut self.found {
            if set.whole && !found.left && !named.contains_key(target) {
                changes.push(Change::Removed(found.endpoint.clone()));
                found.left = true;
                if found.client().is_none() || found.down {
                    gone.push(target.clone());
                }
            }
        }
        let gone: Vec<_> = gone.iter().map(|target| self.found.remove(target)).collect();
        for (target, endpoint) in named {
            let Some(found) = self.found.get_mut(&target) else {
                self.found.insert(target, Found::new(endpoint.clone()));
                changes.push(Change::Added(endpoint));
                continue;
            };
            let came_back = core::mem::replace(&mut found.left, false);
            if came_back {
                changes.push(Change::Added(endpoint.clone()));
            } else if found.endpoint != endpoint {
                changes.push(Change::Changed(endpoint.clone()));
            }
            found.endpoint = endpoint;
        }
        self.leaving = self.found.values().any(|found| found.left);
        for change in changes {
            // Nobody may be listening.
            let _ = self.shared.changes.send(change);
        }
        // It is the user's code that drops a client.
        drop(gone);
    }

    /// Lets those go that left, once one of their level can serve; without a level, once any can.
    /// Where the answer has no endpoint that is meant to serve, there is nothing to wait for. Tells
    /// that some went.
    pub(super) fn release(&mut self) -> bool {
        if !self.leaving {
            return false;
        }
        // By priority, if an endpoint of it can serve.
        let mut levels = BTreeMap::new();
        for found in self.found.values().filter(|found| !found.left && found.is_eligible()) {
            *levels.entry(found.endpoint.priority).or_insert(false) |= self.serves(found);
        }
        let any = levels.is_empty() || levels.values().any(|serves| *serves);
        let goes = |found: &Found<F::Client>| {
            found.left && levels.get(&found.endpoint.priority).copied().unwrap_or(any)
        };
        let going = self.found.iter().filter(|(_, found)| goes(found));
        let gone: Vec<_> = going.map(|(target, _)| target.clone()).collect();
        for target in &gone {
            self.found.remove(target);
        }
        self.leaving = self.found.values().any(|found| found.left);
        !gone.is_empty()
    }

    /// Tells that an endpoint has a client and is well.
    pub(super) fn serves(&self, found: &Found<F::Client>) -> bool {
        let well = |slot| self.cluster.health(slot) == Health::Healthy;
        found.client().is_some()
            && !found.down
            && self.cluster.find(&found.endpoint.addr).is_some_and(well)
    }
}
