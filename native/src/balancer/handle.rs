//! Picks for one task or thread.

use core::fmt;
use std::sync::Arc;

use evenkeel_core::Policy;
use evenkeel_core::policy::AnyPolicy;

use super::Balancer;
use super::picking::Picking;
use crate::error::PickError;
use crate::lease::Lease;
use crate::pick::Pick;
use crate::published::Held;
use crate::snapshot::Snapshot;
use crate::stripe::Stripe;

/// Picks for one task or thread: what [`Balancer::pick`] does, in a fraction of the time, as nothing
/// is shared but the endpoints.
///
/// It may be sent to another thread, and is made for one at a time; each is independent of all
/// others. A handle has its own turn, which begins anywhere, and its own chance: round robin goes
/// around the endpoints for each handle, and in all they get the same shares. Policies that look at
/// requests in flight or at answer times see those of all threads and handles, and so does health.
///
/// Between picks it keeps the set that it picked from last, with the clients of endpoints that have
/// left since, until it picks again or is [released](Self::release); [`Balancer::close`] waits for
/// that. Keep it where requests come often, and use the balancer where they seldom do: its counts
/// take 8 to 16 bytes for each endpoint.
///
/// ```
/// use evenkeel::{Balancer, Fixed, RoundRobin};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let balancer = Balancer::builder(Fixed::new(["a:80", "b:80"])?)
///     .policy(RoundRobin::new())
///     .build_with(|target| format!("http://{target}"))?;
/// balancer.ready().await;
/// let mut handle = balancer.handle();
/// // A request that ends in the same breath.
/// let pick = handle.pick()?;
/// let first = pick.with(String::clone);
/// pick.success();
/// // One that lives across an `await`.
/// let lease = handle.lease()?;
/// assert_ne!(*lease, first);
/// lease.success();
/// # Ok(())
/// # }
/// ```
pub struct Handle<C, P = AnyPolicy> {
    balancer: Balancer<C, P>,
    stripe: Stripe,
    snapshot: Option<Arc<Snapshot<C, P>>>,
}

impl<C, P> Balancer<C, P> {
    /// Makes a [`Handle`], which picks for one task or thread at less cost.
    pub fn handle(&self) -> Handle<C, P> {
        Handle { balancer: self.clone(), stripe: self.shared.stripe(), snapshot: None }
    }
}

impl<C, P: Policy> Handle<C, P> {
    /// Picks a client, from the newest set.
    ///
    /// # Errors
    /// [`PickError`] when there is no client to pick; it says why.
    #[inline]
    pub fn pick(&mut self) -> Result<Pick<'_, C, P>, PickError> {
        self.pick_first(None)
    }

    /// Picks a client for a request with a key, as [`Balancer::pick_for`] does.
    ///
    /// # Errors
    /// [`PickError`] when there is no client to pick; it says why.
    #[inline]
    pub fn pick_for(&mut self, key: u64) -> Result<Pick<'_, C, P>, PickError> {
        self.pick_first(Some(key))
    }

    /// Picks a client for as long as its request takes: a pick that is a [lease](Pick::lease) at
    /// once.
    ///
    /// # Errors
    /// [`PickError`] when there is no client to pick; it says why.
    #[inline]
    pub fn lease(&mut self) -> Result<Lease<C>, PickError> {
        Ok(self.pick()?.lease())
    }

    /// Keeps nothing until the next pick: to be called before a long rest.
    pub fn release(&mut self) {
        self.snapshot = None;
    }

    /// Returns the balancer that it is a handle of.
    pub fn balancer(&self) -> &Balancer<C, P> {
        &self.balancer
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "out of line, the pick is copied through memory")]
    fn pick_first(&mut self, key: Option<u64>) -> Result<Pick<'_, C, P>, PickError> {
        let Self { balancer, stripe, snapshot } = self;
        let shared = &*balancer.shared;
        if !snapshot.as_ref().is_some_and(|snapshot| shared.snapshot.is_newest(snapshot)) {
            *snapshot = Some(shared.snapshot.load_full());
        }
        let Some(snapshot) = snapshot.as_deref() else { return Err(PickError::Declined) };
        Pick::new(Held::pinned(snapshot), |snapshot| {
            Picking { shared, snapshot, stripe, now: None, key, avoid: &[], leave_level: false }
                .first()
        })
    }
}

impl<C, P> fmt::Debug for Handle<C, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self.snapshot.as_ref().map(|snapshot| snapshot.version);
        f.debug_struct("Handle").field("version", &version).finish_non_exhaustive()
    }
}
