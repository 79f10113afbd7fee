//! A service in trouble: how many attempts do retries add to it, what does a budget save, and what
//! does it cost?

use core::time::Duration;

use evenkeel_core::retry::{AnyBudget, Budget, RetryPolicy, Verdict};
use evenkeel_core::{Config, EventKind, Instant};
use evenkeel_tests::simulation::{
    Effect, Fault, Host, Log, Scale, Scenario, Table, millis, percent, ratio, run, sketch,
};

use super::budgets::Bounds;
use super::{MS, OFF, OURS, budgets, check, in_parallel, policy, section, sum};

const HEAD: &str = "\
Retry storm: a service in trouble, and a client that tries each call up to 4 times (once, and 3 retries)
========================================================================================================

10 hosts, round robin, each request 20 ms, exponentially distributed. Calls arrive at random (Poisson). Before a retry, exponential
backoff from 25 to 250 ms with full jitter (RetryPolicy::default()); it avoids the hosts that the call has tried.

budget        none: Unlimited; gRPC's: TokenThrottle::default(), 10 tokens and 0.1 per success; Finagle's, which is tower's:
              RetryBudgetSettings::FINAGLE, 20 % of the calls and 10 per second over 10 s; ours: RetryBudget::default(),
              20 % of the successes and 10 per second over 3 s
ejection      outlier detection: off, or ours (Config::DEFAULT)
amplified     attempts per call
bound         the most of that by the budget's formula, for C calls in T = 60 s with S successes:
              none 4; gRPC's less than 1 + (5 + S / 10) / C; Finagle's 1 + (C / 5 + 100 (1 + T / 10 s)) / C;
              ours 1 + (S / 5 + 30 (1 + T / 3 s)) / C

Figures are means of three runs with the seeds 1 to 3; at 1000 calls per second of one. The bound holds for each run.

Made and compared by   cargo test -p evenkeel-tests --test simulations retry_storm
Rewritten by the same with EVENKEEL_BLESS=1. retry_storm.svg shows these tables.
";

/// How long trouble lasts, and how long the run goes on.
const HEALED: Instant = Instant::from_secs(60);
const END: Instant = Instant::from_secs(70);

/// A budget, and when it would first have allowed a retry after the trouble.
#[derive(Clone)]
struct Watched {
    budget: AnyBudget,
    allows: Option<Instant>,
}

impl Watched {
    fn look(&mut self, now: Instant) {
        if self.allows.is_none() && now >= HEALED && self.budget.clone().withdraw(now) {
            self.allows = Some(now);
        }
    }
}

impl Budget for Watched {
    fn on_call(&mut self, now: Instant) {
        self.budget.on_call(now);
        self.look(now);
    }

    fn on_verdict(&mut self, now: Instant, verdict: Verdict) {
        self.budget.on_verdict(now, verdict);
        self.look(now);
    }

    fn withdraw(&mut self, now: Instant) -> bool {
        self.budget.withdraw(now)
    }
}

/// What a budget made of it, in each run.
struct Runs(Vec<(Log, Option<Duration>)>);

impl Runs {
    fn new(scenario: &Scenario, budget: &AnyBudget) -> Self {
        let seeds = if scenario.rate < 1000 { 1..=3 } else { 1..=1 };
        Self(in_parallel(seeds, |seed| Self::one(scenario, budget, seed)))
    }

    fn one(scenario: &Scenario, budget: &AnyBudget, seed: u64) -> (Log, Option<Duration>) {
        let mut watched = Watched { budget: budget.clone(), allows: None };
        let log = run(scenario, seed, &mut watched);
        (log, watched.allows.map(since_healed))
    }

    /// The part of the first minute.
    fn first_minute(&self) -> Vec<Log> {
        self.0.iter().map(|(log, _)| log.between(Instant::ZERO, HEALED)).collect()
    }
}

fn since_healed(at: Instant) -> Duration {
    at.saturating_since(HEALED)
}

/// Amplification and bound, after asserting that no run is beyond it.
fn bounded(logs: &[Log], of: &Bounds) -> [String; 2] {
    let bound = |log: &Log| of.most(log.calls.len(), log.successes());
    for log in logs {
        let extra = 1_000 * log.extra_attempts();
        assert!(
            extra <= bound(log),
            "{}: {extra} thousandths of an attempt, {}",
            of.name,
            bound(log)
        );
    }
    let calls = sum(logs, |log| log.calls.len());
    let most = 1_000 * calls + sum(logs, bound);
    [ratio(calls + sum(logs, Log::extra_attempts), calls, 3), ratio(most, 1_000 * calls, 3)]
}

fn scenario(hosts: Vec<Host>, rate: u32, config: Config) -> Scenario {
    Scenario {
        hosts,
        rate,
        policy: policy("round_robin"),
        config,
        retry: RetryPolicy::new(4).expect("four attempts"),
        ..Scenario::default()
    }
}

/// All requests fail for a minute, then none.
fn outage(text: &mut String) {
    let host =
        Host::exponential(20 * MS).with(Fault::always(Effect::Fails { after: MS }).until(HEALED));
    let columns =
        ["calls/s", "budget", "ejection", "calls", "attempts", "amplified", "bound", "saved %"];
    let mut storm = Table::new(0, &columns);
    let columns = [
        "calls/s",
        "budget",
        "ejection",
        "success after ms",
        "retries after ms",
        "errors %",
        "ejected until s",
    ];
    let mut recovery = Table::new(0, &columns);
    for rate in [10, 100, 1000] {
        for (rules, detection) in [OFF, OURS] {
            let duration = END.saturating_since(Instant::ZERO);
            let scenario =
                Scenario { duration, ..scenario(vec![host.clone(); 10], rate, detection) };
            let mut unlimited = 0;
            for of in budgets::all() {
                let runs = Runs::new(&scenario, &of.budget);
                let logs = runs.first_minute();
                assert!(logs.iter().all(|log| log.successes() == 0), "nothing succeeds");
                let [calls, attempts] =
                    [sum(&logs, |log| log.calls.len()), sum(&logs, |log| log.attempts.len())];
                unlimited = unlimited.max(attempts);
                let [amplified, bound] = bounded(&logs, &of);
                let name = [rate.to_string(), of.name.to_owned(), rules.to_owned()];
                storm.row(name.iter().cloned().chain([
                    ratio(calls, logs.len(), 0),
                    ratio(attempts, logs.len(), 0),
                    amplified,
                    bound,
                    percent(unlimited - attempts, unlimited),
                ]));
                recovery.row(name.into_iter().chain(recovered(&runs)));
            }
            storm.gap();
            recovery.gap();
        }
    }
    section(text, "All requests fail after 1 ms, for 60 s", &storm);
    let title = "\
The same runs, after all hosts are well again at 60 s, up to 70 s

success after      until the first call succeeded
retries after      until the budget would have allowed a retry
errors %           of the calls that began then
ejected until      how long after 60 s a host was ejected at most";
    section(text, title, &recovery);
}

/// Says how a client comes back after the trouble.
fn recovered(runs: &Runs) -> [String; 4] {
    let mean = |times: Vec<Duration>| {
        assert_eq!(times.len(), runs.0.len(), "each client comes back");
        Some(times.iter().sum::<Duration>() / times.len() as u32)
    };
    let success = |log: &Log| {
        log.calls.iter().filter(|call| call.good()).map(|call| since_healed(call.at)).min()
    };
    let after: Vec<_> = runs.0.iter().map(|(log, _)| log.between(HEALED, END)).collect();
    [
        millis(mean(runs.0.iter().filter_map(|(log, _)| success(log)).collect())),
        millis(mean(runs.0.iter().filter_map(|(_, allows)| *allows).collect())),
        percent(sum(&after, Log::errors), sum(&after, |log| log.calls.len())),
        ejected_until(runs),
    ]
}

/// Says how many seconds after the trouble the last ejection ends, in the worst case.
fn ejected_until(runs: &Runs) -> String {
    let events = runs.0.iter().flat_map(|(log, _)| &log.events).map(|told| &told.kind);
    let ejections = events.filter(|kind| matches!(kind, EventKind::Ejected { .. }));
    let ends = ejections.filter_map(EventKind::until).map(|until| since_healed(until).as_secs());
    ends.max().map_or("-".to_owned(), |seconds| seconds.to_string())
}

/// Some requests fail.
fn partial(text: &mut String) {
    let columns = ["fails", "ejection", "budget", "errors %", "amplified", "bound", "ejections"];
    let mut table = Table::new(3, &columns);
    let host = Host::exponential(20 * MS);
    let fails = Fault::always(Effect::Fails { after: MS });
    let everywhere = |per_mille| vec![host.clone().with(fails.of_a_thousand(per_mille)); 10];
    let mut one = vec![host.clone(); 10];
    one[9].faults.push(fails);
    let troubles = [
        ("10 % of requests", everywhere(100)),
        ("50 % of requests", everywhere(500)),
        ("1 of 10 hosts", one),
    ];
    for (trouble, hosts) in troubles {
        for (rules, detection) in [OFF, OURS] {
            let scenario = scenario(hosts.clone(), 100, detection);
            for of in budgets::all() {
                let logs = Runs::new(&scenario, &of.budget).first_minute();
                let [amplified, bound] = bounded(&logs, &of);
                let errors = percent(sum(&logs, Log::errors), sum(&logs, |log| log.calls.len()));
                let ejections = ratio(sum(&logs, Log::ejections), logs.len(), 1);
                table.row([trouble, rules, of.name, &errors, &amplified, &bound, &ejections]);
            }
        }
        table.gap();
    }
    section(
        text,
        "Some requests fail after 1 ms, for all the time: 100 calls per second for 60 s",
        &table,
    );
}

#[test]
fn retry_storm() {
    let mut text = HEAD.to_owned();
    outage(&mut text);
    partial(&mut text);
    check("retry_storm.txt", &text);
    check("retry_storm.svg", &sketch(&text, Scale::Columns));
}
