//! One cycle of nginx's smooth weighted round robin, made in advance.

use core::num::NonZeroU32;

use crate::policy::{View, slots};
use crate::store::{List, Store};

/// The most turns a cycle may have.
const LONGEST: usize = 1 << 14;

/// Returns the slots in nginx's order for one whole cycle, in which each has as many turns as its
/// weight says after division by the greatest common divisor; `None` when that is more than
/// [`LONGEST`] turns or than the store holds.
///
/// nginx adds to every candidate's score its weight, picks the highest score (the first of equals)
/// and takes the sum of all weights off it. Candidates of one weight then simply take turns, so it
/// is enough to compare one of each weight: O(length × different weights), which is below 3 million
/// steps, since different weights add up to less than the length.
pub(super) fn smooth<S: Store>(view: &dyn View) -> Option<S::List<u32>> {
    let divisor = NonZeroU32::new(slots(view).map(|slot| view.weight(slot)).reduce(gcd)?)?;
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

/// Returns the first place of the slot that follows `slot` among those of the cycle, or of the
/// first of all.
pub(super) fn after(cycle: &[u32], slot: usize) -> usize {
    let follows = |&(_, &other): &(usize, &u32)| (other as usize <= slot, other);
    cycle.iter().enumerate().min_by_key(follows).map_or(0, |(place, _)| place)
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
