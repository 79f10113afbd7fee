use core::fmt;

use rand_core::Rng;

use crate::set::Slot;
use crate::store::{List, Store, copied, is_short};

/// The most groups that a cluster forms at once.
pub const GROUPS: usize = 4;

/// The endpoints that policies choose from: at most [`GROUPS`] groups, each in the order of addresses.
///
/// Almost always there is one group. A pick draws its group by the shares, which sum to 100.
pub struct Candidates<S: Store> {
    slots: S::List<Slot>,
    weights: S::List<u32>,
    ids: S::Extra<u64>,
    groups: heapless::Vec<Range, GROUPS>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    start: u32,
    end: u32,
    share: u8,
    panic: bool,
}

/// One group of candidates.
#[derive(Clone, Copy, Debug)]
pub struct Group<'a> {
    /// Their slots.
    pub slots: &'a [Slot],
    /// Their weights, all above 0.
    pub weights: &'a [u32],
    /// The hashes of their keys.
    pub ids: &'a [u64],
    /// The group's share of the picks, in percent.
    pub share: u8,
    /// Whether endpoints are in it that would be left out if there were enough others.
    pub panic: bool,
}

impl<S: Store> Candidates<S> {
    /// How many candidates there are, in all groups.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The slots of all candidates, group by group.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// How many groups there are.
    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// One of the groups; empty if there is no such group.
    #[inline]
    pub fn group(&self, index: usize) -> Group<'_> {
        if let [only] = &*self.groups
            && index == 0
            && !is_short::<S>()
        {
            let Range { share, panic, .. } = *only;
            return Group { slots: &self.slots, weights: &self.weights, ids: &self.ids, share, panic };
        }
        self.some_group(index)
    }

    #[cold]
    fn some_group(&self, index: usize) -> Group<'_> {
        let none = Range { start: 0, end: 0, share: 0, panic: false };
        let Range { start, end, share, panic } = self.groups.get(index).copied().unwrap_or(none);
        let range = start as usize..end as usize;
        let slots = self.slots.get(range.clone()).unwrap_or_default();
        let weights = self.weights.get(range.clone()).unwrap_or_default();
        Group { slots, weights, ids: self.ids.get(range).unwrap_or_default(), share, panic }
    }

    /// The group of a request, drawn by the shares: from its key, if it has one, so that it stays in its group. Where all of that
    /// group are to be avoided, the first that has others.
    pub fn draw(&self, key: Option<u64>, avoid: &[Slot], rng: &mut impl Rng) -> usize {
        let drawn = self.by_share(match key {
            Some(key) => (key % 100) as u32,
            None => ((u64::from(rng.next_u32()) * 100) >> 32) as u32,
        });
        let offers = |index| self.group(index).slots.iter().any(|slot| !avoid.contains(slot));
        if avoid.is_empty() || offers(drawn) {
            return drawn;
        }
        (0..self.groups()).find(|&index| offers(index)).unwrap_or(drawn)
    }

    /// The group that a number in `0..100` falls into.
    fn by_share(&self, mut rest: u32) -> usize {
        for (index, group) in self.groups.iter().enumerate() {
            match rest.checked_sub(u32::from(group.share)) {
                Some(left) => rest = left,
                None => return index,
            }
        }
        0
    }

    /// Takes the candidate at `place` out of the only group.
    pub(crate) fn take(&mut self, place: usize) {
        self.slots.take(place);
        self.weights.take(place);
        self.ids.take(place);
        self.end_only_group();
    }

    /// Puts a candidate at `place` into the only group.
    pub(crate) fn insert(&mut self, place: usize, slot: Slot, weight: u32, id: u64) {
        // The lists have the capacity of the set.
        let _ = self.slots.try_insert(place, slot);
        let _ = self.weights.try_insert(place, weight);
        let _ = self.ids.try_insert(place, id);
        self.end_only_group();
    }

    /// Gives the candidate at `place` another weight.
    pub(crate) fn set_weight(&mut self, place: usize, weight: u32) {
        if let Some(known) = self.weights.get_mut(place) {
            *known = weight;
        }
    }

    /// Notes that the candidates were taken for want of better ones.
    pub(crate) fn panic(&mut self) {
        self.groups.iter_mut().for_each(|group| group.panic = true);
    }

    /// Whether any group panics.
    pub(crate) fn panics(&self) -> bool {
        self.groups.iter().any(|group| group.panic)
    }

    fn end_only_group(&mut self) {
        let end = self.slots.len() as u32;
        self.groups.iter_mut().for_each(|group| group.end = end);
    }

    /// Forms the groups anew.
    pub(crate) fn form(&mut self) -> Forming<'_, S> {
        self.groups.clear();
        Forming { candidates: self, count: 0 }
    }

    /// The slots of a group, and its weights to be changed.
    pub(crate) fn weights_mut(&mut self, index: usize) -> (&[Slot], &mut [u32]) {
        let range = self.groups.get(index).map_or(0..0, |group| group.start as usize..group.end as usize);
        (&self.slots[range.clone()], &mut self.weights[range])
    }
}

/// Groups that are being formed, group by group; candidates that stay at their place are not written again.
pub(crate) struct Forming<'a, S: Store> {
    candidates: &'a mut Candidates<S>,
    count: usize,
}

impl<S: Store> Forming<'_, S> {
    /// Adds a candidate to the group that is being formed.
    #[inline]
    pub(crate) fn put(&mut self, slot: Slot, weight: u32, id: u64) {
        if self.candidates.slots.get(self.count) == Some(&slot)
            && let Some(known) = self.candidates.weights.get_mut(self.count)
        {
            *known = weight;
        } else {
            self.shorten();
            // The lists have the capacity of the set.
            let _ = self.candidates.slots.try_push(slot);
            let _ = self.candidates.weights.try_push(weight);
            let _ = self.candidates.ids.try_push(id);
        }
        self.count += 1;
    }

    /// Takes all candidates out again.
    pub(crate) fn restart(&mut self) {
        self.candidates.groups.clear();
        self.count = 0;
    }

    /// Whether there are candidates so far.
    pub(crate) fn any(&self) -> bool {
        self.count > 0
    }

    /// Ends the group that is being formed, unless it is empty.
    pub(crate) fn end_group(&mut self, share: u8, panic: bool) {
        let (start, end) = (self.candidates.groups.last().map_or(0, |group| group.end), self.count as u32);
        if end > start {
            // At most `GROUPS` are formed.
            let _ = self.candidates.groups.push(Range { start, end, share, panic });
        }
    }

    /// Forgets the candidates from before that have no place any more.
    pub(crate) fn end(mut self) {
        self.shorten();
    }

    fn shorten(&mut self) {
        self.candidates.slots.shorten(self.count);
        self.candidates.weights.shorten(self.count);
        self.candidates.ids.shorten(self.count);
    }
}

impl<S: Store> Default for Candidates<S> {
    fn default() -> Self {
        let groups = heapless::Vec::new();
        Self { slots: S::List::default(), weights: S::List::default(), ids: <S::Extra<u64>>::default(), groups }
    }
}

impl<S: Store> Clone for Candidates<S> {
    fn clone(&self) -> Self {
        let (slots, weights, ids) = (copied(&self.slots), copied(&self.weights), copied(&self.ids));
        Self { slots, weights, ids, groups: self.groups.clone() }
    }
}

impl<S: Store> fmt::Debug for Candidates<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries((0..self.groups()).map(|index| self.group(index))).finish()
    }
}
