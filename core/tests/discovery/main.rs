//! Sources: when to ask them, and what SRV records mean.

mod list_watch;
mod long_poll;
// Its figures are in nanoseconds.
#[cfg(not(feature = "millis32"))]
mod poller;
mod srv_mapping;
mod srv_order;
