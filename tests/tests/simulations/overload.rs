//! The real retry storm: a service that would be up if its clients did not try again.

use evenkeel_core::policy::AnyPolicy;
use evenkeel_core::retry::{AnyBudget, RetryPolicy};
use evenkeel_core::{Config, Instant};
use evenkeel_tests::simulation::{
    Effect, Fault, Host, Log, Scale, Scenario, Table, percent, ratio, run, sketch,
};

use super::{ENVOY, GRPC, MS, OFF, OURS, budgets, check, in_parallel, policy, section, sum};
use evenkeel_tests::simulation::picture::{Chart, svg};

const HEAD: &str = "\
Overload: five seconds of trouble, and a service that stays down because it is asked again and again
====================================================================================================

10 hosts that work on one request at a time, 20 ms each, exponentially distributed: they can do 500 per second. 350 calls per second
arrive at random (Poisson) for 60 s. From 20 s to 25 s, the hosts take requests and never answer. The client gives an attempt
up after 250 ms (a failure), while the host works on; it tries each call up to 4 times (once, and 3 retries), with
exponential backoff from 25 to 250 ms and full jitter.

budget        none: Unlimited; gRPC's: TokenThrottle::default(), 10 tokens and 0.1 per success; Finagle's, which is tower's:
              RetryBudgetSettings::FINAGLE, 20 % of the calls and 10 per second over 10 s; ours: RetryBudget::default(),
              20 % of the successes and 10 per second over 3 s
ejection      outlier detection: off, ours (Config::DEFAULT), or Envoy's and gRPC's arithmetic and defaults
0-20 s, ...   errors %: the calls that failed, of those that began then, in three runs with the seeds 1 to 3
attempts      per call, from 30 s on
ejections     per run

Made and compared by   cargo test -p evenkeel-tests --test simulations overload
Rewritten by the same with EVENKEEL_BLESS=1. overload.svg shows the run with the seed 1 in the first table,
overload_tables.svg both tables.
";

const SPANS: [(u64, u64); 4] = [(0, 20), (20, 25), (25, 30), (30, 60)];

fn logs(budget: &AnyBudget, policy: AnyPolicy, config: Config) -> Vec<Log> {
    let trouble = Fault {
        from: Instant::from_secs(20),
        ..Fault::always(Effect::Hangs).until(Instant::from_secs(25))
    };
    let retry = RetryPolicy::new(4).and_then(|retry| retry.with_attempt_timeout(250 * MS));
    let scenario = Scenario {
        hosts: vec![Host::exponential(20 * MS).with_workers(1).with(trouble); 10],
        rate: 350,
        policy,
        config,
        retry: retry.expect("a policy"),
        ..Scenario::default()
    };
    in_parallel(1..=3, |seed| run(&scenario, seed, &mut budget.clone()))
}

fn between(log: &Log, (from, until): (u64, u64)) -> Log {
    log.between(Instant::from_secs(from), Instant::from_secs(until))
}

fn table(first: &[&str], last: &str) -> Table {
    let spans = SPANS.map(|(from, until)| format!("{from}-{until} s"));
    let mut columns = first.to_vec();
    columns.extend(spans.iter().map(String::as_str));
    columns.push(last);
    Table::new(first.len(), &columns)
}

/// The errors of each span, in percent.
fn errors(logs: &[Log]) -> [String; 4] {
    SPANS.map(|span| {
        let logs: Vec<_> = logs.iter().map(|log| between(log, span)).collect();
        percent(sum(&logs, Log::errors), sum(&logs, |log| log.calls.len()))
    })
}

/// What budgets do about it.
fn by_budget(text: &mut String) -> String {
    let mut table = table(&["budget"], "attempts");
    let (mut failed, mut attempts) = (Vec::new(), Vec::new());
    for of in budgets::all() {
        let logs = logs(&of.budget, policy("round_robin"), OFF.1);
        let end: Vec<_> = logs.iter().map(|log| between(log, SPANS[3])).collect();
        let (failed_then, calls) = (sum(&end, Log::errors), sum(&end, |log| log.calls.len()));
        let recovers = failed_then * 100 < calls;
        assert_eq!(
            recovers,
            !matches!(of.budget, AnyBudget::Unlimited),
            "{}: {failed_then} of {calls}",
            of.name
        );
        let row = [of.name.to_owned()].into_iter().chain(errors(&logs));
        table.row(row.chain([ratio(sum(&end, |log| log.attempts.len()), calls, 2)]));
        let seconds: Vec<_> =
            (0..60).map(|second| between(&logs[0], (second, second + 1))).collect();
        failed.push((of.title, seconds.iter().map(Log::errors).collect()));
        attempts.push((of.title, seconds.iter().map(|log| log.attempts.len()).collect()));
    }
    section(text, "Round robin, without ejection", &table);
    let failed = Chart {
        title: "Calls that fail, by the second in which they begin (350 per second)",
        lines: failed,
    };
    let attempts = Chart { title: "Attempts per second (the hosts can do 500)", lines: attempts };
    svg(&[failed, attempts])
}

/// What it costs to do without hosts that are needed.
fn ejections(text: &mut String) {
    let mut table = table(&["policy", "ejection"], "ejections");
    for (title, name) in [("round robin", "round_robin"), ("peak EWMA", "peak_ewma")] {
        let mut off = 0;
        for (rules, detection) in [OFF, OURS, ENVOY, GRPC] {
            let logs = logs(&budgets::ours(), policy(name), detection);
            let after = |log: &Log| between(log, SPANS[3]).errors();
            match (rules, detection) {
                OFF => off = sum(&logs, after),
                OURS => assert!(sum(&logs, after) <= off + 3, "{title}: ours makes it last"),
                _ => {}
            }
            let row = [title.to_owned(), rules.to_owned()].into_iter().chain(errors(&logs));
            table.row(row.chain([ratio(sum(&logs, Log::ejections), logs.len(), 1)]));
        }
        table.gap();
    }
    section(text, "With our budget: what it costs to eject hosts that are needed", &table);
}

#[test]
fn overload() {
    let mut text = HEAD.to_owned();
    let picture = by_budget(&mut text);
    ejections(&mut text);
    check("overload.txt", &text);
    check("overload.svg", &picture);
    check("overload_tables.svg", &sketch(&text, Scale::Columns));
}
