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
        ($($policy:ident,)+) => {
            /// One of four policies.
            #[derive(Clone, Debug)]
            pub(crate) enum Four {
                $($policy($policy),)+
            }

            impl Four {
                /// Makes the policy of this number; [`PeakEwma`] if there is none.
                pub(crate) fn numbered(index: u32) -> Self {
                    let mut next = 0..;
                    $(if next.next() == Some(index) {
                        return Self::$policy($policy::default());
                    })+
                    Self::default()
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
        WeightedRoundRobin,
        Random,
        LeastRequest,
        PeakEwma,
    }

    impl Default for Four {
        fn default() -> Self {
            Self::PeakEwma(PeakEwma::new())
        }
    }
}
