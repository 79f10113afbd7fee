use alloc::vec::Vec;

use evenkeel_core::Instant;
use evenkeel_core::retry::{self, Attempt, Backoff, Hedging, Jitter, RetryPolicy, Step};
use wasm_bindgen::prelude::*;

use crate::balancer::{Balancer, Outcome};
use crate::budget::Budget;
use crate::convert::{RangeError, duration, instant, millis};

/// What a call asks for; its details are in the call's getters.
#[wasm_bindgen]
#[derive(Clone, Copy, Debug)]
pub enum StepKind {
    /// Send [`Call::attempt`], to be given up at [`Call::time`].
    Send,
    /// Poll again at [`Call::time`].
    Wait,
    /// Give [`Call::attempt`] up and report [`Call::outcome`] of it.
    Cancel,
    /// Over; [`Call::end`] says why.
    Done,
}

/// What to make of an attempt's result.
#[wasm_bindgen]
#[derive(Clone, Copy, Debug)]
pub enum Verdict {
    /// The result is good.
    Success,
    /// It failed, and is worth another attempt.
    Retry,
    /// It failed, and would fail again.
    Fatal,
    /// It never left the client.
    NeverSent,
}

impl From<Verdict> for retry::Verdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Success => Self::Success,
            Verdict::Retry => Self::Retry,
            Verdict::Fatal => Self::Fatal,
            Verdict::NeverSent => Self::NeverSent,
        }
    }
}

/// What is random about an exponential backoff.
#[wasm_bindgen]
#[derive(Clone, Copy, Debug)]
pub enum BackoffJitter {
    /// Nothing.
    None,
    /// From 0 to the whole wait.
    Full,
    /// From half the wait to the whole.
    Equal,
    /// From the base to thrice the wait before.
    Decorrelated,
}

impl From<BackoffJitter> for Jitter {
    fn from(jitter: BackoffJitter) -> Self {
        match jitter {
            BackoffJitter::None => Self::None,
            BackoffJitter::Full => Self::Full,
            BackoffJitter::Equal => Self::Equal,
            BackoffJitter::Decorrelated => Self::Decorrelated,
        }
    }
}

/// Why a call is over.
#[wasm_bindgen]
#[derive(Clone, Copy, Debug)]
pub enum End {
    /// An attempt succeeded.
    Success,
    /// All attempts failed.
    Attempts,
    /// The overall deadline passed, or would before the next attempt.
    Deadline,
    /// There was no endpoint to send to.
    NoEndpoints,
    /// An attempt failed in a way that is not worth retrying.
    Fatal,
    /// The budget allowed no other attempt.
    Budget,
    /// A server asked for a longer wait than is allowed.
    RetryAfter,
}

/// One logical request; the core's retry machine.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Call {
    policy: RetryPolicy,
    core: retry::Call,
    /// The one that the last step was about.
    attempt: Option<Attempt>,
    time: Instant,
    outcome: Outcome,
    end: End,
}

#[wasm_bindgen]
impl Call {
    /// A call that begins at `now`. Times are in milliseconds; what is left out is as in the core's `RetryPolicy`.
    /// `backoff` with a `cap` is the base of an exponential backoff, without one a constant wait.
    ///
    /// # Errors
    /// `RangeError` for 0 attempts, a timeout of 0, a cap below its base.
    #[wasm_bindgen(constructor)]
    pub fn new(
        attempts: Option<u32>,
        timeout: Option<f64>,
        attempt_timeout: Option<f64>,
        backoff: Option<f64>,
        cap: Option<f64>,
        jitter: BackoffJitter,
        now: f64,
    ) -> Result<Self, RangeError> {
        let mut policy = attempts.map_or(Ok(RetryPolicy::default()), RetryPolicy::new);
        if let Some(timeout) = timeout {
            policy = policy.and_then(|policy| policy.with_timeout(duration(timeout)));
        }
        if let Some(timeout) = attempt_timeout {
            policy = policy.and_then(|policy| policy.with_attempt_timeout(duration(timeout)));
        }
        if let Some(base) = backoff.map(duration) {
            let exponential = |cap| Backoff::Exponential { base, cap, jitter: jitter.into() };
            let backoff = cap.map(duration).map_or(Backoff::Constant(base), exponential);
            policy = policy.and_then(|policy| policy.with_backoff(backoff));
        }
        let policy =
            policy.map_err(|_| RangeError::new("attempts and timeouts must be above 0, the cap at least the base"))?;
        let core = retry::Call::new(&policy, instant(now));
        Ok(Self { policy, core, attempt: None, time: Instant::MAX, outcome: Outcome::Failure, end: End::Success })
    }

    /// Before the first poll: at most so many hedges, each that many milliseconds after the attempt before it.
    ///
    /// # Errors
    /// `RangeError` beyond the core's limits.
    pub fn hedge(&mut self, now: f64, delay: f64, hedges: u32) -> Result<(), RangeError> {
        let hedging = Hedging::new(duration(delay), hedges).map_err(|_| RangeError::new("hedges must be 1 to 4"))?;
        self.set(now, self.policy.with_hedging(hedging));
        Ok(())
    }

    /// Before the first poll: the longest wait that a server may ask for, and whether it is made longer at random.
    pub fn retry_after(&mut self, now: f64, most: Option<f64>, jitter: bool) {
        let mut policy = self.policy;
        if let Some(most) = most {
            policy = policy.with_max_retry_after(duration(most));
        }
        if jitter {
            policy = policy.with_retry_after_jitter();
        }
        self.set(now, policy);
    }

    /// What to do now. The jitter comes from the balancer's random numbers.
    pub fn poll(&mut self, now: f64, balancer: &mut Balancer) -> StepKind {
        self.step(now, balancer, &mut Budget::unlimited())
    }

    /// [`poll`](Self::poll) within a budget.
    pub fn poll_within(&mut self, now: f64, balancer: &mut Balancer, budget: &mut Budget) -> StepKind {
        self.step(now, balancer, budget)
    }

    /// The number of the attempt that the last step was about, from 1.
    #[wasm_bindgen(getter)]
    pub fn attempt(&self) -> u32 {
        self.attempt.map_or(0, Attempt::number)
    }

    /// Whether that attempt goes beside others.
    #[wasm_bindgen(getter)]
    pub fn hedged(&self) -> bool {
        self.attempt.is_some_and(Attempt::is_hedge)
    }

    /// The time that the last step was about; infinity for never.
    #[wasm_bindgen(getter)]
    pub fn time(&self) -> f64 {
        millis(self.time)
    }

    /// What a canceled attempt says of its endpoint.
    #[wasm_bindgen(getter)]
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Why the call is over.
    #[wasm_bindgen(getter)]
    pub fn end(&self) -> End {
        self.end
    }

    /// The attempt goes to the endpoint behind this ticket.
    pub fn started(&mut self, attempt: u32, balancer: &Balancer, ticket: u32) {
        if let (Some(attempt), Some(slot)) = (self.under_way(attempt), balancer.slot_of(ticket)) {
            self.core.started(attempt, slot);
        }
    }

    /// There is no endpoint for the attempt.
    pub fn no_endpoint(&mut self, now: f64) {
        self.core.no_endpoint(instant(now));
    }

    /// The attempt ended.
    pub fn on_outcome(&mut self, now: f64, attempt: u32, verdict: Verdict) {
        self.conclude(now, attempt, verdict.into());
    }

    /// The attempt was refused; the server asks to wait for so many milliseconds.
    pub fn on_retry_after(&mut self, now: f64, attempt: u32, retry_after: f64) {
        self.conclude(now, attempt, retry::Verdict::RetryAfter(duration(retry_after)));
    }

    /// The slot indices of the last attempts.
    pub fn tried(&self) -> Vec<u32> {
        self.core.tried().iter().map(|slot| slot.index() as u32).collect()
    }
}

#[wasm_bindgen]
impl Balancer {
    /// [`pick`](Self::pick) for an attempt of `call`, stepping over what it has tried.
    pub fn pick_for(&mut self, now: f64, call: &Call) -> u32 {
        self.issue(now, call.core.tried())
    }
}

impl Call {
    fn step(&mut self, now: f64, balancer: &mut Balancer, budget: &mut Budget) -> StepKind {
        match self.core.poll(instant(now), budget, balancer.rng()) {
            Step::Send(attempt) => {
                self.attempt = Some(attempt);
                self.time = attempt.deadline().unwrap_or(Instant::MAX);
                StepKind::Send
            }
            Step::Wait(until) => {
                self.time = until;
                StepKind::Wait
            }
            Step::Cancel { attempt, outcome } => {
                self.attempt = Some(attempt);
                self.outcome = match outcome {
                    evenkeel_core::Outcome::Canceled => Outcome::Canceled,
                    _ => Outcome::Failure,
                };
                StepKind::Cancel
            }
            Step::Done(end) => {
                self.end = match end {
                    retry::End::Success => End::Success,
                    retry::End::Deadline => End::Deadline,
                    retry::End::NoEndpoints => End::NoEndpoints,
                    retry::End::Fatal => End::Fatal,
                    retry::End::Budget => End::Budget,
                    retry::End::RetryAfter => End::RetryAfter,
                    _ => End::Attempts,
                };
                StepKind::Done
            }
        }
    }

    fn conclude(&mut self, now: f64, attempt: u32, verdict: retry::Verdict) {
        if let Some(attempt) = self.under_way(attempt) {
            self.core.on_outcome(instant(now), attempt, verdict);
        }
    }

    fn under_way(&self, number: u32) -> Option<Attempt> {
        self.core.in_flight().find(|attempt| attempt.number() == number)
    }

    fn set(&mut self, now: f64, policy: RetryPolicy) {
        (self.policy, self.core) = (policy, retry::Call::new(&policy, instant(now)));
    }
}
