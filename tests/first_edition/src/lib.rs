//! Holds the core against its first edition: what it decides (`differential`), and what that costs
//! (`bench`).
//!
//! `tests/first_edition/extract` lays the first edition into `target/first-edition`, as a package
//! of another name. Its words are used for both; [`second`] translates.

pub mod chance;
pub mod edition;
pub mod first;
pub mod life;
pub mod script;
pub mod second;
pub mod shrink;
mod slab;
pub mod tally;
