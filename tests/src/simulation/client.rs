//! The clients: calls that go on, and the attempts of them that are under way.

use core::time::Duration;
use std::rc::Rc;

use evenkeel_core::retry::{
    Attempt, Budget, Call, End, Hedging, LatencyPercentile, RetryPolicy, Step,
};
use evenkeel_core::{Endpoint, Instant, Outcome, Slot, Verdict, hash};
use rand_chacha::ChaCha8Rng;

use super::balance::{Balance, slots};
use super::chance::{Luck, draw, exponential, happens};
use super::log::{Ended, Log, Sent, Told};
use super::{Canceled, Hedge, Scenario};

/// Balancers with their budgets, and the calls over them.
pub(super) struct Client<'a, B: Balance, K> {
    scenario: &'a Scenario,
    balancers: Vec<(B, K)>,
    /// By host: what a call takes a host for.
    slots: Vec<Slot>,
    latencies: Option<LatencyPercentile>,
    /// By their numbers.
    calls: Vec<Option<Box<Running<B::Pick>>>>,
    ended: bool,
    reweighed: u32,
    pub(super) log: Log,
}

/// A call that is not over.
struct Running<T> {
    call: Call<Rc<RetryPolicy>>,
    began: Instant,
    client: u32,
    sent: u32,
    requests: Vec<Flight<T>>,
}

/// An attempt under way.
struct Flight<T> {
    number: u32,
    attempt: Attempt,
    pick: T,
    /// Its place in the log.
    line: usize,
}

/// What a client asks for.
pub(super) enum Wish {
    /// A request to a host; the answer is to be told with this number of the attempt.
    Send { host: u32, attempt: u32 },
    /// To be [asked](Client::poll) again then.
    Wake(Instant),
}

impl Canceled {
    /// Returns when the user of this call leaves, if he does.
    pub(super) fn leaves(self, seed: u64, call: u32) -> Option<Duration> {
        let luck = Luck::of(seed, call, u32::MAX);
        happens(self.per_mille, luck.fault).then(|| exponential(self.after, luck.work))
    }
}

impl<'a, B: Balance, K: Budget> Client<'a, B, K> {
    pub(super) fn new(
        scenario: &'a Scenario,
        seed: u64,
        budget: &K,
        make: &dyn Fn(u64) -> B,
    ) -> Self
    where
        K: Clone,
    {
        let latencies = match scenario.hedge {
            Some(Hedge::Percentile(per_mille)) => {
                Some(LatencyPercentile::new(per_mille).expect("a percentile"))
            }
            Some(Hedge::After(_)) | None => None,
        };
        // The first client has the seed of the run.
        let make = |client| match client {
            0 => (make(seed), budget.clone()),
            _ => (make(hash::mix(seed, client)), budget.clone()),
        };
        let mut clients = Self {
            scenario,
            balancers: (0..u64::from(scenario.clients)).map(make).collect(),
            slots: slots(scenario.hosts.len() as u32),
            latencies,
            calls: Vec::new(),
            ended: false,
            reweighed: 0,
            log: Log::default(),
        };
        clients.update(Instant::ZERO, |_, weight| weight);
        clients
    }

    /// What is left to the first client.
    pub(super) fn budget(&mut self) -> K {
        self.balancers.swap_remove(0).1
    }

    fn update(&mut self, now: Instant, weigh: impl Fn(u32, u32) -> u32) {
        let hosts: Vec<_> = (0..)
            .zip(&self.scenario.hosts)
            .map(|(addr, host)| {
                Endpoint::new(addr)
                    .with_weight(weigh(addr, host.weight))
                    .with_priority(host.priority)
            })
            .collect();
        for (balancer, _) in &mut self.balancers {
            balancer.update(now, &hosts);
        }
    }

    /// Each weight moves by up to a tenth.
    pub(super) fn reweigh(&mut self, now: Instant, seed: u64) {
        self.reweighed += 1;
        let time = hash::mix(seed, self.reweighed.into());
        self.update(now, |host, weight| weight - weight / 10 + draw(time, host, weight / 5 + 1));
    }

    /// A call begins; gives its number.
    pub(super) fn call(&mut self, now: Instant) -> u32 {
        let delay = match self.scenario.hedge {
            Some(Hedge::After(delay)) => Some(delay),
            Some(Hedge::Percentile(_)) | None => {
                self.latencies.as_ref().and_then(|latencies| latencies.delay(now))
            }
        };
        let hedging = delay.map(|delay| Hedging::new(delay, 1).expect("one hedge"));
        let retry = self.scenario.retry;
        let call =
            Call::new(Rc::new(hedging.map_or(retry, |hedging| retry.with_hedging(hedging))), now);
        let number = self.calls.len() as u32;
        let client = number % self.balancers.len() as u32;
        let (sent, requests) = (0, Vec::new());
        self.calls.push(Some(Box::new(Running { call, began: now, client, sent, requests })));
        number
    }

    /// An attempt got its answer. Nobody listens if the call gave it up before.
    pub(super) fn answer(&mut self, now: Instant, call: u32, attempt: u32, verdict: Verdict) {
        let Some(running) = self.calls[call as usize].as_mut() else { return };
        let Some(at) = running.requests.iter().position(|flight| flight.number == attempt) else {
            return;
        };
        let flight = running.requests.remove(at);
        let client = running.client;
        running.call.on_outcome(now, flight.attempt, verdict);
        self.report(now, client, flight, verdict.outcome(), false);
    }

    /// Nobody waits for a call any more: its user left, or lost patience.
    pub(super) fn give_up(&mut self, now: Instant, call: u32, left: bool) {
        let Some(running) = self.calls[call as usize].as_mut() else { return };
        let client = running.client;
        for flight in core::mem::take(&mut running.requests) {
            self.report(now, client, flight, Outcome::Abandoned, true);
        }
        self.end(now, call, End::Canceled, left);
    }

    /// Tells that a call ended since this was asked last.
    pub(super) fn take_ended(&mut self) -> bool {
        core::mem::take(&mut self.ended)
    }

    /// The next that a call asks for, until it waits for answers only, or is over.
    pub(super) fn poll(&mut self, now: Instant, number: u32, rng: &mut ChaCha8Rng) -> Option<Wish> {
        loop {
            let running = self.calls[number as usize].as_mut()?;
            let (balancer, budget) = &mut self.balancers[running.client as usize];
            match running.call.poll(now, budget, rng) {
                Step::Send(attempt) => {
                    let tried = running.call.tried().iter();
                    let host = |slot| self.slots.iter().position(|other| other == slot);
                    let avoid: Vec<_> = tried.filter_map(host).map(|host| host as u32).collect();
                    let Some(picked) = balancer.pick(now, &avoid, running.call.leaves_level(), rng)
                    else {
                        running.call.no_endpoint(now);
                        continue;
                    };
                    let (host, why) = (picked.host, picked.why);
                    let slot = self.slots[host as usize];
                    if !running.call.started(attempt, slot, budget) {
                        balancer.withdraw(now, picked.pick);
                        continue;
                    }
                    running.sent += 1;
                    let first = running.sent == 1;
                    let line = self.log.attempts.len();
                    let outcome = Outcome::Abandoned;
                    self.log.attempts.push(Sent { at: now, host, why, first, outcome });
                    let (number, pick) = (running.sent, picked.pick);
                    running.requests.push(Flight { number, attempt, pick, line });
                    return Some(Wish::Send { host, attempt: number });
                }
                Step::Wait(at) => return at.map(Wish::Wake),
                Step::Cancel { attempt, outcome } => {
                    let at = running.requests.iter().position(|flight| flight.attempt == attempt);
                    let flight = running.requests.remove(at.expect("an attempt under way"));
                    let client = running.client;
                    self.report(now, client, flight, outcome, true);
                }
                Step::Done(end) => self.end(now, number, end, false),
            }
        }
    }

    fn report(
        &mut self,
        now: Instant,
        client: u32,
        flight: Flight<B::Pick>,
        outcome: Outcome,
        canceled: bool,
    ) {
        let sent = &mut self.log.attempts[flight.line];
        sent.outcome = outcome;
        // What fails tells nothing of how long an answer takes.
        let took = outcome == Outcome::Success || canceled;
        if let Some(latencies) = self.latencies.as_mut().filter(|_| took) {
            latencies.observe(now, now.saturating_since(sent.at));
        }
        let (balancer, _) = &mut self.balancers[client as usize];
        balancer.report(now, flight.pick, outcome);
        let events = &mut self.log.events;
        balancer.events(&mut |at, host, kind| events.push(Told { at, client, host, kind }));
    }

    fn end(&mut self, now: Instant, number: u32, end: End, left: bool) {
        if let Some(running) = self.calls[number as usize].take() {
            assert!(running.requests.is_empty(), "a call that is over has nothing under way");
            self.log.calls.push(Ended { began: running.began, at: now, end, left });
            self.ended = true;
        }
    }
}
