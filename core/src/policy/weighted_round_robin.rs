mod cycle;

use core::fmt;

use super::alias::Alias;
use super::{Cx, Policy, View};
use crate::error::TableFull;
use crate::store::{DebugList, Store, copied};

/// Each candidate as often as its weight says, spread out evenly: with weights 5, 1, 1 in the order a a b a c a a.
///
/// The order is that of nginx's smooth weighted round robin, made in advance for one whole cycle, as long as the cycle (the
/// sum of the weights after division by their greatest common divisor) is no longer than 16,384 turns and fits the store:
/// over a cycle each candidate gets exactly its share. Where it is longer, the turns walk through an alias table in steps
/// of the golden ratio (a Weyl sequence): of 2 to 10,000 candidates with weights of every kind, none was ever more than 12
/// requests away from its share in 200,000 picks, and 19 in 8 million (most stay within 9; chance goes hundreds away). All
/// weights equal, it is [`RoundRobin`](super::RoundRobin), for any number of candidates. A weight never rounds to never.
///
/// - Per pick: O(1): a turn and one or two loads; with slots to avoid, up to 64 turns more.
/// - Per rebuild: O(n log n) and, for a cycle, its length times the number of different weights: less than 3 million steps,
///   3 ms; with 10,000 candidates, some of them half as heavy, 0.3 ms. With `Inline`, scratch memory on the stack, up to 26
///   bytes per entry of the store.
/// - Memory: 2 bytes per turn of the cycle or 8 bytes per candidate, in its own store `S`; none while all weights are equal.
///
/// When the store is too small even for one entry per candidate, the weights are ignored.
///
/// ```
/// use evenkeel_core::{Balancer, Endpoint, Instant, policy::WeightedRoundRobin};
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// let mut balancer: Balancer<&str, _> = Balancer::new(WeightedRoundRobin::new());
/// balancer.update(Instant::ZERO, [Endpoint::new("a").with_weight(5), Endpoint::new("b"), Endpoint::new("c")])?;
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
pub struct WeightedRoundRobin<#[cfg(feature = "alloc")] S: Store = crate::Heap, #[cfg(not(feature = "alloc"))] S: Store>
{
    order: Order<S>,
}

enum Order<S: Store> {
    /// One after the other.
    Plain,
    /// As listed.
    Cycle(S::List<u16>),
    /// Through the table, in steps of [`GOLDEN`].
    Weyl(Alias<S>),
}

/// How many turns of candidates to avoid are passed over. Beyond that, weights are so uneven that what is left of the order
/// says little.
const STEPS: usize = 64;

/// About 2³²/φ, odd: the points that its first multiples leave behind modulo 2³² lie as evenly as can be. Of the numbers
/// nearby it is the first whose continued fraction over 2³² has no term above 3, so that they still do after millions
/// (2654435769, the nearest, has a 25).
const GOLDEN: u32 = 0x9E37_78C1;

/// Of a column, what a candidate gets at least, per column: two of the 2³² points, as the turns leave out the last two.
const LEAST: u32 = 2;

#[cfg(feature = "alloc")]
impl WeightedRoundRobin {
    /// The policy, with its order on the heap; the [default](Default) is for every store.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<S: Store> WeightedRoundRobin<S> {
    #[inline]
    fn next(&self, view: &View<'_>, cx: &mut Cx<'_>) -> usize {
        match &self.order {
            Order::Plain => cx.turn(view.len()),
            Order::Cycle(cycle) => cycle.get(cx.turn(cycle.len())).map_or(0, |&candidate| candidate.into()),
            Order::Weyl(table) => table.at(point(cx.turn(usize::MAX))),
        }
    }

    #[cold]
    fn step_on(&self, view: View<'_>, mut cx: Cx<'_>, mut place: usize) -> usize {
        for _ in 0..STEPS {
            if view.allowed(place) {
                break;
            }
            place = self.next(&view, &mut cx);
        }
        place
    }
}

impl<S: Store> Policy for WeightedRoundRobin<S> {
    #[inline]
    fn pick(&self, view: &View<'_>, cx: &mut Cx<'_>) -> Option<usize> {
        let place = self.next(view, cx);
        Some(if view.avoided() == 0 { place } else { self.step_on(*view, cx.reborrow(), place) })
    }

    fn rebuild(&mut self, view: &View<'_>) -> Result<(), TableFull> {
        self.order = Order::Plain;
        if view.equal_weights() {
            return Ok(());
        }
        if let Some(cycle) = cycle::smooth::<S>(view.weights()) {
            self.order = Order::Cycle(cycle);
            return Ok(());
        }
        let mut table = Alias::default();
        table.build(view.weights(), LEAST.saturating_mul(view.len() as u32))?;
        self.order = Order::Weyl(table);
        Ok(())
    }

    fn candidate_at(&self, place: usize) -> usize {
        match &self.order {
            Order::Plain => place,
            Order::Cycle(cycle) => cycle.get(place).or(cycle.first()).map_or(0, |&candidate| candidate.into()),
            Order::Weyl(table) => table.at(point(place)),
        }
    }

    fn place_of(&self, candidate: usize) -> usize {
        match &self.order {
            Order::Plain => candidate,
            Order::Cycle(cycle) => cycle.iter().position(|&other| usize::from(other) == candidate).unwrap_or(0),
            Order::Weyl(table) => first_turn_in(candidate, table.len()),
        }
    }

    fn counts(&self) -> bool {
        false
    }

    fn timed(&self) -> bool {
        false
    }

    fn hashes(&self) -> bool {
        false
    }
}

/// Where in the table the turn at `place` falls. Over all 2³² places, each of 2³² points evenly spread is met once.
#[inline]
fn point(place: usize) -> u64 {
    u64::from((place as u32).wrapping_mul(GOLDEN)) << 32
}

/// The place of a turn at the beginning of this column, which is the candidate's own.
fn first_turn_in(column: usize, columns: usize) -> usize {
    let begin = ((column as u64) << 32).div_ceil((columns as u64).max(1)) as u32;
    let turn = |point: u32| point.wrapping_mul(inverse(GOLDEN)) as usize;
    // The last two places have no turn.
    if turn(begin) < u32::MAX as usize - 1 { turn(begin) } else { turn(begin.wrapping_add(1)) }
}

/// The number by which an odd one gives 1 modulo 2³² (Newton's iteration: each step doubles the bits that are right).
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
            Order::Cycle(cycle) => Order::Cycle(copied(cycle)),
            Order::Weyl(table) => Order::Weyl(table.clone()),
        };
        Self { order }
    }
}

impl<S: Store> Default for WeightedRoundRobin<S> {
    fn default() -> Self {
        Self { order: Order::Plain }
    }
}

impl<S: Store> fmt::Debug for WeightedRoundRobin<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("WeightedRoundRobin");
        match &self.order {
            Order::Plain => &mut debug,
            Order::Cycle(cycle) => debug.field("cycle", &DebugList(cycle)),
            Order::Weyl(table) => debug.field("table", table),
        }
        .finish()
    }
}
