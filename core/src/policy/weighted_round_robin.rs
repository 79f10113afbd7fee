mod cycle;

use core::fmt;

use super::alias::Alias;
use super::{Cx, Policy, View, equal_weights};
use crate::error::TableFull;
use crate::slot::Turn;
use crate::store::{List, Store};

/// Picks each candidate as often as its weight says, spread out evenly: with weights 5, 1, 1 in the
/// order a a b a c a a.
///
/// The order is that of nginx's smooth weighted round robin, made in advance for one whole cycle,
/// as long as the cycle (the sum of the weights after division by their greatest common divisor) is
/// no longer than 16,384 turns and fits the store: over a cycle each candidate gets exactly its
/// share. Where it is longer, the turns walk through an alias table in steps of the golden ratio (a
/// Weyl sequence): of 2 to 10,000 candidates with weights of every kind, none was ever more than 12
/// requests away from its share in 200,000 picks, and 19 in 8 million (most stay within 9; chance
/// goes hundreds away). All weights equal, it is [`RoundRobin`](super::RoundRobin), for any number
/// of candidates. A weight never rounds to never.
///
/// Candidates come in the order of their slots. When they change, the rotation goes on where it
/// was if the same slot has its turn there, and otherwise with the slot that follows.
///
/// - Per pick: O(1): a turn and two to four loads; where slots were tried, up to 64 turns more, and
///   then any other slot by chance.
/// - Per rebuild: O(n log n) and, for a cycle, its length times the number of different weights:
///   less than 3 million steps, 3 ms; with 10,000 candidates, some of them half as heavy, 0.3 ms.
///   With `Inline`, scratch memory on the stack, up to 32 bytes per entry of the store.
/// - Memory: 4 bytes per turn of the cycle or 12 bytes per candidate, in its own store `S`; none
///   while all weights are equal.
///
/// A store too small even for one entry per candidate makes it ignore the weights.
///
/// ```
/// use evenkeel_core::{Balancer, Endpoint, Instant, policy::WeightedRoundRobin};
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// let mut balancer: Balancer<&str, _> = Balancer::new(WeightedRoundRobin::new());
/// let endpoints = [Endpoint::new("a").with_weight(5), Endpoint::new("b"), Endpoint::new("c")];
/// balancer.update(Instant::ZERO, endpoints)?;
///
/// let mut rng = ChaCha8Rng::seed_from_u64(1);
/// let mut picks = [0; 3];
/// for _ in 0..7 {
///     let pick = balancer.pick(Instant::ZERO, &mut rng)?;
///     picks[pick.slot().index()] += 1;
/// }
/// assert_eq!(picks, [5, 1, 1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct WeightedRoundRobin<
    #[cfg(feature = "alloc")] S: Store = crate::store::Heap,
    #[cfg(not(feature = "alloc"))] S: Store,
> {
    order: Order<S>,
}

enum Order<S: Store> {
    /// One after the other.
    Plain,
    /// As listed: slots.
    Cycle(S::List<u32>),
    /// Through the table, in steps of [`GOLDEN`].
    Weyl(Alias<S>),
}

/// The most turns of tried slots that are passed over. Beyond that, weights are so uneven that
/// what is left of the order says little.
const STEPS: usize = 64;

/// About 2³²/φ, odd: the points that its first multiples leave behind modulo 2³² lie as evenly as
/// can be. Of the numbers nearby it is the first whose continued fraction over 2³² has no term
/// above 3, so that they still do after millions (2654435769, the nearest, has a 25).
const GOLDEN: u32 = 0x9E37_78C1;

/// The number of places of the walk: all points but the last.
const PLACES: usize = u32::MAX as usize;

/// Of a column, what a slot gets at least, per column: two of the 2³² points, as the walk leaves
/// out one.
const LEAST: u32 = 2;

#[cfg(feature = "alloc")]
impl WeightedRoundRobin {
    /// Makes the policy, with its order on the heap.
    pub const fn new() -> Self {
        Self::in_store()
    }
}

impl<S: Store> WeightedRoundRobin<S> {
    /// Makes the policy, with its order in the store `S`.
    pub const fn in_store() -> Self {
        Self { order: Order::Plain }
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a call takes half as long again")]
    fn next(&self, view: &dyn View, cx: &mut Cx<'_>) -> Option<usize> {
        match &self.order {
            Order::Plain => {
                let slot = cx.next(view)?;
                // Where it stands in the set is not where it will stand in a cycle.
                *cx.turn() = Turn::after(slot);
                Some(slot)
            }
            Order::Cycle(cycle) => {
                let at = |place| cycle.get(place).map(|&slot: &u32| slot as usize);
                advance(cx, cycle.len(), at, |slot| cycle::after(cycle, slot))
            }
            Order::Weyl(table) => walk(table, cx),
        }
    }

    #[cold]
    fn step_on(&self, view: &dyn View, cx: &mut Cx<'_>) -> Option<usize> {
        let mut turns = (0..STEPS).filter_map(|_| self.next(view, cx));
        let next = turns.find(|&slot| view.has(slot));
        next.or_else(|| view.at(cx.below(view.len())))
    }
}

impl<S: Store> Policy for WeightedRoundRobin<S> {
    type Load = ();

    #[inline]
    fn keeps_to_view(&self) -> bool {
        true
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a call takes half as long again")]
    fn pick(&self, view: &dyn View, cx: &mut Cx<'_>) -> Option<usize> {
        let slot = self.next(view, cx)?;
        if view.is_cut() && !view.has(slot) {
            return self.step_on(view, cx);
        }
        Some(slot)
    }

    fn rebuild(&mut self, view: &dyn View) -> Result<(), TableFull> {
        self.order = Order::Plain;
        if equal_weights(view) {
            return Ok(());
        }
        if let Some(cycle) = cycle::smooth::<S>(view) {
            self.order = Order::Cycle(cycle);
            return Ok(());
        }
        let mut table = Alias::NEW;
        table.build(view, LEAST.saturating_mul(view.len() as u32))?;
        self.order = Order::Weyl(table);
        Ok(())
    }
}

#[inline(never)]
fn walk<S: Store>(table: &Alias<S>, cx: &mut Cx<'_>) -> Option<usize> {
    let at = |place| table.at(point(place));
    advance(cx, PLACES, at, |slot| first_turn_in(table.after(slot)))
}

/// Gives the next turn of a cycle with `places`: `at` tells whose each is. Where another slot than
/// before has the last turn's place, it goes on at the place that `after` names for the last slot;
/// the first time ever, at a random one.
#[inline(always)]
#[expect(clippy::inline_always, reason = "a call takes half as long again")]
fn advance(
    cx: &mut Cx<'_>,
    places: usize,
    at: impl Fn(usize) -> Option<usize>,
    after: impl FnOnce(usize) -> usize,
) -> Option<usize> {
    let place = match cx.turn().place(&at) {
        Some(last) if last + 1 < places => last + 1,
        Some(_) => 0,
        None => begin(cx, places, after),
    };
    let slot = at(place)?;
    *cx.turn() = Turn::had(slot, place);
    Some(slot)
}

#[cold]
#[inline(never)]
fn begin(cx: &mut Cx<'_>, places: usize, after: impl FnOnce(usize) -> usize) -> usize {
    cx.turn().slot().map(after).unwrap_or_else(|| cx.below(places))
}

/// Returns where in the table the turn at `place` falls. Over all 2³² places, each of 2³² points
/// evenly spread is met once.
#[inline]
fn point(place: usize) -> u64 {
    u64::from((place as u32).wrapping_mul(GOLDEN)) << 32
}

/// Returns the place of a turn at the beginning of a column among `columns`.
fn first_turn_in((column, columns): (usize, usize)) -> usize {
    let begin = ((column as u64) << 32).div_ceil((columns as u64).max(1)) as u32;
    let turn = |point: u32| point.wrapping_mul(inverse(GOLDEN)) as usize;
    // The last place has no turn.
    if turn(begin) < PLACES { turn(begin) } else { turn(begin.wrapping_add(1)) }
}

/// Returns the number by which an odd one gives 1 modulo 2³² (Newton's iteration: each step doubles
/// the bits that are right).
const fn inverse(odd: u32) -> u32 {
    let mut inverse = odd;
    let mut bits = 3;
    while bits < 32 {
        inverse = inverse.wrapping_mul(2_u32.wrapping_sub(odd.wrapping_mul(inverse)));
        bits *= 2;
    }
    inverse
}

impl<S: Store> Clone for WeightedRoundRobin<S> {
    fn clone(&self) -> Self {
        let order = match &self.order {
            Order::Plain => Order::Plain,
            Order::Cycle(cycle) => Order::Cycle(List::copied(cycle)),
            Order::Weyl(table) => Order::Weyl(table.clone()),
        };
        Self { order }
    }
}

impl<S: Store> Default for WeightedRoundRobin<S> {
    fn default() -> Self {
        Self::in_store()
    }
}

impl<S: Store> fmt::Debug for WeightedRoundRobin<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("WeightedRoundRobin");
        match &self.order {
            Order::Plain => &mut debug,
            Order::Cycle(cycle) => debug.field("cycle", &cycle.len()),
            Order::Weyl(table) => debug.field("table", table),
        }
        .finish()
    }
}
