use super::levels::{Fit, Levels, Limit};
use super::{Set, Slots};
use crate::slot::{Slot, Turn};

/// A word whose bits are a set of slots: `u32` or `u64`.
pub trait Word: Copy + PartialEq + core::fmt::Debug + 'static {
    /// No bit.
    const NONE: Self;
    /// The number of bits.
    const BITS: usize;
    /// Returns the word with this bit alone; bits beyond the last are none.
    fn bit(slot: usize) -> Self;
    /// Returns the bits from this one on.
    #[must_use]
    fn from(self, slot: usize) -> Self;
    /// Returns the bits of both.
    #[must_use]
    fn and(self, other: Self) -> Self;
    /// Returns the bits of either.
    #[must_use]
    fn or(self, other: Self) -> Self;
    /// Returns the bits that `other` has not.
    #[must_use]
    fn and_not(self, other: Self) -> Self;
    /// Returns all bits but the least.
    #[must_use]
    fn rest(self) -> Self;
    /// Returns the least bit's number; [`BITS`](Self::BITS) without any.
    fn least(self) -> usize;
    /// Returns how many bits are set.
    fn count(self) -> usize;
}

macro_rules! word {
    ($type:ty) => {
        impl Word for $type {
            const NONE: Self = 0;
            const BITS: usize = <$type>::BITS as usize;
            #[inline]
            fn bit(slot: usize) -> Self {
                if slot < <Self as Word>::BITS { 1 << slot } else { 0 }
            }
            #[inline]
            fn from(self, slot: usize) -> Self {
                if slot < <Self as Word>::BITS { self >> slot << slot } else { 0 }
            }
            #[inline]
            fn and(self, other: Self) -> Self {
                self & other
            }
            #[inline]
            fn or(self, other: Self) -> Self {
                self | other
            }
            #[inline]
            fn and_not(self, other: Self) -> Self {
                self & !other
            }
            #[inline]
            fn rest(self) -> Self {
                self & self.wrapping_sub(1)
            }
            #[cfg(target_has_atomic = "32")]
            #[inline]
            fn least(self) -> usize {
                self.trailing_zeros() as usize
            }
            #[cfg(target_has_atomic = "32")]
            #[inline]
            fn count(self) -> usize {
                self.count_ones() as usize
            }
            // Processors without instructions for it, which have no atomics either: what the
            // compiler makes of it takes 50 to 90 bytes at each use.
            #[cfg(not(target_has_atomic = "32"))]
            #[inline(never)]
            fn least(self) -> usize {
                (0..<Self as Word>::BITS).take_while(|&bit| self >> bit & 1 == 0).count()
            }
            #[cfg(not(target_has_atomic = "32"))]
            #[inline(never)]
            fn count(self) -> usize {
                (0..<Self as Word>::BITS).filter(|&bit| self >> bit & 1 == 1).count()
            }
        }
    };
}
word!(u32);
word!(u64);

/// Up to as many slots as a word has bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bits<B>(B);

/// Bits, less some.
#[derive(Clone, Copy, Debug)]
pub struct CutBits<B> {
    left: B,
    cut: bool,
}

impl<B: Word> Slots for CutBits<B> {
    #[inline]
    fn len(&self) -> usize {
        self.left.count()
    }

    #[inline]
    fn is_empty(&self) -> bool {
        self.left == B::NONE
    }

    #[inline]
    fn at(&self, place: usize) -> Option<usize> {
        let mut left = self.left;
        for _ in 0..place {
            left = left.rest();
        }
        (left != B::NONE).then(|| left.least())
    }

    #[inline]
    fn has(&self, slot: usize) -> bool {
        self.left.and(B::bit(slot)) != B::NONE
    }

    #[inline]
    fn is_cut(&self) -> bool {
        self.cut
    }

    #[inline]
    fn next(&self, turn: &mut Turn) -> Option<usize> {
        let ahead = self.left.from(turn.slot as usize);
        let slot = if ahead == B::NONE { self.left } else { ahead }.least();
        *turn = Turn::had(slot, slot);
        (slot < B::BITS).then_some(slot)
    }
}

impl<B: Word> Set for Bits<B> {
    const EMPTY: Self = Self(B::NONE);
    type All<'a> = CutBits<B>;
    type Cut<'a> = CutBits<B>;
    type Levels = BitLevels<B>;

    // In one place, where every byte counts.
    #[cfg_attr(target_has_atomic = "32", inline)]
    #[cfg_attr(not(target_has_atomic = "32"), inline(never))]
    fn put(&mut self, slot: usize, on: bool) {
        let without = self.0.and_not(B::bit(slot));
        self.0 = if on { without.or(B::bit(slot)) } else { without };
    }

    fn clear(&mut self) {
        self.0 = B::NONE;
    }

    #[inline]
    fn len(&self) -> usize {
        self.0.count()
    }

    #[inline]
    fn is_empty(&self) -> bool {
        self.0 == B::NONE
    }

    #[inline]
    fn has(&self, slot: usize) -> bool {
        self.0.and(B::bit(slot)) != B::NONE
    }

    #[inline]
    fn from(&self, slot: usize) -> Option<usize> {
        let ahead = self.0.from(slot);
        (ahead != B::NONE).then(|| ahead.least())
    }

    #[inline]
    fn all(&self) -> CutBits<B> {
        CutBits { left: self.0, cut: false }
    }

    #[inline]
    fn part_of(&self, whole: &Self) -> CutBits<B> {
        CutBits { left: self.0, cut: self.0 != whole.0 }
    }

    #[inline]
    fn apart(&self) -> CutBits<B> {
        CutBits { left: self.0, cut: true }
    }

    #[inline]
    fn uncut<'a>(all: CutBits<B>) -> CutBits<B>
    where
        Self: 'a,
    {
        all
    }

    #[inline]
    fn less<'a>(all: CutBits<B>, avoid: &'a [Slot], live: impl Fn(Slot) -> bool) -> CutBits<B>
    where
        Self: 'a,
    {
        let avoid = avoid.iter().filter(|slot| live(**slot));
        let left = avoid.fold(all.left, |left, slot| left.and_not(B::bit(slot.index())));
        CutBits { left, cut: all.cut || left != all.left }
    }
}

/// The levels of few slots: formed anew from their bits, which is less code than keeping them.
#[derive(Clone, Debug)]
pub struct BitLevels<B> {
    /// Slots in service, and those that would do for want of better ones.
    pools: [Bits<B>; 2],
    full: Bits<B>,
    members: Bits<B>,
    priority: u16,
    panic: bool,
}

impl<B: Word> Levels for BitLevels<B> {
    type Set = Bits<B>;
    const NEW: Self = Self {
        pools: [Bits::EMPTY; 2],
        full: Bits::EMPTY,
        members: Bits::EMPTY,
        priority: 0,
        panic: false,
    };

    fn put(&mut self, slot: usize, _priority: u16, fit: Fit) {
        let [service, spare] = &mut self.pools;
        service.put(slot, fit.service);
        spare.put(slot, fit.spare);
        self.full.put(slot, fit.full);
    }

    fn choose(&mut self, limit: Limit, priorities: impl Iterator<Item = u16> + Clone) {
        let [Bits(service), Bits(spare)] = self.pools;
        self.panic = service == B::NONE && spare != B::NONE;
        let pool = if self.panic { spare } else { service };
        let places = priorities.enumerate().map(|(slot, priority)| (B::bit(slot), priority));
        let level = |pool: B| {
            let (mut least, mut members) = (u16::MAX, B::NONE);
            for (bit, priority) in places.clone() {
                if pool.and(bit) != B::NONE && priority <= least {
                    members = if priority < least { bit } else { members.or(bit) };
                    least = priority;
                }
            }
            (least, members)
        };
        let (mut least, mut members) = level(pool);
        let open = pool.and_not(self.full.0);
        if limit == Limit::Overflow && open != B::NONE {
            (least, members) = (level(open).0, B::NONE);
            // Those without room belong to the level all the same.
            for (bit, priority) in places.clone() {
                if priority == least {
                    members = members.or(bit);
                }
            }
            members = members.and(pool);
        }
        (self.priority, self.members) = (least, Bits(members));
    }

    fn members(&self) -> &Bits<B> {
        &self.members
    }

    #[inline]
    fn ready(&self) -> CutBits<B> {
        let Bits(members) = self.members;
        let Bits(full) = self.full;
        let cut = members.and(full) != B::NONE;
        CutBits { left: members.and_not(full), cut }
    }

    #[inline]
    fn panic(&self) -> bool {
        self.panic
    }

    fn priority(&self) -> u16 {
        self.priority
    }
}
