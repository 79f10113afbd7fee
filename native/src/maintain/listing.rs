//! Lists what operators see: all anew, or only what differs from what was listed last.

use std::collections::BTreeSet;
use std::sync::Arc;

use evenkeel_core::cluster::Member;
use evenkeel_core::set::Set;
use evenkeel_core::{EventKind, Policy, Slot, Zone};

use super::Maintenance;
use super::found::Found;
use super::touched::Touched;
use crate::event::Event;
use crate::factory::Factory;
use crate::snapshot::Snapshot;
use crate::status::{Entry, Listing};
use crate::target::Target;

impl<F: Factory, P: Policy + Clone + Send + Sync + 'static> Maintenance<F, P> {
    /// Returns the slots in which others are than were published, if endpoints have come and left
    /// and nothing else has changed: where all that are well are candidates, of one level, what is
    /// known of the others stays.
    pub(super) fn slots_that_differ(
        &self,
        events: &[(Option<Slot>, Event)],
    ) -> Option<BTreeSet<usize>> {
        let config = self.cluster.settings();
        let before = self.shared.snapshot.load();
        let alike = self.level.is_some()
            && config.subset == 0
            && config.zone == Zone::NONE
            && config.overprovisioning_percent == 0
            && config.slow_start.is_zero();
        let well = !self.news.health
            && !self.behind
            && events
                .iter()
                .all(|(_, event)| matches!(event.kind, EventKind::Added | EventKind::Removed));
        let follows = self.listed.is_some()
            && !self.spare.is_empty()
            && before.version == self.version
            && before.is_one_level()
            && self
                .cluster
                .candidate_groups()
                .all(|group| !group.members.is_empty() && !group.panic);
        self.touched.slots().filter(|_| alike && well && follows).cloned()
    }

    /// Makes the listing: of all, of whom these are known, or of those that were touched and all
    /// others as before. Tells if all have a client that are to have one.
    pub(super) fn listing(
        &self,
        snapshot: &Arc<Snapshot<F::Client, P>>,
        all: Option<&[Member<'_, Target>]>,
    ) -> (Listing<F::Client, P>, bool) {
        let picked = |slot| !self.behind || snapshot.offers(slot);
        let is_missing = || self.found.is_empty() || self.found.iter().any(Found::is_missing);
        if let (None, Some(entries), Some(targets)) = (all, &self.listed, self.touched.targets()) {
            let (mut entries, mut complete) = (entries.clone(), true);
            for target in targets {
                let found = self.found.get(target);
                complete &= !found.is_some_and(Found::is_missing);
                let entry = found.map(|found| {
                    let slot = found.client().and_then(|_| self.cluster.find(target));
                    let member = slot.and_then(|slot| self.cluster.member_in(slot));
                    Entry::new(found.place(), member.as_ref(), picked)
                });
                entries.put(entry, |other| other.target().cmp(target));
            }
            complete &= self.complete || !is_missing();
            return (Listing::of(entries, Arc::clone(snapshot)), complete);
        }
        let calm = |priority| self.cluster.calm_until(priority);
        let found = self.found.iter().map(Found::place);
        let (members, client) = (all.unwrap_or_default(), |slot| self.client(slot));
        let listing = Listing::new(found, members, Arc::clone(snapshot), client, picked, calm);
        (listing, !is_missing())
    }

    /// Publishes the listing, as of which nothing differs. Where the cluster was not made anew before,
    /// what it lacks is not known any more.
    pub(super) fn list(&mut self, listing: Listing<F::Client, P>, complete: bool) {
        self.complete = complete;
        self.listed = listing.entries().filter(|_| !self.behind).cloned();
        self.touched = if self.news.set { Touched::NONE } else { Touched::All };
        self.shared.listing.store(Arc::new(listing));
    }
}
