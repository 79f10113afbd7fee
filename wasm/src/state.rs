//! What a balancer has learned, as bytes.

use alloc::string::String;
use alloc::vec::Vec;

use evenkeel_core::State;
use wasm_bindgen::prelude::*;

use crate::balancer::Balancer;
use crate::convert::{duration, instant};
use crate::fault::Fault;

#[wasm_bindgen]
impl Balancer {
    /// Returns the core's `State` as bytes, of which text is made outside.
    pub fn export_state(&self, now: f64) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.core.export(instant(now)).write(&mut |piece| bytes.extend_from_slice(piece));
        bytes
    }

    /// Goes on with an exported state that is so many milliseconds old: of how many endpoints, how
    /// many know better, and how many are not in the set. Nothing for bytes that are no state, and
    /// for one that cannot be used: then there is a [`fault`](Self::fault).
    pub fn import_state(&mut self, now: f64, bytes: &[u8], age: f64) -> Vec<u32> {
        let address = |key: &[u8]| core::str::from_utf8(key).ok().map(String::from);
        let Some(state) = State::<String>::read(bytes, address) else { return Vec::new() };
        match self.core.import(instant(now), &state.aged(duration(age))) {
            Ok(imported) => {
                [imported.endpoints, imported.kept, imported.unknown].map(|n| n as u32).into()
            }
            Err(error) => {
                self.fault = Some(Fault::of_state(error));
                Vec::new()
            }
        }
    }
}
