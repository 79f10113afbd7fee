//! An update of any number of endpoints: one pass over the input and the set, in the order of
//! addresses.
//!
//! The input is compared with the set as it comes, as long as it is sorted, and only what differs is
//! kept: an update of little change costs little more than the comparison. With `a b d` in the set
//! and `a c d` coming, `a` is the same, `b` is gone and `c` is fresh before `d`, which is the same.
//! Nothing changes before all of the input has come.

use super::{Changes, Cluster, sort_and_fold};
use crate::endpoint::{Address, Endpoint};
use crate::kit::Kit;
use crate::load::Load;
use crate::store::{Addresses, Index, List, Store};
use crate::time::Instant;

/// From how many differences on all slots are placed anew, which takes one pass.
const MANY: usize = 64;

/// The difference between the set and what has come so far.
struct Differences<A, St: Store> {
    /// The place in the order up to which the set has been compared.
    place: usize,
    fresh: St::List<Endpoint<A>>,
    /// By place.
    changed: St::List<(u32, Endpoint<A>)>,
    /// The places of endpoints that do not come any more.
    gone: St::List<u32>,
}

impl<A: Address, L: Load, S: Kit, St: Store> Cluster<A, L, S, St> {
    pub(super) fn update_many(
        &mut self,
        now: Instant,
        mut endpoints: impl Iterator<Item = Endpoint<A>>,
    ) -> Changes {
        let mut found = Differences::NONE;
        if St::ONE_WAY {
            let mut all: St::List<Endpoint<A>> = List::NEW;
            endpoints.for_each(|endpoint| drop(all.try_push(endpoint)));
            found = self.compare_all(all);
        } else {
            while let Some(endpoint) = endpoints.find(|next| !self.is_next(&mut found, next)) {
                if let Err(endpoint) = self.compare(&mut found, endpoint) {
                    found = self.compare_unsorted(found, endpoint, endpoints);
                    break;
                }
            }
        }
        while self.index.at(found.place).is_some() {
            found.depart();
        }
        self.begin_change(now);
        let changes = self.apply(found);
        if !changes.is_empty() {
            self.finish();
        }
        changes
    }

    /// Steps over the next endpoint of the set if the one that came is the same: much the most
    /// common case, and equality is quicker to tell than order.
    #[inline]
    fn is_next(&self, found: &mut Differences<A, St>, endpoint: &Endpoint<A>) -> bool {
        let next = self.index.at(found.place).and_then(|slot| self.rows.last_endpoint(slot));
        // The order has only slots that are in use: nothing else of the row is looked at.
        if next.is_some_and(|next| next.addr == endpoint.addr && next.same_content(endpoint)) {
            // Behind a branch: so the next one is looked at before this one is known to be the same.
            found.place += 1;
            return true;
        }
        false
    }

    /// Notes what differs about an endpoint; gives it back if it does not come behind all before.
    fn compare(
        &self,
        found: &mut Differences<A, St>,
        endpoint: Endpoint<A>,
    ) -> Result<(), Endpoint<A>> {
        let known = |place: usize| self.index.at(place).and_then(|slot| self.rows.addr(slot));
        let last = found.place.checked_sub(1).and_then(known);
        let last_fresh = found.fresh.last().map(|last| &last.addr);
        if last >= Some(&endpoint.addr) || last_fresh >= Some(&endpoint.addr) {
            return Err(endpoint);
        }
        while let Some(slot) = self.index.at(found.place) {
            match self.rows.addr(slot) {
                Some(addr) if *addr < endpoint.addr => found.depart(),
                Some(addr) if *addr == endpoint.addr => {
                    // The lists have no limit.
                    let _ = found.changed.try_push((found.place as u32, endpoint));
                    found.place += 1;
                    return Ok(());
                }
                Some(_) | None => break,
            }
        }
        let _ = found.fresh.try_push(endpoint);
        Ok(())
    }

    /// Sorts the input, of which a part has been compared, and compares it anew.
    #[cold]
    fn compare_unsorted(
        &self,
        before: Differences<A, St>,
        endpoint: Endpoint<A>,
        rest: impl Iterator<Item = Endpoint<A>>,
    ) -> Differences<A, St> {
        let mut all: St::List<Endpoint<A>> = before.fresh;
        let mut gone = before.gone.iter().peekable();
        let mut changed = before.changed.iter().map(|(place, _)| place).peekable();
        for place in 0..before.place as u32 {
            let differs =
                gone.next_if_eq(&&place).is_some() | changed.next_if_eq(&&place).is_some();
            let slot = self.index.at(place as usize).filter(|_| !differs);
            if let Some(same) = slot.and_then(|slot| self.rows.last_endpoint(slot)) {
                let _ = all.try_push(same.clone());
            }
        }
        let changed = before.changed.into_iter().map(|(_, endpoint)| endpoint);
        for endpoint in changed.chain(core::iter::once(endpoint)).chain(rest) {
            let _ = all.try_push(endpoint);
        }
        self.compare_all(all)
    }

    /// Sorts all that came, and compares it.
    fn compare_all(&self, mut all: St::List<Endpoint<A>>) -> Differences<A, St> {
        sort_and_fold(&mut all);
        let mut found = Differences::NONE;
        for endpoint in all {
            if !self.is_next(&mut found, &endpoint) {
                // It is sorted now.
                let _ = self.compare(&mut found, endpoint);
            }
        }
        found
    }

    fn apply(&mut self, found: Differences<A, St>) -> Changes {
        let Differences { fresh, changed, gone, .. } = found;
        let newcomers = self.newcomers();
        let mut changes = Changes { removed: gone.len(), ..Changes::default() };
        let anew = fresh.len() + gone.len() > MANY;
        for (place, endpoint) in changed {
            let Some(slot) = self.index.at(place as usize) else { continue };
            changes.changed += usize::from(self.refit(slot, &endpoint, newcomers));
        }
        let mut slots: St::List<usize> = List::NEW;
        for slot in gone.iter().filter_map(|&place| self.index.at(place as usize)) {
            let _ = slots.try_push(slot);
        }
        // Events come in one order, whatever the store.
        slots.sort_with(Ord::cmp);
        for &slot in slots.iter() {
            self.vacate(slot, !anew);
        }
        self.index.forget_places(&gone);
        self.rows.expect(fresh.len().saturating_sub(gone.len()));
        for endpoint in fresh {
            if self.occupy(endpoint, newcomers, !anew) {
                changes.added += 1;
            } else {
                changes.left_out += 1;
            }
        }
        self.index.settle(&self.rows);
        if anew {
            self.place_all();
        }
        changes
    }
}

impl<A, St: Store> Differences<A, St> {
    const NONE: Self = Self { place: 0, fresh: List::NEW, changed: List::NEW, gone: List::NEW };

    /// Notes that the endpoint at the next place does not come any more.
    fn depart(&mut self) {
        let _ = self.gone.try_push(self.place as u32);
        self.place += 1;
    }
}
