//! Clients side by side, at the highest rate that loopback gives, while servers that are processes
//! are killed, stopped, restarted and slowed.
//!
//! The command `compare` plays the same [`PLAN`](plan::PLAN) for each of the
//! [`SIDES`](sides::SIDES), and writes a table; the peers among them are in a workspace of their
//! own, `tests/peers`. `COMPARE.md` has what it found.

#[path = "../peers/src/caller.rs"]
pub mod caller;
pub mod callers;
pub mod cost;
#[path = "../peers/src/evenkeel.rs"]
pub mod evenkeel;
pub mod fleet;
pub mod lines;
pub mod markdown;
mod nginx;
pub mod plan;
pub mod play;
mod progress;
pub mod sides;
mod stolen;
pub mod table;
