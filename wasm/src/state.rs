//! What a balancer has learned, as bytes.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use evenkeel_core::State;
use wasm_bindgen::prelude::*;

use crate::balancer::Balancer;
use crate::convert::{RangeError, duration, instant};

#[wasm_bindgen]
impl Balancer {
    /// The core's `State` in postcard's form, of which text is made outside.
    pub fn export_state(&self, now: f64) -> Vec<u8> {
        postcard::to_allocvec(&self.core.export(instant(now))).unwrap_or_default()
    }

    /// Goes on with an exported state that is so many milliseconds old: of how many endpoints, how many know better, and how
    /// many are not in the set.
    ///
    /// # Errors
    /// `RangeError` for a state that cannot be used.
    pub fn import_state(&mut self, now: f64, bytes: &[u8], age: f64) -> Result<Vec<u32>, RangeError> {
        let state: State<String> = postcard::from_bytes(bytes)
            .map_err(|_| RangeError::new("the text is not what a balancer of this version exports"))?;
        let imported = self
            .core
            .import(instant(now), &state.aged(duration(age)))
            .map_err(|error| RangeError::new(&error.to_string()))?;
        Ok([imported.endpoints, imported.kept, imported.unknown].map(|count| count as u32).into())
    }
}
