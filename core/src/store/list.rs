use core::cmp::Ordering;
use core::fmt;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};

/// A list with an optional limit: `Vec` and `heapless::Vec`.
pub trait List<T>: Default + DerefMut<Target = [T]> + IntoIterator<Item = T> {
    /// The empty list.
    const NEW: Self;
    /// The most elements that it can ever hold; `usize::MAX` for no limit of its own.
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
    fn sort_with(&mut self, compare: impl FnMut(&T, &T) -> Ordering) {
        sort_small(self, compare);
    }

    /// Makes room for `more` elements, where that saves time.
    fn expect(&mut self, _more: usize) {}

    /// Returns a copy of at most [`Self::LIMIT`] elements.
    fn copied(from: &[T]) -> Self
    where
        T: Clone,
    {
        let mut copy = Self::NEW;
        for value in from {
            if copy.try_push(value.clone()).is_err() {
                break;
            }
        }
        copy
    }
}

#[cfg(feature = "alloc")]
impl<T> List<T> for alloc::vec::Vec<T> {
    const NEW: Self = Self::new();
    const LIMIT: usize = usize::MAX;

    #[inline]
    fn try_push(&mut self, value: T) -> Result<(), T> {
        self.push(value);
        Ok(())
    }

    fn try_insert(&mut self, index: usize, value: T) -> Result<(), T> {
        if index > self.len() {
            return Err(value);
        }
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
        // The library's sort takes up to ten kilobytes of WebAssembly for each kind of list.
        if cfg!(target_arch = "wasm32") {
            sort_small(self, compare);
        } else {
            self.sort_unstable_by(compare);
        }
    }

    fn expect(&mut self, more: usize) {
        self.reserve(more);
    }
}

impl<T, const N: usize> List<T> for heapless::Vec<T, N> {
    const NEW: Self = Self::new();
    const LIMIT: usize = N;

    #[inline]
    fn try_push(&mut self, value: T) -> Result<(), T> {
        self.push(value)
    }

    fn try_insert(&mut self, index: usize, value: T) -> Result<(), T> {
        self.push(value)?;
        if let Some(moved) = self.get_mut(index..) {
            rotate(moved, true);
        }
        Ok(())
    }

    fn take(&mut self, index: usize) -> Option<T> {
        rotate(self.get_mut(index..)?, false);
        self.pop()
    }

    fn shorten(&mut self, len: usize) {
        self.truncate(len);
    }
}

/// Moves the last element to the front, or the first to the end, one step at a time: what moves
/// any number of bytes takes more than a kilobyte on small processors.
fn rotate<T>(list: &mut [T], last_first: bool) {
    for step in 1..list.len() {
        let at = if last_first { list.len() - step } else { step };
        if let Some([before, here]) = list.get_mut(at - 1..=at) {
            core::mem::swap(before, here);
        }
    }
}

/// Sorts in place by shrinking gaps (Shell 1959): small, and quick for lists sorted before.
fn sort_small<T>(list: &mut [T], mut compare: impl FnMut(&T, &T) -> Ordering) {
    let len = list.len();
    let mut order = |before: usize, at: usize| {
        if let Some([a, .., b]) = list.get_mut(before..=at)
            && compare(a, b).is_gt()
        {
            core::mem::swap(a, b);
            return true;
        }
        false
    };
    if cfg!(target_arch = "wasm32") {
        // Who downloads code counts its bytes: it is there once, for all lists.
        sort_steps(len, &mut order as &mut dyn FnMut(usize, usize) -> bool);
    } else {
        sort_steps(len, &mut order);
    }
}

/// Sorts by `order`, which swaps two elements if they are not in order, and tells if it did.
fn sort_steps(len: usize, order: &mut (impl FnMut(usize, usize) -> bool + ?Sized)) {
    let mut gap = len;
    while gap > 1 {
        // 5/11 of the gap before (Gonnet and Baeza-Yates), and 1 in the end.
        gap = (gap * 5 / 11).max(1);
        for end in gap..len {
            let mut at = end;
            while at >= gap && order(at - gap, at) {
                at -= gap;
            }
        }
    }
}

/// Shows a list of any store.
pub(crate) struct DebugList<'a, T>(pub(crate) &'a [T]);

impl<T: fmt::Debug> fmt::Debug for DebugList<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0).finish()
    }
}

/// A list that never holds anything: of a part that is switched off.
#[derive(Clone, Copy, Debug)]
pub struct Nothing<T>(PhantomData<T>);

impl<T> Default for Nothing<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T> Deref for Nothing<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &[]
    }
}

impl<T> DerefMut for Nothing<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut []
    }
}

impl<T> IntoIterator for Nothing<T> {
    type Item = T;
    type IntoIter = core::iter::Empty<T>;

    fn into_iter(self) -> Self::IntoIter {
        core::iter::empty()
    }
}

impl<T> List<T> for Nothing<T> {
    const NEW: Self = Self(PhantomData);
    const LIMIT: usize = 0;

    fn try_push(&mut self, value: T) -> Result<(), T> {
        Err(value)
    }

    fn try_insert(&mut self, _: usize, value: T) -> Result<(), T> {
        Err(value)
    }

    fn take(&mut self, _: usize) -> Option<T> {
        None
    }

    fn shorten(&mut self, _: usize) {}
}
