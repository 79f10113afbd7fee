//! Where lists live: on the heap, or inline in a fixed capacity.

use core::cmp::Ordering;
use core::fmt;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};

/// Chooses the storage of every list in a balancer.
pub trait Store: 'static {
    /// A growable list of `T`.
    type List<T>: List<T>;

    /// A list that only some policies and settings need; see [`Lean`].
    type Extra<T>: List<T>;
}

/// Lists on the heap, without a limit.
#[cfg(feature = "alloc")]
#[derive(Clone, Copy, Debug)]
pub enum Heap {}

#[cfg(feature = "alloc")]
impl Store for Heap {
    type List<T> = alloc::vec::Vec<T>;
    type Extra<T> = alloc::vec::Vec<T>;
}

/// Lists of at most `N` elements, stored in place: no allocator needed.
#[derive(Clone, Copy, Debug)]
pub enum Inline<const N: usize> {}

impl<const N: usize> Store for Inline<N> {
    type List<T> = heapless::Vec<T, N>;
    type Extra<T> = heapless::Vec<T, N>;
}

/// Lists as in `S`, without those that only some policies and settings need: for firmware that has no RAM to spare.
///
/// What it leaves out are the hashes of addresses, answer times, the ends of slow starts, and events. So it is for policies that
/// [need no hash](crate::Policy::hashes) and [do not look at the time](crate::Policy::timed): to others, all endpoints look alike.
/// [`Balancer::events`](crate::Balancer::events) never has any.
#[derive(Clone, Copy, Debug)]
pub struct Lean<S>(PhantomData<S>);

impl<S: Store> Store for Lean<S> {
    type List<T> = S::List<T>;
    type Extra<T> = Nothing<T>;
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

    /// Appends as many of `values` as there is room for.
    fn try_extend(&mut self, values: &[T])
    where
        T: Copy;

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

    fn try_extend(&mut self, values: &[T])
    where
        T: Copy,
    {
        self.extend_from_slice(values);
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
        if cfg!(target_arch = "wasm32") {
            heap_sort(self, compare);
        } else {
            self.sort_unstable_by(compare);
        }
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

    fn try_extend(&mut self, values: &[T])
    where
        T: Copy,
    {
        let room = (N - self.len()).min(values.len());
        // As many as there is room for.
        let _ = self.extend_from_slice(&values[..room]);
    }

    fn try_insert(&mut self, index: usize, value: T) -> Result<(), T> {
        if N > SHORT {
            return self.insert(index, value);
        }
        self.push(value)?;
        for place in (index + 1..self.len()).rev() {
            swap_pair(self, place);
        }
        Ok(())
    }

    fn take(&mut self, index: usize) -> Option<T> {
        if N > SHORT {
            return (index < self.len()).then(|| self.remove(index));
        }
        for place in index + 1..self.len() {
            swap_pair(self, place);
        }
        if index < self.len() { self.pop() } else { None }
    }

    fn shorten(&mut self, len: usize) {
        self.truncate(len);
    }

    fn sort_with(&mut self, compare: impl FnMut(&T, &T) -> Ordering) {
        heap_sort(self, compare);
    }

    fn keep(&mut self, keep: impl FnMut(&mut T) -> bool) {
        self.retain_mut(keep);
    }
}

/// A list that never holds anything.
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
    const LIMIT: usize = 0;

    fn try_push(&mut self, value: T) -> Result<(), T> {
        Err(value)
    }

    fn try_extend(&mut self, _values: &[T])
    where
        T: Copy,
    {
    }

    fn try_insert(&mut self, _index: usize, value: T) -> Result<(), T> {
        Err(value)
    }

    fn take(&mut self, _index: usize) -> Option<T> {
        None
    }

    fn shorten(&mut self, _len: usize) {}

    fn sort_with(&mut self, _compare: impl FnMut(&T, &T) -> Ordering) {}

    fn keep(&mut self, _keep: impl FnMut(&mut T) -> bool) {}
}

/// Lists of at most so many elements are moved one by one: what moves any number of bytes takes more than a kilobyte on small
/// processors.
const SHORT: usize = 64;

/// Whether a store's lists hold so few elements that going through one costs less than the code which avoids it.
pub(crate) const fn is_short<S: Store>() -> bool {
    <S::List<u8> as List<u8>>::LIMIT <= SHORT
}

/// Swaps the element at `place` with the one before it.
fn swap_pair<T>(list: &mut [T], place: usize) {
    if let Some([before, at]) = list.get_mut(place - 1..=place) {
        core::mem::swap(before, at);
    }
}

/// Heapsort, where size matters: the library's sort is faster and takes up to ten kilobytes for each kind of list.
fn heap_sort<T>(list: &mut [T], mut compare: impl FnMut(&T, &T) -> Ordering) {
    // The first steps make a heap of the list, the others take its greatest out, one by one.
    for step in (0..list.len() + list.len() / 2).rev() {
        let (mut at, mut end) = (0, step);
        if step < list.len() {
            list.swap(0, step);
        } else {
            (at, end) = (step - list.len(), list.len());
        }
        loop {
            let mut child = 2 * at + 1;
            if child >= end {
                break;
            }
            if child + 1 < end && compare(&list[child], &list[child + 1]).is_lt() {
                child += 1;
            }
            if compare(&list[at], &list[child]).is_ge() {
                break;
            }
            list.swap(at, child);
            at = child;
        }
    }
}

/// Sets the element of a slot. Slots are handed out one by one, so an index is at most one past the end, and within the
/// capacity.
pub(crate) fn put<T>(rows: &mut impl List<T>, index: usize, row: T) {
    match rows.get_mut(index) {
        Some(known) => *known = row,
        None => drop(rows.try_push(row)),
    }
}

/// A copy of a list in a list of the same store.
pub(crate) fn copied<T: Copy, L: List<T>>(list: &[T]) -> L {
    let mut copy = L::default();
    // Both have the same capacity.
    copy.try_extend(list);
    copy
}

/// Shows a list of any store.
pub(crate) struct DebugList<'a, T>(pub(crate) &'a [T]);

impl<T: fmt::Debug> fmt::Debug for DebugList<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::heap_sort;

    #[test]
    fn heap_sort_sorts() {
        for len in 0..6 {
            for code in 0..6_u32.pow(len) {
                let mut list: heapless::Vec<_, 6> = (0..len).map(|place| code / 6_u32.pow(place) % 6).collect();
                let mut sorted = list.clone();
                sorted.sort_unstable();
                heap_sort(&mut list, u32::cmp);
                assert_eq!(list, sorted);
            }
        }
    }
}
