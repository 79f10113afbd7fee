//! Exports what was learned, and goes on with what an earlier balancer learned.

use std::collections::BTreeSet;

use evenkeel_core::state::ImportError;
use evenkeel_core::{Instant, Policy, State};

use super::Maintenance;
use super::found::Found;
use super::touched::Touched;
use crate::factory::Factory;
use crate::target::Target;

impl<F: Factory, P: Policy + Clone + Send + Sync + 'static> Maintenance<F, P> {
    /// Returns what was learned of the endpoints that have a client.
    pub(super) fn export(&mut self) -> State<Target> {
        let now = self.shared.clock.now();
        let all: BTreeSet<usize> = (0..self.clients.len()).collect();
        self.learn(now, &all);
        let estimate = |slot| self.client(slot).map(|client| client.load.estimate());
        self.cluster.export_estimates(now, estimate)
    }

    /// Takes over what an earlier balancer learned of the endpoints that are there by now.
    pub(super) fn restore(&mut self, now: Instant) {
        if !self.news.set {
            return;
        }
        let Some(restored) = self.restoring.take_if(|_| !self.cluster.is_empty()) else { return };
        self.touched = Touched::All;
        let awaited = !self.settled && self.found.iter().any(Found::is_awaited);
        let state = restored.at(now);
        match self.cluster.import(now, &state) {
            Ok(imported) => {
                self.news.candidates = true;
                tracing::debug!(endpoints = imported.endpoints, "goes on with what was learned");
                for (target, nanos, age) in state.latencies() {
                    let slot = self.cluster.find(target);
                    if let Some(client) = slot.and_then(|slot| self.client(slot)) {
                        client.load.recall(nanos, age, now);
                    }
                }
            }
            // Those that it knows may be on their way.
            Err(ImportError::Foreign { .. }) if awaited => {}
            Err(error) => tracing::warn!(%error, "begins anew: what was learned is of no use"),
        }
        if awaited {
            self.restoring = Some(restored);
        }
    }
}
