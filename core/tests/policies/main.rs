//! The policies, over views that a test makes up: published vectors, oracles, shares, extremes.
#![cfg(feature = "alloc")]
#![allow(clippy::cast_precision_loss, reason = "tests compare with floating point on purpose")]

mod boxed;
mod estimates;
mod fixture;
mod hashing;
mod load;
mod rotation;
mod text;
mod traffic;
mod weighted;
