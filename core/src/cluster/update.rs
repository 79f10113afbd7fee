//! Takes over what discovery found.

mod few;
mod many;

use super::Cluster;
use crate::endpoint::{Address, Endpoint};
use crate::error::InsertError;
use crate::event::EventKind;
use crate::kit::Kit;
use crate::load::Load;
use crate::row::Table;
use crate::set::Levels;
use crate::slow_start::WarmAt;
use crate::store::{Index, List, Store};
use crate::time::Instant;

/// Counts what an update did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use]
pub struct Changes {
    /// Endpoints that came.
    pub added: usize,
    /// Endpoints that went.
    pub removed: usize,
    /// Endpoints that stayed, with another weight, priority, zone or draining mark.
    pub changed: usize,
    /// Endpoints of the update for which there was no room. One that stands in the update more
    /// than once may be counted more than once.
    pub left_out: usize,
}

impl Changes {
    /// Tells that the set is as it was.
    pub const fn is_empty(&self) -> bool {
        self.added == 0 && self.removed == 0 && self.changed == 0
    }
}

impl<A: Address, L: Load, S: Kit, St: Store> Cluster<A, L, S, St> {
    /// Replaces the whole set by `endpoints`, an empty one included.
    ///
    /// Records of one address are folded into one, in any order: the lowest priority wins, then the
    /// largest weight. Beyond the store's capacity, endpoints already in the set stay first, then
    /// addresses in their order; [`Changes::left_out`] says how many found no room. O(n) for sorted
    /// input, O(n log n) otherwise.
    pub fn update(
        &mut self,
        now: Instant,
        endpoints: impl IntoIterator<Item = Endpoint<A>>,
    ) -> Changes {
        if St::FEW {
            self.update_few(now, endpoints.into_iter())
        } else {
            self.update_many(now, endpoints.into_iter())
        }
    }

    /// Adds one endpoint, or changes the one of the same address.
    ///
    /// # Errors
    /// [`InsertError::Full`] when the address is new and the store has no room for it. Nothing
    /// changes.
    pub fn insert(&mut self, now: Instant, endpoint: Endpoint<A>) -> Result<Changes, InsertError> {
        self.begin_change(now);
        let mut changes = Changes::default();
        let newcomers = self.newcomers();
        match self.index.find(&self.rows, &endpoint.addr, &mut 0) {
            Some(slot) => changes.changed += usize::from(self.refit(slot, &endpoint, newcomers)),
            None if self.occupy(endpoint, newcomers, true) => {
                changes.added = 1;
                self.index.settle(&self.rows);
            }
            None => {
                return Err(InsertError::Full { capacity: Table::<A, L, S::Parts, St>::LIMIT });
            }
        }
        if !changes.is_empty() {
            self.finish();
        }
        Ok(changes)
    }

    /// Takes out the endpoint of this address and gives it back, if it was there.
    pub fn remove(&mut self, now: Instant, addr: &A) -> Option<Endpoint<A>> {
        self.begin_change(now);
        let mut hint = 0;
        let slot = self.index.find(&self.rows, addr, &mut hint)?;
        let endpoint = self.rows.get(slot)?.endpoint().cloned();
        self.vacate(slot, true);
        self.index.forget(&self.rows, hint);
        self.finish();
        endpoint
    }

    /// Changes these endpoints alone: each address has that endpoint from now on, or none. Does what
    /// [`update`](Self::update) does with the whole set, whose others are not looked at. O(log n)
    /// for each, and O(n) to move what follows in lists of numbers.
    ///
    /// ```
    /// use evenkeel_core::{Cluster, Config, Endpoint, Heap, Instant};
    ///
    /// let mut cluster: Cluster<_, (), _, Heap> = Cluster::new(Config::default());
    /// let _ = cluster.update(Instant::ZERO, ["a:1", "b:1", "c:1"].map(Endpoint::new));
    /// let changes = [("b:1", None), ("d:1", Some(Endpoint::new("d:1")))];
    /// let changes = cluster.amend(Instant::ZERO, changes.iter().map(|(addr, new)| (addr, *new)));
    /// assert_eq!((changes.added, changes.removed), (1, 1));
    /// assert!(cluster.iter().map(|(_, endpoint)| endpoint.addr).eq(["a:1", "c:1", "d:1"]));
    /// ```
    pub fn amend<'a>(
        &mut self,
        now: Instant,
        endpoints: impl IntoIterator<Item = (&'a A, Option<Endpoint<A>>)>,
    ) -> Changes
    where
        A: 'a,
    {
        self.begin_change(now);
        let mut changes = Changes::default();
        let newcomers = self.newcomers();
        let (mut gone, mut fresh): (St::List<usize>, St::List<Endpoint<A>>) = Default::default();
        let mut place = 0;
        for (addr, endpoint) in endpoints {
            let mut hint = 0;
            match (self.index.find(&self.rows, addr, &mut hint), endpoint) {
                (Some(slot), Some(endpoint)) => {
                    changes.changed += usize::from(self.refit(slot, &endpoint, newcomers));
                }
                (Some(slot), None) => {
                    place = hint;
                    // It has the capacity of the set.
                    let _ = gone.try_push(slot);
                }
                (None, Some(endpoint)) => {
                    changes.left_out += usize::from(fresh.try_push(endpoint).is_err());
                }
                (None, None) => {}
            }
        }
        // Events come in one order, whatever the store.
        gone.sort_with(Ord::cmp);
        for &slot in gone.iter() {
            if self.rows.is_live(slot) {
                self.vacate(slot, true);
                changes.removed += 1;
            }
        }
        if !gone.is_empty() {
            self.index.forget(&self.rows, if gone.len() == 1 { place } else { 0 });
        }
        sort_and_fold(&mut fresh);
        for endpoint in fresh {
            if self.occupy(endpoint, newcomers, true) {
                changes.added += 1;
            } else {
                changes.left_out += 1;
            }
        }
        self.index.settle(&self.rows);
        if !changes.is_empty() {
            self.finish();
        }
        changes
    }

    fn begin_change(&mut self, now: Instant) {
        self.follow_clock(now);
        // There may be nothing to derive.
        if (S::AT_RUN_TIME || size_of::<L::Tuning>() > 0) && !self.tuned {
            self.tune();
        }
    }

    /// Returns when endpoints have warmed up that come now.
    fn newcomers(&self) -> WarmAt {
        let window = self.settings.slow_start();
        // A cold client learns of all endpoints at once: most of them are warm already.
        if window.is_zero() || self.has_no_members() {
            return WarmAt::Now;
        }
        WarmAt::Then(self.last.saturating_add(window))
    }

    /// Takes over what an endpoint says of itself; tells that it says something new.
    fn refit(&mut self, slot: usize, new: &Endpoint<A>, newcomers: WarmAt) -> bool {
        let Some(mut row) = self.rows.get_mut(slot) else { return false };
        let before = row.as_row().warm_at();
        let Some(endpoint) = row.endpoint_mut().filter(|old| !old.same_content(new)) else {
            return false;
        };
        if endpoint.priority != new.priority {
            self.levels.leave(slot, endpoint.priority);
        }
        (endpoint.weight, endpoint.priority) = (new.weight, new.priority);
        (endpoint.zone, endpoint.draining) = (new.zone, new.draining);
        row.set_weight(new.weight);
        row.set_warm_at(match before {
            _ if !new.eligible() => WarmAt::Out,
            WarmAt::Out => newcomers,
            warm => warm,
        });
        self.place(slot);
        true
    }

    /// Gives an endpoint a row; tells that there was room.
    fn occupy(&mut self, endpoint: Endpoint<A>, newcomers: WarmAt, place: bool) -> bool {
        let from = self.index.free();
        let is_free = |slot: &usize| !self.rows.is_live(*slot);
        let slot = (from..self.rows.len()).find(is_free).unwrap_or(self.rows.len());
        let warm_at = if endpoint.eligible() { newcomers } else { WarmAt::Out };
        let Some(id) = self.rows.occupy(slot, endpoint, warm_at, self.last) else { return false };
        self.hosts += 1;
        self.index.set_free(slot + 1);
        self.index.add(slot);
        if place {
            self.place(slot);
        }
        self.note(Some(id), EventKind::Added);
        true
    }

    /// Frees a row.
    fn vacate(&mut self, slot: usize, place: bool) {
        let Some(mut row) = self.rows.get_mut(slot) else { return };
        let id = row.hot.slot(slot);
        row.vacate();
        self.hosts = self.hosts.wrapping_sub(1);
        self.index.set_free(self.index.free().min(slot));
        if place {
            self.place(slot);
        }
        self.note(Some(id), EventKind::Removed);
    }
}

/// Sorts by address and folds records of one address into the one that takes precedence.
fn sort_and_fold<A: Address>(endpoints: &mut impl List<Endpoint<A>>) {
    endpoints.sort_with(|a, b| a.addr.cmp(&b.addr));
    let mut kept = 0;
    for next in 1..endpoints.len() {
        let Some([kept_one, .., next_one]) = endpoints.get_mut(kept..=next) else { return };
        if next_one.addr != kept_one.addr {
            kept += 1;
            if let Some([to, .., from]) = endpoints.get_mut(kept..=next) {
                core::mem::swap(to, from);
            }
        } else if next_one.takes_precedence_over(kept_one) {
            core::mem::swap(kept_one, next_one);
        }
    }
    endpoints.shorten(kept + 1);
}
