//! When to ask a source for its endpoints, and what its answers mean; the asking is the caller's.

pub mod poller;
