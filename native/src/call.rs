//! A call: one request over as many attempts as it takes.

mod error;
mod flight;
mod retry;

use core::fmt;
use core::ops::Deref;
use core::pin::pin;
use core::time::Duration;
use std::sync::Arc;

use evenkeel_core::retry::{Call, End, Step};
use evenkeel_core::{Outcome, Policy, Slot, Why, retry as core_retry};

use self::flight::{Flight, InFlight};
use crate::balancer::Balancer;
use crate::client::Client;
use crate::clock::Clock;
use crate::error::PickError;
use crate::lease::Lease;
use crate::target::Target;
pub use error::{AttemptError, CallError, Cause};
pub use retry::{Classify, EveryError, Retry};

impl<C, P: Policy> Balancer<C, P> {
    /// Calls `attempt` with a client until it succeeds, or `retry` says that it is enough.
    ///
    /// Each attempt goes to an endpoint not tried before, as long as there is one; a hedge, which
    /// goes beside others, to no other. Everything runs in the caller's task: a call that is
    /// dropped gives up what is under way, and a panic of `attempt` is the caller's. Attempts that
    /// are given up are dropped, and their endpoints told: canceled, or too slow.
    ///
    /// ```
    /// # use core::time::Duration;
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
    /// let retry = Retry::new(RetryPolicy::new(3)?.with_hedging(hedging));
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
    /// # Errors
    /// [`CallError`] with every attempt's error, and why there was no other attempt.
    // Not `AsyncFnMut`: a future that borrows from its closure cannot be shown to be `Send`, and so
    // not be spawned.
    pub async fn call<T, E, Fut: Future<Output = Result<T, E>>>(
        &self,
        retry: &Retry<impl Classify<E>>,
        attempt: impl FnMut(Attempt<C>) -> Fut,
    ) -> Result<T, CallError<E>> {
        self.call_with(None, retry, attempt).await
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
        retry: &Retry<impl Classify<E>>,
        attempt: impl FnMut(Attempt<C>) -> Fut,
    ) -> Result<T, CallError<E>> {
        self.call_with(Some(key), retry, attempt).await
    }

    async fn call_with<T, E, Fut: Future<Output = Result<T, E>>>(
        &self,
        key: Option<u64>,
        retry: &Retry<impl Classify<E>>,
        mut attempt: impl FnMut(Attempt<C>) -> Fut,
    ) -> Result<T, CallError<E>> {
        let clock = self.shared.clock;
        let mut now = clock.now();
        let policy = retry.policy_at(now);
        let mut call = Call::new(&policy, now);
        let (mut budget, mut rng) = (retry.purse(), self.rng());
        let mut failed =
            CallError { attempts: Vec::new(), end: End::NoEndpoints, unavailable: None };
        let mut answer = None;
        let place = pin!(None);
        let mut in_flight = InFlight::new(place);
        loop {
            match call.poll(now, &mut budget, &mut rng) {
                Step::Send(sent) => match self.pick_for_attempt(key, call.tried(), sent) {
                    Ok(lease) => {
                        call.started(sent, lease.slot());
                        let future = attempt(Attempt { client: lease.client(), sent, clock });
                        in_flight.send(Flight { attempt: sent, lease, began: now }, future);
                    }
                    Err(error) => {
                        failed.unavailable = error.or(failed.unavailable);
                        call.no_endpoint(now);
                    }
                },
                Step::Wait(until) => {
                    let ended = tokio::select! {
                        biased;
                        ended = in_flight.next() => Some(ended),
                        () = clock.sleep_until(until) => None,
                    };
                    now = clock.now();
                    let Some((flight, result)) = ended else { continue };
                    let verdict = retry.verdict(&result);
                    call.on_outcome(now, flight.attempt, verdict);
                    match result {
                        Ok(value) => {
                            retry.observe(now, now.saturating_since(flight.began));
                            answer = Some(value);
                        }
                        Err(error) => failed.push(&flight, now, Cause::Failed(error)),
                    }
                    flight.lease.report(verdict.outcome());
                }
                Step::Cancel { attempt, outcome } => {
                    let Some(flight) = in_flight.take(attempt) else { continue };
                    retry.observe(now, now.saturating_since(flight.began));
                    let late = outcome != Outcome::Canceled;
                    failed.push(&flight, now, if late { Cause::TimedOut } else { Cause::GivenUp });
                    flight.lease.report(outcome);
                }
                Step::Done(end) => {
                    // A hedge that finds no endpoint is not the end.
                    let unavailable = failed.unavailable.filter(|_| end == End::NoEndpoints);
                    return answer.ok_or(CallError { end, unavailable, ..failed });
                }
            }
        }
    }

    /// Picks the client for an attempt. There is none for a hedge, and no error, if all have been
    /// tried: beside an attempt that already waits for an endpoint, another one there wins nothing.
    fn pick_for_attempt(
        &self,
        key: Option<u64>,
        tried: &[Slot],
        sent: core_retry::Attempt,
    ) -> Result<Lease<C>, Option<PickError>> {
        let pick = self.pick_with(key, tried)?;
        if sent.is_hedge() && pick.why() == Why::LastResort {
            pick.undo();
            return Err(None);
        }
        Ok(pick.lease())
    }
}

/// One attempt of a call; dereferences to the client.
pub struct Attempt<C> {
    client: Arc<Client<C>>,
    sent: core_retry::Attempt,
    clock: Clock,
}

impl<C> Attempt<C> {
    /// Returns where it goes.
    pub fn target(&self) -> &Target {
        &self.client.target
    }

    /// Returns which one it is: 1 for the first.
    pub fn number(&self) -> u32 {
        self.sent.number()
    }

    /// Tells that it goes beside others that have not answered yet.
    pub fn is_hedge(&self) -> bool {
        self.sent.is_hedge()
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
