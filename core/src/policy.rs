//! Chooses one of the candidates: policies over a view of them.
//!
//! A [`Policy`] is a pure function (with a table, if it keeps one) from a [`View`] of the
//! candidates and the context [`Cx`] of one pick to a slot of that view. It never sees health,
//! priorities or zones: those decide who is in the view. All that changes from pick to pick comes
//! through `Cx` and `View`, so any number of threads may share a policy.
//!
//! # Which one
//!
//! | policy | take it when |
//! |---|---|
//! | [`RoundRobin`] | requests are alike, and so are the endpoints; the cheapest |
//! | [`Random`] | the same, with many clients that must not march in step |
//! | [`WeightedRoundRobin`] | weights are to be kept exactly, spread out evenly |
//! | [`WeightedRandom`] | weights are to be kept on average, by many clients |
//! | [`LeastRequest`] | requests differ in what they cost; a good choice where none is obvious |
//! | [`PeakEwma`] | endpoints differ in how fast they answer |
//! | [`Rendezvous`] | requests of one key belong together, on at most some hundred endpoints |
//! | [`Maglev`] | the same, on many endpoints or where each nanosecond counts |
//! | [`RingHash`] | the same, and picks must agree with those of Envoy or gRPC |
//! | [`Ketama`] | the same, and picks must agree with those of nginx |
//! | [`PickFirst`] | one endpoint does it all, the others stand by |
//! | [`AnyPolicy`] | configuration decides |
//!
//! # Your own
//!
//! Ten lines make a policy: see [`Policy`]. A closure is one, too:
//!
//! ```
//! use evenkeel_core::{Balancer, Cx, Endpoint, Instant, View};
//! # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
//!
//! let first = |view: &dyn View, _cx: &mut Cx<'_>| view.at(0);
//! let mut balancer: Balancer<&str, _> = Balancer::new(first);
//! balancer.update(Instant::ZERO, ["b", "a"].map(Endpoint::new))?;
//! let pick = balancer.pick(Instant::ZERO, &mut ChaCha8Rng::seed_from_u64(1))?;
//! assert_eq!(balancer.endpoint(&pick).map(|endpoint| endpoint.addr), Some("a"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod alias;
mod any;
#[cfg(feature = "alloc")]
mod boxed;
mod by_weight;
mod cx;
pub mod fixed_log;
mod ketama;
mod least_request;
mod maglev;
mod parameter;
mod peak_ewma;
mod pick_first;
mod random;
mod rendezvous;
mod ring;
mod ring_hash;
mod round_robin;
mod two_choices;
mod view;
mod weighted_random;
mod weighted_round_robin;

pub use any::{AnyPolicy, ParsePolicyError};
#[cfg(feature = "alloc")]
pub use boxed::{BoxedPolicy, boxed};
pub use by_weight::{Unweighted, Weighing};
pub use cx::Cx;
pub use ketama::Ketama;
pub use least_request::LeastRequest;
pub use maglev::Maglev;
pub use parameter::InvalidParameter;
pub use peak_ewma::PeakEwma;
pub use pick_first::PickFirst;
pub use random::Random;
pub use rendezvous::Rendezvous;
pub use ring_hash::RingHash;
pub use round_robin::RoundRobin;
pub use view::View;
pub(crate) use view::{by_address, by_key, equal_weights, fingerprint, slots};
pub use weighted_random::WeightedRandom;
pub use weighted_round_robin::WeightedRoundRobin;

use crate::error::TableFull;
use crate::load::{Ewma, Hashed, Load, Needs};
use crate::settings::{Config, ConfigError};

/// Chooses one of the candidates.
///
/// Your own policy in ten lines, here the least loaded of three candidates drawn at random:
///
/// ```
/// use evenkeel_core::{Balancer, Cx, Endpoint, Instant, Policy, View, load::InFlight};
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// #[derive(Clone)]
/// struct BestOfThree;
///
/// impl Policy for BestOfThree {
///     type Load = InFlight;
///
///     fn pick(&self, view: &dyn View, cx: &mut Cx<'_>) -> Option<usize> {
///         let drawn = [(); 3].map(|()| view.at(cx.below(view.len())));
///         drawn.into_iter().flatten().min_by_key(|&slot| view.in_flight(slot))
///     }
/// }
///
/// let mut balancer: Balancer<&str, _> = Balancer::new(BestOfThree);
/// balancer.update(Instant::ZERO, ["a", "b", "c"].map(Endpoint::new))?;
/// let pick = balancer.pick(Instant::ZERO, &mut ChaCha8Rng::seed_from_u64(1))?;
/// # assert!(balancer.endpoint(&pick).is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Policy {
    /// The load that rows keep for it: `()`, [`InFlight`](crate::load::InFlight),
    /// [`Ewma`] (in flight and answer times), [`Hashed`] (any of them, and address hashes).
    type Load: Load;

    /// Returns a slot of the view, or `None` to decline them all. The view is never empty.
    fn pick(&self, view: &dyn View, cx: &mut Cx<'_>) -> Option<usize>;

    /// Rebuilds the policy's table, if it keeps one, as the candidates or their weights changed.
    ///
    /// # Errors
    /// [`TableFull`] when the policy's own store is too small for the candidates.
    fn rebuild(&mut self, _view: &dyn View) -> Result<(), TableFull> {
        Ok(())
    }

    /// Takes the seed that choices follow from which should differ between clients. A balancer
    /// says it once, before anything else.
    fn seed(&mut self, _seed: u64) {}

    /// Tells that the slots it names are of the view, always: they need not be checked.
    #[doc(hidden)]
    fn keeps_to_view(&self) -> bool {
        false
    }

    /// Tells that picks go by weight. Where they do not, weights and slow starts have no effect, and
    /// settings that ask for one are [refused](honours).
    fn weighs(&self) -> bool {
        true
    }

    /// Tells that a pick is short now: it does not go by weight. A balancer keeps such a pick's view
    /// in registers.
    #[doc(hidden)]
    #[inline]
    fn is_short(&self) -> bool {
        true
    }

    /// Picks while picks are [short](Self::is_short).
    #[doc(hidden)]
    #[inline]
    fn pick_short(&self, view: &dyn View, cx: &mut Cx<'_>) -> Option<usize> {
        self.pick(view, cx)
    }

    /// Returns what this policy looks at: less than its load keeps, where that is known only at run
    /// time.
    fn needs(&self) -> Needs {
        Self::Load::NEEDS
    }
}

/// Checks that a policy can do what the settings ask of it.
///
/// # Errors
/// [`ConfigError::Unweighted`] for a slow start with a policy that ignores weights.
pub fn honours(policy: &impl Policy, config: &Config) -> Result<(), ConfigError> {
    if config.slow_start.is_zero() || policy.weighs() {
        return Ok(());
    }
    Err(ConfigError::Unweighted { setting: "slow_start" })
}

impl<F: Fn(&dyn View, &mut Cx<'_>) -> Option<usize>> Policy for F {
    type Load = Hashed<Ewma>;

    fn pick(&self, view: &dyn View, cx: &mut Cx<'_>) -> Option<usize> {
        self(view, cx)
    }
}
