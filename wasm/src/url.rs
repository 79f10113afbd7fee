//! Endpoints' URLs: JavaScript holds them, and here they are numbers.

use alloc::boxed::Box;
use core::cmp::Ordering;

use evenkeel_core::Address;
use wasm_bindgen::prelude::*;

use crate::memory;
use crate::slab::Shelf;

static TEXTS: Shelf<Box<[u8]>> = Shelf::new();

/// Keeps the URL that was written into [`room`](memory::room), until [`forget_url`]: its number.
#[wasm_bindgen]
pub fn keep_url() -> u32 {
    let text = memory::bytes().as_slice().into();
    TEXTS.open().keep(text)
}

/// Forgets a URL. No balancer may have an endpoint of it any more, nor have had one in a slot that
/// is not in use again.
#[wasm_bindgen]
pub fn forget_url(url: u32) {
    TEXTS.open().take(url);
}

/// A URL by its number: in the order of its text, and hashed as its text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Url(pub(crate) u32);

impl Url {
    /// Keeps a text for as long as [`forget_url`] has not been told its number.
    #[cfg(feature = "full")]
    pub(crate) fn keep(text: &[u8]) -> Self {
        Self(TEXTS.open().keep(text.into()))
    }
}

impl Address for Url {
    fn key(&self, sink: &mut dyn FnMut(&[u8])) {
        if let Some(text) = TEXTS.open().get(self.0) {
            sink(text);
        }
    }
}

impl Ord for Url {
    #[inline(never)]
    fn cmp(&self, other: &Self) -> Ordering {
        if self.0 == other.0 {
            return Ordering::Equal;
        }
        let texts = TEXTS.open();
        texts.get(self.0).cmp(&texts.get(other.0))
    }
}

impl PartialOrd for Url {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Url {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Url {}
