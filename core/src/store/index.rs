#[cfg(feature = "alloc")]
use alloc::vec::Vec;

/// The addresses of slots.
pub(crate) trait Addresses<A> {
    /// Tells that a slot is in use.
    fn is_live(&self, slot: usize) -> bool;

    /// Returns the address of a slot that is in use, or was.
    fn addr(&self, slot: usize) -> Option<&A>;

    /// Returns how many slots were ever in use.
    fn slots(&self) -> usize;
}

/// Finds slots by address, and lists them in the order of addresses.
pub trait Index: 'static {
    /// No slots.
    const NEW: Self;

    /// Returns the slot of an address. `hint` is the place of the one found before, plus 1.
    #[doc(hidden)]
    #[expect(private_bounds, reason = "stores are ours")]
    fn find<A: Ord>(
        &self,
        rows: &(impl Addresses<A> + ?Sized),
        addr: &A,
        hint: &mut usize,
    ) -> Option<usize>;

    /// Returns the slot of the least address above another, or of the least of all.
    #[doc(hidden)]
    #[expect(private_bounds, reason = "stores are ours")]
    fn after<A: Ord>(&self, rows: &(impl Addresses<A> + ?Sized), addr: Option<&A>)
    -> Option<usize>;

    /// Returns a slot below which none is free.
    #[doc(hidden)]
    fn free(&self) -> usize {
        0
    }

    /// Notes a slot below which none is free.
    #[doc(hidden)]
    fn set_free(&mut self, _slot: usize) {}

    /// Notes a slot that has got an address. Several come in the order of addresses, then
    /// [`settle`](Self::settle).
    #[doc(hidden)]
    fn add(&mut self, _slot: usize) {}

    /// Merges the slots that were added.
    #[doc(hidden)]
    #[expect(private_bounds, reason = "stores are ours")]
    fn settle<A: Ord>(&mut self, _rows: &(impl Addresses<A> + ?Sized)) {}

    /// Returns the slot at a place of the order, where one is kept.
    #[doc(hidden)]
    #[inline]
    fn at(&self, _place: usize) -> Option<usize> {
        None
    }

    /// Forgets the slots at these places of the order, which are in order.
    #[doc(hidden)]
    fn forget_places(&mut self, _places: &[u32]) {}

    /// Forgets slots that are no longer in use: the one at the place `hint`, or any with 0.
    #[doc(hidden)]
    #[expect(private_bounds, reason = "stores are ours")]
    fn forget<A: Ord>(&mut self, _rows: &(impl Addresses<A> + ?Sized), _hint: usize) {}
}

/// Looks at all slots: the least code, for few endpoints.
#[derive(Clone, Copy, Debug)]
pub struct Scan;

#[expect(private_bounds, reason = "stores are ours")]
impl Index for Scan {
    const NEW: Self = Self;

    fn find<A: Ord>(
        &self,
        rows: &(impl Addresses<A> + ?Sized),
        addr: &A,
        _: &mut usize,
    ) -> Option<usize> {
        let live = (0..rows.slots()).filter(|&slot| rows.is_live(slot));
        { live }.find(|&slot| rows.addr(slot) == Some(addr))
    }

    fn after<A: Ord>(
        &self,
        rows: &(impl Addresses<A> + ?Sized),
        addr: Option<&A>,
    ) -> Option<usize> {
        let mut least: Option<(usize, &A)> = None;
        for slot in (0..rows.slots()).filter(|&slot| rows.is_live(slot)) {
            if let Some(this) = rows.addr(slot)
                && addr.is_none_or(|addr| this > addr)
                && least.is_none_or(|(_, least)| this < least)
            {
                least = Some((slot, this));
            }
        }
        least.map(|(slot, _)| slot)
    }
}

/// Keeps the slots in the order of their addresses.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug)]
pub struct Sorted {
    order: Vec<u32>,
    /// The number of those in order; the others were added since.
    settled: usize,
    /// No slot below it is free.
    free: usize,
}

#[cfg(feature = "alloc")]
impl Sorted {
    fn addr<'a, A>(&self, rows: &'a (impl Addresses<A> + ?Sized), place: usize) -> Option<&'a A> {
        self.order.get(place).and_then(|&slot| rows.addr(slot as usize))
    }

    /// Returns how many of the first `settled` places have an address for which `before` holds.
    fn place<A>(&self, rows: &(impl Addresses<A> + ?Sized), before: impl Fn(&A) -> bool) -> usize {
        let settled = self.order.get(..self.settled).unwrap_or_default();
        settled.partition_point(|&slot| rows.addr(slot as usize).is_some_and(&before))
    }
}

#[cfg(feature = "alloc")]
#[expect(private_bounds, reason = "stores are ours")]
impl Index for Sorted {
    const NEW: Self = Self { order: Vec::new(), settled: 0, free: 0 };

    fn free(&self) -> usize {
        self.free
    }

    fn set_free(&mut self, slot: usize) {
        self.free = slot;
    }

    #[inline]
    fn find<A: Ord>(
        &self,
        rows: &(impl Addresses<A> + ?Sized),
        addr: &A,
        hint: &mut usize,
    ) -> Option<usize> {
        let mut place = *hint;
        // Updates come in order, mostly.
        if self.addr(rows, place) != Some(addr) {
            place = self.place(rows, |other| other < addr);
            if self.addr(rows, place) != Some(addr) || place >= self.settled {
                return None;
            }
        }
        *hint = place + 1;
        self.order.get(place).map(|&slot| slot as usize)
    }

    fn after<A: Ord>(
        &self,
        rows: &(impl Addresses<A> + ?Sized),
        addr: Option<&A>,
    ) -> Option<usize> {
        let place = addr.map_or(0, |addr| self.place(rows, |other| other <= addr));
        self.order.get(place).map(|&slot| slot as usize)
    }

    fn add(&mut self, slot: usize) {
        self.order.push(slot as u32);
    }

    /// Merges from the end: each added slot moves what lies between it and the next one, once.
    fn settle<A: Ord>(&mut self, rows: &(impl Addresses<A> + ?Sized)) {
        let added = self.order.get(self.settled..).unwrap_or_default().to_vec();
        let mut old = self.settled;
        for (before, &slot) in added.iter().enumerate().rev() {
            let addr = rows.addr(slot as usize);
            let is_last = old == 0 || self.addr(rows, old - 1) < addr;
            let settled = self.order.get(..old).unwrap_or_default();
            let place = if is_last {
                old
            } else {
                settled.partition_point(|&slot| rows.addr(slot as usize) < addr)
            };
            if let Some(moved) = self.order.get_mut(place..=old + before) {
                moved.rotate_right(before + 1);
            }
            old = place;
            if let Some(here) = self.order.get_mut(place + before) {
                *here = slot;
            }
        }
        self.settled = self.order.len();
    }

    #[inline]
    fn at(&self, place: usize) -> Option<usize> {
        self.order.get(place).map(|&slot| slot as usize)
    }

    fn forget_places(&mut self, places: &[u32]) {
        if places.is_empty() {
            return;
        }
        let (mut place, mut gone) = (0, 0);
        self.order.retain(|_| {
            let keeps = places.get(gone) != Some(&place);
            gone += usize::from(!keeps);
            place += 1;
            keeps
        });
        self.settled = self.order.len();
    }

    fn forget<A: Ord>(&mut self, rows: &(impl Addresses<A> + ?Sized), hint: usize) {
        match hint.checked_sub(1).filter(|&place| place < self.order.len()) {
            Some(place) => drop(self.order.remove(place)),
            None => self.order.retain(|&slot| rows.is_live(slot as usize)),
        }
        self.settled = self.order.len();
    }
}
