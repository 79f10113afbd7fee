//! The policies, over views that a test makes up: published vectors, oracles, shares, extremes.
#![cfg(feature = "alloc")]
#![allow(clippy::cast_precision_loss, reason = "tests compare with floating point on purpose")]

mod boxed;
mod by_weight;
mod clock;
mod estimates;
mod fixture;
mod hashing;
mod load;
mod rebuilds;
mod refusals;
mod rotation;
mod text;
mod traffic;
mod turns;
mod weighted;
