//! The whole run loop: a source, a balancer, calls with retries and a budget, one clock.
//!
//! A program that balances sleeps until the earliest of what its machines wait for. Here the clock
//! and the network are played, so that ten seconds pass at once and every run is the same:
//!
//! ```text
//! cargo run -p evenkeel-core --example run_loop
//! ```

use core::cmp::Reverse;
use core::time::Duration;
use std::collections::BinaryHeap;

use evenkeel_core::discovery::poller::{Answer, PollerConfig, PollerStep, QueryId};
use evenkeel_core::policy::LeastRequest;
use evenkeel_core::retry::{Attempt, End, RetryBudget, Step, Verdict};
use evenkeel_core::{Balancer, Call, Endpoint, Instant, Pick, Poller, Request, RetryPolicy};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

const ENDPOINTS: [&str; 3] = ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"];
const ATTEMPTS: u32 = 3;

fn main() {
    let report = run();
    report.log.iter().for_each(|line| println!("{line}"));
    println!("{} of {} calls succeeded", report.successes, report.calls);
    println!("{} attempts, {} of them failed", report.attempts, report.failures);
}

/// What a run was like.
#[derive(Default)]
struct Report {
    log: Vec<String>,
    calls: u32,
    successes: u32,
    attempts: u32,
    failures: u32,
}

/// A call under way, and the attempt of it that is in flight.
struct Running<'a> {
    call: Call<&'a RetryPolicy, 1>,
    sent: Option<(Attempt, Pick)>,
}

fn run() -> Report {
    let mut report = Report::default();
    let mut network = Network::new();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let policy = RetryPolicy::new(ATTEMPTS).and_then(|policy| {
        policy
            .with_timeout(Duration::from_secs(2))?
            .with_attempt_timeout(Duration::from_millis(300))
    });
    let policy = policy.expect("3 attempts, and times above zero");
    let mut budget = RetryBudget::DEFAULT;
    let mut poller = Poller::new(PollerConfig::default()).expect("the defaults fit together");
    let mut balancer: Balancer<&str, LeastRequest> = Balancer::new(LeastRequest::new());
    let mut calls: Vec<Option<Running<'_>>> = Vec::new();
    let mut now = Instant::ZERO;

    while now < Instant::from_secs(10) {
        // First, all machines say what to do now. Each gives the time at which to ask it again.
        let mut wake = vec![loop {
            match poller.poll(now, &mut rng) {
                PollerStep::Query { id, .. } => network.ask(now, id),
                PollerStep::Cancel { .. } => {} // its answer will be refused
                PollerStep::Health(health) => {
                    report.log.push(format!("{now}: the source is {}", health.name()));
                }
                PollerStep::Wait(until) => break until,
            }
        }];
        for (number, slot) in calls.iter_mut().enumerate() {
            let Some(running) = slot else { continue };
            loop {
                match running.call.poll(now, &mut budget, &mut rng) {
                    Step::Send(attempt) => {
                        let request = Request::at(now).avoiding(running.call.tried());
                        let request = request.leaving_level(running.call.leaves_level());
                        let Ok(pick) = balancer.pick_with(request, &mut rng) else {
                            running.call.no_endpoint(now);
                            continue;
                        };
                        if !running.call.started(attempt, pick.slot(), &mut budget) {
                            balancer.withdraw(now, pick);
                            continue;
                        }
                        if let Some(endpoint) = balancer.endpoint(&pick) {
                            network.send(now, endpoint.addr, number, attempt);
                        }
                        running.sent = Some((attempt, pick));
                    }
                    Step::Cancel { outcome, .. } => {
                        if let Some((_, pick)) = running.sent.take() {
                            balancer.report(now, pick, outcome);
                            report.failures += 1;
                        }
                    }
                    Step::Wait(until) => {
                        wake.push(until);
                        break;
                    }
                    Step::Done(end) => {
                        report.successes += u32::from(end == End::Success);
                        report.attempts += running.call.attempts();
                        *slot = None;
                        break;
                    }
                }
            }
        }
        balancer.handle_timeout(now);
        wake.push(balancer.poll_timeout());
        for event in balancer.events() {
            let addr = event.endpoint.and_then(|(_, addr)| addr).copied().unwrap_or("all");
            report.log.push(format!("{}: {addr} {}", event.at, event.kind.name()));
        }

        // Then the program sleeps until something happens, or is due, and tells it.
        let due = wake.into_iter().flatten().min();
        let (then, event) = network.wait(due);
        now = then;
        match event {
            Some(Event::Request) => {
                report.calls += 1;
                let call = Call::without_hedges(&policy, now);
                calls.push(Some(Running { call, sent: None }));
            }
            Some(Event::Found(id)) => {
                let ttl = Some(Duration::from_secs(60));
                if poller.on_result(now, id, Answer::Ok { ttl, retry_after: None }) {
                    // This policy has no table that could be too small.
                    let _ = balancer.update(now, ENDPOINTS.map(Endpoint::new));
                }
            }
            Some(Event::Answer { call, attempt, good }) => {
                let Some(Some(running)) = calls.get_mut(call) else { continue };
                // An answer to an attempt that was given up is nobody's.
                let Some((_, pick)) = running.sent.take_if(|(sent, _)| *sent == attempt) else {
                    continue;
                };
                let verdict = if good { Verdict::Success } else { Verdict::RetryableFailure };
                balancer.report(now, pick, verdict.outcome());
                running.call.on_outcome(now, attempt, verdict);
                report.failures += u32::from(!good);
            }
            None => {} // only the time has come
        }
    }
    report
}

/// Something that happens.
#[derive(Clone, Copy)]
enum Event {
    Request,
    Found(QueryId),
    Answer { call: usize, attempt: Attempt, good: bool },
}

/// Plays clock and network: 50 requests a second, answers after 20 ms; from 2 s to 4 s,
/// the second endpoint fails.
struct Network {
    events: Vec<Event>,
    /// When each comes, the earliest first.
    times: BinaryHeap<Reverse<(Instant, usize)>>,
}

impl Network {
    fn new() -> Self {
        let mut network = Self { events: Vec::new(), times: BinaryHeap::new() };
        (50..500).for_each(|turn| network.at(Instant::from_millis(turn * 20), Event::Request));
        network
    }

    fn at(&mut self, time: Instant, event: Event) {
        self.times.push(Reverse((time, self.events.len())));
        self.events.push(event);
    }

    fn ask(&mut self, now: Instant, id: QueryId) {
        self.at(now + Duration::from_millis(3), Event::Found(id));
    }

    fn send(&mut self, now: Instant, addr: &str, call: usize, attempt: Attempt) {
        let bad = Instant::from_secs(2)..Instant::from_secs(4);
        let good = addr != ENDPOINTS[1] || !bad.contains(&now);
        self.at(now + Duration::from_millis(20), Event::Answer { call, attempt, good });
    }

    /// Sleeps until the next event, or until `due` if that is earlier.
    fn wait(&mut self, due: Option<Instant>) -> (Instant, Option<Event>) {
        let next = self.times.peek().map(|Reverse((time, _))| *time);
        match (next, due) {
            (next, Some(due)) if next.is_none_or(|next| due < next) => (due, None),
            _ => match self.times.pop() {
                Some(Reverse((time, event))) => (time, self.events.get(event).copied()),
                None => (Instant::MAX, None),
            },
        }
    }
}

#[test]
fn no_call_is_lost_though_an_endpoint_fails() {
    let report = run();
    assert_eq!(report.calls, 450);
    assert!(report.successes >= 448, "the last may still be under way: {}", report.successes);
    assert_eq!(report.failures, 5, "as many as eject it");
    let tells = |word: &str| report.log.iter().filter(|line| line.contains(word)).count();
    assert_eq!((tells("the source is fresh"), tells("added"), tells("readmitted")), (1, 3, 1));
    assert_eq!((tells(" ejected"), tells("probing")), (1, 1));
}
