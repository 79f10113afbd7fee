use alloc::vec::Vec;

use super::levels::{Fit, Levels, Limit};
use super::{Set, Slots};
use crate::slot::{Slot, Turn};

/// Any number of slots, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SortedList(Vec<u32>);

impl Set for SortedList {
    const EMPTY: Self = Self(Vec::new());
    type All<'a> = AllOfList<'a>;
    type Cut<'a> = CutList<'a>;
    type Levels = ListLevels;

    fn put(&mut self, slot: usize, on: bool) {
        let slot = slot as u32;
        if self.0.last().is_none_or(|last| *last < slot) {
            if on {
                self.0.push(slot);
            }
            return;
        }
        match self.0.binary_search(&slot) {
            Err(place) if on => self.0.insert(place, slot),
            Ok(place) if !on => drop(self.0.remove(place)),
            Ok(_) | Err(_) => {}
        }
    }

    fn clear(&mut self) {
        self.0.clear();
    }

    #[inline]
    fn len(&self) -> usize {
        self.0.len()
    }

    #[inline]
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn has(&self, slot: usize) -> bool {
        has(&self.0, slot)
    }

    fn from(&self, slot: usize) -> Option<usize> {
        let place = self.0.partition_point(|&other| (other as usize) < slot);
        self.0.get(place).map(|&slot| slot as usize)
    }

    #[inline]
    fn all(&self) -> AllOfList<'_> {
        AllOfList::new(&self.0, false)
    }

    #[inline]
    fn part_of(&self, whole: &Self) -> AllOfList<'_> {
        AllOfList::new(&self.0, self.len() < whole.len())
    }

    #[inline]
    fn apart(&self) -> CutList<'_> {
        CutList { cut: true, ..Self::uncut(self.all()) }
    }

    #[inline]
    fn uncut<'a>(all: AllOfList<'a>) -> CutList<'a>
    where
        Self: 'a,
    {
        CutList { list: all.list, avoid: &[], departed: 0, cut: all.partial }
    }

    fn less<'a>(all: AllOfList<'a>, avoid: &'a [Slot], live: impl Fn(Slot) -> bool) -> CutList<'a>
    where
        Self: 'a,
    {
        let departed = (0..u64::BITS).zip(avoid).filter(|(_, slot)| !live(**slot));
        let departed = departed.fold(0, |departed, (at, _)| departed | 1 << at);
        CutList { list: all.list, avoid, departed, cut: all.partial || !avoid.is_empty() }
    }

    fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().map(|&slot| slot as usize)
    }
}

/// The slots of a list.
#[derive(Clone, Copy, Debug)]
pub struct AllOfList<'a> {
    list: &'a [u32],
    /// Each place of the list is that of its slot, as no slot below the last is missing: as long as
    /// all endpoints are candidates, nothing has to be looked up.
    whole: bool,
    /// Not all candidates are in the list.
    partial: bool,
}

impl<'a> AllOfList<'a> {
    #[inline]
    fn new(list: &'a [u32], partial: bool) -> Self {
        // 0 1 2 3 ends with one less than its length, and 0 1 3 does not.
        let whole = list.last().is_some_and(|last| *last as usize == list.len() - 1);
        Self { list, whole, partial }
    }
}

impl Slots for AllOfList<'_> {
    #[inline]
    fn len(&self) -> usize {
        self.list.len()
    }

    #[inline]
    fn at(&self, place: usize) -> Option<usize> {
        if self.whole {
            return (place < self.list.len()).then_some(place);
        }
        self.list.get(place).map(|&slot| slot as usize)
    }

    fn has(&self, slot: usize) -> bool {
        has(self.list, slot)
    }

    #[inline]
    fn is_cut(&self) -> bool {
        self.partial
    }

    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "four instructions, and a call takes three times as long"
    )]
    fn next(&self, turn: &mut Turn) -> Option<usize> {
        let place = turn.place as usize;
        if self.whole && turn.slot == turn.place {
            let slot = if place < self.list.len() { place } else { 0 };
            *turn = Turn::had(slot, slot);
            return Some(slot);
        }
        // The slot that had the last turn is where it was, mostly.
        let last = self.list.get(place.wrapping_sub(1)).copied();
        let moved = last.is_none_or(|last| last.wrapping_add(1) != turn.slot);
        let place = if moved { seek(self.list, turn.slot) } else { place };
        let place = if place < self.list.len() { place } else { 0 };
        let slot = *self.list.get(place)? as usize;
        *turn = Turn::had(slot, place);
        Some(slot)
    }
}

/// Tells that a slot is in a list. Each slot that is missing below it moves it one place to the
/// front: where few are missing, there are few places to look at.
fn has(list: &[u32], slot: usize) -> bool {
    let Some(&last) = list.last() else { return false };
    let missing = (last as usize + 1).saturating_sub(list.len());
    let places = slot.saturating_sub(missing)..list.len().min(slot.saturating_add(1));
    list.get(places).is_some_and(|part| part.binary_search(&(slot as u32)).is_ok())
}

/// Returns the place of the next slot in a list in which the last one has another place, or none. It
/// does not get the turn, which so stays in registers.
#[cold]
#[inline(never)]
fn seek(list: &[u32], from: u32) -> usize {
    list.partition_point(|&slot| slot < from)
}

/// A list without some slots.
#[derive(Clone, Copy, Debug)]
pub struct CutList<'a> {
    list: &'a [u32],
    avoid: &'a [Slot],
    /// Bits of the first 64 slots to avoid that are not: their endpoints have left.
    departed: u64,
    /// Not all candidates are in the list, or some of those are to be avoided.
    cut: bool,
}

impl CutList<'_> {
    /// Returns how many slots up to a place, and at it, are left out.
    fn skipped(&self, place: usize) -> usize {
        let first = |slot: u32| self.avoided().position(|other| other == slot);
        let skipped = self.avoided().enumerate().filter(|&(at, slot)| {
            let found = self.list.binary_search(&slot);
            found.is_ok_and(|found| found <= place) && first(slot) == Some(at)
        });
        skipped.count()
    }

    fn avoided(&self) -> impl Iterator<Item = u32> {
        let departed = |at: usize| at < 64 && self.departed >> at & 1 == 1;
        let avoid = self.avoid.iter().enumerate();
        avoid.filter(move |&(at, _)| !departed(at)).map(|(_, slot)| slot.index)
    }

    fn avoids(&self, slot: usize) -> bool {
        self.avoided().any(|other| other as usize == slot)
    }
}

impl Slots for CutList<'_> {
    fn len(&self) -> usize {
        // Most requests avoid nothing.
        let skipped = if self.avoid.is_empty() { 0 } else { self.skipped(usize::MAX) };
        self.list.len() - skipped
    }

    fn at(&self, place: usize) -> Option<usize> {
        if self.avoid.is_empty() {
            return self.list.get(place).map(|&slot| slot as usize);
        }
        // Each step counts those left out up to the place reached, until no more come in between.
        let mut at = place;
        loop {
            let next = place + self.skipped(at);
            if next == at {
                return self.list.get(at).map(|&slot| slot as usize);
            }
            at = next;
        }
    }

    fn has(&self, slot: usize) -> bool {
        has(self.list, slot) && !self.avoids(slot)
    }

    fn is_cut(&self) -> bool {
        self.cut
    }

    fn next(&self, turn: &mut Turn) -> Option<usize> {
        let all = AllOfList::new(self.list, true);
        if self.avoid.is_empty() {
            return all.next(turn);
        }
        // Each slot to avoid can have one turn.
        (0..=self.avoid.len()).find_map(|_| all.next(turn).filter(|&slot| !self.avoids(slot)))
    }
}

/// The levels of any number of slots: lists that are kept, so that another level costs nothing.
#[derive(Clone, Debug)]
pub struct ListLevels {
    /// The slots that picks are made from: the list of the chosen level, in whose place an empty
    /// one is meanwhile. Picks reach it at once.
    hot: SortedList,
    /// The chosen level has slots without room.
    partial: bool,
    panic: bool,
    limited: bool,
    /// The level that the hot list belongs to.
    home: Option<Home>,
    /// In the order of their priorities.
    levels: Vec<Level>,
}

#[derive(Clone, Copy, Debug)]
struct Home {
    level: usize,
    /// 0: in service, 1: for want of better ones.
    pool: usize,
    ready: bool,
}

#[derive(Clone, Debug, Default)]
struct Level {
    priority: u16,
    /// Slots in service, and those that would do for want of better ones.
    pools: [SortedList; 2],
    /// Those of them that have room, where something limits it.
    ready: [SortedList; 2],
}

impl Level {
    fn list(&mut self, Home { pool, ready, .. }: Home) -> Option<&mut SortedList> {
        if ready { &mut self.ready } else { &mut self.pools }.get_mut(pool)
    }
}

impl ListLevels {
    /// Swaps the hot list and the empty one in its place.
    fn swap_hot(&mut self) {
        let Some(home) = self.home else { return };
        if let Some(list) = self.levels.get_mut(home.level).and_then(|level| level.list(home)) {
            core::mem::swap(&mut self.hot, list);
        }
    }

    /// Changes levels with all lists in their places.
    fn change(&mut self, change: impl FnOnce(&mut Self)) {
        self.swap_hot();
        change(self);
        self.swap_hot();
    }

    fn put_level(&mut self, slot: usize, priority: u16, fit: Fit) {
        let found = self.levels.binary_search_by_key(&priority, |level| level.priority);
        let at = match found {
            Ok(at) => at,
            Err(_) if fit == Fit::NONE => return,
            Err(at) => {
                self.levels.insert(at, Level { priority, ..Level::default() });
                // Levels behind it have moved.
                if let Some(home) = self.home.as_mut().filter(|home| home.level >= at) {
                    home.level += 1;
                }
                at
            }
        };
        let Some(level) = self.levels.get_mut(at) else { return };
        let [service, spare] = &mut level.pools;
        service.put(slot, fit.service);
        spare.put(slot, fit.spare);
        if self.limited {
            let [service, spare] = &mut level.ready;
            service.put(slot, fit.service && !fit.full);
            spare.put(slot, fit.spare && !fit.full);
        }
    }

    fn choose_level(&mut self, limit: Limit) {
        self.home = None;
        self.levels.retain(|level| level.pools.iter().any(|pool| !pool.is_empty()));
        if (limit != Limit::None) != self.limited {
            self.limited = limit != Limit::None;
            for level in &mut self.levels {
                level.ready = if self.limited { level.pools.clone() } else { Default::default() };
            }
        }
        let first = |wanted: &dyn Fn(&Level) -> bool| self.levels.iter().position(wanted);
        let in_service = |level: &Level| level.pools.first().is_some_and(|pool| !pool.is_empty());
        let service = first(&in_service);
        self.panic = service.is_none() && !self.levels.is_empty();
        let pool = usize::from(self.panic);
        let has_room = |level: &Level| level.ready.get(pool).is_some_and(|pool| !pool.is_empty());
        let room = if limit == Limit::Overflow { first(&has_room) } else { None };
        let chosen = room.or(service).unwrap_or(0);
        let Some(level) = self.levels.get(chosen) else { return };
        let len = |lists: &[SortedList; 2]| lists.get(pool).map_or(0, SortedList::len);
        self.partial = self.limited && len(&level.ready) < len(&level.pools);
        self.home = Some(Home { level: chosen, pool, ready: self.partial });
    }
}

impl Levels for ListLevels {
    type Set = SortedList;
    const NEW: Self = Self {
        hot: SortedList::EMPTY,
        partial: false,
        panic: false,
        limited: false,
        home: None,
        levels: Vec::new(),
    };

    fn put(&mut self, slot: usize, priority: u16, fit: Fit) {
        self.change(|levels| levels.put_level(slot, priority, fit));
    }

    fn leave(&mut self, slot: usize, priority: u16) {
        self.change(|levels| levels.put_level(slot, priority, Fit::NONE));
    }

    fn choose(&mut self, limit: Limit, _: impl Iterator<Item = u16> + Clone) {
        self.change(|levels| levels.choose_level(limit));
    }

    fn members(&self) -> &SortedList {
        let Some(home) = self.home.filter(|home| home.ready) else { return &self.hot };
        let level = self.levels.get(home.level);
        level.and_then(|level| level.pools.get(home.pool)).unwrap_or(&self.hot)
    }

    #[inline]
    fn ready(&self) -> AllOfList<'_> {
        AllOfList { partial: self.partial, ..self.hot.all() }
    }

    #[inline]
    fn panic(&self) -> bool {
        self.panic
    }

    fn priority(&self) -> u16 {
        let level = self.home.and_then(|home| self.levels.get(home.level));
        level.map_or(u16::MAX, |level| level.priority)
    }
}
