//! Hosts that hang beside well ones: how many callers come to wait for them at once?

use evenkeel_core::Instant;
use evenkeel_core::retry::{RetryBudget, RetryPolicy};
use evenkeel_tests::simulation::{Effect, Fault, Host, Log, Scenario, Table, percent, run};

use super::{MS, check, in_parallel, policy, section, sum};

const HEAD: &str = "\
Stalled: some of six hosts hang, and callers wait for them until their attempts time out
========================================================================================

A host takes 1 ms for a request, exponentially distributed, and works on four at a time. 32 callers ask again 1 ms after each answer,
from 0 to 9 s. From 2 s to 8 s, some hosts take requests and never answer. An attempt is given up after 250 ms, a call after three;
ejection and budget are ours. Six runs with the seeds 1 to 6.

worst      good answers in the worst 100 ms of the trouble, in percent of those in 100 ms before it: the mean of the runs
mean       the same in all of the trouble
waited %   the calls that began in the trouble and took 250 ms or more

Made and compared by   cargo test -p evenkeel-tests --test simulations stalled
Rewritten by the same with EVENKEEL_BLESS=1.
";

const POLICIES: [&str; 5] = [
    "round_robin",
    "least_request",
    "least_request(full_scan)",
    "peak_ewma",
    "peak_ewma(full_scan)",
];

/// The trouble, in steps of 100 ms.
const TROUBLE: core::ops::Range<u64> = 20..80;

fn at(step: u64) -> Instant {
    Instant::from_millis(100 * step)
}

/// One host hangs from each of these seconds on.
fn logs(hang: &[u64], name: &str) -> Vec<Log> {
    let good = Host::exponential(MS).with_workers(4);
    let hangs = |&from: &u64| good.clone().with(Fault::between(from, 8, Effect::Hangs));
    let mut hosts: Vec<Host> = hang.iter().map(hangs).collect();
    hosts.resize(6, good.clone());
    let retry = RetryPolicy::new(3).and_then(|retry| retry.with_attempt_timeout(250 * MS));
    let scenario = Scenario {
        hosts,
        callers: Some(32),
        duration: 9000 * MS,
        policy: policy(name),
        retry: retry.expect("a policy"),
        ..Scenario::default()
    };
    in_parallel(1..=6, |seed| run(&scenario, seed, &mut RetryBudget::default()))
}

/// The good answers of each step.
fn steps(log: &Log) -> Vec<usize> {
    let mut steps = vec![0; TROUBLE.end as usize];
    for call in log.calls.iter().filter(|call| call.good() && call.at < at(TROUBLE.end)) {
        steps[(call.at.as_nanos() / 100_000_000) as usize] += 1;
    }
    steps
}

#[test]
fn stalled() {
    let mut text = HEAD.to_owned();
    let troubles: [(&str, &[u64]); 4] = [
        ("1 of 6 hangs", &[2]),
        ("2 of 6 hang", &[2, 2]),
        ("2 of 6 hang, the second 3 s after the first", &[2, 5]),
        ("3 of 6 hang", &[2, 2, 2]),
    ];
    for (title, hang) in troubles {
        let mut table = Table::new(1, &["policy", "worst", "mean", "waited %"]);
        for name in POLICIES {
            let logs = logs(hang, name);
            let (mut before, mut during, mut worst) = (0, 0, 0);
            for steps in logs.iter().map(steps) {
                let (first, trouble) = steps.split_at(TROUBLE.start as usize);
                // The first second makes callers and estimates warm.
                before += first[10..].iter().sum::<usize>();
                during += trouble.iter().sum::<usize>();
                worst += trouble.iter().min().expect("steps");
            }
            let trouble = logs.iter().map(|log| log.between(at(TROUBLE.start), at(TROUBLE.end)));
            let trouble: Vec<Log> = trouble.collect();
            let long = |log: &Log| {
                let calls = log.calls.iter();
                calls.filter(|call| call.at.saturating_since(call.began) >= 250 * MS).count()
            };
            table.row([
                name.to_owned(),
                percent(10 * worst, before),
                percent(during, 6 * before),
                percent(sum(&trouble, long), sum(&trouble, |log| log.calls.len())),
            ]);
        }
        section(&mut text, title, &table);
    }
    check("stalled.txt", &text);
}
