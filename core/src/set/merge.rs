//! An update of the whole set: one merge pass over two sorted lists.

use super::{Change, Changes, EndpointSet, Observer};
use crate::endpoint::{Address, Endpoint};
use crate::store::{List, Store};

/// Marks a place in the new order whose endpoint has no slot yet.
const NEW: u32 = u32::MAX;

pub(super) fn update<A: Address, S: Store>(
    set: &mut EndpointSet<A, S>,
    endpoints: impl IntoIterator<Item = Endpoint<A>>,
    observer: &mut impl Observer<A>,
) -> Changes {
    let mut changes = Changes::default();
    let mut incoming = S::List::default();
    for endpoint in endpoints {
        if let Err(endpoint) = incoming.try_push(endpoint) {
            changes.left_out += make_room(set, &mut incoming, endpoint);
        }
    }
    sort_and_fold(&mut incoming);

    let mut order: S::List<u32> = S::List::default();
    let mut known = 0;
    for endpoint in &*incoming {
        while known < set.order.len() && set.slots.endpoint(set.order[known]).addr < endpoint.addr {
            depart(set, set.order[known], &mut changes, observer);
            known += 1;
        }
        let mut place = NEW;
        if known < set.order.len() && set.slots.endpoint(set.order[known]).addr == endpoint.addr {
            place = set.order[known];
            known += 1;
            if set.slots.set_content(place, endpoint) {
                changes.changed += 1;
                observer.on_change(Change::Changed(set.slots.slot(place), set.slots.endpoint(place)));
            }
        }
        // `order` has the capacity of `incoming`.
        let _ = order.try_push(place);
    }
    while known < set.order.len() {
        depart(set, set.order[known], &mut changes, observer);
        known += 1;
    }

    for (place, endpoint) in order.iter_mut().zip(incoming) {
        if *place == NEW
            && let Some(index) = set.slots.allocate(endpoint, |index| observer.idle(index))
        {
            *place = index;
            changes.added += 1;
            observer.on_change(Change::Added(set.slots.slot(index), set.slots.endpoint(index)));
        }
    }
    order.keep(|&mut place| place != NEW);
    set.order = order;
    changes
}

fn depart<A: Address, S: Store>(
    set: &mut EndpointSet<A, S>,
    index: u32,
    changes: &mut Changes,
    observer: &mut impl Observer<A>,
) {
    changes.removed += 1;
    observer.on_change(Change::Removed(set.slots.slot(index), set.slots.endpoint(index)));
    set.slots.release(index);
}

/// Puts `endpoint` into the full list `incoming`, in place of a less important one; tells how many were left out.
#[cold]
fn make_room<A: Address, S: Store>(
    set: &EndpointSet<A, S>,
    incoming: &mut S::List<Endpoint<A>>,
    endpoint: Endpoint<A>,
) -> usize {
    sort_and_fold(incoming);
    let Err(endpoint) = incoming.try_push(endpoint) else { return 0 };
    match incoming.binary_search_by(|known| known.addr.cmp(&endpoint.addr)) {
        Ok(same) => {
            if endpoint.takes_precedence_over(&incoming[same]) {
                incoming[same] = endpoint;
            }
            0
        }
        Err(place) => {
            let last_new = incoming.iter().rposition(|known| set.find(&known.addr).is_none());
            match last_new {
                Some(last) if place <= last || set.find(&endpoint.addr).is_some() => {
                    incoming.take(last);
                    // One was taken out, so there is room.
                    let _ = incoming.try_insert(if place > last { place - 1 } else { place }, endpoint);
                }
                _ => {}
            }
            1
        }
    }
}

/// Sorts by address and folds records of the same address into the one that takes precedence.
fn sort_and_fold<A: Address>(endpoints: &mut impl List<Endpoint<A>>) {
    if endpoints.is_sorted_by(|a, b| a.addr < b.addr) {
        return;
    }
    endpoints.sort_with(|a, b| a.addr.cmp(&b.addr));
    let mut kept = 0;
    for next in 1..endpoints.len() {
        if endpoints[next].addr != endpoints[kept].addr {
            kept += 1;
            endpoints.swap(kept, next);
        } else if endpoints[next].takes_precedence_over(&endpoints[kept]) {
            endpoints.swap(kept, next);
        }
    }
    endpoints.shorten(kept + 1);
}
