mod parse;

use core::fmt;

use super::{
    Cx, Ketama, LeastRequest, Maglev, PeakEwma, PickFirst, Policy, Random, Rendezvous, RingHash, RoundRobin, View,
    WeightedRandom, WeightedRoundRobin,
};
use crate::error::TableFull;
use crate::store::Store;
pub use parse::ParsePolicyError;

/// A policy chosen by name at run time; a static one costs less.
///
/// Written as a name, or a name with parameters in brackets: `maglev`, `maglev(size=251)`. With the feature `serde` that is
/// its form in configuration, too.
///
/// | text | policy | parameters |
/// |---|---|---|
/// | `round_robin` | [`RoundRobin`] | |
/// | `random` | [`Random`] | |
/// | `weighted_round_robin` | [`WeightedRoundRobin`] | |
/// | `weighted_random` | [`WeightedRandom`] | |
/// | `least_request` | [`LeastRequest`] | `full_scan` |
/// | `peak_ewma` | [`PeakEwma`] | `full_scan` |
/// | `rendezvous` | [`Rendezvous`] | `bound` in percent |
/// | `maglev` | [`Maglev`] | `size` |
/// | `ring_hash` | [`RingHash`] | `minimum`, `maximum` |
/// | `ketama` | [`Ketama`] | |
/// | `pick_first` | [`PickFirst`] | `seed` |
///
/// ```
/// use evenkeel_core::policy::AnyPolicy;
///
/// let policy: AnyPolicy = "ring_hash(minimum=64, maximum=4096)".parse()?;
/// assert_eq!((policy.name(), policy.to_string().as_str()), ("ring_hash", "ring_hash(minimum=64, maximum=4096)"));
/// let error = "roundrobin".parse::<AnyPolicy>().unwrap_err();
/// assert!(error.to_string().starts_with("unknown policy \"roundrobin\"; known are: round_robin, random, "));
/// # Ok::<(), evenkeel_core::policy::ParsePolicyError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum AnyPolicy<#[cfg(feature = "alloc")] S: Store = crate::Heap, #[cfg(not(feature = "alloc"))] S: Store> {
    /// `round_robin`
    RoundRobin(RoundRobin),
    /// `random`
    Random(Random),
    /// `weighted_round_robin`
    WeightedRoundRobin(WeightedRoundRobin<S>),
    /// `weighted_random`
    WeightedRandom(WeightedRandom<S>),
    /// `least_request`
    LeastRequest(LeastRequest),
    /// `least_request(full_scan)`
    LeastRequestFullScan(LeastRequest<true>),
    /// `peak_ewma`
    PeakEwma(PeakEwma),
    /// `peak_ewma(full_scan)`
    PeakEwmaFullScan(PeakEwma<true>),
    /// `rendezvous`
    Rendezvous(Rendezvous),
    /// `maglev`
    Maglev(Maglev<S>),
    /// `ring_hash`
    RingHash(RingHash<S>),
    /// `ketama`
    Ketama(Ketama<S>),
    /// `pick_first`
    PickFirst(PickFirst),
}

/// Does the same with whichever policy it is.
macro_rules! each {
    ($any:expr, $policy:ident => $do:expr) => {
        match $any {
            AnyPolicy::RoundRobin($policy) => $do,
            AnyPolicy::Random($policy) => $do,
            AnyPolicy::WeightedRoundRobin($policy) => $do,
            AnyPolicy::WeightedRandom($policy) => $do,
            AnyPolicy::LeastRequest($policy) => $do,
            AnyPolicy::LeastRequestFullScan($policy) => $do,
            AnyPolicy::PeakEwma($policy) => $do,
            AnyPolicy::PeakEwmaFullScan($policy) => $do,
            AnyPolicy::Rendezvous($policy) => $do,
            AnyPolicy::Maglev($policy) => $do,
            AnyPolicy::RingHash($policy) => $do,
            AnyPolicy::Ketama($policy) => $do,
            AnyPolicy::PickFirst($policy) => $do,
        }
    };
}

/// One type, so that nobody has to name a store to get at the names.
#[cfg(feature = "alloc")]
impl AnyPolicy {
    /// The names that can be parsed.
    pub const NAMES: [&'static str; 11] = parse::NAMES;
}

#[cfg(not(feature = "alloc"))]
impl<S: Store> AnyPolicy<S> {
    /// The names that can be parsed.
    pub const NAMES: [&'static str; 11] = parse::NAMES;
}

impl<S: Store> AnyPolicy<S> {
    /// The name of this policy, without parameters.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::RoundRobin(_) => "round_robin",
            Self::Random(_) => "random",
            Self::WeightedRoundRobin(_) => "weighted_round_robin",
            Self::WeightedRandom(_) => "weighted_random",
            Self::LeastRequest(_) | Self::LeastRequestFullScan(_) => "least_request",
            Self::PeakEwma(_) | Self::PeakEwmaFullScan(_) => "peak_ewma",
            Self::Rendezvous(_) => "rendezvous",
            Self::Maglev(_) => "maglev",
            Self::RingHash(_) => "ring_hash",
            Self::Ketama(_) => "ketama",
            Self::PickFirst(_) => "pick_first",
        }
    }
}

impl<S: Store> Policy for AnyPolicy<S> {
    #[inline(always)]
    #[expect(clippy::inline_always)] // Out of line, view and context go through memory, which takes three times as long.
    fn pick(&self, view: &View<'_>, cx: &mut Cx<'_>) -> Option<usize> {
        match self {
            Self::RoundRobin(policy) => policy.pick(view, cx),
            Self::Random(policy) => policy.pick(view, cx),
            Self::WeightedRoundRobin(policy) => policy.pick(view, cx),
            Self::WeightedRandom(policy) => policy.pick(view, cx),
            Self::LeastRequest(policy) => policy.pick(view, cx),
            Self::PickFirst(policy) => policy.pick(view, cx),
            Self::Maglev(policy) => policy.pick(view, cx),
            Self::LeastRequestFullScan(policy) => outlined(policy, *view, cx.reborrow()),
            Self::PeakEwma(policy) => outlined(policy, *view, cx.reborrow()),
            Self::PeakEwmaFullScan(policy) => outlined(policy, *view, cx.reborrow()),
            Self::Rendezvous(policy) => outlined(policy, *view, cx.reborrow()),
            Self::RingHash(policy) => outlined(policy, *view, cx.reborrow()),
            Self::Ketama(policy) => outlined(policy, *view, cx.reborrow()),
        }
    }

    fn rebuild(&mut self, view: &View<'_>) -> Result<(), TableFull> {
        each!(self, policy => policy.rebuild(view))
    }

    fn seed(&mut self, seed: u64) {
        each!(self, policy => policy.seed(seed));
    }

    fn candidate_at(&self, place: usize) -> usize {
        each!(self, policy => policy.candidate_at(place))
    }

    fn place_of(&self, candidate: usize) -> usize {
        each!(self, policy => policy.place_of(candidate))
    }

    #[inline]
    fn counts(&self) -> bool {
        each!(self, policy => policy.counts())
    }

    #[inline]
    fn timed(&self) -> bool {
        each!(self, policy => policy.timed())
    }

    fn hashes(&self) -> bool {
        each!(self, policy => policy.hashes())
    }

    fn rotates(&self) -> bool {
        each!(self, policy => policy.rotates())
    }
}

/// An arm out of line: beside the cost of these, a call is little, and the others keep the registers.
#[inline(never)]
fn outlined<P: Policy>(policy: &P, view: View<'_>, mut cx: Cx<'_>) -> Option<usize> {
    policy.pick(&view, &mut cx)
}

impl<S: Store> Default for AnyPolicy<S> {
    /// [`RoundRobin`].
    fn default() -> Self {
        Self::RoundRobin(RoundRobin)
    }
}

impl<S: Store> Clone for AnyPolicy<S> {
    fn clone(&self) -> Self {
        match self {
            Self::RoundRobin(policy) => Self::RoundRobin(*policy),
            Self::Random(policy) => Self::Random(*policy),
            Self::WeightedRoundRobin(policy) => Self::WeightedRoundRobin(policy.clone()),
            Self::WeightedRandom(policy) => Self::WeightedRandom(policy.clone()),
            Self::LeastRequest(policy) => Self::LeastRequest(*policy),
            Self::LeastRequestFullScan(policy) => Self::LeastRequestFullScan(*policy),
            Self::PeakEwma(policy) => Self::PeakEwma(*policy),
            Self::PeakEwmaFullScan(policy) => Self::PeakEwmaFullScan(*policy),
            Self::Rendezvous(policy) => Self::Rendezvous(*policy),
            Self::Maglev(policy) => Self::Maglev(policy.clone()),
            Self::RingHash(policy) => Self::RingHash(policy.clone()),
            Self::Ketama(policy) => Self::Ketama(policy.clone()),
            Self::PickFirst(policy) => Self::PickFirst(*policy),
        }
    }
}

impl<S: Store> fmt::Display for AnyPolicy<S> {
    /// The text that parses to the same policy; parameters at their default are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::LeastRequestFullScan(_) | Self::PeakEwmaFullScan(_) => f.write_str("(full_scan)"),
            Self::Rendezvous(policy) => policy.bound().map_or(Ok(()), |bound| write!(f, "(bound={bound})")),
            Self::Maglev(policy) if policy.size() != parse::MAGLEV_SIZE => write!(f, "(size={})", policy.size()),
            Self::RingHash(policy) if policy.sizes() != RingHash::<S>::default().sizes() => {
                let (minimum, maximum) = policy.sizes();
                write!(f, "(minimum={minimum}, maximum={maximum})")
            }
            Self::PickFirst(policy) => policy.own_seed().map_or(Ok(()), |seed| write!(f, "(seed={seed})")),
            _ => Ok(()),
        }
    }
}
