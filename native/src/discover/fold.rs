use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use evenkeel_core::Endpoint;

use crate::target::Target;

/// Folds the records of one address into the one that takes precedence.
pub(crate) fn folded(
    endpoints: impl IntoIterator<Item = Endpoint<Target>>,
) -> BTreeMap<Target, Endpoint<Target>> {
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
