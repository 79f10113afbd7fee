//! Where what JavaScript holds lives on this side: behind small numbers, used again once free.

use alloc::vec::Vec;

use atomic_refcell::{AtomicRefCell, AtomicRefMut};

/// Rows behind handles. A handle that is free, or was never given, finds nothing.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    rows: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self { rows: Vec::new(), free: Vec::new() }
    }

    /// Keeps `row` behind the handle that came free last, or else a new one. O(1)
    pub(crate) fn keep(&mut self, row: T) -> u32 {
        if let Some(handle) = self.free.pop()
            && let Some(place) = self.rows.get_mut(handle as usize)
        {
            *place = Some(row);
            return handle;
        }
        self.rows.push(Some(row));
        (self.rows.len() - 1) as u32
    }

    pub(crate) fn get(&self, handle: u32) -> Option<&T> {
        self.rows.get(handle as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, handle: u32) -> Option<&mut T> {
        self.rows.get_mut(handle as usize)?.as_mut()
    }

    /// Takes the row out; its handle will be used again. O(1)
    pub(crate) fn take(&mut self, handle: u32) -> Option<T> {
        let row = self.rows.get_mut(handle as usize)?;
        if row.is_some() {
            self.free.push(handle);
        }
        row.take()
    }
}

/// A slab of which there is one. Nothing here calls JavaScript, so it is never in use already.
pub(crate) struct Shelf<T>(AtomicRefCell<Slab<T>>);

impl<T> Shelf<T> {
    pub(crate) const fn new() -> Self {
        Self(AtomicRefCell::new(Slab::new()))
    }

    /// Not inlined: the check is larger than the call.
    #[inline(never)]
    pub(crate) fn open(&self) -> AtomicRefMut<'_, Slab<T>> {
        self.0.borrow_mut()
    }

    /// Does the same without a call, for the way of each request.
    #[inline]
    pub(crate) fn open_inline(&self) -> AtomicRefMut<'_, Slab<T>> {
        self.0.borrow_mut()
    }

    /// Returns the row behind `handle`, if there is one. Not inlined, either.
    #[inline(never)]
    pub(crate) fn find(&self, handle: u32) -> Option<AtomicRefMut<'_, T>> {
        AtomicRefMut::filter_map(self.0.borrow_mut(), |slab| slab.get_mut(handle))
    }

    /// Does something with the row behind `handle`, if there is one.
    pub(crate) fn with<R>(&self, handle: u32, act: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.find(handle).map(|mut row| act(&mut row))
    }
}
