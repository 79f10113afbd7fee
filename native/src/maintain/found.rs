//! What discovery has found: compared with what was known before.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use evenkeel_core::{Endpoint, Policy};

use super::Maintenance;
use super::connections::Connection;
use crate::client::Client;
use crate::event::Change;
use crate::factory::Factory;
use crate::target::Target;

/// An endpoint that discovery has found.
pub(super) struct Found<C> {
    pub(super) endpoint: Endpoint<Target>,
    pub(super) connection: Connection<C>,
    /// Active checks say that it is not there.
    pub(super) down: bool,
}

impl<C> Found<C> {
    pub(super) fn client(&self) -> Option<&Arc<Client<C>>> {
        match &self.connection {
            Connection::Ready(client) => Some(client),
            Connection::Making { .. } | Connection::Failed { .. } => None,
        }
    }
}

impl<F: Factory, P: Policy + Clone + Send + Sync + 'static> Maintenance<F, P> {
    /// Takes over the whole set that discovery found, and tells the differences.
    pub(super) fn adopt(&mut self, endpoints: Vec<Endpoint<Target>>) {
        let named = folded(endpoints);
        let mut changes = Vec::new();
        self.found.retain(|target, found| {
            let stays = named.contains_key(target);
            if !stays {
                changes.push(Change::Removed(found.endpoint.clone()));
            }
            stays
        });
        for (target, endpoint) in named {
            match self.found.get_mut(&target) {
                Some(found) if found.endpoint == endpoint => {}
                Some(found) => {
                    found.endpoint = endpoint.clone();
                    changes.push(Change::Changed(endpoint));
                }
                None => {
                    self.make(target.clone());
                    let connection = Connection::Making { failures: 0 };
                    let found = Found { endpoint: endpoint.clone(), connection, down: false };
                    self.found.insert(target, found);
                    changes.push(Change::Added(endpoint));
                }
            }
        }
        for change in changes {
            // Nobody may be listening.
            let _ = self.shared.changes.send(change);
        }
    }
}

/// Folds the records of one address into the one that takes precedence.
fn folded(endpoints: Vec<Endpoint<Target>>) -> BTreeMap<Target, Endpoint<Target>> {
    let mut named = BTreeMap::new();
    for endpoint in endpoints {
        match named.entry(endpoint.addr.clone()) {
            Entry::Vacant(entry) => drop(entry.insert(endpoint)),
            Entry::Occupied(mut entry) if endpoint.takes_precedence_over(entry.get()) => {
                entry.insert(endpoint);
            }
            Entry::Occupied(_) => {}
        }
    }
    named
}
