//! What the library does about faults, in figures: each test plays scenarios and compares a table
//! with the committed one.
//!
//! `EVENKEEL_BLESS=1 cargo test -p evenkeel-tests --test simulations` rewrites `tests/tables/`;
//! read the difference before you commit it. Limits are asserted beside that, for each seed.

mod black_hole;
mod budgets;
mod hedging;
mod overload;
mod picture;
mod retry_storm;

use core::fmt::Write;
use core::time::Duration;
use std::path::Path;
use std::{env, fs, thread};

use evenkeel_core::policy::AnyPolicy;
use evenkeel_core::{Book, Config};
use evenkeel_tests::simulation::{Log, Table};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// The name of rules of outlier detection, and settings with them.
type Detection = (&'static str, Config);
const OFF: Detection = ("off", Config { book: Book::Off, ..Config::DEFAULT });
const OURS: Detection = ("ours", Config::DEFAULT);
const ENVOY: Detection = ("Envoy's", Config::ENVOY);
const GRPC: Detection = ("gRPC's", Config::GRPC);

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

/// Prints a text and compares it with the committed file.
fn check(file: &str, text: &str) {
    println!("{text}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tables").join(file);
    if env::var_os("EVENKEEL_BLESS").is_some() {
        fs::write(&path, text).expect("the table can be written");
        return;
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    let mut lines = committed.lines();
    for (index, line) in text.lines().enumerate() {
        let expected = lines.next().unwrap_or("(nothing)");
        let place = format!("tests/tables/{file}, line {}", index + 1);
        assert!(
            line == expected,
            "{place}, was\n{expected}\nand is\n{line}\nIf that is meant, see simulations/main.rs."
        );
    }
    assert_eq!(lines.next(), None, "tests/tables/{file} has more lines");
}
