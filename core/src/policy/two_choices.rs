//! Compares loads: the better of two, or the best of all.
//!
//! `load` is what a slot carries, and its weight; `times` that load times the weight of the slot
//! that it is compared with: products say who carries less for its weight, without division.

use core::hint::select_unpredictable;

use super::{Cx, View, slots};

/// Returns the better of two slots drawn uniformly, never the same twice; of equals, the first.
#[inline]
pub(super) fn better_of_two<T: Ord>(
    view: &dyn View,
    cx: &mut Cx<'_>,
    load: impl Fn(usize) -> (u64, u32),
    times: impl Fn(u64, u32) -> T,
) -> Option<usize> {
    let (a, b) = cx.pair(view.len());
    let (a, b) = (view.at(a)?, view.at(b)?);
    let ((load_a, weight_a), (load_b, weight_b)) = (load(a), load(b));
    let first = times(load_a, weight_b) <= times(load_b, weight_a);
    // Which of the two it is cannot be foretold: a branch would be wrong every other time.
    Some(select_unpredictable(first, a, b))
}

/// Returns the best slot of all; each of equals with the same probability.
pub(super) fn best_of_all<T: Ord>(
    view: &dyn View,
    cx: &mut Cx<'_>,
    load: impl Fn(usize) -> (u64, u32),
    times: impl Fn(u64, u32) -> T,
) -> Option<usize> {
    let mut all = slots(view).map(|slot| (slot, load(slot)));
    let mut best = all.next()?;
    let mut equals = 1;
    for new in all {
        let ((load, weight), (best_load, best_weight)) = (new.1, best.1);
        let order = times(load, best_weight).cmp(&times(best_load, weight));
        equals = if order.is_lt() { 1 } else { equals + usize::from(order.is_eq()) };
        // The k-th of equals takes over with probability 1/k (reservoir sampling).
        if order.is_lt() || order.is_eq() && cx.below(equals) == 0 {
            best = new;
        }
    }
    Some(best.0)
}
