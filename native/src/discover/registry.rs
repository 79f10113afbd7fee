//! What the sources of registries share: a small HTTP client, and tasks that drive the core's
//! machines with it.

mod client;
mod error;
mod feed;
#[cfg(any(feature = "etcd", feature = "kubernetes"))]
pub(super) mod list_watch;
#[cfg(any(feature = "http-list", feature = "consul"))]
pub(super) mod long_poll;
mod secret;

#[cfg(any(feature = "etcd", feature = "kubernetes"))]
pub(super) use client::Reply;
pub(super) use client::{Ask, Client};
pub use error::RegistryError;
pub(super) use feed::{Feed, Mouth};
pub(super) use secret::Secret;
