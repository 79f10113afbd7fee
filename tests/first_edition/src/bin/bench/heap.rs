//! How much memory is in use.
#![allow(unsafe_code)] // An allocator cannot be without.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::alloc::{GlobalAlloc, Layout, System};

/// The system's allocator, and an account of what it gave.
struct Counting;

static BYTES: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: all is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps to the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps to the contract.
        unsafe { System.dealloc(block, layout) }
    }
}

/// How many bytes are in use that `make` left behind.
pub(crate) fn held<T>(make: impl FnOnce() -> T) -> usize {
    let before = BYTES.load(Ordering::Relaxed);
    let made = make();
    let after = BYTES.load(Ordering::Relaxed);
    drop(made);
    after.saturating_sub(before)
}
