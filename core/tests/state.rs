//! What a balancer has learned outlives it: exported, kept as text or bytes, and taken over by the next one.
//!
//! The cases are the same in every run; `PROPTEST_RNG_SEED` and `PROPTEST_CASES` ask for others, or more.
#![cfg(all(feature = "alloc", feature = "serde"))]

#[path = "state/bed.rs"]
mod bed;
#[path = "state/bounds.rs"]
mod bounds;
#[path = "state/form.rs"]
mod form;
#[path = "state/goes_on.rs"]
mod goes_on;
#[path = "support/groups.rs"]
#[allow(dead_code)] // Not all of it is wanted here.
mod groups;
#[path = "state/operator.rs"]
mod operator;
#[path = "state/refused.rs"]
mod refused;
#[path = "state/time.rs"]
mod time;
