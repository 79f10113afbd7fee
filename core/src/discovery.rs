//! Decides when to ask a source for its endpoints, and what its answers mean; the caller asks.

pub mod poller;
