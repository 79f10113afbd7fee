//! The client: calls that go on, and the attempts of them that are under way.

use std::rc::Rc;

use evenkeel_core::policy::AnyPolicy;
use evenkeel_core::rand_core::Rng;
use evenkeel_core::retry::{
    Attempt, Budget, Call, End, Hedging, LatencyPercentile, RetryPolicy, Step, Verdict,
};
use evenkeel_core::{Balancer, Config, Endpoint, Instant, Outcome, Pick, Request};

use super::log::{Ended, Log, Sent};
use super::{Hedge, Scenario};

/// A balancer and the calls over it.
pub(super) struct Client<'a, B> {
    scenario: &'a Scenario,
    balancer: Balancer<u32, AnyPolicy>,
    budget: &'a mut B,
    latencies: Option<LatencyPercentile>,
    /// By their numbers.
    calls: Vec<Option<Box<Running>>>,
    pub(super) log: Log,
}

/// A call that is not over.
struct Running {
    call: Call<Rc<RetryPolicy>>,
    began: Instant,
    sent: u32,
    requests: Vec<Flight>,
}

/// An attempt under way.
struct Flight {
    number: u32,
    attempt: Attempt,
    pick: Pick,
    /// Its place in the log.
    line: usize,
}

/// What the client asks for.
pub(super) enum Wish {
    /// A request to a host; the answer is to be told with this number of the attempt.
    Send { host: u32, attempt: u32 },
    /// To be [asked](Client::poll) again then.
    Wake(Instant),
}

impl<'a, B: Budget> Client<'a, B> {
    pub(super) fn new(scenario: &'a Scenario, seed: u64, budget: &'a mut B) -> Self {
        let config = Config { seed, ..scenario.config };
        let mut balancer = Balancer::with_config(scenario.policy.clone(), config)
            .expect("settings that make sense");
        let hosts = 0..scenario.hosts.len() as u32;
        let _added =
            balancer.update(Instant::ZERO, hosts.map(Endpoint::new)).expect("room for all hosts");
        let latencies = match scenario.hedge {
            Some(Hedge::Percentile(per_mille)) => {
                Some(LatencyPercentile::new(per_mille).expect("a percentile"))
            }
            _ => None,
        };
        Self { scenario, balancer, budget, latencies, calls: Vec::new(), log: Log::default() }
    }

    /// A call begins; gives its number.
    pub(super) fn call(&mut self, now: Instant) -> u32 {
        let delay = match self.scenario.hedge {
            Some(Hedge::After(delay)) => Some(delay),
            _ => self.latencies.as_ref().and_then(|latencies| latencies.delay(now)),
        };
        let hedging = delay.map(|delay| Hedging::new(delay, 1).expect("one hedge"));
        let retry = self.scenario.retry;
        let call =
            Call::new(Rc::new(hedging.map_or(retry, |hedging| retry.with_hedging(hedging))), now);
        self.calls.push(Some(Box::new(Running {
            call,
            began: now,
            sent: 0,
            requests: Vec::new(),
        })));
        self.calls.len() as u32 - 1
    }

    /// An attempt got its answer. Nobody listens if the call gave it up before.
    pub(super) fn answer(&mut self, now: Instant, call: u32, attempt: u32, good: bool) {
        let Some(running) = self.calls[call as usize].as_mut() else { return };
        let Some(at) = running.requests.iter().position(|flight| flight.number == attempt) else {
            return;
        };
        let flight = running.requests.remove(at);
        running.call.on_outcome(
            now,
            flight.attempt,
            if good { Verdict::Success } else { Verdict::Retry },
        );
        let outcome = if good { Outcome::Success } else { Outcome::Failure };
        self.report(now, flight, outcome, false);
    }

    /// The next that a call asks for, until it waits for answers only, or is over.
    pub(super) fn poll(&mut self, now: Instant, number: u32, rng: &mut impl Rng) -> Option<Wish> {
        loop {
            let running = self.calls[number as usize].as_mut()?;
            match running.call.poll(now, self.budget, rng) {
                Step::Send(attempt) => {
                    let request = Request::at(now).avoiding(running.call.tried());
                    let Ok(pick) = self.balancer.pick_with(request, rng) else {
                        running.call.no_endpoint(now);
                        continue;
                    };
                    running.call.started(attempt, pick.slot());
                    let host = self.balancer.endpoint(&pick).map_or(0, |endpoint| endpoint.addr);
                    running.sent += 1;
                    let sent = Sent {
                        at: now,
                        host,
                        why: pick.why(),
                        first: running.sent == 1,
                        outcome: Outcome::Canceled,
                    };
                    let line = self.log.attempts.len();
                    self.log.attempts.push(sent);
                    running.requests.push(Flight { number: running.sent, attempt, pick, line });
                    return Some(Wish::Send { host, attempt: running.sent });
                }
                Step::Wait(at) => return at.map(Wish::Wake),
                Step::Cancel { attempt, outcome } => {
                    let at = running.requests.iter().position(|flight| flight.attempt == attempt);
                    let flight = running.requests.remove(at.expect("an attempt under way"));
                    self.report(now, flight, outcome, true);
                }
                Step::Done(end) => self.end(now, number, end),
            }
        }
    }

    fn report(&mut self, now: Instant, flight: Flight, outcome: Outcome, canceled: bool) {
        // What fails tells nothing of how long an answer takes.
        let took = outcome == Outcome::Success || canceled;
        if let Some(latencies) = self.latencies.as_mut().filter(|_| took) {
            latencies.observe(now, now.saturating_since(flight.pick.started()));
        }
        self.log.attempts[flight.line].outcome = outcome;
        self.balancer.report(now, flight.pick, outcome);
        self.log.events.extend(self.balancer.events().map(|event| (event.at, event.kind)));
    }

    fn end(&mut self, now: Instant, number: u32, end: End) {
        if let Some(running) = self.calls[number as usize].take() {
            assert!(running.requests.is_empty(), "a call that is over has nothing under way");
            self.log.calls.push(Ended { began: running.began, at: now, end });
        }
    }
}
