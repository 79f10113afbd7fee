mod parse;

use core::fmt;

use super::{
    Cx, InvalidParameter, Ketama, LeastRequest, Maglev, PeakEwma, PickFirst, Policy, Random,
    Rendezvous, RingHash, View, WeightedRandom, WeightedRoundRobin,
};
use crate::error::TableFull;
use crate::load::{Ewma, Hashed, Needs};
use crate::store::Store;
pub use parse::ParsePolicyError;
use parse::{FULL_SCAN, Given, Parameters};

/// Makes the enum, its names, and what makes a policy, from one line for each name: the policy,
/// and that of `name(full_scan)` where there is one.
macro_rules! policies {
    ($(#[$attribute:meta])* $(
        $name:literal: $plain:ident($type:ty) $(| $scan:ident($scan_type:ty))?;
    )+) => {
        $(#[$attribute])*
        #[derive(Debug)]
        #[non_exhaustive]
        pub enum AnyPolicy<
            #[cfg(feature = "alloc")] S: Store = crate::store::Heap,
            #[cfg(not(feature = "alloc"))] S: Store,
        > {$(
            #[doc = concat!("`", $name, "`")]
            $plain($type),
            $(
                #[doc = concat!("`", $name, "(full_scan)`")]
                $scan($scan_type),
            )?
        )+}

        const NAMES: &[&str] = &[$($name),+];

        impl<S: Store> AnyPolicy<S> {
            /// Returns the name of this policy, without parameters.
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$plain(_) $(| Self::$scan(_))? => $name),+
                }
            }

            /// The names of each policy's parameters, at most two, in the order of the policies.
            pub const PARAMETERS: &'static [&'static [&'static str]] = &[$(<$type>::NAMES),+];

            fn with_given(index: usize, given: &Given) -> Option<Result<Self, InvalidParameter>> {
                let mut next = 0..;
                $(if next.next() == Some(index) {
                    $(if given.full_scan {
                        return Some(Ok(Self::$scan(<$scan_type>::default())));
                    })?
                    return Some(<$type>::read(given).map(Self::$plain));
                })+
                None
            }
        }

        impl<S: Store> Clone for AnyPolicy<S> {
            fn clone(&self) -> Self {
                match self {$(
                    Self::$plain(policy) => Self::$plain(policy.clone()),
                    $(Self::$scan(policy) => Self::$scan(policy.clone()),)?
                )+}
            }
        }
    };
}

/// Does the same with whichever policy it is; those of one type have one code.
macro_rules! each {
    ($any:expr, $policy:ident => $do:expr) => {
        match $any {
            AnyPolicy::RoundRobin($policy) | AnyPolicy::WeightedRoundRobin($policy) => $do,
            AnyPolicy::Random($policy) => $do,
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

policies! {
    /// A policy chosen by name at run time; a static one costs less.
    ///
    /// Written as a name, or a name with parameters in brackets: `maglev`, `maglev(size=251)`. With
    /// the feature `serde` that is its form in configuration, too.
    ///
    /// | text | policy | parameters |
    /// |---|---|---|
    /// | `round_robin` | [`WeightedRoundRobin`]: a plain one where weights are equal | |
    /// | `random` | [`Random`] | |
    /// | `weighted_round_robin` | the same as `round_robin` | |
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
    /// assert_eq!(policy.name(), "ring_hash");
    /// assert_eq!(policy.to_string(), "ring_hash(minimum=64, maximum=4096)");
    /// let error = "roundrobin".parse::<AnyPolicy>().unwrap_err().to_string();
    /// assert!(error.starts_with("unknown policy \"roundrobin\"; known are: round_robin, random, "));
    /// # Ok::<(), evenkeel_core::policy::ParsePolicyError>(())
    /// ```
    "round_robin": RoundRobin(WeightedRoundRobin<S>);
    "random": Random(Random);
    "weighted_round_robin": WeightedRoundRobin(WeightedRoundRobin<S>);
    "weighted_random": WeightedRandom(WeightedRandom<S>);
    "least_request": LeastRequest(LeastRequest<S>) | LeastRequestFullScan(LeastRequest<S, true>);
    "peak_ewma": PeakEwma(PeakEwma<S>) | PeakEwmaFullScan(PeakEwma<S, true>);
    "rendezvous": Rendezvous(Rendezvous);
    "maglev": Maglev(Maglev<S>);
    "ring_hash": RingHash(RingHash<S>);
    "ketama": Ketama(Ketama<S>);
    "pick_first": PickFirst(PickFirst);
}

impl<S: Store> AnyPolicy<S> {
    /// Makes the policy with this index among the names, without a text: `numbers` are those of its
    /// [`PARAMETERS`](Self::PARAMETERS) that are given. Of `full_scan`, any number will do. `None`
    /// if there is no such policy.
    pub fn numbered(
        index: usize,
        numbers: [Option<u64>; 2],
    ) -> Option<Result<Self, InvalidParameter>> {
        Self::with_given(index, &Given::numbered(Self::PARAMETERS.get(index)?, numbers))
    }

    /// Makes the policy of this name; `None` if there is none.
    fn named(name: &str, list: &str) -> Option<Result<Self, ParsePolicyError>> {
        let index = NAMES.iter().position(|known| *known == name)?;
        let given = Given::parse(NAMES.get(index)?, Self::PARAMETERS.get(index)?, list);
        match given {
            Ok(given) => Some(Self::with_given(index, &given)?.map_err(Into::into)),
            Err(error) => Some(Err(error)),
        }
    }
}

/// One type, so that nobody has to name a store to get at the names.
#[cfg(feature = "alloc")]
impl AnyPolicy {
    /// The names that can be parsed.
    pub const NAMES: &'static [&'static str] = NAMES;
}

#[cfg(not(feature = "alloc"))]
impl<S: Store> AnyPolicy<S> {
    /// The names that can be parsed.
    pub const NAMES: &'static [&'static str] = NAMES;
}

impl<S: Store> Policy for AnyPolicy<S> {
    type Load = Hashed<Ewma>;

    #[inline]
    fn keeps_to_view(&self) -> bool {
        true
    }

    #[inline]
    fn pick(&self, view: &dyn View, cx: &mut Cx<'_>) -> Option<usize> {
        each!(self, policy => policy.pick(view, cx))
    }

    fn rebuild(&mut self, view: &dyn View) -> Result<(), TableFull> {
        each!(self, policy => policy.rebuild(view))
    }

    fn seed(&mut self, seed: u64) {
        each!(self, policy => policy.seed(seed));
    }

    #[inline]
    fn is_short(&self) -> bool {
        each!(self, policy => policy.is_short())
    }

    #[inline]
    fn pick_short(&self, view: &dyn View, cx: &mut Cx<'_>) -> Option<usize> {
        each!(self, policy => policy.pick_short(view, cx))
    }

    fn weighs(&self) -> bool {
        each!(self, policy => policy.weighs())
    }

    fn needs(&self) -> Needs {
        each!(self, policy => policy.needs())
    }
}

impl<S: Store> Default for AnyPolicy<S> {
    /// [`PeakEwma`]: it steers around what is slow or fails, and goes by weights.
    fn default() -> Self {
        Self::PeakEwma(PeakEwma::in_store())
    }
}

impl<S: Store> fmt::Display for AnyPolicy<S> {
    /// Writes the text that parses to the same policy; parameters at their default are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        each!(self, policy => parse::write_parameters(policy, f))
    }
}

impl Parameters for Random {}
impl<S: Store> Parameters for WeightedRoundRobin<S> {}
impl<S: Store> Parameters for WeightedRandom<S> {}
impl<S: Store> Parameters for Ketama<S> {}

impl<S: Store, const SCAN: bool> Parameters for LeastRequest<S, SCAN> {
    const NAMES: &'static [&'static str] = &[FULL_SCAN];
    const FULL_SCAN: bool = SCAN;
}

impl<S: Store, const SCAN: bool> Parameters for PeakEwma<S, SCAN> {
    const NAMES: &'static [&'static str] = &[FULL_SCAN];
    const FULL_SCAN: bool = SCAN;
}

impl Parameters for Rendezvous {
    const NAMES: &'static [&'static str] = &["bound"];

    fn read(given: &Given) -> Result<Self, InvalidParameter> {
        given.number(0)?.map_or(Ok(Self::new()), Self::bounded)
    }

    fn numbers(&self) -> [Option<u64>; 2] {
        [self.bound().map(u64::from), None]
    }
}

impl<S: Store> Parameters for Maglev<S> {
    const NAMES: &'static [&'static str] = &["size"];

    fn read(given: &Given) -> Result<Self, InvalidParameter> {
        Self::in_store(given.number(0)?.unwrap_or(Self::DEFAULT_SIZE))
    }

    fn numbers(&self) -> [Option<u64>; 2] {
        [Some(self.size()).filter(|&size| size != Self::DEFAULT_SIZE).map(u64::from), None]
    }
}

impl<S: Store> Parameters for RingHash<S> {
    const NAMES: &'static [&'static str] = &["minimum", "maximum"];

    fn read(given: &Given) -> Result<Self, InvalidParameter> {
        let minimum = given.number(0)?.unwrap_or(Self::MINIMUM_SIZE);
        Self::in_store(minimum, given.number(1)?.unwrap_or(Self::MAXIMUM_SIZE))
    }

    fn numbers(&self) -> [Option<u64>; 2] {
        let (minimum, maximum) = self.sizes();
        if (minimum, maximum) == (Self::MINIMUM_SIZE, Self::MAXIMUM_SIZE) {
            return [None; 2];
        }
        [Some(minimum.into()), Some(maximum.into())]
    }
}

impl Parameters for PickFirst {
    const NAMES: &'static [&'static str] = &["seed"];

    fn read(given: &Given) -> Result<Self, InvalidParameter> {
        Ok(given.long(0).map_or(Self::new(), Self::with_seed))
    }

    fn numbers(&self) -> [Option<u64>; 2] {
        [self.own_seed(), None]
    }
}
