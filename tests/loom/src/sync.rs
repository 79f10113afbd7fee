//! What threads share memory by.

pub(crate) use loom::sync::{Arc, Mutex};
pub(crate) use std::sync::PoisonError;

pub(crate) mod atomic {
    use loom::sync::atomic as loom;
    pub(crate) use loom::{AtomicBool, AtomicU32, AtomicU64, Ordering};

    /// A pointer whose stores are swaps. Loom takes a store for unordered beside a swap that did not
    /// see it, also where that would come between the swap and what it read, which no machine allows.
    #[derive(Debug)]
    pub(crate) struct AtomicPtr<T>(loom::AtomicPtr<T>);

    impl<T> AtomicPtr<T> {
        pub(crate) fn new(pointer: *mut T) -> Self {
            Self(loom::AtomicPtr::new(pointer))
        }

        pub(crate) fn load(&self, order: Ordering) -> *mut T {
            self.0.load(order)
        }

        pub(crate) fn store(&self, pointer: *mut T, order: Ordering) {
            self.0.swap(pointer, order);
        }

        pub(crate) fn swap(&self, pointer: *mut T, order: Ordering) -> *mut T {
            self.0.swap(pointer, order)
        }
    }
}
