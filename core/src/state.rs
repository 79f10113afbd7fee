//! Keeps what a balancer has learned for the next one: after a restart, or when an edge isolate is
//! replaced.
//!
//! [`Balancer::export`](crate::Balancer::export) gives a [`State`],
//! [`Balancer::import`](crate::Balancer::import) takes it over. It holds what is known of the
//! endpoints by their addresses, and where the rotation stands:
//!
//! - answer times and their age, for [`PeakEwma`](crate::policy::PeakEwma);
//! - ejections, how often there were some, and the failures and cancellations that count towards
//!   the next; the calm after some were undone; who asked to be left alone;
//! - who had the last turn, in each group of candidates, and what is left of a
//!   [slow start](crate::Settings::slow_start).
//!
//! It leaves out what dies with the process or is found out again: requests in flight, counters,
//! events, the endpoints themselves, and what active checks found. A retry budget exports a state
//! of its own.
//!
//! All times in it are relative, so the clocks of the two processes need not have anything in
//! common. Only the caller can know how long ago the export was: keep the date beside the state,
//! and say it with [`State::aged`].
//!
//! ```
//! # #[cfg(all(feature = "serde", feature = "alloc"))] {
//! use core::time::Duration;
//! use evenkeel_core::{Balancer, Endpoint, Instant, State, policy::PeakEwma};
//!
//! // At the end, into a file or a key-value store: the date, in seconds since 1970, and the state.
//! fn save(balancer: &Balancer<String, PeakEwma>, now: Instant, date: u64) -> String {
//!     serde_json::to_string(&(date, balancer.export(now))).expect("only a writer can fail")
//! }
//!
//! // At the start, once the endpoints are known. What cannot be used is worth a line in the log.
//! fn load(balancer: &mut Balancer<String, PeakEwma>, now: Instant, date: u64, saved: &str) {
//!     match serde_json::from_str::<(u64, State<String>)>(saved) {
//!         Ok((then, state)) => {
//!             let state = state.aged(Duration::from_secs(date.saturating_sub(then)));
//!             match balancer.import(now, &state) {
//!                 Ok(imported) => println!("goes on with {} endpoints", imported.endpoints),
//!                 Err(error) => println!("begins anew: {error}"),
//!             }
//!         }
//!         Err(error) => println!("begins anew: {error}"),
//!     }
//! }
//!
//! # let endpoints = || ["10.0.0.1:80", "10.0.0.2:80"].map(|addr| Endpoint::new(addr.to_string()));
//! # let mut balancer = Balancer::new(PeakEwma::new());
//! # balancer.update(Instant::from_secs(1000), endpoints()).unwrap();
//! # let mut rng = <rand_chacha::ChaCha8Rng as rand_chacha::rand_core::SeedableRng>::seed_from_u64(1);
//! # let pick = balancer.pick(Instant::from_secs(1000), &mut rng).unwrap();
//! # balancer.report(Instant::from_secs(1001), pick, evenkeel_core::Outcome::Success);
//! # let saved = save(&balancer, Instant::from_secs(1002), 1_790_000_000);
//! # let mut balancer = Balancer::new(PeakEwma::new());
//! # balancer.update(Instant::from_secs(9), endpoints()).unwrap();
//! # load(&mut balancer, Instant::from_secs(9), 1_790_000_005, &saved);
//! # let known = balancer.endpoints().find(|status| status.estimate.nanos > 0).unwrap();
//! # assert_eq!(known.estimate.stamp, Instant::from_secs(3));
//! # }
//! ```
//!
//! What lies before the origin of the new clock cannot be noted. A clock that begins at zero with
//! the process therefore decays answer times when they are imported, which is exact to a thousandth
//! or so, and may lose the last seconds in service that make good for an ejection. A clock that
//! begins with a day or more is exact.
//!
//! The form, with the feature `serde`: names in snake case, times in nanoseconds. All numbers are
//! below 2⁵³, so that JavaScript may read and write them; only the checksum is larger, and in text
//! it is a text, of 16 hexadecimal digits. The checksum (XXH64) finds what was damaged, not what
//! was forged: keep states where only you can write.

mod bytes;
mod checksum;
mod error;
mod numbers;
#[cfg(feature = "serde")]
pub(crate) mod serial;

use core::fmt;
use core::time::Duration;

use crate::endpoint::Address;
use crate::health::{Condition, LONGEST, MOST_LEFT, Record, Rest, Rounds};
use crate::kit::GROUPS;
use crate::store::{DebugList, List, Store};
use crate::time::nanos;
pub use error::{ImportError, Imported};

/// The form of a state.
pub const VERSION: u16 = 3;

/// The oldest that is taken over. Later on, an address may well be another machine's; and by
/// default, ejections are over after a minute at most, and answer times forgotten after a few
/// times ten seconds.
pub const MAX_AGE: Duration = Duration::from_secs(3600);

/// Keeps what a balancer or a cluster learned of its endpoints; see the [module](self).
///
/// In the order of addresses, only those of which something is known. Where a state is exported and
/// where it is imported may have different settings, policies and stores.
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(bound(serialize = "A: serde::Serialize", deserialize = "A: serde::Deserialize<'de>"))
)]
pub struct State<
    A,
    #[cfg(feature = "alloc")] S: Store = crate::Heap,
    #[cfg(not(feature = "alloc"))] S: Store,
> {
    // With defaults for all, a state of another version comes as far as to be refused for that.
    #[cfg_attr(feature = "serde", serde(default))]
    version: u16,
    #[cfg_attr(feature = "serde", serde(default, with = "serial::list"))]
    pub(crate) endpoints: S::List<Learned<A>>,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(crate) turns: [Option<LastTurn<A>>; GROUPS],
    #[cfg_attr(feature = "serde", serde(default))]
    pub(crate) rounds: Rounds,
    #[cfg_attr(feature = "serde", serde(default, with = "serial::hex"))]
    checksum: u64,
    /// The time since the export. Whoever reads a state knows it, not the state.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) age: u64,
}

/// Knowledge of one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Learned<A> {
    pub(crate) addr: A,
    pub(crate) latency: Option<Latency>,
    pub(crate) health: Option<Record>,
    /// The rest of its slow start.
    pub(crate) warming: u64,
}

/// The answer time of an endpoint, as of some time before the export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Latency {
    pub(crate) nanos: u64,
    pub(crate) age: u64,
}

/// The endpoint of a group's last turn, and its place in the policy's own cycle: an endpoint may
/// have many turns in it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct LastTurn<A> {
    pub(crate) addr: A,
    pub(crate) place: u32,
    /// The next point of the walk of rotations by weight; 0 for none, as in states without it.
    #[cfg_attr(feature = "serde", serde(default))]
    pub(crate) walk: u32,
}

impl<A: Address, S: Store> State<A, S> {
    pub(crate) fn new(
        endpoints: S::List<Learned<A>>,
        turns: [Option<LastTurn<A>>; GROUPS],
        rounds: Rounds,
    ) -> Self {
        let mut state = Self { version: VERSION, endpoints, turns, rounds, checksum: 0, age: 0 };
        state.checksum = checksum::of(&state);
        state
    }

    /// Checks that it is sound and young enough.
    pub(crate) fn check(&self) -> Result<(), ImportError> {
        if self.version != VERSION {
            return Err(ImportError::Version { found: self.version, supported: VERSION });
        }
        let computed = checksum::of(self);
        if self.checksum != computed {
            return Err(ImportError::Checksum { found: self.checksum, computed });
        }
        for (place, pair) in self.endpoints.windows(2).enumerate() {
            if let [before, learned] = pair
                && before.addr >= learned.addr
            {
                return Err(ImportError::Unordered { place: place + 1 });
            }
        }
        self.endpoints.iter().try_for_each(Learned::check)?;
        at_most("interval_left", self.rounds.interval_left.unwrap_or(0), MOST_LEFT)?;
        if let Some(Rest { left, over, .. }) = self.rounds.calm {
            at_most("calm.left", left, LONGEST)?;
            at_most("calm.over", over, LONGEST)?;
        }
        let most = nanos(MAX_AGE);
        if self.age > most { Err(ImportError::Stale { age: self.age, most }) } else { Ok(()) }
    }
}

impl<A, S: Store> State<A, S> {
    /// Says how long ago the state was exported; one that is not told so is new. It is not part of
    /// the state's form.
    #[must_use]
    pub fn aged(self, age: Duration) -> Self {
        Self { age: nanos(age), ..self }
    }

    /// Returns of how many endpoints something is known.
    pub fn len(&self) -> usize {
        self.endpoints.len()
    }

    /// Lists the answer times that are known, in nanoseconds, and how long ago that was, for a shell
    /// that keeps them itself: see
    /// [`Cluster::export_estimates`](crate::Cluster::export_estimates).
    pub fn latencies(&self) -> impl Iterator<Item = (&A, u64, u64)> {
        self.endpoints.iter().filter_map(|learned| {
            let Latency { nanos, age } = learned.latency?;
            Some((&learned.addr, nanos, age.saturating_add(self.age)))
        })
    }

    /// Tells that nothing is known of any endpoint; it may still say who had the last turn.
    pub fn is_empty(&self) -> bool {
        self.endpoints.is_empty()
    }
}

impl<A> Learned<A> {
    fn check(&self) -> Result<(), ImportError> {
        if let Some(Latency { nanos, age }) = self.latency {
            at_most("latency.nanos", nanos, LONGEST)?;
            at_most("latency.age", age, LONGEST)?;
        }
        if let Some(Record { condition, since, began, .. }) = self.health {
            at_most("health.since", since, LONGEST)?;
            at_most("health.began", began, LONGEST)?;
            match condition {
                Condition::InService { served } => at_most("served", served.unwrap_or(0), LONGEST)?,
                Condition::Overloaded { left } | Condition::Ejected { left, .. } => {
                    at_most("left", left, MOST_LEFT)?;
                }
                Condition::HalfOpen { .. } => {}
            }
        }
        at_most("warming", self.warming, LONGEST)
    }
}

fn at_most(what: &'static str, value: u64, most: u64) -> Result<(), ImportError> {
    if value > most { Err(ImportError::TooLarge { what, value, most }) } else { Ok(()) }
}

impl<A: Clone, S: Store> Clone for State<A, S> {
    fn clone(&self) -> Self {
        let endpoints = List::copied(&self.endpoints);
        let Self { version, rounds, checksum, age, .. } = *self;
        Self { version, endpoints, turns: self.turns.clone(), rounds, checksum, age }
    }
}

impl<A: PartialEq, S: Store> PartialEq for State<A, S> {
    fn eq(&self, other: &Self) -> bool {
        let numbers = |state: &Self| (state.version, state.rounds, state.checksum, state.age);
        numbers(self) == numbers(other)
            && *self.endpoints == *other.endpoints
            && self.turns == other.turns
    }
}

impl<A: Eq, S: Store> Eq for State<A, S> {}

impl<A: fmt::Debug, S: Store> fmt::Debug for State<A, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("version", &self.version)
            .field("endpoints", &DebugList(&self.endpoints))
            .field("turns", &self.turns)
            .field("rounds", &self.rounds)
            .field("checksum", &self.checksum)
            .field("age", &self.age)
            .finish()
    }
}
