//! Some of many: the endpoints that this client uses.

use crate::hash::Xxh64;
use crate::store::List;

/// Returns an endpoint's rank in the client's own order: XXH64, seeded with the client's seed, of
/// the eight bytes (least significant first) of the endpoint's id.
pub(crate) fn rank(seed: u64, id: u64) -> u64 {
    Xxh64::oneshot(seed, &id.to_le_bytes())
}

/// Returns the largest of the `most` least ranks: what ranks no higher is in the subset.
pub(super) fn cut(ranks: &mut impl List<u64>, most: u32) -> u64 {
    ranks.sort_with(u64::cmp);
    ranks.get((most as usize).saturating_sub(1)).copied().unwrap_or(u64::MAX)
}
