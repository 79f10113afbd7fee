//! A picked client, borrowed for a moment.

use core::fmt;
use core::mem::ManuallyDrop;
use core::ptr;
use core::time::Duration;
use std::sync::Arc;

use evenkeel_core::{Instant, Outcome, Slot, Why};

use crate::client::Client;
use crate::error::PickError;
use crate::lease::Lease;
use crate::published::Held;
use crate::report::{Chosen, Due};
use crate::snapshot::Snapshot;
use crate::table::Row;
use crate::tally::Tally;
use crate::target::Target;

/// Whom a pick goes to.
#[derive(Debug)]
pub(crate) struct Choice<'a, C> {
    pub(crate) row: &'a Row<C>,
    pub(crate) why: Why,
    /// As in [`Chosen`].
    pub(crate) decides: bool,
    /// As in [`Chosen`].
    pub(crate) sent: Instant,
}

/// A picked client, borrowed from the balancer: the cheapest way to use one, for requests that end
/// in the same breath. It stays on its thread.
///
/// To be ended by [`success`](Self::success), [`failure`](Self::failure),
/// [`overloaded`](Self::overloaded) or [`report`](Self::report); dropped without, the request
/// counts as abandoned. A request that lives across an `await` wants a [`Lease`].
#[must_use = "a pick that is dropped counts as an abandoned request"]
pub struct Pick<'a, C, P> {
    snapshot: Held<'a, C, P>,
    /// Of that snapshot.
    row: *const Row<C>,
    sent: Instant,
    why: Why,
    decides: bool,
}

impl<'a, C, P> Pick<'a, C, P> {
    /// Makes the pick of a request that has been counted, if it is to be: `choose` says whom it goes
    /// to.
    ///
    /// # Errors
    /// What `choose` says.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "out of line, the pick is copied through memory")]
    pub(crate) fn new(
        snapshot: Held<'a, C, P>,
        choose: impl FnOnce(&Snapshot<C, P>) -> Result<Choice<'_, C>, PickError>,
    ) -> Result<Self, PickError> {
        let Choice { row, why, decides, sent } = choose(&snapshot)?;
        let row = ptr::from_ref(row);
        Ok(Self { snapshot, row, sent, why, decides })
    }

    /// Calls `f` with the client.
    #[inline]
    pub fn with<R>(&self, f: impl FnOnce(&C) -> R) -> R {
        f(&self.client().inner)
    }

    /// Returns where the client leads.
    pub fn target(&self) -> &Target {
        &self.client().target
    }

    /// Returns why this endpoint was picked.
    pub fn why(&self) -> Why {
        self.why
    }

    /// Tells that the request was answered well.
    #[inline]
    pub fn success(self) {
        self.report(Outcome::Success);
    }

    /// Tells that the request was not answered well.
    #[inline]
    pub fn failure(self) {
        self.report(Outcome::Failure);
    }

    /// Tells that the endpoint refused the request for now, and for how long it asked to be left
    /// alone, if it did: no failure then.
    #[inline]
    pub fn overloaded(self, retry_after: Option<Duration>) {
        self.report(Outcome::Overloaded { retry_after });
    }

    /// Tells how the request ended.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "out of line, the pick is copied through memory")]
    pub fn report(self, outcome: Outcome) {
        // As when it is dropped, but in place: nothing is left to drop then.
        let mut ended = ManuallyDrop::new(self);
        ended.due(outcome).report(ended.client());
        ended.snapshot.put_back();
    }

    /// Makes it owned, so that it may live across awaits; costs one more count on a shared line, and
    /// a look at the clock.
    #[inline]
    pub fn lease(self) -> Lease<C> {
        // Health wants to know if a failure was slow.
        let sent = self.sent;
        let now = if sent == Instant::ZERO { self.client().clock.now() } else { sent };
        self.lease_at(now)
    }

    /// Makes the lease of a request that is sent now; where answers are timed, that is known already.
    #[inline]
    pub(crate) fn lease_at(self, now: Instant) -> Lease<C> {
        // The lease owes the report now.
        let mut ended = ManuallyDrop::new(self);
        if ended.sent == Instant::ZERO {
            ended.sent = now;
        }
        let due = ended.due(Outcome::Abandoned);
        let lease = Lease::new(Arc::clone(ended.client()), due);
        ended.snapshot.put_back();
        lease
    }

    /// Returns the tally of the thread that picked; a handle's is its own.
    #[inline]
    pub(crate) fn tally(&self) -> Option<&'a Tally> {
        self.snapshot.seat().map(|seat| seat.stripe.tally())
    }

    pub(crate) fn slot(&self) -> Slot {
        self.row().slot
    }

    /// Makes it as if it had never been picked.
    pub(crate) fn withdraw(self, tally: &Tally) {
        let mut ended = ManuallyDrop::new(self);
        tally.take_back_pick(ended.client().column.place());
        if ended.snapshot.needs.in_flight {
            ended.client().load.end();
        }
        ended.snapshot.put_back();
    }

    #[inline]
    fn client(&self) -> &Arc<Client<C>> {
        &self.row().client
    }

    #[inline]
    #[expect(unsafe_code, reason = "to be looked up again, it would take a branch that may panic")]
    fn row(&self) -> &Row<C> {
        // SAFETY: `new` had it from `snapshot`, which never changes and lives until it is put back,
        // which is the last that is done with a pick.
        unsafe { &*self.row }
    }

    #[inline]
    fn due(&self, outcome: Outcome) -> Due {
        let Snapshot { needs, version, .. } = *self.snapshot;
        let Self { why, decides, sent, .. } = *self;
        let chosen = Chosen { slot: self.row().slot, why, decides, sent };
        Due { chosen, needs, version, outcome: Some(outcome) }
    }
}

impl<C, P> Drop for Pick<'_, C, P> {
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "out of line, the pick is copied through memory")]
    fn drop(&mut self) {
        self.due(Outcome::Abandoned).report(self.client());
    }
}

impl<C, P> fmt::Debug for Pick<'_, C, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pick")
            .field("target", self.target())
            .field("due", &self.due(Outcome::Abandoned))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use core::panic::AssertUnwindSafe;
    use std::panic::catch_unwind;
    use std::sync::{Arc, Weak};

    use evenkeel_core::Endpoint;
    use evenkeel_core::policy::RoundRobin;

    use super::Pick;
    use crate::balancer::Balancer;
    use crate::discover::Publisher;
    use crate::target::Target;

    type Clients = Balancer<Arc<String>, RoundRobin>;

    fn balancer() -> (Publisher, Clients) {
        let (publisher, source) = Publisher::new();
        let balancer = Balancer::builder(source).seed(1).policy(RoundRobin::new());
        (publisher, balancer.build_with(|target| Arc::new(target.to_string())).expect("a runtime"))
    }

    /// Returns when picks lead to this address alone.
    async fn publish(balancer: &Clients, publisher: &Publisher, address: &str) {
        let endpoint = Endpoint::new(address.parse::<Target>().expect("an address"));
        publisher.replace([endpoint]);
        while balancer.pick().ok().is_none_or(|pick| leads_to(pick) != address) {
            tokio::task::yield_now().await;
        }
    }

    fn leads_to(pick: Pick<'_, Arc<String>, RoundRobin>) -> String {
        let address = pick.with(ToString::to_string);
        pick.success();
        address
    }

    /// Two picks of a thread and one of a handle live on while their set is replaced.
    #[test]
    fn a_pick_outlives_its_set_and_nothing_outlives_the_pick() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(async {
            let (publisher, balancer) = balancer();
            publish(&balancer, &publisher, "a:80").await;
            let mut handle = balancer.handle();
            let client: Weak<String> = handle.pick().expect("a pick").with(Arc::downgrade);
            let [first, second] = [(); 2].map(|()| balancer.pick().expect("a pick"));
            let third = handle.pick().expect("a pick");
            publish(&balancer, &publisher, "b:80").await;
            for pick in [&first, &second, &third] {
                assert_eq!(pick.with(ToString::to_string), "a:80");
            }
            first.success();
            let lease = second.lease();
            drop(third);
            assert_eq!(leads_to(handle.pick().expect("a pick")), "b:80");
            assert_eq!(**lease, "a:80");
            drop(lease);
            // The task keeps it somewhat longer.
            while client.strong_count() > 0 {
                tokio::task::yield_now().await;
            }
        });
    }

    /// What is done with a client may panic: the pick counts as abandoned, and the next is made.
    #[test]
    fn who_panics_with_a_client_keeps_nothing() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(async {
            let (publisher, balancer) = balancer();
            publish(&balancer, &publisher, "a:80").await;
            let pick = balancer.pick().expect("a pick");
            let panics = AssertUnwindSafe(|| pick.with(|_| panic!("as a user may")));
            assert!(catch_unwind(panics).is_err());
            assert_eq!(leads_to(balancer.pick().expect("a pick")), "a:80");
        });
    }
}
