//! What a balancer has learned, as bytes.

use alloc::vec::Vec;
use core::cell::RefCell;

use evenkeel_core::State;
use wasm_bindgen::prelude::*;

use crate::balancer::BALANCERS;
use crate::convert::{duration, instant};
use crate::fault::Fault;
use crate::memory;
use crate::url::{Url, forget_url};

/// Writes the core's `State` as bytes, of which text is made outside: how many.
#[wasm_bindgen]
pub fn export_state(balancer: u32, now: f64) -> usize {
    let mut bytes = memory::bytes();
    bytes.clear();
    BALANCERS.with(balancer, |balancer| {
        let state = balancer.core.export(instant(now));
        state.write(&mut |piece| bytes.extend_from_slice(piece));
    });
    bytes.len()
}

/// Goes on with an exported state, written into [`room`](memory::room), that is so many milliseconds
/// old. Writes of how many endpoints, how many know better, and how many are not in the set; tells
/// that it did. For bytes that are no state, and for one that cannot be used, it does not: then
/// there is a [fault](crate::balancer::fault).
#[wasm_bindgen]
pub fn import_state(balancer: u32, now: f64, age: f64) -> bool {
    let read = RefCell::new(Vec::new());
    let address = |key: &[u8]| {
        let url = Url::keep(key);
        read.borrow_mut().push(url);
        Some(url)
    };
    let state = State::<Url>::read(&memory::bytes(), address);
    let imported = BALANCERS.with(balancer, |balancer| {
        match balancer.core.import(instant(now), &state?.aged(duration(age))) {
            Ok(imported) => Some(imported),
            Err(error) => {
                balancer.fault = Some(Fault::of_state(error));
                None
            }
        }
    });
    // The core has found its own by these.
    read.into_inner().into_iter().for_each(|Url(url)| forget_url(url));
    let Some(imported) = imported.flatten() else { return false };
    memory::write_counts([imported.endpoints, imported.kept, imported.unknown]);
    true
}
