//! What the tests share; the tests themselves are in `tests/`, the command that runs them all is
//! `tests/run`.

#[cfg(feature = "net")]
pub mod bed;
#[cfg(feature = "net")]
pub mod beside;
pub mod call;
#[cfg(feature = "net")]
pub mod compare;
pub mod config;
#[cfg(feature = "net")]
pub mod dns_cost;
pub mod golden;
pub mod health;
mod input;
pub mod lifecycle;
#[cfg(feature = "net")]
pub mod logged;
#[cfg(feature = "net")]
pub mod namespaces;
#[cfg(feature = "net")]
pub mod obeying;
pub mod outages;
pub mod policies;
#[cfg(feature = "net")]
pub mod processes;
mod rng;
#[cfg(feature = "net")]
pub mod servers;
pub mod simulation;
#[cfg(feature = "net")]
pub mod source;
#[cfg(feature = "net")]
pub mod source_cost;
pub mod state;
pub mod tables;
#[cfg(feature = "net")]
pub mod usage;

/// go-kit's fault 17: internal slices were handed out, and a caller could corrupt them. Ours can be
/// looked at
///
/// ```
/// use evenkeel_core::{Balancer, Endpoint, Instant, policy::RoundRobin};
/// let mut balancer: Balancer<&str, RoundRobin> = Balancer::new(RoundRobin::new());
/// balancer.update(Instant::ZERO, [Endpoint::new("a")])?;
/// assert_eq!(balancer.endpoints().next().unwrap().endpoint.addr, "a");
/// # Ok::<(), evenkeel_core::UpdateError>(())
/// ```
///
/// but not changed:
///
/// ```compile_fail,E0594
/// use evenkeel_core::{Balancer, Endpoint, Instant, policy::RoundRobin};
/// let mut balancer: Balancer<&str, RoundRobin> = Balancer::new(RoundRobin::new());
/// balancer.update(Instant::ZERO, [Endpoint::new("a")])?;
/// balancer.endpoints().next().unwrap().endpoint.addr = "b";
/// # Ok::<(), evenkeel_core::UpdateError>(())
/// ```
#[cfg(doctest)]
pub struct Fault17;

#[doc = include_str!("../../README.md")]
#[cfg(all(doctest, feature = "net"))]
struct Readme;
