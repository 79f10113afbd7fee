//! Shows a cluster to rules that compare its endpoints.

use super::{Cluster, RulesOf};
use crate::endpoint::Address;
use crate::health::{Effect, Facts, HealthRow, Hosts, Rules};
use crate::kit::Kit;
use crate::load::Load;
use crate::settings::Book;
use crate::store::Store;
use crate::time::Instant;

/// All endpoints of a cluster.
pub(super) struct All<'a, A, L: Load, S: Kit, St: Store> {
    pub(super) cluster: &'a mut Cluster<A, L, S, St>,
    pub(super) now: Instant,
    /// Candidates changed.
    pub(super) changed: bool,
}

impl<A: Address, L: Load, S: Kit, St: Store> Hosts for All<'_, A, L, S, St> {
    fn slots(&self) -> usize {
        self.cluster.rows.len()
    }

    fn health(&self, slot: usize) -> Option<HealthRow> {
        self.cluster.rows.get(slot).filter(|row| row.hot.live)?.watched().copied()
    }

    fn may_eject(&mut self, slot: usize) -> bool {
        self.cluster.live(slot).is_some_and(|slot| self.cluster.may_eject_for_share(slot))
    }

    fn alter(&mut self, slot: usize, apply: impl FnOnce(&mut HealthRow, &mut Facts<'_>) -> Effect) {
        let Some(id) = self.cluster.live(slot) else { return };
        let now = self.now;
        let effect = self.cluster.alter(id, |row, _, facts| {
            facts.now = now;
            apply(row, facts)
        });
        self.changed |= !matches!(effect, Effect::None);
        let ours = RulesOf::<S>::book(&self.cluster.settings) == Book::Evenkeel;
        if ours && matches!(effect, Effect::Ejected) {
            self.cluster.await_answers();
        }
    }
}
