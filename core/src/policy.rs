//! Who is picked: policies over a view of the candidates.
//!
//! A [`Policy`] is a pure function (with a table, if it keeps one) from a [`View`] of the candidates and the context [`Cx`]
//! of one pick to a place in that view. It never sees health, priorities or zones: those decide who is in the view. All
//! that changes from pick to pick comes through `Cx` and `View`, so any number of threads may share a policy.
//!
//! A closure is a policy too:
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

mod any;
mod choose;
mod cx;
mod random;
mod round_robin;
mod view;

pub use any::{AnyPolicy, UnknownPolicy};
pub use choose::choose;
pub use cx::{Cx, Turn};
pub use random::Random;
pub use round_robin::RoundRobin;
pub use view::{Loads, View};

use crate::error::TableFull;

/// Chooses one of the candidates.
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

    /// Whether requests in flight must be counted for it; one that says no costs no shared write.
    fn counts(&self) -> bool {
        true
    }

    /// Whether it looks at [`Cx::now`]; one that says no saves a shell the reading of its clock.
    fn timed(&self) -> bool {
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

            fn counts(&self) -> bool {
                (**self).counts()
            }

            fn timed(&self) -> bool {
                (**self).timed()
            }
        }
    )*};
}
#[cfg(feature = "alloc")]
boxed!(dyn Policy, dyn Policy + Send + Sync);
