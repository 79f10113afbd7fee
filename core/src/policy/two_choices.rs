//! Compares loads: the better of two, or the best of all.
//!
//! Where weights are equal, the less loaded of two drawn evenly. Where they differ, weights decide
//! who is drawn, and the second is taken only if it is clearly better: for its weight, by half a
//! request. Without that half, an idle light endpoint would win against a heavy one that has a
//! single request, and get far more than its share.
//!
//! Where the one taken is crowded, two more are drawn: both of the first may hang. Of six, two of
//! which hang, one draw in 15 has both, and all callers would soon wait there.

use core::cmp::Ordering;
use core::hint::select_unpredictable;

use super::by_weight::{Draw, two};
use super::view::CROWD;
use super::{Cx, View, slots};
#[cfg(target_arch = "wasm32")]
use crate::time::Instant;

/// A rule that compares two slots.
pub(super) trait Rule {
    /// Returns what a slot of equal weight carries.
    fn load(&self, slot: usize) -> u64;

    /// Returns the time at which costs are what counts; without one, it is requests in flight.
    #[cfg(target_arch = "wasm32")]
    fn cost_at(&self) -> Option<Instant>;

    /// Compares what two slots carry for their weight.
    fn compare(&self, a: usize, b: usize) -> Ordering;

    /// Tells that the second is to be taken although the weights drew the first.
    fn is_clearly_better(&self, first: usize, second: usize) -> bool;
}

/// What a slot carries, and its weight.
pub(super) struct Share {
    /// At most 2³⁰ and one, so that twice as many and two, times a weight, is below 2⁶⁴.
    pub(super) in_flight: u64,
    pub(super) weight: u64,
}

impl Share {
    #[inline]
    pub(super) fn of(view: &dyn View, slot: usize) -> Self {
        let (in_flight, weight) = view.in_flight_and_weight(slot);
        Self { in_flight: in_flight.min(1 << 30).into(), weight: weight.into() }
    }

    /// Notes that it answers much more slowly than another one.
    #[inline]
    pub(super) fn slow_down(&mut self, other: &Self) {
        self.in_flight += u64::from(self.weight < other.weight);
        self.weight = self.weight.min(other.weight);
    }
}

/// Returns the better of two, that of four if it is crowded, or the best of all.
#[inline]
pub(super) fn pick<const SCAN: bool>(
    draws: &impl Draw,
    view: &dyn View,
    cx: &mut Cx<'_>,
    rule: &impl Rule,
) -> Option<usize> {
    #[cfg(target_arch = "wasm32")]
    if !SCAN && draws.is_even() {
        return view.lightest_drawn(cx.rng(), rule.cost_at());
    }
    if cfg!(target_arch = "wasm32") {
        // Who downloads code counts its bytes: it is there once, for all rules.
        let (draws, rule): (&dyn Draw, &dyn Rule) = (draws, rule);
        return pick_by(SCAN, draws, view, cx, rule);
    }
    pick_by(SCAN, draws, view, cx, rule)
}

#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
#[allow(clippy::inline_always, reason = "what is known of the rule and the scan is folded")]
fn pick_by(
    scan: bool,
    draws: &(impl Draw + ?Sized),
    view: &dyn View,
    cx: &mut Cx<'_>,
    rule: &(impl Rule + ?Sized),
) -> Option<usize> {
    let mut crowded = None;
    // A loop, so that the draw is there once where bytes count.
    loop {
        let drawn = pick_once(scan, draws, view, cx, rule)?;
        let Some(won) = crowded else {
            if scan || view.in_flight(drawn) < CROWD {
                return Some(drawn);
            }
            crowded = Some(drawn);
            continue;
        };
        let is_better = if cfg!(not(target_arch = "wasm32")) && draws.is_even() {
            rule.load(drawn) < rule.load(won)
        } else {
            rule.is_clearly_better(won, drawn)
        };
        return Some(if is_better { drawn } else { won });
    }
}

#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
#[cfg_attr(target_arch = "wasm32", inline)]
#[allow(clippy::inline_always, reason = "as it is there, all is folded")]
fn pick_once(
    scan: bool,
    draws: &(impl Draw + ?Sized),
    view: &dyn View,
    cx: &mut Cx<'_>,
    rule: &(impl Rule + ?Sized),
) -> Option<usize> {
    #[cfg(not(target_arch = "wasm32"))]
    if !scan && draws.is_even() {
        return better_of_two(view, cx, rule);
    }
    if scan && draws.is_even() {
        return least_of_all(view, cx, rule);
    }
    let (first, mut second) = two(draws, view, cx)?;
    if scan {
        second = best_of_all(view, cx, rule)?;
    }
    // Which of the two it is cannot be foretold: a branch would be wrong every other time.
    Some(select_unpredictable(rule.is_clearly_better(first, second), second, first))
}

/// Returns the better of two slots drawn uniformly, never the same twice; of equals, the first.
#[cfg(not(target_arch = "wasm32"))]
#[inline]
fn better_of_two(view: &dyn View, cx: &mut Cx<'_>, rule: &(impl Rule + ?Sized)) -> Option<usize> {
    let (a, b) = cx.pair(view.len());
    let (a, b) = (view.at(a)?, view.at(b)?);
    // Which of the two it is cannot be foretold: a branch would be wrong every other time.
    Some(select_unpredictable(rule.load(a) <= rule.load(b), a, b))
}

/// Returns the least loaded slot of all; each of equals with the same probability.
fn least_of_all(view: &dyn View, cx: &mut Cx<'_>, rule: &(impl Rule + ?Sized)) -> Option<usize> {
    let mut all = slots(view).map(|slot| (slot, rule.load(slot)));
    let mut best = all.next()?;
    let mut equals = 1;
    for new in all {
        equals = if new.1 < best.1 { 1 } else { equals + usize::from(new.1 == best.1) };
        // The k-th of equals takes over with probability 1/k (reservoir sampling).
        if new.1 < best.1 || new.1 == best.1 && cx.below(equals) == 0 {
            best = new;
        }
    }
    Some(best.0)
}

/// Returns the slot of all that carries least for its weight; each of equals with a probability in
/// proportion to its weight.
fn best_of_all(view: &dyn View, cx: &mut Cx<'_>, rule: &(impl Rule + ?Sized)) -> Option<usize> {
    let mut all = slots(view);
    let mut best = all.next()?;
    let mut equals = u64::from(view.weight(best));
    for new in all {
        let weight = u64::from(view.weight(new));
        let takes_over = match rule.compare(new, best) {
            Ordering::Less => {
                equals = weight;
                true
            }
            Ordering::Equal => {
                equals += weight;
                // Weighted reservoir sampling.
                (u128::from(cx.rng().next_u64()) * u128::from(equals)) >> 64 < weight.into()
            }
            Ordering::Greater => false,
        };
        if takes_over {
            best = new;
        }
    }
    Some(best)
}
