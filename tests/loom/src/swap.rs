//! What arc-swap does, by a lock.

use core::fmt;
use core::ops::Deref;

use crate::sync::{Arc, Mutex};

pub(crate) struct ArcSwap<T>(Mutex<Arc<T>>);

/// A loaded pointer.
pub(crate) struct Guard<A>(A);

impl<T> ArcSwap<T> {
    pub(crate) fn new(first: Arc<T>) -> Self {
        Self(Mutex::new(first))
    }

    pub(crate) fn load(&self) -> Guard<Arc<T>> {
        Guard(self.load_full())
    }

    pub(crate) fn load_full(&self) -> Arc<T> {
        Arc::clone(&self.0.lock().expect("nobody panics"))
    }

    pub(crate) fn swap(&self, next: Arc<T>) -> Arc<T> {
        core::mem::replace(&mut *self.0.lock().expect("nobody panics"), next)
    }
}

impl<T> Deref for Guard<Arc<T>> {
    type Target = Arc<T>;

    fn deref(&self) -> &Arc<T> {
        &self.0
    }
}

impl<T> fmt::Debug for ArcSwap<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ArcSwap")
    }
}
