//! Clients, the hosts of a service and their faults on virtual time: what a policy, outlier
//! detection, retries and budgets do.
//!
//! All decisions are those of the core's [`Balancer`](evenkeel_core::Balancer) and
//! [`Call`](evenkeel_core::Call), driven as a shell drives them. Here are only what surrounds them:
//! calls that arrive independently of each other, hosts that answer, fail or are slow, and a clock
//! that jumps to whatever comes next, so that a minute takes a fraction of a second.
//!
//! A scenario and a seed give the same [`Log`] on every platform, bit for bit, so its figures can
//! be committed and compared: times are whole nanoseconds, and exponential ones come from the
//! core's fixed-point logarithm, since `f64::ln` is whatever the platform's library makes of it.
//! What chance does to an attempt follows from the seed and the numbers of call and attempt, so
//! that scenarios with the same seed and rate see the same calls: what differs is what the client
//! made of them. The client's own chance is a `ChaCha8Rng`.
//!
//! ```
//! use core::time::Duration;
//! use evenkeel_core::retry::Unlimited;
//! use evenkeel_tests::simulation::{Effect, Fault, Host, Scenario, run};
//!
//! let good = Host::exponential(Duration::from_millis(20));
//! let bad = good.clone().with(Fault::always(Effect::Fails { after: Duration::from_millis(1) }));
//! let scenario = Scenario { hosts: vec![good.clone(), good, bad], ..Scenario::default() };
//! let log = run(&scenario, 1, &mut Unlimited);
//! assert!(log.calls.len() > 5_000 && log.errors() < 30);
//! assert_eq!(log.ejections(), log.probes_failed() + 1);
//! ```
//!
//! Another balancer than the core's takes part as a [`Balance`], with [`run_with`].

mod agenda;
mod balance;
mod chance;
mod client;
mod engine;
mod fault;
mod host;
mod log;
#[cfg(feature = "pictures")]
pub mod picture;
mod sketch;
mod table;

use core::time::Duration;

use evenkeel_core::Config;
use evenkeel_core::policy::AnyPolicy;
use evenkeel_core::retry::RetryPolicy;

pub use balance::{Balance, Ours, Picked, Tell, slots};
pub use chance::draw;
pub use engine::{run, run_with};
pub use fault::{Effect, Fault};
pub use host::{Host, Service};
pub use log::{Ended, Log, Sent, Told};
pub use sketch::{Scale, sketch};
pub use table::{Table, decimal, millis, percent, percentile, ratio};

/// What is simulated.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Where requests may go. The addresses are their places in this list.
    pub hosts: Vec<Host>,
    /// Calls per second on average, at random times (a Poisson process); not heeded with
    /// [`callers`](Self::callers).
    pub rate: u32,
    /// So many callers instead, each of which begins its next call 1 ms after its last.
    pub callers: Option<u32>,
    /// How many clients share the calls, each with a balancer and a budget of its own.
    pub clients: u32,
    /// How long calls arrive. All that have begun are seen through.
    pub duration: Duration,
    /// Which host gets a request.
    pub policy: AnyPolicy,
    /// The balancer's settings; the seed is that of the run.
    pub config: Config,
    /// How often a call is tried.
    pub retry: RetryPolicy,
    /// When a call sends a second attempt beside the first.
    pub hedge: Option<Hedge>,
    /// Who waits for a call gives it up after this time, outside of its retries' policy.
    pub patience: Option<Duration>,
    /// Users who leave.
    pub canceled: Option<Canceled>,
    /// How often the weight of each host moves, at random, by up to a tenth of it.
    pub reweighed: Option<Duration>,
}

/// How long an attempt may take before another one goes beside it; one for each call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hedge {
    /// So long.
    After(Duration),
    /// As long as so many of a thousand attempts take at most, of those of the last seconds.
    Percentile(u16),
}

/// Users who do not wait for the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canceled {
    /// So many of a thousand calls.
    pub per_mille: u32,
    /// Leave after this time on average, exponentially distributed.
    pub after: Duration,
}

impl Default for Scenario {
    /// No hosts; 100 calls per second for 60 s from one client; round robin with the default
    /// settings, neither retries nor hedges.
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            rate: 100,
            callers: None,
            clients: 1,
            duration: Duration::from_secs(60),
            policy: "round_robin".parse().expect("a name"),
            config: Config::default(),
            retry: RetryPolicy::new(1).expect("at least one attempt"),
            hedge: None,
            patience: None,
            canceled: None,
            reweighed: None,
        }
    }
}
