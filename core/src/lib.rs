//! Client-side load balancing as a pure state machine.
//!
//! A [`Balancer`] decides which of a service's endpoints gets the next request, a [`Call`] if a
//! failed request is tried again, a [`Poller`] when the set of endpoints is asked for anew. None of
//! them does I/O, reads a clock or allocates while a request is served: the caller passes in the
//! time ([`Instant`]) and random numbers ([`rand_core::Rng`]), so the same seed, clock and events
//! give the same picks on every platform.
//!
//! # The map
//!
//! Everything goes one way, and one edge leads back:
//!
//! ```text
//!  source ──► update ──► rows ──► sets of slots ──► policy ──► pick ──► the caller's I/O
//!                         ▲       by level, health,                            │
//!                         │       room                                         │
//!                         └──────────────────── report ◄───────────────────────┘
//! ```
//!
//! | station | what happens there | where to read on |
//! |---|---|---|
//! | source | The caller asks DNS, a registry or a file. | [`discovery`], [`srv`] |
//! | update | The answer replaces the whole set. | [`Balancer::update`], [`Endpoint`] |
//! | rows | Each endpoint has one, in one [`Slot`]. | [`health`], [`load`], [`slow_start`] |
//! | sets | The first level in service is the candidates. | [`cluster`], [`guide::health`] |
//! | policy | It chooses one of the candidates. | [`policy`], [`guide::policies`] |
//! | pick | The token of one request: its endpoint, and why it is that one. | [`Pick`], [`Why`] |
//! | report | Its end changes its row, and sets follow at once. | [`Outcome`], [`Verdict`] |
//!
//! [`slow_start`]: Settings::slow_start
//!
//! A [`Call`] goes around the right half as often as its [`RetryPolicy`] and budget allow: see
//! [`retry`]. What was learned survives a restart: see [`state`].
//!
//! # The run loop
//!
//! A program waits for requests, for answers, for news of its endpoints, and for the time that the
//! balancer names. Each has its method, and each is told the time:
//!
//! ```
//! use evenkeel_core::{Balancer, Config, Endpoint, Instant, Outcome, Pick, policy::LeastRequest};
//! # use evenkeel_core::EventKind;
//! # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
//!
//! enum Event {
//!     Endpoints(Vec<Endpoint<&'static str>>),
//!     Request,
//!     Answer(Pick, Outcome),
//!     Timeout,
//!     Stop,
//! }
//! #
//! # /// A service of two endpoints, of which one fails, and 20 requests for it.
//! # struct Program {
//! #     now: Instant,
//! #     asked: bool,
//! #     left: u32,
//! #     answers: Vec<(Pick, Outcome)>,
//! # }
//! # impl Program {
//! #     fn wait(&mut self, until: Option<Instant>) -> (Instant, Event) {
//! #         let event = if !self.asked {
//! #             self.asked = true;
//! #             Event::Endpoints(["good", "bad"].map(Endpoint::new).to_vec())
//! #         } else if let Some((pick, outcome)) = self.answers.pop() {
//! #             Event::Answer(pick, outcome)
//! #         } else if self.left > 0 {
//! #             self.left -= 1;
//! #             Event::Request
//! #         } else if let Some(until) = until.filter(|&until| until > self.now) {
//! #             self.now = until;
//! #             Event::Timeout
//! #         } else {
//! #             Event::Stop
//! #         };
//! #         (self.now, event)
//! #     }
//! #     fn send(&mut self, addr: &str, pick: Pick) {
//! #         let outcome = if addr == "good" { Outcome::Success } else { Outcome::Failure };
//! #         self.answers.push((pick, outcome));
//! #     }
//! # }
//! # let mut program =
//! #     Program { now: Instant::ZERO, asked: false, left: 20, answers: Vec::new() };
//! # let mut told = Vec::new();
//!
//! let mut rng = ChaCha8Rng::seed_from_u64(1); // any generator, with a seed of the client's own
//! let config = Config::default().seeded_by(&mut rng); // what should differ between clients does
//! let mut balancer: Balancer<&str, LeastRequest> =
//!     Balancer::with_config(LeastRequest::new(), config)?;
//! loop {
//!     // Sleeps until something happens, or until that time.
//!     let (now, event) = program.wait(balancer.poll_timeout());
//!     match event {
//!         Event::Endpoints(endpoints) => {
//!             let changes = balancer.update(now, endpoints)?;
//!             println!("{} came, {} left", changes.added, changes.removed);
//!         }
//!         Event::Request => match balancer.pick(now, &mut rng) {
//!             Ok(pick) => {
//!                 let Some(endpoint) = balancer.endpoint(&pick) else { continue };
//!                 program.send(endpoint.addr, pick);
//!             }
//!             Err(error) => println!("refused: {error}"),
//!         },
//!         Event::Answer(pick, outcome) => balancer.report(now, pick, outcome),
//!         Event::Timeout => balancer.handle_timeout(now),
//!         Event::Stop => break,
//!     }
//!     for event in balancer.events() {
//!         println!("{}: {:?}", event.at, event.kind); // a line in the log, a metric
//! #       told.push(event.kind);
//!     }
//! }
//! # assert!(told.iter().any(|kind| matches!(kind, EventKind::Ejected { .. })), "{told:?}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Without `handle_timeout`, the next pick does what is due; with it, listings and events are in
//! time. `examples/run_loop.rs` has the same loop with a source and with calls.
//!
//! # Which type to take
//!
//! `Balancer<A, P, S, St>` has four parameters: addresses, the [policy], settings, storage. Two of
//! them are a choice between comfort and size:
//!
//! | settings | what is linked | where |
//! |---|---|---|
//! | [`Config`] | Everything, by values known at run time. | services, browsers |
//! | [`Defaults`] | Health by our rules. No zones, levels, slow start, counts or events. | firmware |
//! | [`NoHealth`] | Endpoints and loads alone. | the least flash |
//! | a type of yours | What its [kit] names, with constants of yours. | [`guide::extending`] |
//!
//! | storage | endpoints | where |
//! |---|---|---|
//! | [`Heap`] | as many as there is memory for | needs the feature `alloc` |
//! | [`Inline`] | `N`, up to 32, with `u64` 64, in the balancer itself | no allocator; a `static` of zeros |
//!
//! # Features
//!
//! - `alloc` (default): [`Heap`] storage, `String` and `Arc<str>` addresses, boxed policies. Without
//!   it nothing allocates.
//! - `serde`: policies as text in configuration; what a balancer [exports](state) and what a budget
//!   does; endpoints, their [`Status`] and events for operators.
//! - `defmt`: outcomes, verdicts, picks, events and healths in the logs of firmware.
//! - `millis32`: time as milliseconds of 32 bits that wrap, and narrower counters: for firmware
//!   where each byte of flash counts. It changes [`Instant`] for the whole program, so only the
//!   program itself should switch it on.
//!
//! The least Rust version is 1.88 (edition 2024, `let` chains). It rises only with a minor version.
//!
//! # The guide
//!
//! [`guide`] has what goes beyond one type: [the map and the run loop](guide::run_loop),
//! [policies](guide::policies), [health](guide::health), [calls and budgets](guide::calls),
//! [storage and firmware](guide::firmware), [your own policy, source and
//! settings](guide::extending), [what it costs](guide::costs), and [the
//! decisions](guide::decisions).
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    feature = "millis32",
    allow(clippy::useless_conversion, reason = "times and counts have fewer bits then")
)]

#[cfg(feature = "alloc")]
extern crate alloc;

pub mod balancer;
pub mod cluster;
pub mod connection;
mod counts;
pub mod discovery;
pub mod endpoint;
pub mod error;
pub mod event;
pub mod grpc;
pub mod guide;
pub mod hash;
pub mod health;
pub mod http;
pub mod kit;
pub mod load;
mod names;
pub mod outcome;
mod part;
mod plan;
pub mod policy;
pub mod random;
pub mod retry;
mod row;
pub mod set;
pub mod settings;
pub mod slot;
mod slow_start;
pub mod srv;
pub mod state;
pub mod store;
pub mod time;

pub use balancer::{Balancer, Pick, Request, Status, Why};
pub use cluster::{Candidacy, Changes, Cluster, Member};
pub use counts::Counts;
pub use discovery::poller::Poller;
pub use endpoint::{Address, Endpoint, Zone};
pub use error::{InsertError, PickError, TableFull, UpdateError};
pub use event::{Event, EventCounts, EventKind};
pub use kit::Kit;
pub use outcome::{Outcome, Verdict};
pub use policy::{Cx, Policy, View};
pub use rand_core;
pub use retry::{Call, RetryPolicy};
pub use settings::{Book, Config, ConfigError, Defaults, NoHealth, Settings};
pub use slot::{Slot, Turn};
pub use state::{ImportError, Imported, State};
#[cfg(feature = "alloc")]
pub use store::Heap;
pub use store::{Inline, Store};
pub use time::Instant;

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
