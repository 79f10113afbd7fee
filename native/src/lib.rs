//! Client-side load balancing for tokio services.
//!
//! A [`Balancer`] finds a service's endpoints ([`DnsSrv`], [`DnsHost`], [`Fixed`], what a
//! [`Publisher`] tells, or your own [`Discover`]), keeps a client for each, picks one for every
//! request, and tries failed requests again elsewhere:
//!
//! ```no_run
//! use evenkeel::{Balancer, DnsSrv, Retry, Target};
//! use std::time::Duration;
//! use tokio::net::TcpStream;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let balancer = Balancer::builder(DnsSrv::new("_http._tcp.api.example.com")?)
//!     .build(async |target: Target| target.socket_addr().ok_or("no address"))?;
//! balancer.ready().await;
//! let retry = Retry::attempts(3)?.timeout(Duration::from_secs(5))?;
//! let stream = balancer.call(&retry, async |addr| TcpStream::connect(*addr).await).await?;
//! # drop(stream);
//! # Ok(())
//! # }
//! ```
//!
//! # The map
//!
//! ```text
//!  Discover ──► Removal ──► clients ──► candidates ──► Policy ──► Pick ──► your request
//!   sources     who leaves   by your     by level,                             │
//!                            factory     health, room ◄──── report ────────────┘
//! ```
//!
//! | to | take |
//! |---|---|
//! | find endpoints | [`DnsSrv`], [`DnsHost`], [`Fixed`], [`Publisher`], [`Watch`] |
//! | follow a registry, with its feature | `File`, `HttpList`, `Consul`, `Etcd`, `Kubernetes` |
//! | bring a source of your own | [`Discover`], whose methods put several together, too |
//! | say who leaves, and when | [`Removal`] |
//! | send HTTP, with its feature | `http::Client`, `reqwest::ClientWithBalancer` |
//! | call gRPC or tower's services, likewise | `tonic::Channel`, `tower::BalanceService` |
//! | call anything else, with retries | [`Balancer::call`], [`Retry`], [`CallError`] |
//! | follow answers that go on | [`Balancer::call_lease`] |
//! | pick by yourself | [`Balancer::pick`], [`Balancer::handle`], [`Lease`] |
//! | choose policy, health, limits, zones | [`Builder::policy`], [`Builder::config`], [`Config`] |
//! | ask endpoints how they are | [`Balancer::check`], the module [`check`] |
//! | wait for the first ones | [`Balancer::ready`], [`Retry::wait_for_ready`] |
//! | see endpoints, events, counts | [`Balancer::endpoints`], [`Balancer::events`], [`Balancer::stats`] |
//! | see sources and the task | [`Balancer::discovery`], [`Balancer::task`] |
//! | stop, and go on after a restart | [`Balancer::close`], [`Balancer::state`], [`Builder::restore`] |
//!
//! Every decision is made by [`evenkeel_core`], which does no I/O; this crate feeds it from the
//! network. The README has more on each, and `examples/` programs to run.

#![deny(unsafe_code)]

mod abort;
mod aside;
mod balancer;
mod builder;
mod call;
mod changes;
pub mod check;
mod client;
mod clock;
mod connect;
mod discover;
mod error;
mod event;
mod factory;
#[cfg(any(feature = "http-verdict", feature = "tonic"))]
mod head;
#[cfg(feature = "http-verdict")]
pub mod http;
mod lease;
mod load;
mod maintain;
mod marks;
mod pick;
mod pocket;
mod published;
#[cfg(any(feature = "web", feature = "dns-over-https", feature = "http", feature = "reqwest"))]
mod reason;
mod report;
#[cfg(feature = "reqwest")]
pub mod reqwest;
mod runs;
mod shared;
mod snapshot;
mod state;
mod stats;
mod status;
mod stripe;
mod supervise;
mod sync;
mod table;
mod tally;
mod target;
mod telemetry;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tonic")]
pub mod tonic;
#[cfg(feature = "tower")]
pub mod tower;
#[cfg(any(feature = "http", feature = "tonic"))]
mod unread;
mod vitals;

pub use balancer::{Balancer, Handle, WeakBalancer};
pub use builder::Builder;
pub use call::{
    Accept, AnyError, Attempt, AttemptError, CallError, Cause, Classify, EveryAnswer, EveryError,
    Retry,
};
pub use changes::{Change, Changes, Discovered};
#[cfg(feature = "consul")]
pub use discover::Consul;
#[cfg(feature = "etcd")]
pub use discover::Etcd;
#[cfg(feature = "http-list")]
pub use discover::HttpList;
#[cfg(feature = "kubernetes")]
pub use discover::Kubernetes;
#[cfg(feature = "web")]
pub use discover::RegistryError;
pub use discover::dns::{self, DnsHost, DnsSrv, Family};
pub use discover::{
    Answer, BoxDiscover, Discover, DiscoveryStatus, Empty, Ended, Fixed, Map, Merge, OrElse,
    Published, Publisher, Removal, Skipped, Watch, WithEmpty,
};
#[cfg(feature = "file")]
pub use discover::{File, FileError};
pub use error::{BuildError, NotReady, PickError, SharedError};
pub use evenkeel_core as core;
pub use evenkeel_core::cluster::Candidacy;
#[cfg(any(feature = "etcd", feature = "kubernetes"))]
pub use evenkeel_core::discovery::list_watch::ListWatchConfig;
#[cfg(any(feature = "http-list", feature = "consul"))]
pub use evenkeel_core::discovery::long_poll::LongPollConfig;
pub use evenkeel_core::discovery::poller::{PollerConfig, PollerConfigError, SourceHealth};
pub use evenkeel_core::policy::{
    AnyPolicy, Cx, Ketama, LeastRequest, Maglev, ParsePolicyError, PeakEwma, PickFirst, Policy,
    Random, Rendezvous, RingHash, RoundRobin, Unweighted, View, WeightedRandom, WeightedRoundRobin,
};
pub use evenkeel_core::retry::{
    Backoff, Budget, BudgetError, Deposits, End, Hedging, HedgingError, Jitter, LatencyPercentile,
    LatencyPercentileError, RetryBudget, RetryBudgetSettings, RetryPolicy, RetryPolicyError,
    TokenThrottle, TokenThrottleSettings,
};
pub use evenkeel_core::{
    Book, Config, ConfigError, Endpoint, EventCounts, EventKind, Outcome, Verdict, Why, Zone, hash,
    health,
};
pub use event::Event;
pub use factory::{BoxError, Factory};
pub use lease::Lease;
pub use pick::Pick;
pub use state::RestoreError;
pub use stats::{EndpointStats, Stats};
pub use status::Status;
pub use supervise::TaskStatus;
pub use target::{Target, TargetError};
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsError};

#[doc = include_str!("../README.md")]
#[cfg(all(doctest, feature = "http", feature = "reqwest", feature = "tonic"))]
struct Readme;
