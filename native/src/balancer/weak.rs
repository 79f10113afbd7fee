//! A handle that keeps no balancer alive.

use core::fmt;
use std::sync::{Arc, Weak};

use evenkeel_core::policy::AnyPolicy;

use super::Balancer;
use crate::abort::AbortOnDrop;
use crate::shared::Shared;

/// A handle of a [`Balancer`] that does not keep its task alive: for what lives longer than the
/// balancer, such as a registry of metrics or a background job.
///
/// ```
/// use evenkeel::{Balancer, Fixed, Target};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let balancer = Balancer::builder(Fixed::new(["10.0.0.1:80"])?)
///     .build_with(|target: Target| target)?;
/// let weak = balancer.downgrade();
/// assert!(weak.upgrade().is_some());
/// drop(balancer);
/// assert!(weak.upgrade().is_none());
/// # Ok(())
/// # }
/// ```
pub struct WeakBalancer<C, P = AnyPolicy> {
    shared: Weak<Shared<C, P>>,
    task: Weak<AbortOnDrop>,
}

impl<C, P> Balancer<C, P> {
    /// Makes a handle that does not keep the balancer alive.
    pub fn downgrade(&self) -> WeakBalancer<C, P> {
        let (shared, task) = (Arc::downgrade(&self.shared), Arc::downgrade(&self.task));
        WeakBalancer { shared, task }
    }
}

impl<C, P> WeakBalancer<C, P> {
    /// Returns the balancer; `None` once its last handle was dropped.
    pub fn upgrade(&self) -> Option<Balancer<C, P>> {
        let (shared, task) = (self.shared.upgrade()?, self.task.upgrade()?);
        Some(Balancer { shared, task })
    }
}

impl<C, P> Clone for WeakBalancer<C, P> {
    fn clone(&self) -> Self {
        Self { shared: Weak::clone(&self.shared), task: Weak::clone(&self.task) }
    }
}

impl<C, P> fmt::Debug for WeakBalancer<C, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakBalancer").finish_non_exhaustive()
    }
}
