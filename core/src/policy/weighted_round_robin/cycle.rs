//! One cycle of nginx's smooth weighted round robin, made in advance.

use crate::store::{List, Store};

/// The most turns a cycle may have.
pub(super) const LONGEST: i64 = 1 << 14;

/// The candidates in nginx's order for one whole cycle, in which each has as many turns as its weight says after division by
/// the greatest common divisor; `None` when that is more than [`LONGEST`] turns or than the store holds.
///
/// nginx adds to every candidate's score its weight, picks the highest score (the first of equals) and takes the sum of all
/// weights off it. Candidates of one weight then simply take turns, so it is enough to compare one of each weight: O(length
/// × different weights), which is below 3 million steps, since different weights add up to less than the length.
pub(super) fn smooth<S: Store>(weights: &[u32]) -> Option<S::List<u16>> {
    let divisor = weights.iter().copied().reduce(gcd)?.max(1);
    let length = weights.iter().map(|&weight| i64::from(weight / divisor)).sum();
    let limit = i64::try_from(<S::List<u16> as List<u16>>::LIMIT).unwrap_or(i64::MAX);
    if length > limit.min(LONGEST) {
        return None;
    }
    let members = by_weight::<S>(weights);
    let mut classes = classes::<S>(&members, |member| weights[usize::from(member)] / divisor);
    let mut cycle = S::List::default();
    for _ in 0..length {
        let mut best = 0;
        for at in 0..classes.len() {
            classes[at].rank += classes[at].step;
            if classes[at].rank > classes[best].rank {
                best = at;
            }
        }
        // There is room: the length was checked above.
        let _ = cycle.try_push(members[usize::from(classes[best].next)]);
        classes[best].advance(&members, length);
    }
    Some(cycle)
}

/// The candidates of one weight: a range of the members.
struct Class {
    /// The score of the one that is next, and below it, in [`TIE`], what the first of equals has more of.
    rank: i64,
    /// The weight, as it adds to the rank.
    step: i64,
    next: u16,
    start: u16,
    end: u16,
}

/// What a score of one is in a rank: more than any candidate's index.
const TIE: i64 = 1 << 16;

impl Class {
    /// The turn passes to the next member, which has the same score; unless it is the first one again, as all have had
    /// their turn.
    fn advance(&mut self, members: &[u16], sum: i64) {
        self.rank += i64::from(members[usize::from(self.next)]);
        self.next += 1;
        if self.next == self.end {
            self.next = self.start;
            self.rank -= sum * TIE;
        }
        self.rank -= i64::from(members[usize::from(self.next)]);
    }
}

/// The candidates sorted by their weights. There is room for them and for their classes: there are no more of either than
/// turns in the cycle.
fn by_weight<S: Store>(weights: &[u32]) -> S::List<u16> {
    let mut members: S::List<u16> = S::List::default();
    for index in 0..weights.len() {
        let _ = members.try_push(index as u16);
    }
    members.sort_with(|a, b| (weights[usize::from(*a)], a).cmp(&(weights[usize::from(*b)], b)));
    members
}

fn classes<S: Store>(members: &[u16], weight: impl Fn(u16) -> u32) -> S::List<Class> {
    let mut classes: S::List<Class> = S::List::default();
    for (place, &member) in (0..).zip(members) {
        let step = i64::from(weight(member)) * TIE;
        match classes.last_mut() {
            Some(class) if class.step == step => class.end = place + 1,
            _ => drop(classes.try_push(Class {
                rank: -i64::from(member),
                step,
                next: place,
                start: place,
                end: place + 1,
            })),
        }
    }
    classes
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::smooth;
    use crate::store::Inline;

    /// The rule as nginx states it, a step at a time.
    fn naive<const N: usize>(weights: &[u32], turns: usize) -> heapless::Vec<u16, N> {
        let sum: i64 = weights.iter().map(|&weight| i64::from(weight)).sum();
        let mut scores = [0_i64; 64];
        let mut order = heapless::Vec::new();
        for _ in 0..turns {
            let mut best = 0;
            for (place, &weight) in weights.iter().enumerate() {
                scores[place] += i64::from(weight);
                if scores[place] > scores[best] {
                    best = place;
                }
            }
            scores[best] -= sum;
            order.push(best as u16).unwrap();
        }
        order
    }

    fn check(weights: &[u32], length: usize) {
        let cycle = smooth::<Inline<512>>(weights).unwrap();
        assert_eq!(cycle.len(), length, "{weights:?}");
        assert_eq!(cycle, naive::<512>(weights, length), "{weights:?}");
    }

    #[test]
    fn the_order_is_that_of_nginx() {
        assert_eq!(smooth::<Inline<8>>(&[5, 1, 1]).unwrap(), [0, 0, 1, 0, 2, 0, 0]);
        check(&[5, 1, 1], 7);
        check(&[1], 1);
        check(&[u32::MAX; 3], 3);
        check(&[1 << 31, 1 << 30, 1 << 30], 4);
        check(&[3, 1, 3, 1, 2, 3, 1], 14);
        check(&[100, 1, 99, 100, 2], 302);
        check(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 9, 8, 7], 89);
    }

    #[test]
    fn any_order_of_small_weights() {
        for code in 0..4_096_u32 {
            let weights: heapless::Vec<u32, 6> = (0..6).map(|place| 1 + (code >> (2 * place) & 3)).collect();
            let cycle = smooth::<Inline<32>>(&weights).unwrap();
            assert_eq!(cycle, naive::<32>(&weights, cycle.len()), "{weights:?}");
        }
    }

    #[test]
    fn a_cycle_has_its_limits() {
        assert_eq!(smooth::<Inline<7>>(&[5, 2, 1]), None);
        assert_eq!(smooth::<Inline<20_000>>(&[16_384, 1]), None);
        assert_eq!(smooth::<Inline<20_000>>(&[16_383, 1]).map(|cycle| cycle.len()), Some(16_384));
        assert_eq!(smooth::<Inline<8>>(&[]), None);
    }
}
