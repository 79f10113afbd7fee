//! Decides when to ask a source for its endpoints, and what its answers mean; the caller asks.
//!
//! | the source | the machine |
//! |---|---|
//! | answers with the whole set, and how long it is good (DNS) | [`Poller`] |
//! | answers with the whole set, and keeps the next question until it differs (Consul) | [`LongPoll`] |
//! | lists the set, and then streams what changes (etcd, Kubernetes) | [`ListWatch`] |
//!
//! A wait that the source asks for (`retry_after`) is kept by all of them: nothing but the source's
//! own news makes a question earlier, up to [`MAX_RETRY_AFTER`].
//!
//! [`Poller`]: poller::Poller
//! [`LongPoll`]: long_poll::LongPoll
//! [`ListWatch`]: list_watch::ListWatch

mod config_error;
pub mod list_watch;
pub mod long_poll;
pub mod poller;
mod query;
mod waits;

pub use config_error::WatchConfigError;
pub use waits::MAX_RETRY_AFTER;
