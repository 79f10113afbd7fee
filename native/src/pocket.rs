//! Where a thread keeps the snapshot that it picks from.

use core::ptr;

use crate::sync::Arc;
use crate::sync::atomic::{
    AtomicPtr,
    Ordering::{Acquire, Relaxed, Release},
};

/// Room for one `Arc`. One thread puts it in; that thread and any other may take it out.
///
/// Taking is one locked operation and putting is none: an arc-swap load takes two, and an `Arc`'s
/// own count would be one that threads share.
#[derive(Debug)]
pub(crate) struct Pocket<T> {
    /// From `Arc::into_raw`, or null.
    inside: AtomicPtr<T>,
}

impl<T: Send + Sync> Pocket<T> {
    /// Makes an empty one: only of what may be used and dropped by any thread, as all others need
    /// not ask for that again.
    pub(crate) fn new() -> Self {
        Self { inside: AtomicPtr::new(ptr::null_mut()) }
    }
}

impl<T> Pocket<T> {
    /// Takes out what is in it.
    #[inline]
    #[expect(unsafe_code, reason = "an `Arc` in one word")]
    pub(crate) fn take(&self) -> Option<Arc<T>> {
        let inside = self.inside.swap(ptr::null_mut(), Acquire);
        if inside.is_null() {
            return None;
        }
        // SAFETY: only `put` stores anything but null: a pointer of `Arc::into_raw`, once, with the
        // count that belongs to it. Whoever swaps it out is the only one to get it, and takes over
        // that count. `Acquire` pairs with the `Release` of `put`. It may have been put in by another
        // thread, for `T` is `Send` and `Sync`: without that there is no pocket (see `new`).
        Some(unsafe { Arc::from_raw(inside) })
    }

    /// Puts it in, or drops it if there is something already. Called by two threads at once, one of
    /// them may be leaked, and no more: that of the pocket does it alone.
    #[inline]
    pub(crate) fn put(&self, content: Arc<T>) {
        // Nobody else puts anything in.
        if self.inside.load(Relaxed).is_null() {
            self.inside.store(Arc::into_raw(content).cast_mut(), Release);
        }
    }
}

impl<T> Drop for Pocket<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_is_taken_once() {
        let (pocket, content) = (Pocket::new(), Arc::new(1));
        assert!(pocket.take().is_none());
        pocket.put(Arc::clone(&content));
        assert_eq!(Arc::strong_count(&content), 2);
        // It is full: the second is dropped.
        pocket.put(Arc::new(2));
        assert_eq!(pocket.take().as_deref(), Some(&1));
        assert!(pocket.take().is_none());
        pocket.put(Arc::clone(&content));
        drop(pocket);
        assert_eq!(Arc::strong_count(&content), 1);
    }

    #[test]
    fn of_a_thread_that_puts_and_others_that_take_nothing_is_lost() {
        let (pocket, content) = (Pocket::new(), Arc::new(()));
        let times = if cfg!(miri) { 100 } else { 20_000 };
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..times {
                        drop(pocket.take());
                    }
                });
            }
            for _ in 0..times {
                let held = pocket.take().unwrap_or_else(|| Arc::clone(&content));
                pocket.put(held);
            }
        });
        drop(pocket);
        assert_eq!(Arc::strong_count(&content), 1);
    }
}
