//! The same random script leads to the same picks, whatever keeps the endpoints and whatever counts
//! the time.
//!
//! `EVENKEEL_DEEP=16 cargo test -p evenkeel-core --release --test scripts` runs sixteen times as
//! many scripts as usual.

mod clocks;
mod script;
mod settings;
mod stores;
mod world;
