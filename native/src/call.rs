//! A call: one request over as many attempts as it takes.

mod count;
mod error;
mod flight;
mod judge;
mod resume;
mod retry;

use core::fmt;
use core::ops::Deref;
use core::pin::pin;
use core::sync::atomic::AtomicU32;
use core::time::Duration;
use std::sync::Arc;

use evenkeel_core::retry::{Call, End, Step};
use evenkeel_core::{Instant, Outcome, Policy, Slot, Verdict, retry as core_retry};
use tokio::sync::watch;

use self::count::CallCount;
use self::flight::{Flight, InFlight};
use self::resume::Bounds;
use crate::balancer::Balancer;
use crate::client::Client;
use crate::clock::Clock;
use crate::error::PickError;
use crate::lease::Lease;
use crate::shared::Clients;
use crate::supervise::TaskStatus;
use crate::target::Target;
pub use error::{AnyError, AttemptError, CallError, Cause};
pub use judge::{Accept, Classify, EveryAnswer, EveryError};
pub(crate) use resume::Unanswered;
pub use retry::Retry;

impl<C: Send + Sync, P: Policy + Send + Sync> Balancer<C, P> {
    /// Calls `attempt` with a client until it succeeds, or `retry` says that it is enough.
    ///
    /// Each attempt goes to an endpoint not tried before, as long as there is one; a hedge, which
    /// goes beside others, to no other. After two failures, it goes on to the next priority that
    /// has such an endpoint. Everything runs in the caller's task: a call that is dropped gives up
    /// what is under way, and a panic of `attempt` is the caller's. Attempts that are given up are
    /// dropped, and their endpoints told: another one was faster, or they took too long.
    ///
    /// ```
    /// use core::time::Duration;
    /// use evenkeel::{Attempt, Balancer, Fixed, Hedging, Retry, RetryPolicy, Target};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let slow = std::cell::Cell::new(true);
    /// let balancer = Balancer::builder(Fixed::new(["a:80", "b:80"])?)
    ///     .build(async |target: Target| Ok::<_, std::io::Error>(target.to_string()))?;
    /// balancer.ready().await;
    /// // If there is no answer for 20 ms, a second attempt goes to another endpoint, and the first
    /// // answer wins.
    /// let hedging = Hedging::new(Duration::from_millis(20), 1)?;
    /// let policy = RetryPolicy::new(3)?.with_timeout(Duration::from_secs(5))?;
    /// let retry = Retry::new(policy.with_hedging(hedging));
    /// let answer = balancer.call(&retry, async |client: Attempt<String>| {
    /// #   if slow.replace(false) { core::future::pending::<()>().await; }
    ///     // … ask `*client` …
    ///     Ok::<_, std::io::Error>((client.number(), client.is_hedge()))
    /// });
    /// assert_eq!(answer.await?, (2, true));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// What an attempt returns as `Ok` is the call's answer, unless
    /// [`Retry::accept`] says that it is none. Even such an answer is returned where the call ends
    /// without a better one: the last that came, whatever the other attempts met.
    ///
    /// # Errors
    /// [`CallError`] if no attempt was answered: with every attempt's error, and why there was no
    /// other attempt.
    // Not `AsyncFnMut`: a future that borrows from its closure cannot be shown to be `Send`, and so
    // not be spawned.
    pub async fn call<T, E, Fut: Future<Output = Result<T, E>>>(
        &self,
        retry: &Retry<impl Classify<E>, impl Accept<T>>,
        attempt: impl FnMut(Attempt<C>) -> Fut,
    ) -> Result<T, CallError<E>> {
        let end = |lease: Lease<C>, (_, end): Meaning, _: &_| lease.report(end);
        self.call_with(None, None, retry, attempt, end).await.map(|(answer, ())| answer)
    }

    /// Does what [`call`](Self::call) does for a request with a key, as
    /// [`pick_for`](Self::pick_for) takes it: policies that hash begin with the key's endpoint and
    /// go on with its next choices.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn call_for<T, E, Fut: Future<Output = Result<T, E>>>(
        &self,
        key: u64,
        retry: &Retry<impl Classify<E>, impl Accept<T>>,
        attempt: impl FnMut(Attempt<C>) -> Fut,
    ) -> Result<T, CallError<E>> {
        let end = |lease: Lease<C>, (_, end): Meaning, _: &_| lease.report(end);
        self.call_with(None, Some(key), retry, attempt, end).await.map(|(answer, ())| answer)
    }

    /// Does what [`call`](Self::call) does, and returns the answer with the lease of the attempt
    /// that brought it: for answers that are not over when they come, such as a body that is still
    /// to be read. The request counts as in flight until the lease is dropped.
    ///
    /// How the attempt ended, and how long it took, has been reported by then. Whoever finds out
    /// later that the answer breaks off says so by [`Lease::failure`]; a lease that is dropped says
    /// nothing more.
    ///
    /// ```
    /// use evenkeel::{Attempt, Balancer, Fixed, LeastRequest, Retry, Target};
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let balancer = Balancer::builder(Fixed::new(["a:80"])?)
    ///     .policy(LeastRequest::new())
    ///     .build(async |target: Target| Ok::<_, std::io::Error>(target.to_string()))?;
    /// balancer.ready().await;
    /// let retry = Retry::attempts(3)?.timeout(Duration::from_secs(5))?;
    /// let ask = async |client: Attempt<String>| Ok::<_, std::io::Error>(client.len());
    /// let (body, lease) = balancer.call_lease(&retry, ask).await?;
    /// assert_eq!(balancer.endpoints()[0].in_flight, 1);
    /// // … read the body to its end …
    /// # drop(body);
    /// drop(lease);
    /// assert_eq!(balancer.endpoints()[0].in_flight, 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn call_lease<T, E, Fut: Future<Output = Result<T, E>>>(
        &self,
        retry: &Retry<impl Classify<E>, impl Accept<T>>,
        attempt: impl FnMut(Attempt<C>) -> Fut,
    ) -> Result<(T, Lease<C>), CallError<E>> {
        self.call_with(None, None, retry, attempt, |lease, (_, end), _| lease.answered(end)).await
    }

    /// Does what [`call_lease`](Self::call_lease) does for a request with a key, as
    /// [`call_for`](Self::call_for) takes it.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn call_lease_for<T, E, Fut: Future<Output = Result<T, E>>>(
        &self,
        key: u64,
        retry: &Retry<impl Classify<E>, impl Accept<T>>,
        attempt: impl FnMut(Attempt<C>) -> Fut,
    ) -> Result<(T, Lease<C>), CallError<E>> {
        let end = |lease: Lease<C>, (_, end): Meaning, _: &_| lease.answered(end);
        self.call_with(None, Some(key), retry, attempt, end).await
    }

    /// Makes a call, or goes on with one whose answer was none in the end; `end` reports how an
    /// attempt was answered, and makes of its lease and its call what goes with the answer. The
    /// call has not been told of the outcome by then, so that it can go on from there.
    pub(crate) async fn call_with<T, E, K, Fut: Future<Output = Result<T, E>>>(
        &self,
        unanswered: Option<&Unanswered>,
        key: Option<u64>,
        retry: &Retry<impl Classify<E>, impl Accept<T>>,
        mut attempt: impl FnMut(Attempt<C>) -> Fut,
        end: impl Fn(Lease<C>, Meaning, &Call<Bounds>) -> K,
    ) -> Result<(T, K), CallError<E>> {
        let clock = self.shared.clock;
        let mut now = clock.now();
        let refused = AtomicU32::new(0);
        let begin = || Call::new(Bounds(retry.policy_at(now)), now);
        let mut call = unanswered.map_or_else(begin, |unanswered| unanswered.go_on(now));
        let mut count = CallCount::new(self, &refused, call.attempts());
        let mut budget = retry.purse(&refused);
        let mut failed =
            CallError { attempts: Vec::new(), end: End::NoEndpoints, unavailable: None };
        let mut answer = None;
        let place = pin!(None);
        let mut in_flight = InFlight::new(place);
        let mut news = News::default();
        loop {
            match call.poll(now, &mut budget, &mut self.chance()) {
                Step::Send(sent) => match self.pick_with(now, key, &call) {
                    Ok(pick) if !call.started(sent, pick.slot(), &mut budget) => {
                        pick.withdraw(self.tally());
                    }
                    Ok(pick) => {
                        let tally = pick.tally().unwrap_or_else(|| self.tally());
                        let (slot, lease) = (pick.slot(), pick.lease_at(now));
                        let (client, resends) = (lease.client(), count.resends());
                        tally.add(client.column.place(), count.sent(sent.is_hedge()));
                        let span = count.span.attempt(&client.target, sent, resends);
                        let made = Attempt::new(client, slot, sent, (clock, now));
                        let future = span.run(|| attempt(made));
                        in_flight.send(Flight { attempt: sent, lease, span, began: now }, future);
                    }
                    Err(error) => {
                        // Whoever waits until ready waits for an endpoint, not for room; and nobody
                        // makes clients any more where the balancer's task has ended.
                        let none_comes = self.shared.supervisor.has_ended();
                        if none_comes || matches!(error, PickError::Busy { .. }) {
                            call.all_busy(now);
                        } else {
                            call.no_endpoint(now);
                        }
                        failed.unavailable = Some(error);
                    }
                },
                Step::Wait(until) => {
                    let (ended, changed) = tokio::select! {
                        biased;
                        ended = in_flight.next() => (Some(ended), false),
                        () = news.wait(self), if call.waits_for_endpoint() => (None, true),
                        () = clock.sleep_until(until) => (None, false),
                    };
                    let Some((place, result)) = ended else {
                        now = clock.now();
                        if changed {
                            call.endpoints_changed();
                        }
                        continue;
                    };
                    let (verdict, outcome) = retry.judge(&result);
                    // When a call ends well matters only to who learns from it.
                    if result.is_err() || verdict != Verdict::Success || retry.learns() {
                        now = clock.now();
                    }
                    let Some(flight) = in_flight.land(place) else { continue };
                    flight.span.end(outcome);
                    let attempt = flight.attempt;
                    match result {
                        Ok(value) => {
                            // How long refusals take says nothing of how long to wait for answers.
                            if verdict == Verdict::Success {
                                retry.observe(now, now.saturating_since(flight.began));
                            }
                            answer = Some((value, end(flight.lease, (verdict, outcome), &call)));
                        }
                        Err(error) => {
                            failed.push(&flight, now, Cause::Failed(error));
                            flight.lease.report(outcome);
                        }
                    }
                    call.on_outcome(now, attempt, verdict);
                }
                Step::Cancel { attempt, outcome } => {
                    let Some(flight) = in_flight.take(attempt) else { continue };
                    retry.observe(now, now.saturating_since(flight.began));
                    let late = outcome == Outcome::TimedOut;
                    self.tally().add(flight.lease.column(), count.canceled(late));
                    flight.span.end(outcome);
                    failed.push(&flight, now, if late { Cause::TimedOut } else { Cause::GivenUp });
                    flight.lease.report(outcome);
                    if late && !retry.follows_late::<E>() {
                        let why = End::NonRetryableFailure;
                        count.end = Some(why);
                        return answer.ok_or(CallError { end: why, unavailable: None, ..failed });
                    }
                }
                Step::Done(why) => {
                    count.end = Some(why);
                    // A hedge that finds no endpoint is not the end.
                    let none = why == End::NoEndpoints || call.waits_for_endpoint();
                    let unavailable = failed.unavailable.filter(|_| none);
                    let fails = || CallError { end: why, unavailable, ..failed };
                    return answer.ok_or_else(fails);
                }
            }
        }
    }
}

/// What the result of an attempt means, for the call and for the endpoint.
pub(crate) type Meaning = (Verdict, Outcome);

/// News of clients, for a call that waits for one, and of the task that makes them.
#[derive(Default)]
struct News(Option<(watch::Receiver<Clients>, watch::Receiver<TaskStatus>)>);

impl News {
    /// Returns when there may be a client that there was not before, or none can come any more. The
    /// first time that is at once: what came since the last pick must not be missed.
    async fn wait<C, P>(&mut self, balancer: &Balancer<C, P>) {
        let Some((clients, task)) = &mut self.0 else {
            let shared = &balancer.shared;
            self.0 = Some((shared.clients.subscribe(), shared.supervisor.subscribe()));
            return;
        };
        // Boxed: all calls would have room for it otherwise, and few wait. The senders live as long
        // as the balancer.
        Box::pin(async {
            tokio::select! {
                _ = clients.changed() => {}
                _ = task.wait_for(|task| task.ended) => {}
            }
        })
        .await;
    }
}

/// One attempt of a call; dereferences to the client.
pub struct Attempt<C> {
    client: Arc<Client<C>>,
    slot: Slot,
    sent: core_retry::Attempt,
    clock: Clock,
    #[cfg(any(feature = "http", feature = "reqwest"))]
    began: Instant,
}

impl<C> Attempt<C> {
    #[cfg_attr(not(any(feature = "http", feature = "reqwest")), expect(unused_variables))]
    fn new(
        client: Arc<Client<C>>,
        slot: Slot,
        sent: core_retry::Attempt,
        (clock, began): (Clock, Instant),
    ) -> Self {
        Self {
            client,
            slot,
            sent,
            clock,
            #[cfg(any(feature = "http", feature = "reqwest"))]
            began,
        }
    }

    /// Returns where it goes.
    pub fn target(&self) -> &Target {
        &self.client.target
    }

    /// Has the client made anew, because it is broken: see [`Lease::discard`].
    pub fn discard(&self) {
        self.client.discard(self.slot);
    }

    /// Returns which one it is: 1 for the first.
    pub fn number(&self) -> u32 {
        self.sent.number()
    }

    /// Tells that it goes beside others that have not answered yet.
    pub fn is_hedge(&self) -> bool {
        self.sent.is_hedge()
    }

    /// Returns the clock, and when it began on it.
    #[cfg(any(feature = "http", feature = "reqwest"))]
    pub(crate) fn began(&self) -> (Clock, Instant) {
        (self.clock, self.began)
    }

    /// Returns the time left until it is given up; `None` without a deadline.
    pub fn time_left(&self) -> Option<Duration> {
        self.sent.deadline().map(|deadline| deadline.saturating_since(self.clock.now()))
    }
}

impl<C> Deref for Attempt<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.client.inner
    }
}

impl<C> fmt::Debug for Attempt<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("target", self.target())
            .field("number", &self.number())
            .finish_non_exhaustive()
    }
}
