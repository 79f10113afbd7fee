//! What the library does about faults, in figures: each test plays scenarios and compares a table
//! with the committed one.
//!
//! `EVENKEEL_BLESS=1 cargo test -p evenkeel-tests --test simulations` rewrites `tests/tables/`;
//! read the difference before you commit it. Limits are asserted beside that, for each seed.

mod black_hole;
mod budgets;
mod hedging;
mod measured;
mod outages;
mod overload;
mod retry_storm;
mod stalled;

use core::fmt::Write;
use core::time::Duration;
use std::thread;

use evenkeel_core::policy::AnyPolicy;
use evenkeel_tests::outages::{Detection, ENVOY, GRPC, OFF, OURS};
use evenkeel_tests::simulation::{Log, Table};
use evenkeel_tests::tables::check;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

fn policy(text: &str) -> AnyPolicy {
    text.parse().expect("a policy")
}

/// One run for each seed, in their order.
fn in_parallel<T: Send>(
    seeds: impl IntoIterator<Item = u64>,
    run: impl Fn(u64) -> T + Sync,
) -> Vec<T> {
    thread::scope(|scope| {
        let run = &run;
        let runs: Vec<_> = seeds.into_iter().map(|seed| scope.spawn(move || run(seed))).collect();
        runs.into_iter().map(|run| run.join().expect("a run that ends")).collect()
    })
}

fn sum(logs: &[Log], count: impl Fn(&Log) -> usize) -> usize {
    logs.iter().map(count).sum()
}

/// Adds a table to a text.
fn section(text: &mut String, title: &str, table: &Table) {
    write!(text, "\n{title}\n\n{}\n", table.to_string().trim_end()).expect("room for text");
}
