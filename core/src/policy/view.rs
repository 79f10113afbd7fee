#[cfg(target_arch = "wasm32")]
use rand_core::Rng;

use crate::hash::share;
use crate::hash::splitmix64;
use crate::slot::Turn;
use crate::time::Instant;

/// Shows a policy the slots to choose from, and what is known of each.
///
/// Slots that a call has tried, and those that have no room, are left out already. Places are
/// numbers below [`len`](Self::len), in the order of slots; everything else goes by slot. What is
/// asked of a slot outside the view is answered with 0.
pub trait View {
    /// Returns how many slots there are.
    fn len(&self) -> usize;

    /// Tells that there is none. A policy is never asked to pick from such a view.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the slot at `place`. O(1) without slots that were left out.
    fn at(&self, place: usize) -> Option<usize>;

    /// Tells that `slot` is in the view. O(1) for few endpoints, O(log n) on the heap.
    fn has(&self, slot: usize) -> bool;

    /// Tells that slots were left out, so that a table of all candidates may name one of them.
    fn is_cut(&self) -> bool;

    /// Gives the next turn to the slot that follows the last, or to the first of all.
    fn next(&self, turn: &mut Turn) -> Option<usize>;

    /// Returns the slot's weight, at least 1.
    fn weight(&self, slot: usize) -> u32;

    /// Returns the slot's requests in flight; 0 where nothing counts them.
    fn in_flight(&self, slot: usize) -> u32;

    /// Returns what a request would cost at `now`: see [`Load::cost`](crate::load::Load::cost).
    fn cost(&self, slot: usize, now: Instant) -> u64;

    /// Returns the slot's requests in flight and its weight: what is looked up together takes one
    /// look.
    #[doc(hidden)]
    #[inline]
    fn in_flight_and_weight(&self, slot: usize) -> (u32, u32) {
        (self.in_flight(slot), self.weight(slot))
    }

    /// Returns what a request would cost at `now`, and the slot's weight.
    #[doc(hidden)]
    #[inline]
    fn cost_and_weight(&self, slot: usize, now: Instant) -> (u64, u32) {
        (self.cost(slot, now), self.weight(slot))
    }

    /// Returns the slot at a place below `len`, its weight and its [`id`](Self::id): for who looks
    /// at all, one call instead of three.
    #[doc(hidden)]
    #[inline]
    fn at_with_weight_and_id(&self, place: usize) -> Option<(usize, u32, u64)> {
        let slot = self.at(place)?;
        Some((slot, self.weight(slot), self.id(slot)))
    }

    /// Draws two slots evenly, never the same twice, and two more if the one that carries less is
    /// crowded; returns the one that carries least, the first of equals: by what a request would
    /// cost at that time, or by requests in flight. For who looks at two, one call instead of five;
    /// elsewhere they are inlined.
    #[cfg(target_arch = "wasm32")]
    #[doc(hidden)]
    #[inline]
    fn lightest_drawn(&self, rng: &mut dyn Rng, cost_at: Option<Instant>) -> Option<usize> {
        let (mut least, mut won) = (u64::MAX, None);
        for _ in 0..2 {
            let (a, b) = crate::random::pair(rng, self.len());
            for place in [a, b] {
                let slot = self.at(place)?;
                let load = match cost_at {
                    Some(now) => self.cost(slot, now),
                    None => self.in_flight(slot).into(),
                };
                if won.is_none() || load < least {
                    (least, won) = (load, Some(slot));
                }
            }
            if won.is_some_and(|slot| self.in_flight(slot) < CROWD) {
                break;
            }
        }
        won
    }

    /// Returns the hash (XXH64, seed 0) of the key of the slot's address.
    fn id(&self, slot: usize) -> u64;

    /// Feeds the key of the slot's address to `sink`, in one piece or several.
    fn write_key(&self, slot: usize, sink: &mut dyn FnMut(&[u8]));

    /// Returns the slot in the view whose address follows that of `slot`, the first with `None`.
    ///
    /// For tables that clients must agree on: they go by address.
    fn after(&self, slot: Option<usize>) -> Option<usize>;
}

/// One with so many requests in flight is crowded: two choices draw again.
pub(super) const CROWD: u32 = 8;

/// The slots of a view, by place.
pub(crate) fn slots(view: &dyn View) -> impl Iterator<Item = usize> + Clone + '_ {
    (0..view.len()).filter_map(|place| view.at(place))
}

/// Returns a slot that follows from the key, where no table of a policy has any of the view.
pub(crate) fn by_key(view: &dyn View, key: u64) -> Option<usize> {
    let len = view.len().min(u32::MAX as usize) as u32;
    view.at(share(len, (key >> 32) as u32) as usize)
}

/// The slots of a view, in the order of their addresses.
pub(crate) fn by_address(view: &dyn View) -> impl Iterator<Item = usize> + '_ {
    core::iter::successors(view.after(None), |&slot| view.after(Some(slot)))
}

/// Tells that no candidate has another weight than the first.
pub(crate) fn equal_weights(view: &dyn View) -> bool {
    let first = view.at(0).map(|slot| view.weight(slot));
    slots(view).all(|slot| Some(view.weight(slot)) == first)
}

/// Returns a hash of who the candidates are and what they weigh, never 0: where it is as before, so
/// are they (but once in 2⁶⁴), and nothing has to be rebuilt. O(n)
pub(crate) fn fingerprint(view: &dyn View) -> u64 {
    let word = |slot: usize| (slot as u64) << 32 | u64::from(view.weight(slot));
    slots(view).fold(1, |hash, slot| splitmix64(hash ^ word(slot))).max(1)
}
