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
//! [`policy`] says which policy to take when, and how to write one; [`tier`] how priorities, zones and subsets narrow down the
//! candidates; [`state`] how what was learned survives a restart.
//!
//! # What a pick costs
//!
//! Nanoseconds with 1,000 endpoints (Rust 1.95, fat LTO, one thread of a 2.6 GHz EPYC in a virtual machine), beside the barest
//! code that could do the same with the same `ChaCha8` in the same run. Alone is the policy through [`View`] and [`Cx`], whole is
//! [`Balancer::pick`] and [`report`](Balancer::report), inlined; in a program that calls them in several places they take some
//! 4 ns more.
//!
//! | policy | floor | alone | whole |
//! |---|---|---|---|
//! | [`RoundRobin`](policy::RoundRobin) | 0.8: a counter; 1.6: with a remainder | 1.1 | 2.2 |
//! | [`WeightedRoundRobin`](policy::WeightedRoundRobin) | 1.6: a counter with a remainder | 1.5 | 3.2 |
//! | [`Random`](policy::Random) | 2.0: 32 random bits and a multiplication | 2.2 | 3.9 |
//! | [`WeightedRandom`](policy::WeightedRandom) | 3.6: an alias table without a branch | 4.0 | 6.6 |
//! | [`LeastRequest`](policy::LeastRequest) | 3.9: two draws, two loads; 4.6: with +1 and −1 | 5.5 | 9.9 |
//! | [`PeakEwma`](policy::PeakEwma) | | 12 | 24 |
//! | [`Maglev`](policy::Maglev) | 0.8: a counter | 2.1 | 5.2 |
//! | [`RingHash`](policy::RingHash), 2,500 points | | 17 | 22 |
//! | [`Ketama`](policy::Ketama), 400,000 points | | 200 | 200 |
//! | [`PickFirst`](policy::PickFirst) | | 1.3 | 2.7 |
//! | [`Rendezvous`](policy::Rendezvous) | | 4,500 | 4,700 |
//!
//! For comparison, `rand_distr`'s alias table takes 9.5 and `rand`'s weighted index 11. From 10 to 10,000 endpoints, what no
//! longer fits the nearest caches adds up to two thirds, more to the search on a ring; only
//! [`Rendezvous`](policy::Rendezvous) and full scans take O(n). [`AnyPolicy`](policy::AnyPolicy) adds 1 to 6 ns.
//!
//! An update of one among 100,000 endpoints costs no more than one merge pass over two sorted lists (0.5 ms), whether anything
//! changed or not; the policy's rebuild comes on top: 0.5 ms for [`WeightedRandom`](policy::WeightedRandom), 1 ms for
//! [`WeightedRoundRobin`](policy::WeightedRoundRobin), nothing for [`RoundRobin`](policy::RoundRobin).
//!
//! `cargo bench -p evenkeel-core` makes these figures, and the others: all sizes, ratios and limits.
//!
//! # Features
//!
//! - `alloc` (default): [`Heap`] storage, `String` and `Arc<str>` addresses, boxed policies. Without it, every type
//!   takes [`Inline<N>`](store::Inline) storage and nothing allocates.
//! - `serde`: [`AnyPolicy`](policy::AnyPolicy) as text in configuration; what a balancer [exports](state) and what a
//!   [`retry::RetryBudget`] or [`retry::TokenThrottle`] does; endpoints, what an operator sees of them
//!   ([`Status`](balancer::Status)), and events.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;

pub mod balancer;
pub mod cluster;
pub mod config;
pub mod discovery;
pub mod endpoint;
pub mod error;
pub mod event;
pub mod hash;
pub mod health;
pub mod policy;
pub mod retry;
pub mod set;
pub mod srv;
pub mod state;
pub mod stats;
pub mod store;
pub mod tier;
pub mod time;

pub use balancer::{Balancer, Outcome, Pick, Request, Why};
pub use cluster::Cluster;
pub use config::{Config, ConfigError};
pub use discovery::poller::Poller;
pub use endpoint::{Address, Endpoint, Zone};
pub use error::{InsertError, PickError, TableFull, UpdateError};
pub use event::{Event, EventKind};
pub use policy::{Cx, Policy, View};
pub use rand_core;
pub use retry::{Call, RetryPolicy};
pub use set::{Change, Changes, EndpointSet, Slot};
pub use state::{ImportError, Imported, State};
#[cfg(feature = "alloc")]
pub use store::Heap;
pub use store::{Inline, Store};
pub use time::Instant;
