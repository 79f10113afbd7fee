//! A picked client: borrowed for a moment, or owned until its request ends.

use core::fmt;
use core::mem::ManuallyDrop;
use core::ops::Deref;
use core::time::Duration;
use std::sync::Arc;

#[cfg(feature = "tonic")]
use evenkeel_core::Verdict;
use evenkeel_core::load::Needs;
use evenkeel_core::{Instant, Outcome, Slot, Why};

use crate::client::Client;
use crate::published::Held;
use crate::target::Target;

/// What is due when a request ends.
#[derive(Clone, Copy, Debug)]
struct Due {
    chosen: Chosen,
    /// What was kept of the request: it is among those in flight, its answer is timed.
    needs: Needs,
    /// The snapshot that it was picked from.
    version: u64,
    /// `None`: it has been told, and only what is in flight is to be counted.
    outcome: Option<Outcome>,
}

impl Due {
    /// Reports. Most reports on a healthy endpoint have nothing to tell.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "out of line, the pick is copied through memory")]
    fn report<C>(self, client: &Client<C>) {
        let tells =
            |outcome| self.needs.time || self.chosen.decides || client.vitals.heeds(outcome);
        if let Some(outcome) = self.outcome.filter(|outcome| tells(*outcome)) {
            let Self { chosen: Chosen { slot, why, decides, sent }, needs, version, .. } = self;
            report_all(client, (slot, sent, version), (why, decides, needs), outcome);
        } else if self.needs.in_flight {
            client.load.end();
        }
    }

    fn report_all<C>(&self, client: &Client<C>) {
        // Learnt from before it is taken off: in between, a new endpoint would look as if it had
        // never been asked.
        let Some(outcome) = self.outcome else {
            if self.needs.in_flight {
                client.load.end();
            }
            return;
        };
        if self.needs.time && client.load.observe(self.chosen.sent, client.clock.now(), outcome) {
            client.marks.mark(self.chosen.slot.index());
        }
        if self.needs.in_flight {
            client.load.end();
        }
        if self.chosen.decides || client.vitals.heeds(outcome) {
            self.tell(client, outcome);
        }
    }

    #[cfg(any(feature = "http-verdict", feature = "tonic"))]
    fn learn<C>(&mut self, client: &Client<C>, outcome: Outcome) {
        if self.outcome.is_none() {
            return;
        }
        self.outcome = Some(outcome);
        if self.needs.time && client.load.observe(self.chosen.sent, client.clock.now(), outcome) {
            client.marks.mark(self.chosen.slot.index());
        }
        self.needs.time = false;
    }

    #[cfg(any(feature = "http-verdict", feature = "tonic"))]
    fn tell_now<C>(&mut self, client: &Client<C>) {
        let Some(outcome) = self.outcome.take() else { return };
        if self.chosen.decides || client.vitals.heeds(outcome) {
            self.tell(client, outcome);
        }
        self.chosen.decides = false;
    }

    fn tell<C>(self, client: &Client<C>, outcome: Outcome) {
        let Chosen { slot, why, decides, sent } = self.chosen;
        // In panic there are others to decide.
        let decides = decides && (why == Why::Probe || !outcome.is_canceled());
        let now = client.clock.now();
        // One that is not timed ended in the same breath.
        let times = [if sent == Instant::ZERO { now } else { sent }, now];
        if client.vitals.report(outcome, self.version, decides.then_some(sent), times) {
            client.marks.mark(slot.index());
        }
    }

    /// Makes it one of which nothing is due any more.
    fn settle(&mut self) {
        self.needs = Needs::default();
        self.chosen.decides = false;
        self.outcome = None;
    }
}

/// Reports what is due. It gets the parts, which so need not be in memory before.
#[inline(never)]
fn report_all<C>(
    client: &Client<C>,
    (slot, sent, version): (Slot, Instant, u64),
    (why, decides, needs): (Why, bool, Needs),
    outcome: Outcome,
) {
    // A panic of the caller's says nothing of the endpoint: only its probe is to be had again.
    let outcome = if outcome == Outcome::Abandoned && std::thread::panicking() {
        decides.then_some(Outcome::LostRace)
    } else {
        Some(outcome)
    };
    let chosen = Chosen { slot, why, decides, sent };
    Due { chosen, needs, version, outcome }.report_all(client);
}

/// Whom a pick goes to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chosen {
    pub(crate) slot: Slot,
    pub(crate) why: Why,
    /// Its report may decide if an ejected endpoint comes back.
    pub(crate) decides: bool,
    /// Known where the policy looks at answer times, of a request that decides, and of a lease;
    /// else zero.
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
    due: Due,
}

impl<'a, C, P> Pick<'a, C, P> {
    /// Makes the pick of a request that has been counted, if it is to be.
    #[inline]
    pub(crate) fn new(snapshot: Held<'a, C, P>, chosen: Chosen) -> Self {
        let (needs, version) = (snapshot.needs, snapshot.version);
        Self { snapshot, due: Due { chosen, needs, version, outcome: Some(Outcome::Abandoned) } }
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
        self.due.chosen.why
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
        ended.due.outcome = Some(outcome);
        ended.due.report(ended.client());
        ended.snapshot.put_back();
    }

    /// Makes it owned, so that it may live across awaits; costs one more count on a shared line, and
    /// a look at the clock.
    #[inline]
    pub fn lease(self) -> Lease<C> {
        // Health wants to know if a failure was slow.
        let sent = self.due.chosen.sent;
        let now = if sent == Instant::ZERO { self.client().clock.now() } else { sent };
        self.lease_at(now)
    }

    /// Makes the lease of a request that is sent now; where answers are timed, that is known already.
    #[inline]
    pub(crate) fn lease_at(mut self, now: Instant) -> Lease<C> {
        if self.due.chosen.sent == Instant::ZERO {
            self.due.chosen.sent = now;
        }
        let lease = Lease { client: Arc::clone(self.client()), due: self.due };
        // The lease owes the report now.
        self.due.settle();
        lease
    }

    pub(crate) fn slot(&self) -> Slot {
        self.due.chosen.slot
    }

    /// Makes it as if it had never been picked.
    pub(crate) fn withdraw(mut self, tally: &crate::tally::Tally) {
        tally.take_back_pick(self.client().column.number());
        if self.due.needs.in_flight {
            self.client().load.end();
        }
        self.due.settle();
    }

    #[inline]
    fn client(&self) -> &Arc<Client<C>> {
        let row = self.snapshot.table.row(self.due.chosen.slot.index());
        &row.expect("it was picked from this table").client
    }
}

impl<C, P> Drop for Pick<'_, C, P> {
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "out of line, the pick is copied through memory")]
    fn drop(&mut self) {
        self.due.report(self.client());
    }
}

impl<C, P> fmt::Debug for Pick<'_, C, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pick")
            .field("target", self.target())
            .field("due", &self.due)
            .finish_non_exhaustive()
    }
}

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
    pub(crate) fn column(&self) -> u32 {
        self.client.column.number()
    }

    /// Learns now how long the answer took; dropped, it tells the outcome, if that has not been
    /// reported. Until then, the request counts as in flight.
    #[cfg(any(feature = "http-verdict", feature = "tonic"))]
    pub(crate) fn learn(&mut self, outcome: Outcome) {
        self.due.learn(&self.client, outcome);
    }

    /// Goes on with the body of a good answer, or one to a request at fault; all others are reported.
    #[cfg(feature = "tonic")]
    pub(crate) fn followed(mut self, verdict: Verdict, outcome: Outcome) -> Option<Self> {
        self.learn(outcome);
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
