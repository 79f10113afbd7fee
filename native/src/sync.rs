//! What threads share memory by: the standard library's. `tests/loom` takes the modules that import it
//! from here with loom's, which tries every order that there may be.

pub(crate) use core::sync::atomic;
pub(crate) use std::sync::{Arc, Mutex, PoisonError};
