//! What the module is made of: everything, or without the feature `full`, what most pages need.

#[cfg(feature = "full")]
pub(crate) use everything::{AnyPolicy as Policy, Config as Kit};
pub use few::NAMES as FEW_POLICIES;
#[cfg(not(feature = "full"))]
pub(crate) use few::{Defaults as Kit, Five as Policy};

#[cfg(feature = "full")]
mod everything {
    pub(crate) use evenkeel_core::Config;
    pub(crate) use evenkeel_core::policy::AnyPolicy;
}

/// Five policies and our rules of health, with our defaults.
mod few {
    #[cfg(not(feature = "full"))]
    pub(crate) use evenkeel_core::Defaults;
    use evenkeel_core::error::TableFull;
    use evenkeel_core::load::{Ewma, Needs};
    use evenkeel_core::policy::{LeastRequest, PeakEwma, Random, RoundRobin, WeightedRoundRobin};
    use evenkeel_core::{Cx, Policy, View};

    macro_rules! five {
        ($($policy:ident: $name:literal,)+) => {
            /// Their names, by number.
            pub const NAMES: &[&str] = &[$($name),+];

            /// One of five policies.
            #[derive(Clone, Debug)]
            pub(crate) enum Five {
                $($policy($policy),)+
            }

            #[cfg_attr(feature = "full", expect(dead_code, reason = "there are all policies"))]
            impl Five {
                /// Makes the policy of this number; [`PeakEwma`] if there is none.
                pub(crate) fn numbered(index: u32) -> Self {
                    let mut next = 0..;
                    $(if next.next() == Some(index) {
                        return Self::$policy($policy::default());
                    })+
                    Self::default()
                }
            }

            impl Policy for Five {
                type Load = Ewma;

                #[inline]
                fn keeps_to_view(&self) -> bool {
                    true
                }

                fn pick(&self, view: &dyn View, cx: &mut Cx<'_>) -> Option<usize> {
                    match self {
                        $(Self::$policy(policy) => policy.pick(view, cx),)+
                    }
                }

                fn rebuild(&mut self, view: &dyn View) -> Result<(), TableFull> {
                    match self {
                        $(Self::$policy(policy) => policy.rebuild(view),)+
                    }
                }

                fn seed(&mut self, seed: u64) {
                    match self {
                        $(Self::$policy(policy) => policy.seed(seed),)+
                    }
                }

                fn weighs(&self) -> bool {
                    match self {
                        $(Self::$policy(policy) => policy.weighs(),)+
                    }
                }

                fn needs(&self) -> Needs {
                    match self {
                        $(Self::$policy(policy) => policy.needs(),)+
                    }
                }
            }
        };
    }

    five! {
        RoundRobin: "round_robin",
        WeightedRoundRobin: "weighted_round_robin",
        Random: "random",
        LeastRequest: "least_request",
        PeakEwma: "peak_ewma",
    }

    impl Default for Five {
        fn default() -> Self {
            Self::PeakEwma(PeakEwma::new())
        }
    }
}
