use core::fmt;

use super::{Hot, Rest, Row, RowMut};
use crate::counts::Count;
use crate::endpoint::{Address, Endpoint};
use crate::hash;
use crate::kit::Parts;
use crate::load::Load;
use crate::part::Part;
use crate::slot::Slot;
use crate::slow_start::{WarmAt, Warmth};
use crate::store::{Addresses, Rows, Store};
use crate::time::Instant;

/// The rows of all endpoints, by slot.
pub(crate) struct Table<A, L: Load, K: Parts, St: Store>(St::Rows<Hot<L, K>, Endpoint<A>, Rest<K>>);

impl<A, L: Load, K: Parts, St: Store> Table<A, L, K, St> {
    /// No rows.
    pub(crate) const NEW: Self = Self(Rows::NEW);

    /// The most rows that there may be.
    pub(crate) const LIMIT: usize =
        <St::Rows<Hot<L, K>, Endpoint<A>, Rest<K>> as Rows<_, _, _>>::LIMIT;

    /// Returns how many slots were ever in use.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.0.slots()
    }

    /// Reads what picks and reports look at, in use or not.
    #[inline]
    pub(crate) fn look<T>(&self, slot: usize, look: impl FnOnce(&Hot<L, K>) -> T) -> Option<T> {
        self.0.look(slot, look)
    }

    /// Changes it.
    #[inline]
    pub(crate) fn look_mut<T>(
        &mut self,
        slot: usize,
        look: impl FnOnce(&mut Hot<L, K>) -> T,
    ) -> Option<T> {
        self.0.look_mut(slot, look)
    }

    /// Tells that a slot is in use.
    #[inline]
    pub(crate) fn is_live(&self, slot: usize) -> bool {
        self.look(slot, |row| row.live).unwrap_or(false)
    }

    /// Returns the endpoint in a slot, or the one that left last.
    #[inline]
    pub(crate) fn last_endpoint(&self, slot: usize) -> Option<&Endpoint<A>> {
        self.0.endpoint(slot)
    }

    /// Returns a row, in use or not.
    #[inline]
    pub(crate) fn get(&self, slot: usize) -> Option<Row<'_, A, L, K>> {
        let (hot, endpoint, rest) = self.0.get(slot)?;
        Some(Row { hot, endpoint, rest })
    }

    /// Returns a row to be changed, in use or not.
    #[inline]
    pub(crate) fn get_mut(&mut self, slot: usize) -> Option<RowMut<'_, A, L, K>> {
        let (hot, endpoint, rest) = self.0.get_mut(slot)?;
        Some(RowMut { hot, endpoint, rest })
    }

    /// Returns the row of a slot whose endpoint is there still.
    #[inline]
    pub(crate) fn of(&self, slot: Slot) -> Option<Row<'_, A, L, K>> {
        self.get(slot.index()).filter(|row| row.hot.is(slot))
    }

    /// Returns it to be changed.
    #[inline]
    pub(crate) fn of_mut(&mut self, slot: Slot) -> Option<RowMut<'_, A, L, K>> {
        self.get_mut(slot.index()).filter(|row| row.hot.is(slot))
    }

    /// Lists all rows, in use or not.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Row<'_, A, L, K>> + Clone {
        (0..self.len()).filter_map(|slot| self.get(slot))
    }

    /// Returns the weight in effect.
    #[inline]
    pub(crate) fn weight(&self, slot: usize) -> Option<u32> {
        if K::Warmth::ON {
            return self.look(slot, Hot::weight)?;
        }
        self.last_endpoint(slot).map(|endpoint| endpoint.weight)
    }

    /// Returns what a slot carries, and its weight in effect.
    #[inline]
    pub(crate) fn load_and_weight<T>(
        &self,
        slot: usize,
        load: impl FnOnce(&L) -> T,
    ) -> Option<(T, u32)> {
        if K::Warmth::ON {
            return self.look(slot, |row| (load(&row.load), row.weight().unwrap_or(0)));
        }
        let row = self.get(slot)?;
        Some((load(&row.hot.load), row.weight()))
    }

    /// Makes room for `more` rows, where that saves time.
    pub(crate) fn expect(&mut self, more: usize) {
        self.0.expect(more);
    }
}

impl<A: Address, L: Load, K: Parts, St: Store> Table<A, L, K, St> {
    /// Makes the row of an endpoint that comes, in a slot that was in use before or behind all;
    /// returns its slot if there is room.
    pub(crate) fn occupy(
        &mut self,
        slot: usize,
        endpoint: Endpoint<A>,
        warm_at: WarmAt,
        now: Instant,
    ) -> Option<Slot> {
        let generation = self.look(slot, |row| row.generation).unwrap_or(0);
        let (weight, mut load) = (endpoint.weight, L::NEW);
        load.set_id(|| hash::of_key(&endpoint.addr));
        let hot = Hot {
            load,
            weight: Part::NEW,
            successes: Count::NEW,
            generation,
            live: true,
            marks: 0,
        };
        let id = hot.slot(slot);
        let mut rest: Rest<K> = Rest { others: Count::NEW, warm_at: Part::NEW, health: Part::NEW };
        if let Some(health) = rest.health.get_mut() {
            health.since = now;
        }
        if !self.0.put(slot, (hot, endpoint, rest)) {
            return None;
        }
        if let Some(mut row) = self.get_mut(slot) {
            row.set_weight(weight);
            row.set_warm_at(warm_at);
        }
        Some(id)
    }

    /// Returns the hash of the key of an address.
    #[inline]
    pub(crate) fn id(&self, slot: usize) -> Option<u64> {
        let own = || self.last_endpoint(slot).map(|endpoint| hash::of_key(&endpoint.addr));
        self.look(slot, |row| row.load.id())?.or_else(own)
    }
}

impl<A, L: Load, K: Parts, St: Store> Addresses<A> for Table<A, L, K, St> {
    #[inline]
    fn is_live(&self, slot: usize) -> bool {
        Self::is_live(self, slot)
    }

    #[inline]
    fn addr(&self, slot: usize) -> Option<&A> {
        self.last_endpoint(slot).map(|endpoint| &endpoint.addr)
    }

    fn slots(&self) -> usize {
        self.len()
    }
}

impl<A: fmt::Debug, L: Load, K: Parts, St: Store> fmt::Debug for Table<A, L, K, St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
