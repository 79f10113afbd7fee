//! Takes over what discovery found where there is room for few: in little code, without an index.

use super::{Changes, Cluster};
use crate::endpoint::{Address, Endpoint};
use crate::kit::Kit;
use crate::load::Load;
use crate::store::{Index, List, Store};
use crate::time::Instant;

/// The endpoints that an update names.
#[derive(Clone)]
struct Named<A> {
    /// Its slot; [`NEW`] if it is not in the set.
    slot: usize,
    endpoint: Endpoint<A>,
}

/// In no slot.
const NEW: usize = usize::MAX;

impl<A: Ord> Named<A> {
    /// Tells that it comes first: endpoints of the set, by slot, come before new ones, by address.
    fn is_before(&self, slot: usize, addr: &A) -> bool {
        self.slot < slot || self.slot == slot && self.endpoint.addr < *addr
    }
}

impl<A: Address, L: Load, S: Kit, St: Store> Cluster<A, L, S, St> {
    /// See [`update`](Cluster::update). O(n²)
    pub(super) fn update_few(
        &mut self,
        now: Instant,
        endpoints: impl Iterator<Item = Endpoint<A>>,
    ) -> Changes {
        let mut changes = Changes::default();
        // A constant would be copied, with all the places that nothing is in.
        let mut named: St::List<Named<A>> = Default::default();
        for endpoint in endpoints {
            let slot = self.index.find(&self.rows, &endpoint.addr, &mut 0).unwrap_or(NEW);
            let before = |other: &Named<A>| other.is_before(slot, &endpoint.addr);
            let place = named.iter().take_while(|other| before(other)).count();
            if let Some(same) = named.get_mut(place)
                && same.endpoint.addr == endpoint.addr
            {
                if endpoint.takes_precedence_over(&same.endpoint) {
                    same.endpoint = endpoint;
                }
                continue;
            }
            if named.len() == St::List::<Named<A>>::LIMIT {
                changes.left_out += 1;
                if place == named.len() {
                    continue;
                }
                named.shorten(place.max(named.len() - 1));
            }
            let _ = named.try_insert(place, Named { slot, endpoint });
        }
        self.begin_change(now);
        self.replace(&named, &mut changes);
        if !changes.is_empty() {
            self.finish();
        }
        changes
    }

    /// Makes the set that of a list in its order.
    fn replace(&mut self, named: &[Named<A>], changes: &mut Changes) {
        let newcomers = self.newcomers();
        for slot in 0..self.rows.len() {
            if self.live(slot).is_some() && !named.iter().any(|this| this.slot == slot) {
                self.vacate(slot, true);
                changes.removed += 1;
            }
        }
        for Named { slot, endpoint } in named {
            if *slot == NEW {
                // As many have left as there was no room for.
                changes.added += usize::from(self.occupy(endpoint.clone(), newcomers, true));
            } else {
                changes.changed += usize::from(self.refit(*slot, endpoint, newcomers));
            }
        }
    }
}
