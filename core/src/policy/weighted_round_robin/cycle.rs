//! One cycle of nginx's smooth weighted round robin, made in advance.

use core::num::NonZeroU32;

use super::walk;
use crate::policy::{Cx, View, slots};
use crate::slot::Turn;
use crate::store::{List, Store};

/// The number of a turn's bits that say its place in the cycle; the others say in which cycle.
const PLACE_BITS: u32 = 14;

/// The most turns a cycle may have.
const LONGEST: usize = 1 << PLACE_BITS;

/// The slots in nginx's order for one whole cycle.
pub(super) struct Cycle<S: Store> {
    turns: S::List<u32>,
    /// Tells cycles apart: bits above those of a place, not all of them 0.
    mark: u32,
    /// A candidate has its weight divided by this as turns.
    divisor: NonZeroU32,
}

impl<S: Store> Cycle<S> {
    /// Makes the cycle of the candidates with this fingerprint; `None` when it has more turns than
    /// [`LONGEST`] or than the store holds.
    pub(super) fn of(view: &dyn View, fingerprint: u64) -> Option<Self> {
        let divisor = NonZeroU32::new(slots(view).map(|slot| view.weight(slot)).reduce(gcd)?)?;
        let mark = (fingerprint as u32 | 1) << PLACE_BITS;
        Some(Self { turns: smooth::<S>(view, divisor)?, mark, divisor })
    }

    /// Returns how many turns there are.
    pub(super) fn len(&self) -> usize {
        self.turns.len()
    }

    /// Gives the next turn. Where the last one was in another cycle, it begins at the next point of
    /// the walk; the first time ever, at a random place.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a call takes half as long again")]
    pub(super) fn next(&self, view: &dyn View, cx: &mut Cx<'_>) -> Option<usize> {
        // Above all places where the mark is another one.
        let last = (cx.turn().place ^ self.mark) as usize;
        let place = match last + 1 {
            next if next < self.turns.len() => next,
            _ if last < LONGEST => 0,
            _ => self.begin(view, cx)?,
        };
        cx.turn().place = self.mark | place as u32;
        self.turns.get(place).map(|&slot| slot as usize)
    }

    #[cold]
    #[inline(never)]
    fn begin(&self, view: &dyn View, cx: &mut Cx<'_>) -> Option<usize> {
        if *cx.turn() == Turn::START {
            let place = cx.below(self.turns.len());
            // From here on, somebody has had a turn.
            *cx.turn() = Turn::had(*self.turns.get(place)? as usize, place);
            return Some(place);
        }
        Some(self.at(view, walk(cx)))
    }

    /// Returns the place at a point of the walk, where the turns of each slot lie side by side: with
    /// weights 5, 1, 1, five of seven points are of the first slot, and of those each fifth is one of
    /// its places. Points in steps of a Weyl sequence give each slot its share, be there one pick in
    /// each cycle or many.
    fn at(&self, view: &dyn View, point: u32) -> usize {
        let mut left = ((u64::from(point) * self.turns.len() as u64) >> 32) as usize;
        for slot in slots(view) {
            let turns = (view.weight(slot) / self.divisor) as usize;
            let Some(after) = left.checked_sub(turns) else {
                let own = self.turns.iter().enumerate().filter(|&(_, &its)| its as usize == slot);
                return { own }.nth(left).map_or(0, |(place, _)| place);
            };
            left = after;
        }
        // Slots are left out of the view.
        left.min(self.turns.len().saturating_sub(1))
    }
}

impl<S: Store> Clone for Cycle<S> {
    fn clone(&self) -> Self {
        let Self { turns, mark, divisor } = self;
        Self { turns: List::copied(turns), mark: *mark, divisor: *divisor }
    }
}

/// Returns the slots in nginx's order for one whole cycle, in which each has as many turns as its
/// weight says after division by the greatest common divisor; `None` when that is more than
/// [`LONGEST`] turns or than the store holds.
///
/// nginx adds to every candidate's score its weight, picks the highest score (the first of equals)
/// and takes the sum of all weights off it. Candidates of one weight then simply take turns, so it
/// is enough to compare one of each weight: O(length × different weights), which is below 3 million
/// steps, since different weights add up to less than the length.
fn smooth<S: Store>(view: &dyn View, divisor: NonZeroU32) -> Option<S::List<u32>> {
    let turns = |slot| u64::from(view.weight(slot) / divisor);
    let length: u64 = slots(view).map(turns).sum();
    if length > <S::List<u32>>::LIMIT.min(LONGEST) as u64 {
        return None;
    }
    // There is room for all lists: none has more entries than the cycle has turns.
    let mut members = <S::List<Member>>::NEW;
    for slot in slots(view) {
        let _ = members.try_push(Member { turns: turns(slot) as u32, slot: slot as u32 });
    }
    members.sort_with(Ord::cmp);
    let mut classes = classes::<S>(&members);
    let mut cycle = S::List::NEW;
    cycle.expect(length as usize);
    for _ in 0..length {
        let mut best: Option<&mut Class> = None;
        for class in classes.iter_mut() {
            class.rank += i64::from(class.turns) * TIE;
            if best.as_ref().is_none_or(|best| class.rank > best.rank) {
                best = Some(class);
            }
        }
        let slot = best?.advance(&members, length as u32)?;
        let _ = cycle.try_push(slot);
    }
    Some(cycle)
}

/// A candidate; sorted by weight, then by slot.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Member {
    turns: u32,
    slot: u32,
}

/// The candidates of one weight: a range of the members.
struct Class {
    /// The score of the one that is next, in units of [`TIE`], less its slot: of equal scores, that
    /// of the lower slot is the higher rank.
    rank: i64,
    /// By how much the score rises with each turn.
    turns: u32,
    next: u16,
    start: u16,
    end: u16,
}

/// A score of one in a rank: more than any slot.
const TIE: i64 = 1 << 32;

impl Class {
    /// Returns the slot whose turn it is. The turn passes to the next member, which has the same
    /// score; unless it is the first one again, as all have had their turn.
    fn advance(&mut self, members: &[Member], sum: u32) -> Option<u32> {
        let slot = |place: u16| members.get(usize::from(place)).map(|member| member.slot);
        let had = slot(self.next)?;
        self.next += 1;
        if self.next == self.end {
            self.next = self.start;
            self.rank -= i64::from(sum) * TIE;
        }
        self.rank += i64::from(had) - i64::from(slot(self.next)?);
        Some(had)
    }
}

fn classes<S: Store>(members: &[Member]) -> S::List<Class> {
    let mut classes = <S::List<Class>>::NEW;
    for (place, &Member { turns, slot }) in (0..).zip(members) {
        let end = place + 1;
        match classes.last_mut() {
            Some(class) if class.turns == turns => class.end = end,
            _ => {
                let rank = -i64::from(slot);
                let _ = classes.try_push(Class { rank, turns, next: place, start: place, end });
            }
        }
    }
    classes
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
