//! What the module is made of: everything, or without the feature `full`, what most pages need.

#[cfg(feature = "full")]
pub(crate) use everything::{AnyPolicy as Policy, Config as Kit};
#[cfg(not(feature = "full"))]
pub(crate) use few::{Defaults as Kit, Four as Policy};

#[cfg(feature = "full")]
mod everything {
    pub(crate) use evenkeel_core::Config;
    pub(crate) use evenkeel_core::policy::AnyPolicy;
}

/// Four policies and our rules of health, with our defaults.
#[cfg(not(feature = "full"))]
mod few {
    pub(crate) use evenkeel_core::Defaults;
    use evenkeel_core::error::TableFull;
    use evenkeel_core::load::{Ewma, Needs};
    use evenkeel_core::policy::{LeastRequest, PeakEwma, Random, WeightedRoundRobin};
    use evenkeel_core::{Cx, Policy, View};

    macro_rules! four {
        ($($name:literal $(or $other:literal)?: $policy:ident,)+) => {
            /// One of four policies, by a name.
            #[derive(Clone, Debug)]
            pub(crate) enum Four {
                $($policy($policy),)+
            }

            impl core::str::FromStr for Four {
                type Err = &'static str;

                fn from_str(name: &str) -> Result<Self, Self::Err> {
                    match name {
                        $($name $(| $other)? => Ok(Self::$policy($policy::default())),)+
                        _ => Err(concat!("policy must be one of" $(, " ", $name $(, " ", $other)?)+)),
                    }
                }
            }

            impl Policy for Four {
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

    four! {
        "round_robin" or "weighted_round_robin": WeightedRoundRobin,
        "random": Random,
        "least_request": LeastRequest,
        "peak_ewma": PeakEwma,
    }

    impl Default for Four {
        fn default() -> Self {
            Self::PeakEwma(PeakEwma::new())
        }
    }
}
