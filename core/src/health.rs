//! Decides which endpoints are fit to take requests: by what became of requests to them, and by
//! what active checks find.
//!
//! An endpoint is ejected when its outcomes look bad, rests while it asked to be left alone
//! ([`Outcome::Overloaded`]), and is down while active checks say so. Each ejection takes longer
//! than the one before. When it is over, the endpoint is half-open: the next request to be sent
//! (not a retry) goes to it as a probe, and decides. Where nothing else is left, ejected endpoints
//! are used all the same ([`Why::Panic`](crate::Why)).
//!
//! ```
//! use evenkeel_core::health::{Health, Reason};
//! use evenkeel_core::{Balancer, Endpoint, Instant, Outcome, Why, policy::RoundRobin};
//! # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
//! # let mut rng = ChaCha8Rng::seed_from_u64(1);
//!
//! let mut balancer: Balancer<&str, RoundRobin> = Balancer::new(RoundRobin::new());
//! balancer.update(Instant::ZERO, ["good", "bad"].map(Endpoint::new))?;
//! let mut now = Instant::ZERO;
//! let mut request = |balancer: &mut Balancer<_, _>, now, bad_is_up| {
//!     let pick = balancer.pick(now, &mut rng).unwrap();
//!     let (addr, why) = (balancer.endpoint(&pick).unwrap().addr, pick.why());
//!     let good = addr == "good" || bad_is_up;
//!     balancer.report(now, pick, if good { Outcome::Success } else { Outcome::Failure });
//!     (addr, why)
//! };
//! for _ in 0..10 {
//!     request(&mut balancer, now, false);
//! }
//! let bad = balancer.endpoints().next().unwrap().health;
//! let Health::Ejected { reason: Reason::ConsecutiveFailures, until } = bad else {
//!     panic!("it failed 5 times in a row")
//! };
//! assert_eq!(request(&mut balancer, now, false), ("good", Why::Policy));
//!
//! now = until;
//! assert_eq!(request(&mut balancer, now, true), ("bad", Why::Probe));
//! assert_eq!(balancer.endpoints().next().unwrap().health, Health::Healthy);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The rules are functions on what is known of one endpoint and a few facts about all; each book
//! of rules is a type: [`Evenkeel`], [`Envoy`], [`Grpc`], [`AnyBook`] by name at run time, and
//! [`NoRules`].

mod books;
pub(crate) mod cancellations;
mod checker;
mod durable;
mod eject_rule;
mod ejection;
mod envoy;
mod facts;
mod failure_percentage;
mod grpc;
mod held;
mod interval;
mod multiple;
mod report;
mod row;
mod success_rate;
mod tally;
mod undo;

pub use books::{AnyBook, Envoy, Evenkeel, Grpc, NoRules, Rules};
pub use checker::{CheckId, CheckStep, Checker, HealthCheck};
pub(crate) use durable::{
    Condition, Import, MOST_LEFT, Record, Rounds, export, import, is_limited,
};
pub use eject_rule::SLOW_FAILURE;
pub(crate) use eject_rule::{By, Others, Past, Ruling, Scope, Suspect, judge, troubled};
pub(crate) use ejection::eject_by_rule;
pub(crate) use facts::{Facts, Memory, Report};
pub use held::Held;
pub(crate) use interval::{Hosts, end_interval, judge_success_rate};
pub(crate) use report::{Effect, configure, expire, outdated, report};
pub(crate) use row::{Count, HealthRow, Phase};
pub use row::{Health, Reason};
pub(crate) use tally::tally;
pub use tally::{Counted, Tally};
pub(crate) use undo::{Calm, LONGEST, Rest, is_missed, longest_calm};

#[cfg(doc)]
use crate::Outcome;
