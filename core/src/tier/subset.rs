//! Some of many: the endpoints that this client uses.

use twox_hash::XxHash64;

use crate::store::List;

/// An endpoint's place in the client's own order: XXH64, seeded with the client's seed, of the eight bytes (least
/// significant first) of the endpoint's id.
pub(crate) fn rank(seed: u64, id: u64) -> u64 {
    XxHash64::oneshot(seed, &id.to_le_bytes())
}

/// The largest of the `most` least ranks: who ranks no higher is in the subset.
pub(super) fn cut(ranks: &mut impl List<u64>, most: u32) -> u64 {
    ranks.sort_with(u64::cmp);
    ranks.get(most as usize - 1).copied().unwrap_or(u64::MAX)
}
