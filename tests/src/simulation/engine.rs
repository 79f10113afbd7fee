//! The clock: what happens next.

use core::cmp::Ordering;
use core::time::Duration;
use std::collections::BinaryHeap;

use evenkeel_core::Instant;
use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::retry::Budget;
use rand_chacha::ChaCha8Rng;

use super::Scenario;
use super::chance::{Luck, gap};
use super::client::{Client, Wish};
use super::host::Running;
use super::log::Log;

/// Plays a scenario to its end. O(log n) for each thing that happens, with n requests under way.
///
/// # Panics
/// If the balancer's settings make no sense.
pub fn run<B: Budget>(scenario: &Scenario, seed: u64, budget: &mut B) -> Log {
    let mut engine = Engine {
        agenda: Agenda::default(),
        hosts: scenario.hosts.iter().map(Running::new).collect(),
        client: Client::new(scenario, seed, budget),
        rng: ChaCha8Rng::seed_from_u64(seed),
        seed,
    };
    let mean = Duration::from_secs(1) / scenario.rate.max(1);
    let end = Instant::ZERO + scenario.duration;
    let mut arrival = Instant::ZERO + gap(seed, 0, mean);
    loop {
        if arrival < end && engine.agenda.next_at().is_none_or(|at| arrival <= at) {
            let call = engine.client.call(arrival);
            engine.attend(arrival, call);
            arrival = arrival + gap(seed, call + 1, mean);
        } else if let Some((now, event)) = engine.agenda.next() {
            engine.happen(now, event);
        } else {
            return engine.client.log;
        }
    }
}

struct Engine<'a, B> {
    agenda: Agenda,
    hosts: Vec<Running<'a>>,
    client: Client<'a, B>,
    /// The client's own chance: picks, backoff.
    rng: ChaCha8Rng,
    seed: u64,
}

impl<B: Budget> Engine<'_, B> {
    fn happen(&mut self, now: Instant, event: Event) {
        match event {
            Event::Answer { call, attempt, good } => {
                self.client.answer(now, call, attempt, good);
                self.attend(now, call);
            }
            Event::Wake { call } => self.attend(now, call),
        }
    }

    /// Does what a call asks for.
    fn attend(&mut self, now: Instant, call: u32) {
        while let Some(wish) = self.client.poll(now, call, &mut self.rng) {
            match wish {
                Wish::Send { host, attempt } => {
                    let luck = Luck::of(self.seed, call, attempt);
                    if let Some((at, good)) = self.hosts[host as usize].serve(now, luck) {
                        self.agenda.add(at, Event::Answer { call, attempt, good });
                    }
                }
                Wish::Wake(at) => return self.agenda.add(at, Event::Wake { call }),
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Answer { call: u32, attempt: u32, good: bool },
    Wake { call: u32 },
}

/// What is going to happen; of things at the same time, that which was planned first.
#[derive(Default)]
struct Agenda {
    heap: BinaryHeap<Planned>,
    planned: u64,
}

struct Planned {
    /// The time, and how many were planned before.
    key: u128,
    event: Event,
}

impl Agenda {
    fn add(&mut self, at: Instant, event: Event) {
        self.heap.push(Planned {
            key: u128::from(at.as_nanos()) << 64 | u128::from(self.planned),
            event,
        });
        self.planned += 1;
    }

    fn next_at(&self) -> Option<Instant> {
        self.heap.peek().map(Planned::at)
    }

    fn next(&mut self) -> Option<(Instant, Event)> {
        self.heap.pop().map(|planned| (planned.at(), planned.event))
    }
}

impl Planned {
    fn at(&self) -> Instant {
        Instant::from_nanos((self.key >> 64) as u64)
    }
}

impl Ord for Planned {
    /// The earlier is the greater, as the heap gives the greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        other.key.cmp(&self.key)
    }
}

impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }

    fn le(&self, other: &Self) -> bool {
        other.key <= self.key
    }
}

impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Planned {}

#[cfg(test)]
mod tests {
    use evenkeel_core::retry::{Backoff, RetryPolicy, Unlimited};

    use super::*;
    use crate::simulation::{Effect, Fault, Host, Log};

    const MS: Duration = Duration::from_millis(1);

    fn retry(attempts: u32, timeout: Duration) -> RetryPolicy {
        let policy =
            RetryPolicy::new(attempts).and_then(|policy| policy.with_attempt_timeout(timeout));
        policy.and_then(|policy| policy.with_backoff(Backoff::None)).expect("a policy")
    }

    fn log(scenario: &Scenario, seed: u64) -> Log {
        run(scenario, seed, &mut Unlimited)
    }

    #[test]
    fn the_same_seed_gives_the_same_log() {
        let hosts = vec![
            Host::exponential(20 * MS)
                .with(Fault::always(Effect::Hangs).of_a_thousand(100));
            3
        ];
        let retry = retry(3, 50 * MS);
        let policy = "peak_ewma".parse().expect("a policy");
        let scenario = Scenario {
            hosts,
            retry,
            policy,
            duration: Duration::from_secs(5),
            ..Scenario::default()
        };
        let first = log(&scenario, 1);
        assert_eq!(first, log(&scenario, 1));
        assert_ne!(first, log(&scenario, 2));
        assert!(first.extra_attempts() > 0 && first.errors() > 0);
    }

    #[test]
    fn what_the_client_does_changes_no_arrival() {
        let begins = |policy: &str| {
            let hosts = vec![Host::exponential(20 * MS); 4];
            let policy = policy.parse().expect("a policy");
            let mut calls = log(&Scenario { hosts, policy, ..Scenario::default() }, 1).calls;
            calls.sort_by_key(|call| call.began);
            calls.iter().map(|call| (call.began, call.at)).collect::<Vec<_>>()
        };
        let calls = begins("round_robin");
        assert_eq!(calls, begins("random"));
        assert!((5_700..6_300).contains(&calls.len()), "{}", calls.len());
    }

    /// Theory knows how long requests to one worker take: 1 / (1 / service - rate) on average.
    #[test]
    fn a_single_worker_takes_as_long_as_theory_says() {
        let hosts = vec![Host::exponential(20 * MS).with_workers(1)];
        let scenario = Scenario {
            hosts,
            rate: 25,
            duration: Duration::from_secs(4_000),
            ..Scenario::default()
        };
        let log = log(&scenario, 1);
        let mean = log.latencies().sum::<Duration>() / log.calls.len() as u32;
        assert!(mean.abs_diff(40 * MS) < 2 * MS, "{mean:?}");
    }

    #[test]
    fn attempts_that_hang_are_given_up() {
        let hosts = vec![Host::exponential(20 * MS).with(Fault::always(Effect::Hangs))];
        let retry = retry(2, 100 * MS);
        let log = log(
            &Scenario { hosts, retry, duration: Duration::from_secs(1), ..Scenario::default() },
            1,
        );
        assert_eq!((log.errors(), log.attempts.len()), (log.calls.len(), 2 * log.calls.len()));
        assert!(log.calls.iter().all(|call| call.at == call.began + 200 * MS));
    }

    #[test]
    fn a_service_without_hosts_fails_all_calls() {
        let log = log(&Scenario { duration: Duration::from_secs(1), ..Scenario::default() }, 1);
        assert!(log.calls.len() > 50 && log.errors() == log.calls.len() && log.attempts.is_empty());
    }
}
