//! Trying again: whether, when, and for how long.
//!
//! A [`Call`] is one logical request: it says when to send an attempt, when to give one up and when
//! to stop, and the caller does the sending. Attempts, an overall deadline, a deadline per attempt,
//! a backoff and a [`Budget`] bound it, each on its own.
//!
//! [`Hedging`] is for the slow few: it sends another attempt before the ones in flight have
//! answered, after a fixed delay or a [`LatencyPercentile`], and the first good answer wins. Hedges
//! and retries share the budget. [`Call`](Call#hedging) says how to drive several attempts; without
//! hedging, as here, there is one at a time:
//!
//! ```
//! use evenkeel_core::retry::{Call, End, RetryPolicy, Step, Unlimited, Verdict};
//! use evenkeel_core::{Balancer, Endpoint, Instant, Request, policy::RoundRobin};
//! # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
//! # use std::time::Duration;
//! # let mut rng = ChaCha8Rng::seed_from_u64(1);
//! # let mut balancer: Balancer<&str, RoundRobin> = Balancer::new(RoundRobin::new());
//! # balancer.update(Instant::ZERO, ["up", "down"].map(Endpoint::new))?;
//! let policy = RetryPolicy::new(3)?.with_timeout(Duration::from_secs(5))?;
//! let mut now = Instant::ZERO;
//! let mut call = Call::without_hedges(&policy, now);
//! let end = loop {
//!     match call.poll(now, &mut Unlimited, &mut rng) {
//!         Step::Send(attempt) => {
//!             let request = Request::at(now).avoiding(call.tried());
//!             let request = request.leaving_level(call.leaves_level());
//!             let Ok(pick) = balancer.pick_with(request, &mut rng) else {
//!                 call.no_endpoint(now);
//!                 continue;
//!             };
//!             if !call.started(attempt, pick.slot(), &mut Unlimited) {
//!                 balancer.withdraw(now, pick);
//!                 continue;
//!             }
//!             let addr = balancer.endpoint(&pick).map(|endpoint| endpoint.addr);
//!             // … send to it, and wait for the answer until attempt.deadline() …
//!             let verdict = if addr == Some("up") { Verdict::Success } else { Verdict::RetryableFailure };
//!             balancer.report(now, pick, verdict.outcome());
//!             call.on_outcome(now, attempt, verdict);
//!         }
//!         Step::Wait(until) => now = until.unwrap_or(now), // … or sleep
//!         Step::Cancel { .. } => {} // an attempt took too long: drop it
//!         Step::Done(end) => break end,
//!     }
//! };
//! assert_eq!(end, End::Success);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod backoff;
mod budget;
mod call;
mod hedge;
mod policy;

pub use crate::outcome::Verdict;
pub use backoff::{Backoff, Jitter};
pub(crate) use backoff::{doubled, scaled, up_to};
pub use budget::{
    AnyBudget, Budget, BudgetError, BudgetImportError, BudgetSlot, Deposits, RetryBudget,
    RetryBudgetSettings, RetryBudgetState, TokenThrottle, TokenThrottleSettings,
    TokenThrottleState, Unlimited,
};
pub use call::{Attempt, Call, End, Step};
pub use hedge::{Hedging, HedgingError, LatencyPercentile, LatencyPercentileError};
pub use policy::{RetryPolicy, RetryPolicyError};
