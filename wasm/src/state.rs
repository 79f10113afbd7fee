//! What a balancer has learned, as bytes.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use evenkeel_core::State;
use wasm_bindgen::prelude::*;

use crate::balancer::Balancer;
use crate::convert::{duration, instant};

#[wasm_bindgen]
impl Balancer {
    /// Returns the core's `State` in postcard's form, of which text is made outside.
    pub fn export_state(&self, now: f64) -> Vec<u8> {
        postcard::to_allocvec(&self.core.export(instant(now))).unwrap_or_default()
    }

    /// Goes on with an exported state that is so many milliseconds old: of how many endpoints, how
    /// many know better, and how many are not in the set. Nothing, and an
    /// [`error`](Self::error), for a state that cannot be used.
    pub fn import_state(&mut self, now: f64, bytes: &[u8], age: f64) -> Vec<u32> {
        let Ok(state) = postcard::from_bytes::<State<String>>(bytes) else {
            self.error = Some("the text is not what a balancer of this version exports".into());
            return Vec::new();
        };
        match self.core.import(instant(now), &state.aged(duration(age))) {
            Ok(imported) => {
                [imported.endpoints, imported.kept, imported.unknown].map(|n| n as u32).into()
            }
            Err(error) => {
                self.error = Some(error.to_string());
                Vec::new()
            }
        }
    }
}
