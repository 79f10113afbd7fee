//! Outages in real time: backends are processes that are killed, stopped, slowed and restarted,
//! and calls go to them through the tokio balancer, or an Envoy.
//!
//! The command `processes` plays every [`Shape`](shape::Shape) and writes a table; tests play short ones.

pub mod backend;
mod client;
pub mod envoy;
pub mod load;
pub(crate) mod process;
pub mod shape;
pub mod soak;
pub mod table;

pub use client::Connections;
pub use process::Process;
