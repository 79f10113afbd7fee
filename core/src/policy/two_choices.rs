//! What the policies that compare loads share: the better of two, or the best of all.

use core::hint::select_unpredictable;

use super::{Cx, View};
use crate::time::Instant;

/// A load that can be weighed against another.
pub(super) trait Load {
    /// Wide enough for a load times a weight.
    type Scaled: Ord;

    /// The load of this candidate.
    fn of(view: &View<'_>, place: usize, now: Instant) -> Self;

    /// The load times the weight of the candidate it is compared with.
    fn times(&self, weight: u32) -> Self::Scaled;
}

/// Asks whether `a` carries less for its weight than `b`, or as much: cross-multiplied, without division.
#[inline]
fn at_most<L: Load>(a: (&L, u32), b: (&L, u32)) -> bool {
    a.0.times(b.1) <= b.0.times(a.1)
}

/// The better of two candidates drawn uniformly, never the same twice; one to avoid loses to one that is not.
#[inline]
pub(super) fn better_of_two<L: Load>(view: &View<'_>, cx: &mut Cx<'_>) -> usize {
    let (a, b) = cx.pair(view.len());
    if view.avoided() > 0
        && let Some(only) = only_allowed(*view, a, b)
    {
        return only;
    }
    let (load_a, load_b) = (L::of(view, a, cx.now), L::of(view, b, cx.now));
    // Which of the two it is cannot be foretold: a branch would be wrong every other time.
    select_unpredictable(at_most((&load_a, view.weight(a)), (&load_b, view.weight(b))), a, b)
}

/// The one of two candidates that is not to be avoided, if the other is.
#[cold]
fn only_allowed(view: View<'_>, a: usize, b: usize) -> Option<usize> {
    match (view.allowed(a), view.allowed(b)) {
        (true, false) => Some(a),
        (false, true) => Some(b),
        _ => None,
    }
}

/// The best of all candidates that are not to be avoided; each of equals with the same probability.
pub(super) fn best_of_all<L: Load>(view: &View<'_>, cx: &mut Cx<'_>) -> usize {
    let mut best: Option<(usize, L)> = None;
    let mut equals = 1;
    for place in (0..view.len()).filter(|&place| view.avoided() == 0 || view.allowed(place)) {
        let load = L::of(view, place, cx.now);
        if let Some((at, least)) = &best {
            let (new, old) = ((&load, view.weight(place)), (least, view.weight(*at)));
            if !at_most(new, old) {
                continue;
            }
            // The k-th of equals takes over with probability 1/k (reservoir sampling).
            equals = if at_most(old, new) { equals + 1 } else { 1 };
            if equals > 1 && cx.below(equals) > 0 {
                continue;
            }
        }
        best = Some((place, load));
    }
    best.map_or(0, |(place, _)| place)
}
