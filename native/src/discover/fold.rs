use evenkeel_core::Endpoint;

use crate::target::Target;

/// Sorts endpoints by address, and folds the records of one address into the one that takes
/// precedence. O(n) for those that are sorted.
pub(crate) fn folded(
    endpoints: impl IntoIterator<Item = Endpoint<Target>>,
) -> Vec<Endpoint<Target>> {
    let mut all: Vec<_> = endpoints.into_iter().collect();
    if all.is_sorted_by(|one, next| one.addr < next.addr) {
        return all;
    }
    all.sort_by(|one, other| one.addr.cmp(&other.addr));
    all.dedup_by(|next, kept| {
        let same = next.addr == kept.addr;
        if same && next.takes_precedence_over(kept) {
            core::mem::swap(next, kept);
        }
        same
    });
    all
}
