//! Client-side load balancing as a pure state machine.
//!
//! A [`Balancer`] decides which of a service's endpoints gets the next request, a [`Call`] whether a failed request is
//! tried again, a [`Poller`] when the set of endpoints is asked for anew. None of them does I/O, reads a clock or
//! allocates while a request is served: the caller passes in the time ([`Instant`]) and random numbers
//! ([`rand_core::Rng`]), so the same seed, clock and events give the same picks on every platform.
//!
//! ```text
//! source ──► EndpointSet ──► Cluster (who may be picked) ──► Policy (who is) ──► Pick ──► report
//! ```
//!
//! ```
//! use evenkeel_core::{Balancer, Endpoint, Instant, Outcome, policy::RoundRobin};
//! # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
//!
//! let mut rng = ChaCha8Rng::seed_from_u64(1);
//! let mut now = Instant::ZERO; // any monotonic clock will do
//! let mut balancer: Balancer<&str, RoundRobin> = Balancer::new(RoundRobin::new());
//! balancer.update(now, ["10.0.0.1:80", "10.0.0.2:80"].map(Endpoint::new))?;
//!
//! let pick = balancer.pick(now, &mut rng)?;
//! let address = balancer.endpoint(&pick).map(|endpoint| endpoint.addr);
//! // … send the request to `address` …
//! # assert!(address.is_some());
//! now = Instant::from_millis(12);
//! balancer.report(now, pick, Outcome::Success);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! - `alloc` (default): [`Heap`] storage, `String` and `Arc<str>` addresses, boxed policies. Without it, every type
//!   takes [`Inline<N>`](store::Inline) storage and nothing allocates.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;

pub mod balancer;
pub mod cluster;
pub mod discovery;
pub mod endpoint;
pub mod error;
pub mod policy;
pub mod retry;
pub mod set;
pub mod srv;
pub mod stats;
pub mod store;
pub mod time;

pub use balancer::{Balancer, Outcome, Pick, Request, Why};
pub use cluster::Cluster;
pub use discovery::poller::Poller;
pub use endpoint::{Address, Endpoint, Zone};
pub use error::{InsertError, PickError, TableFull, UpdateError};
pub use policy::{Cx, Policy, View};
pub use rand_core;
pub use retry::{Call, RetryPolicy};
pub use set::{Change, Changes, EndpointSet, Slot};
#[cfg(feature = "alloc")]
pub use store::Heap;
pub use store::{Inline, Store};
pub use time::Instant;
