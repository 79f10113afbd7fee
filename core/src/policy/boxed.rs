use alloc::boxed::Box;

use super::{Cx, Policy, View};
use crate::error::TableFull;
use crate::load::{Ewma, Hashed, Load, Needs};

/// A policy that a box can clone: any that is [`Clone`] and borrows nothing.
///
/// Settings that form several groups of candidates want a clone for each.
pub trait BoxedPolicy: Policy {
    /// Returns a clone in a box.
    fn clone_boxed(&self) -> Box<dyn BoxedPolicy<Load = Self::Load>>;

    /// Returns a clone in a box that threads may share.
    fn clone_shared(&self) -> Box<dyn BoxedPolicy<Load = Self::Load> + Send + Sync>
    where
        Self: Send + Sync;
}

impl<P: Policy + Clone + 'static> BoxedPolicy for P {
    fn clone_boxed(&self) -> Box<dyn BoxedPolicy<Load = P::Load>> {
        Box::new(self.clone())
    }

    fn clone_shared(&self) -> Box<dyn BoxedPolicy<Load = P::Load> + Send + Sync>
    where
        P: Send + Sync,
    {
        Box::new(self.clone())
    }
}

/// Boxes a policy of any load, so that all have one type: rows keep what any of them may want, and
/// [`Policy::needs`] says what this one looks at.
///
/// ```
/// use evenkeel_core::policy::{LeastRequest, Policy, RoundRobin, boxed};
///
/// let policies = [boxed(RoundRobin::new()), boxed(LeastRequest::new())];
/// assert_eq!(policies.map(|policy| policy.needs().in_flight), [false, true]);
/// ```
pub fn boxed<P>(policy: P) -> Box<dyn BoxedPolicy<Load = Hashed<Ewma>> + Send + Sync>
where
    P: Policy + Clone + Send + Sync + 'static,
{
    Box::new(AnyLoad(policy))
}

#[derive(Clone)]
struct AnyLoad<P>(P);

macro_rules! forward {
    (($($generics:tt)*) $type:ty, $load:ty, $policy:tt => $inner:expr) => {
        impl<$($generics)*> Policy for $type {
            type Load = $load;

            fn pick(&self, view: &dyn View, cx: &mut Cx<'_>) -> Option<usize> {
                let $policy = self;
                $inner.pick(view, cx)
            }

            fn rebuild(&mut self, view: &dyn View) -> Result<(), TableFull> {
                let $policy = self;
                $inner.rebuild(view)
            }

            fn seed(&mut self, seed: u64) {
                let $policy = self;
                $inner.seed(seed);
            }

            fn needs(&self) -> Needs {
                let $policy = self;
                $inner.needs()
            }

            fn weighs(&self) -> bool {
                let $policy = self;
                $inner.weighs()
            }

            fn keeps_to_view(&self) -> bool {
                let $policy = self;
                $inner.keeps_to_view()
            }
        }
    };
}

forward!((P: Policy) AnyLoad<P>, Hashed<Ewma>, policy => policy.0);
forward!((L: Load) Box<dyn BoxedPolicy<Load = L>>, L, policy => (**policy));
forward!((L: Load) Box<dyn BoxedPolicy<Load = L> + Send + Sync>, L, policy => (**policy));

impl<L: Load> Clone for Box<dyn BoxedPolicy<Load = L>> {
    fn clone(&self) -> Self {
        (**self).clone_boxed()
    }
}

impl<L: Load> Clone for Box<dyn BoxedPolicy<Load = L> + Send + Sync> {
    fn clone(&self) -> Self {
        (**self).clone_shared()
    }
}
