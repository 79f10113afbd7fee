//! Where lists live: on the heap, or inline in a fixed capacity.

use core::cmp::Ordering;
use core::fmt;
use core::ops::DerefMut;

/// Chooses the storage of every list in a balancer.
pub trait Store: 'static {
    /// A growable list of `T`.
    type List<T>: List<T>;
}

/// Lists on the heap, without a limit.
#[cfg(feature = "alloc")]
#[derive(Clone, Copy, Debug)]
pub enum Heap {}

#[cfg(feature = "alloc")]
impl Store for Heap {
    type List<T> = alloc::vec::Vec<T>;
}

/// Lists of at most `N` elements, stored in place: no allocator needed.
#[derive(Clone, Copy, Debug)]
pub enum Inline<const N: usize> {}

impl<const N: usize> Store for Inline<N> {
    type List<T> = heapless::Vec<T, N>;
}

/// A list with an optional limit: `Vec` and `heapless::Vec`.
pub trait List<T>: Default + DerefMut<Target = [T]> + IntoIterator<Item = T> {
    /// Most elements it can ever hold; `usize::MAX` for "no limit of its own".
    const LIMIT: usize;

    /// Appends `value`, or gives it back when the list is full.
    ///
    /// # Errors
    /// The value, when the list holds [`Self::LIMIT`] elements.
    fn try_push(&mut self, value: T) -> Result<(), T>;

    /// Inserts `value` at `index <= len`, moving what follows; gives it back when the list is full.
    ///
    /// # Errors
    /// The value, when the list holds [`Self::LIMIT`] elements.
    fn try_insert(&mut self, index: usize, value: T) -> Result<(), T>;

    /// Takes out the element at `index`, moving what follows.
    fn take(&mut self, index: usize) -> Option<T>;

    /// Drops all elements from `len` on.
    fn shorten(&mut self, len: usize);

    /// Sorts; equal elements may end up in any order.
    fn sort_with(&mut self, compare: impl FnMut(&T, &T) -> Ordering);

    /// Keeps the elements for which `keep` holds, in order.
    fn keep(&mut self, keep: impl FnMut(&mut T) -> bool);
}

#[cfg(feature = "alloc")]
impl<T> List<T> for alloc::vec::Vec<T> {
    const LIMIT: usize = usize::MAX;

    fn try_push(&mut self, value: T) -> Result<(), T> {
        self.push(value);
        Ok(())
    }

    fn try_insert(&mut self, index: usize, value: T) -> Result<(), T> {
        self.insert(index, value);
        Ok(())
    }

    fn take(&mut self, index: usize) -> Option<T> {
        (index < self.len()).then(|| self.remove(index))
    }

    fn shorten(&mut self, len: usize) {
        self.truncate(len);
    }

    fn sort_with(&mut self, compare: impl FnMut(&T, &T) -> Ordering) {
        self.sort_unstable_by(compare);
    }

    fn keep(&mut self, keep: impl FnMut(&mut T) -> bool) {
        self.retain_mut(keep);
    }
}

impl<T, const N: usize> List<T> for heapless::Vec<T, N> {
    const LIMIT: usize = N;

    fn try_push(&mut self, value: T) -> Result<(), T> {
        self.push(value)
    }

    fn try_insert(&mut self, index: usize, value: T) -> Result<(), T> {
        self.insert(index, value)
    }

    fn take(&mut self, index: usize) -> Option<T> {
        (index < self.len()).then(|| self.remove(index))
    }

    fn shorten(&mut self, len: usize) {
        self.truncate(len);
    }

    /// Insertion sort: the library's sort would take kilobytes of flash.
    fn sort_with(&mut self, mut compare: impl FnMut(&T, &T) -> Ordering) {
        for sorted in 1..self.len() {
            let mut at = sorted;
            while at > 0 && compare(&self[at], &self[at - 1]).is_lt() {
                self.swap(at, at - 1);
                at -= 1;
            }
        }
    }

    fn keep(&mut self, keep: impl FnMut(&mut T) -> bool) {
        self.retain_mut(keep);
    }
}

/// Shows a list of any store.
pub(crate) struct DebugList<'a, T>(pub(crate) &'a [T]);

impl<T: fmt::Debug> fmt::Debug for DebugList<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0).finish()
    }
}
