//! What a real Envoy 1.40 did, and that we do the same; `tests/envoy/regenerate` asks one again.
#![cfg(feature = "alloc")]

mod ejection;
mod hashing;
mod levels;
mod vectors;
mod zones;
