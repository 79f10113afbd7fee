//! HTTP: a [client](Client) that balances, and what answers mean, for any client.
//!
//! What a status says, and which requests may be sent again, is decided by
//! [`core::http`](evenkeel_core::http), as it is in JavaScript. With the feature `http-verdict`
//! alone, here are [`verdict`], [`retry_after`], [`LeaseBody`] and
//! [`Balancer::call_response`](crate::Balancer::call_response); the client comes with the feature
//! `http`.

#[cfg(any(feature = "http", feature = "reqwest"))]
pub(crate) mod again;
#[cfg(any(feature = "http", feature = "reqwest"))]
pub(crate) mod api;
#[cfg(any(feature = "http", feature = "reqwest"))]
mod attempts;
#[cfg(feature = "http")]
mod body;
#[cfg(feature = "http")]
mod client;
#[cfg(feature = "http")]
mod connect;
#[cfg(feature = "http")]
mod error;
#[cfg(any(feature = "http", feature = "reqwest"))]
pub(crate) mod exchange;
#[cfg(any(feature = "http", feature = "reqwest"))]
mod first;
mod follow;
pub(crate) mod lease_body;
#[cfg(any(feature = "http", feature = "reqwest"))]
pub(crate) mod once;
#[cfg(any(feature = "http", feature = "reqwest"))]
pub(crate) mod path;
#[cfg(feature = "http")]
mod plain;
#[cfg(feature = "http")]
mod pool;
mod read;
#[cfg(feature = "http")]
mod request;
mod retry_after;
#[cfg(any(feature = "http", feature = "reqwest"))]
mod unused;
mod verdict;

#[cfg(any(feature = "http", feature = "reqwest"))]
pub use attempts::{AttemptEnd, Attempted, Attempts};
#[cfg(feature = "http")]
pub use body::Body;
#[cfg(feature = "http")]
pub use client::Client;
#[cfg(feature = "http")]
pub use error::{BadRequest, Error, SendError};
pub use evenkeel_core::http::Repeat;
#[cfg(any(feature = "http", feature = "reqwest"))]
pub use exchange::default_retry;
pub use lease_body::{BodyError, LeaseBody};
#[cfg(feature = "http")]
pub use pool::{Connections, Pool};
#[cfg(feature = "http")]
pub use request::RequestBuilder;
pub use retry_after::retry_after;
pub use verdict::verdict;
