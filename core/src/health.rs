//! Which endpoints are fit to be candidates: what became of requests to them, and what active checks find.
//!
//! An endpoint is ejected when its outcomes look bad ([`OutlierDetection`]), rests while it asked to be left alone
//! ([`Outcome::Overloaded`]), and is down while active checks say so. Each ejection takes longer than the one before; when it
//! is over, the endpoint is half-open: the next request to be sent (not a retry) goes to it as a probe, and decides. When
//! nothing else is left, ejected endpoints are used all the same ([`Why::Panic`](crate::Why)).
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
//!     balancer.report(now, pick, if addr == "good" || bad_is_up { Outcome::Success } else { Outcome::Failure });
//!     (addr, why)
//! };
//! for _ in 0..10 {
//!     request(&mut balancer, now, false);
//! }
//! let bad = balancer.endpoints().next().unwrap().health;
//! let Health::Ejected { reason: Reason::ConsecutiveFailures, until } = bad else { panic!("it failed 5 times in a row") };
//! assert_eq!(request(&mut balancer, now, false), ("good", Why::Policy));
//!
//! now = until;
//! assert_eq!(request(&mut balancer, now, true), ("bad", Why::Probe));
//! assert_eq!(balancer.endpoints().next().unwrap().health, Health::Healthy);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod durable;
mod ejection;
mod observe;
mod outlier;
mod probe;
mod row;
mod statistics;
mod table;

pub(crate) use durable::{Condition, MOST_LEFT, Record, Rounds};
pub use outlier::{Arithmetic, FailurePercentage, OutlierDetection, SuccessRate};
pub use probe::{CheckId, CheckStep, Checker, HealthCheck};
pub use row::{Health, Reason};
pub(crate) use row::{Row, Standing};
pub(crate) use statistics::judge;
pub use table::Tally;
pub(crate) use table::{Judge, Report, Scope, Table};

#[cfg(doc)]
use crate::Outcome;
