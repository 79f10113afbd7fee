//! A picked client, owned until its request ends.

use core::fmt;
use core::ops::Deref;
use core::time::Duration;
use std::sync::Arc;

#[cfg(any(feature = "http-verdict", feature = "tonic"))]
use evenkeel_core::Instant;
#[cfg(feature = "tonic")]
use evenkeel_core::Verdict;
use evenkeel_core::{Outcome, Why};

use crate::client::Client;
use crate::report::Due;
use crate::tally::Place;
use crate::target::Target;

/// A picked client for one request, as long as that takes; dereferences to the client.
///
/// To be ended by [`success`](Self::success), [`failure`](Self::failure),
/// [`overloaded`](Self::overloaded) or [`report`](Self::report); dropped without, the request
/// counts as abandoned, unless it came with an [answer](crate::Balancer::call_lease). The client of
/// an endpoint that left is dropped with its last lease.
#[must_use = "a lease that is dropped counts as an abandoned request"]
pub struct Lease<C> {
    client: Arc<Client<C>>,
    due: Due,
}

impl<C> Lease<C> {
    pub(crate) fn new(client: Arc<Client<C>>, due: Due) -> Self {
        Self { client, due }
    }

    /// Returns where the client leads.
    pub fn target(&self) -> &Target {
        &self.client.target
    }

    /// Returns why this endpoint was picked.
    pub fn why(&self) -> Why {
        self.due.chosen.why
    }

    /// Has the client made anew, because it is broken: in the background, as that of a new endpoint,
    /// and with as much patience. The endpoint is picked again once it is there. The old client is
    /// dropped with its last lease. How the request ended is still to be told.
    ///
    /// Takes effect as soon as the balancer's task has run; what is picked before has the old
    /// client. Of a client that has been replaced already it means nothing.
    ///
    /// ```
    /// use evenkeel::{Balancer, Fixed};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let made = std::sync::atomic::AtomicU32::new(0);
    /// # let next = move || made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    /// // Clients are numbered here.
    /// let balancer = Balancer::builder(Fixed::new(["a:80"])?).build_with(move |_| next())?;
    /// balancer.ready().await;
    /// let lease = balancer.pick()?.lease();
    /// assert_eq!(*lease, 0);
    /// lease.discard();
    /// lease.failure();
    /// # tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    /// balancer.ready().await;
    /// assert_eq!(*balancer.pick()?.lease(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn discard(&self) {
        self.client.discard(self.due.chosen.slot);
    }

    /// Tells that the request was answered well.
    pub fn success(self) {
        self.report(Outcome::Success);
    }

    /// Tells that the request was not answered well.
    pub fn failure(self) {
        self.report(Outcome::Failure);
    }

    /// Tells that the endpoint refused the request for now, and for how long it asked to be left
    /// alone, if it did: no failure then.
    pub fn overloaded(self, retry_after: Option<Duration>) {
        self.report(Outcome::Overloaded { retry_after });
    }

    /// Tells how the request ended. Of one that came with an
    /// [answer](crate::Balancer::call_lease), it is how the answer ended: that it ended well is no
    /// second success.
    pub fn report(mut self, outcome: Outcome) {
        let told = self.due.outcome.is_none() && outcome == Outcome::Success;
        self.due.outcome = (!told).then_some(outcome);
    }

    /// Tells how the request was answered, and keeps it among those in flight until it is dropped.
    pub(crate) fn answered(mut self, outcome: Outcome) -> Self {
        let in_flight = core::mem::take(&mut self.due.needs.in_flight);
        self.due.outcome = Some(outcome);
        self.due.report(&self.client);
        self.due.settle();
        self.due.needs.in_flight = in_flight;
        self
    }

    pub(crate) fn client(&self) -> Arc<Client<C>> {
        Arc::clone(&self.client)
    }

    /// Returns where threads count for its endpoint.
    pub(crate) fn column(&self) -> Place {
        self.client.column.place()
    }

    /// Learns now how long the answer took; dropped, it tells the outcome, if that has not been
    /// reported. Until then, the request counts as in flight.
    #[cfg(any(feature = "http-verdict", feature = "tonic"))]
    pub(crate) fn learn(&mut self, outcome: Outcome, now: impl FnOnce() -> Instant) {
        self.due.learn(&self.client, outcome, now);
    }

    /// Returns the time on the balancer's clock.
    #[cfg(feature = "http-verdict")]
    pub(crate) fn now(&self) -> Instant {
        self.client.clock.now()
    }

    /// Goes on with the body of a good answer, or one to a request at fault; all others are reported.
    #[cfg(feature = "tonic")]
    pub(crate) fn followed(mut self, verdict: Verdict, outcome: Outcome) -> Option<Self> {
        let clock = self.client.clock;
        self.learn(outcome, || clock.now());
        matches!(verdict, Verdict::Success | Verdict::Ignorable).then_some(self)
    }

    /// Tells the endpoint's health of the outcome now, and nothing when it is dropped.
    #[cfg(any(feature = "http-verdict", feature = "tonic"))]
    pub(crate) fn tell(&mut self) {
        self.due.tell_now(&self.client);
    }
}

impl<C> Deref for Lease<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.client.inner
    }
}

impl<C> Drop for Lease<C> {
    fn drop(&mut self) {
        self.due.report(&self.client);
    }
}

impl<C> fmt::Debug for Lease<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("target", self.target())
            .field("due", &self.due)
            .finish_non_exhaustive()
    }
}
