//! The clock: what happens next.

use core::time::Duration;

use evenkeel_core::rand_core::SeedableRng;
use evenkeel_core::retry::Budget;
use evenkeel_core::{Instant, Verdict};
use rand_chacha::ChaCha8Rng;

use super::Scenario;
use super::agenda::Agenda;
use super::balance::{Balance, Ours};
use super::chance::{Luck, gap};
use super::client::{Client, Wish};
use super::host::Running;
use super::log::Log;

/// Plays a scenario to its end. O(log n) for each thing that happens, with n requests under way.
///
/// Each client has a budget like this one; the first one's is given back.
///
/// # Panics
/// If the balancer's settings make no sense.
pub fn run(scenario: &Scenario, seed: u64, budget: &mut (impl Budget + Clone)) -> Log {
    run_with(scenario, seed, budget, &|seed| Ours::new(scenario, seed))
}

/// Plays a scenario to its end with balancers that are made with these seeds.
pub fn run_with<B: Balance>(
    scenario: &Scenario,
    seed: u64,
    budget: &mut (impl Budget + Clone),
    make: &dyn Fn(u64) -> B,
) -> Log {
    let mut engine = Engine {
        scenario,
        agenda: Agenda::new(),
        hosts: scenario.hosts.iter().map(Running::new).collect(),
        client: Client::new(scenario, seed, budget, make),
        rng: ChaCha8Rng::seed_from_u64(seed),
        seed,
    };
    engine.play();
    *budget = engine.client.budget();
    engine.client.log
}

/// How long a caller takes from one call to the next.
const PAUSE: Duration = Duration::from_millis(1);

struct Engine<'a, B: Balance, K> {
    scenario: &'a Scenario,
    agenda: Agenda<Event>,
    hosts: Vec<Running<'a>>,
    client: Client<'a, B, K>,
    /// The client's own chance: picks, backoff.
    rng: ChaCha8Rng,
    seed: u64,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Answer { call: u32, attempt: u32, verdict: Verdict },
    Wake { call: u32 },
    GiveUp { call: u32, left: bool },
    Call,
    Reweigh,
}

impl<B: Balance, K: Budget> Engine<'_, B, K> {
    fn play(&mut self) {
        let mean = Duration::from_secs(1) / self.scenario.rate.max(1);
        let end = Instant::ZERO + self.scenario.duration;
        let mut arrival = Instant::ZERO + gap(self.seed, 0, mean);
        if let Some(callers) = self.scenario.callers {
            arrival = end;
            for caller in 0..callers {
                self.agenda.add(Instant::ZERO + gap(self.seed, caller, PAUSE), Event::Call);
            }
        }
        if let Some(every) = self.scenario.reweighed {
            self.agenda.add(Instant::ZERO + every, Event::Reweigh);
        }
        loop {
            if arrival < end && self.agenda.next_at().is_none_or(|at| arrival <= at) {
                let call = self.begin(arrival);
                arrival = arrival + gap(self.seed, call + 1, mean);
            } else if let Some((now, event)) = self.agenda.next() {
                self.happen(now, event, end);
            } else {
                return;
            }
        }
    }

    fn begin(&mut self, now: Instant) -> u32 {
        let call = self.client.call(now);
        if let Some(patience) = self.scenario.patience {
            self.agenda.add(now + patience, Event::GiveUp { call, left: false });
        }
        if let Some(after) = self.scenario.canceled.and_then(|who| who.leaves(self.seed, call)) {
            self.agenda.add(now + after, Event::GiveUp { call, left: true });
        }
        self.attend(now, call);
        call
    }

    fn happen(&mut self, now: Instant, event: Event, end: Instant) {
        match event {
            Event::Answer { call, attempt, verdict } => {
                self.client.answer(now, call, attempt, verdict);
                self.attend(now, call);
            }
            Event::Wake { call } => self.attend(now, call),
            Event::GiveUp { call, left } => {
                self.client.give_up(now, call, left);
                self.attend(now, call);
            }
            Event::Call if now < end => {
                self.begin(now);
            }
            Event::Reweigh if now < end => {
                self.client.reweigh(now, self.seed);
                let every = self.scenario.reweighed.unwrap_or_default();
                self.agenda.add(now + every, Event::Reweigh);
            }
            Event::Call | Event::Reweigh => {}
        }
    }

    /// Does what a call asks for.
    fn attend(&mut self, now: Instant, call: u32) {
        while let Some(wish) = self.client.poll(now, call, &mut self.rng) {
            match wish {
                Wish::Send { host, attempt } => {
                    let luck = Luck::of(self.seed, call, attempt);
                    if let Some((at, verdict)) = self.hosts[host as usize].serve(now, luck) {
                        self.agenda.add(at, Event::Answer { call, attempt, verdict });
                    }
                }
                Wish::Wake(at) => return self.agenda.add(at, Event::Wake { call }),
            }
        }
        if self.client.take_ended() && self.scenario.callers.is_some() {
            self.agenda.add(now + PAUSE, Event::Call);
        }
    }
}

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
