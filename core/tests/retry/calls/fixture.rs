//! A call, and a budget that writes down what it hears.

use core::time::Duration;
use std::rc::Rc;

use evenkeel_core::policy::RoundRobin;
use evenkeel_core::rand_core::{Infallible, TryRng};
use evenkeel_core::retry::{Attempt, Backoff, Budget, Call, Hedging, RetryPolicy, Step, Verdict};
use evenkeel_core::{Balancer, Endpoint, Instant, Outcome, Slot};

pub(super) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The same number again and again: all jitter at one end of its range.
pub(super) struct Always(pub(super) u64);

impl TryRng for Always {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.0 >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill(self.0 as u8);
        Ok(())
    }
}

/// Writes down what it hears, and grants what is asked for as long as there are tokens.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) tokens: u32,
    pub(super) heard: Vec<&'static str>,
}

impl Budget for Ledger {
    fn on_call(&mut self, _now: Instant) {
        self.heard.push("call");
    }

    fn on_verdict(&mut self, _now: Instant, verdict: Verdict) {
        self.heard.push(verdict.name());
    }

    fn withdraw(&mut self, _now: Instant) -> bool {
        self.heard.push(if self.tokens > 0 { "granted" } else { "refused" });
        let granted = self.tokens > 0;
        self.tokens = self.tokens.saturating_sub(1);
        granted
    }
}

pub(super) struct Fixture {
    pub(super) call: Call<Rc<RetryPolicy>>,
    pub(super) ledger: Ledger,
    pub(super) rng: Always,
    /// In milliseconds.
    pub(super) now: u64,
    pub(super) endpoints: Vec<Slot>,
    /// The endpoint that the next attempt goes to.
    next: usize,
}

impl Fixture {
    pub(super) fn new(policy: RetryPolicy) -> Self {
        let ledger = Ledger { tokens: u32::MAX, heard: Vec::new() };
        Self {
            call: Call::new(Rc::new(policy), Instant::ZERO),
            ledger,
            rng: Always(u64::MAX),
            now: 0,
            endpoints: slots(20),
            next: 0,
        }
    }

    pub(super) fn with_tokens(policy: RetryPolicy, tokens: u32) -> Self {
        let mut fixture = Self::new(policy);
        fixture.ledger.tokens = tokens;
        fixture
    }

    pub(super) fn poll(&mut self) -> Step {
        self.call.poll(Instant::from_millis(self.now), &mut self.ledger, &mut self.rng)
    }

    /// The next thing to do is to send an attempt, which goes to an endpoint that was not tried.
    pub(super) fn send(&mut self) -> Attempt {
        let attempt = self.asks();
        let slot = self.endpoints[self.next];
        self.next += 1;
        assert!(self.started(attempt, slot), "{attempt:?} to {slot:?}");
        attempt
    }

    /// The next thing to do is to find an endpoint for an attempt.
    pub(super) fn asks(&mut self) -> Attempt {
        match self.poll() {
            Step::Send(attempt) => attempt,
            step => panic!("{step:?} at {} ms instead of an attempt", self.now),
        }
    }

    /// The next thing to do is at this time, not before, and is to send an attempt.
    pub(super) fn send_at(&mut self, millis: u64) -> Attempt {
        self.wait_until(millis);
        self.send()
    }

    pub(super) fn wait_until(&mut self, millis: u64) {
        assert_eq!(
            self.poll(),
            Step::Wait(Some(Instant::from_millis(millis))),
            "at {} ms",
            self.now
        );
        self.now = millis;
    }

    pub(super) fn outcome(&mut self, attempt: Attempt, verdict: Verdict) {
        self.call.on_outcome(Instant::from_millis(self.now), attempt, verdict);
    }

    /// The attempt may go to this slot, as far as the call is concerned.
    pub(super) fn started(&mut self, attempt: Attempt, slot: Slot) -> bool {
        self.call.started(attempt, slot, &mut self.ledger)
    }

    pub(super) fn expect(&mut self, steps: &[Step]) {
        for step in steps {
            assert_eq!(self.poll(), *step, "at {} ms", self.now);
        }
    }
}

/// Returns the slots of so many endpoints.
pub(super) fn slots(endpoints: u8) -> Vec<Slot> {
    let mut balancer: Balancer<u8, RoundRobin> = Balancer::new(RoundRobin::new());
    let _ = balancer.update(Instant::ZERO, (0..endpoints).map(Endpoint::new)).expect("an update");
    balancer.endpoints().map(|status| status.slot).collect()
}

pub(super) fn lost(attempt: Attempt) -> Step {
    Step::Cancel { attempt, outcome: Outcome::LostRace }
}

pub(super) fn timed_out(attempt: Attempt) -> Step {
    Step::Cancel { attempt, outcome: Outcome::TimedOut }
}

pub(super) const NEVER: Step = Step::Wait(None);

/// A6's hedging policy: so many attempts in all, and no retry when all have failed.
pub(super) fn hedging(attempts: u32, delay: u64) -> RetryPolicy {
    RetryPolicy::new(1)
        .expect("an attempt")
        .with_hedging(Hedging::new(ms(delay), attempts - 1).expect("hedges"))
}

pub(super) fn retrying(attempts: u32, backoff: Backoff) -> RetryPolicy {
    RetryPolicy::new(attempts).and_then(|policy| policy.with_backoff(backoff)).expect("a policy")
}

pub(super) const TEN: Backoff = Backoff::Constant(ms(10));
