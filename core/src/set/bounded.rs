//! An update of the whole set where there is room for so many: the input is sorted as it comes, and the set follows.
//!
//! Little code rather than the least work: a bounded set is a small one, mostly.

use super::{Change, Changes, EndpointSet, Observer};
use crate::endpoint::{Address, Endpoint};
use crate::store::{List, Store};

/// Nothing changes before all of the input has come.
pub(super) fn update<A: Address, S: Store>(
    set: &mut EndpointSet<A, S>,
    endpoints: impl IntoIterator<Item = Endpoint<A>>,
    observer: &mut impl Observer<A>,
) -> Changes {
    let mut incoming: S::List<Endpoint<A>> = S::List::default();
    let mut changes = Changes::default();
    for endpoint in endpoints {
        changes.left_out += usize::from(!take_in(set, &mut incoming, endpoint));
    }
    let EndpointSet { slots, order } = set;
    order.keep(|&mut index| {
        let stays = search(&incoming, &slots.endpoint(index).addr).is_ok();
        if !stays {
            changes.removed += 1;
            observer.on_change(Change::Removed(slots.slot(index), slots.endpoint(index)));
            slots.release(index);
        }
        stays
    });
    for endpoint in incoming {
        // There is room for as many as were taken in.
        let Ok(one) = set.insert_with(endpoint, observer) else { continue };
        changes.added += one.added;
        changes.changed += one.changed;
    }
    changes
}

/// Takes an endpoint into the sorted list, folding records of the same address into the one that takes precedence. Where the
/// list is full, endpoints of the set come first, then the lower addresses. Tells whether none was left out.
fn take_in<A: Address, S: Store>(
    set: &EndpointSet<A, S>,
    incoming: &mut S::List<Endpoint<A>>,
    endpoint: Endpoint<A>,
) -> bool {
    match search(incoming, &endpoint.addr) {
        Ok(same) => {
            if endpoint.takes_precedence_over(&incoming[same]) {
                incoming[same] = endpoint;
            }
            true
        }
        Err(place) => {
            let Err(endpoint) = incoming.try_insert(place, endpoint) else { return true };
            let last_new = incoming.iter().rposition(|known| set.find(&known.addr).is_none());
            if let Some(last) = last_new.filter(|&last| place <= last || set.find(&endpoint.addr).is_some()) {
                incoming.take(last);
                // One was taken out, so there is room.
                let _ = incoming.try_insert(if place > last { place - 1 } else { place }, endpoint);
            }
            false
        }
    }
}

fn search<A: Address>(sorted: &[Endpoint<A>], addr: &A) -> Result<usize, usize> {
    sorted.binary_search_by(|known| known.addr.cmp(addr))
}
