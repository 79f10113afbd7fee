//! The simplest settings, and the most common: one level, one group, nothing else.

use crate::cluster::{Candidates, Forming};
use crate::endpoint::{Address, Endpoint};
use crate::set::{EndpointSet, Slot};
use crate::store::Store;

/// One pass, which starts anew whenever a lower priority comes along. Gives the priority of the candidates, if there are
/// any.
pub(super) fn form<A: Address, S: Store>(
    groups: &mut Forming<'_, S>,
    set: &EndpointSet<A, S>,
    available: impl Fn(Slot, &Endpoint<A>) -> bool,
) -> Option<u16> {
    let mut level = u16::MAX;
    for (slot, endpoint, id) in set.entries() {
        if endpoint.weight == 0 || endpoint.priority > level || !available(slot, endpoint) {
            continue;
        }
        if endpoint.priority < level {
            level = endpoint.priority;
            groups.restart();
        }
        groups.put(slot, endpoint.weight, id);
    }
    groups.end_group(100, false);
    groups.any().then_some(level)
}

/// Makes good what happened to the few endpoints in `touched`, with one search and one move of lists for each. The
/// candidates have the priority `level`. Tells whether that did; otherwise they are to be formed anew.
pub(crate) fn patch<A: Address, S: Store>(
    candidates: &mut Candidates<S>,
    set: &EndpointSet<A, S>,
    level: u16,
    touched: &[Slot],
    available: impl Fn(Slot, &Endpoint<A>) -> bool,
) -> bool {
    // Those that left go first: the others are searched for by address.
    for slot in touched.iter().filter(|slot| set.get(**slot).is_none()) {
        if let Some(place) = candidates.slots().iter().position(|known| known == slot) {
            candidates.take(place);
        }
    }
    for &slot in touched {
        let (Some(endpoint), Some(id)) = (set.get(slot), set.id(slot)) else { continue };
        let eligible = endpoint.weight > 0 && available(slot, endpoint);
        if eligible && endpoint.priority < level {
            return false;
        }
        let before = |known: &Slot| set.get(*known).is_some_and(|known| known.addr < endpoint.addr);
        let place = candidates.slots().partition_point(before);
        let known = candidates.slots().get(place) == Some(&slot);
        match (known, eligible && endpoint.priority == level) {
            (true, true) => candidates.set_weight(place, endpoint.weight),
            (true, false) => candidates.take(place),
            (false, true) => candidates.insert(place, slot, endpoint.weight, id),
            (false, false) => {}
        }
    }
    !candidates.is_empty()
}
