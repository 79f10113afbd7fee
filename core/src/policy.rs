//! Who is picked: policies over a view of the candidates.
//!
//! A [`Policy`] is a pure function (with a table, if it keeps one) from a [`View`] of the candidates and the context [`Cx`]
//! of one pick to a place in that view. It never sees health, priorities or zones: those decide who is in the view. All
//! that changes from pick to pick comes through `Cx` and `View`, so any number of threads may share a policy.
//!
//! # Which one
//!
//! | policy | when |
//! |---|---|
//! | [`RoundRobin`] | requests are alike, and so are the endpoints; the cheapest |
//! | [`Random`] | the same, with many clients that must not march in step |
//! | [`WeightedRoundRobin`] | weights are to be kept exactly, spread out evenly |
//! | [`WeightedRandom`] | weights are to be kept on average, by many clients that must not march in step |
//! | [`LeastRequest`] | requests differ in what they cost; a good choice where none is obvious |
//! | [`PeakEwma`] | endpoints differ in how fast they answer: other zones, other machines, noisy neighbours |
//! | [`Rendezvous`] | requests of one key belong together, on at most some hundred endpoints; [bounded](Rendezvous::bounded) where some keys are hot |
//! | [`Maglev`] | requests of one key belong together, on many endpoints or where each nanosecond counts |
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
//! let first = |view: &View<'_>, _cx: &mut Cx<'_>| (0..view.len()).find(|&place| view.allowed(place));
//! let mut balancer: Balancer<&str, _> = Balancer::new(first);
//! balancer.update(Instant::ZERO, ["b", "a"].map(Endpoint::new))?;
//! let pick = balancer.pick(Instant::ZERO, &mut ChaCha8Rng::seed_from_u64(1))?;
//! assert_eq!(balancer.endpoint(&pick).map(|endpoint| endpoint.addr), Some("a"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod alias;
mod any;
mod choose;
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
pub use choose::choose;
pub use cx::{Cx, Turn};
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
pub use view::{Keys, Loads, Unknown, View};
pub use weighted_random::WeightedRandom;
pub use weighted_round_robin::WeightedRoundRobin;

use crate::error::TableFull;

/// Chooses one of the candidates.
///
/// Your own policy in ten lines, here the least loaded of three candidates drawn at random:
///
/// ```
/// use evenkeel_core::{Balancer, Cx, Endpoint, Instant, Policy, View};
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// struct BestOfThree;
///
/// impl Policy for BestOfThree {
///     fn pick(&self, view: &View<'_>, cx: &mut Cx<'_>) -> Option<usize> {
///         let drawn = [(); 3].map(|()| cx.below(view.len()));
///         drawn.into_iter().min_by_key(|&place| (!view.allowed(place), view.in_flight(place)))
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
    /// A position in `0..view.len()`, or `None` to decline them all. The view is never empty.
    fn pick(&self, view: &View<'_>, cx: &mut Cx<'_>) -> Option<usize>;

    /// The candidates changed: time to rebuild a table, if the policy keeps one.
    ///
    /// # Errors
    /// [`TableFull`] when the policy's own store is too small for the candidates.
    fn rebuild(&mut self, _view: &View<'_>) -> Result<(), TableFull> {
        Ok(())
    }

    /// Told once by a balancer, before anything else: what choices that should differ between clients follow from.
    fn seed(&mut self, _seed: u64) {}

    /// The candidate whose turn is at `place` of the policy's own cycle ([`Cx::turn`]). By default the cycle is the candidates
    /// in their order.
    fn candidate_at(&self, place: usize) -> usize {
        place
    }

    /// Where in the policy's own cycle the turn of `candidate` is; how a rotation keeps its place when candidates change.
    fn place_of(&self, candidate: usize) -> usize {
        candidate
    }

    /// Whether requests in flight must be counted for it; one that says no costs no shared write.
    fn counts(&self) -> bool {
        true
    }

    /// Whether it looks at [`Cx::now`]; one that says no saves a shell the reading of its clock.
    fn timed(&self) -> bool {
        true
    }

    /// Whether it looks at [`View::id`]; for one that says no, a balancer with default settings hashes no addresses.
    fn hashes(&self) -> bool {
        true
    }

    /// Whether it goes round by [`Cx::turn`]; for one that says no, nobody looks where the rotation was when candidates change.
    fn rotates(&self) -> bool {
        true
    }
}

impl<F: Fn(&View<'_>, &mut Cx<'_>) -> Option<usize>> Policy for F {
    fn pick(&self, view: &View<'_>, cx: &mut Cx<'_>) -> Option<usize> {
        self(view, cx)
    }
}

#[cfg(feature = "alloc")]
macro_rules! boxed {
    ($($policy:ty),*) => {$(
        impl Policy for alloc::boxed::Box<$policy> {
            fn pick(&self, view: &View<'_>, cx: &mut Cx<'_>) -> Option<usize> {
                (**self).pick(view, cx)
            }

            fn rebuild(&mut self, view: &View<'_>) -> Result<(), TableFull> {
                (**self).rebuild(view)
            }

            fn seed(&mut self, seed: u64) {
                (**self).seed(seed);
            }

            fn candidate_at(&self, place: usize) -> usize {
                (**self).candidate_at(place)
            }

            fn place_of(&self, candidate: usize) -> usize {
                (**self).place_of(candidate)
            }

            fn counts(&self) -> bool {
                (**self).counts()
            }

            fn timed(&self) -> bool {
                (**self).timed()
            }

            fn hashes(&self) -> bool {
                (**self).hashes()
            }

            fn rotates(&self) -> bool {
                (**self).rotates()
            }
        }
    )*};
}
#[cfg(feature = "alloc")]
boxed!(dyn Policy, dyn Policy + Send + Sync);
