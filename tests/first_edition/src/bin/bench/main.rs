//! What the core costs beside its first edition, in one run: `bench [--gate]`.
//!
//! Prints times, ratios and goals; with `--gate` it fails where a goal is missed. Build it with
//! `--release`.
#![allow(clippy::disallowed_methods)] // It is the time that is measured.

mod first;
mod heap;
mod measure;
mod second;

use std::process::ExitCode;

use measure::{Subject, least};

/// An operation of both editions.
struct Row {
    name: &'static str,
    make: [fn(u32) -> Subject; 2],
    /// Nanoseconds are 1e9 of a second.
    unit: (&'static str, f64),
    samples: u32,
    sizes: &'static [u32],
    /// The most that the ratio may be at a size, where there is a goal.
    goal: fn(u32) -> Option<f64>,
}

const ALL: &[u32] = &[10, 100, 1_000, 10_000, 100_000];

const ROWS: [Row; 10] = [
    Row::pick("pick and report: round_robin", [first::round_robin, second::round_robin], |n| {
        goal(n, 0.9)
    }),
    Row::pick(
        "pick and report: least_request",
        [first::least_request, second::least_request],
        |n| goal(n, 0.6),
    ),
    Row::pick("pick and report: peak_ewma", [first::peak_ewma, second::peak_ewma], |n| {
        goal(n, 0.6)
    }),
    Row::pick(
        "least_request, all but one",
        [first::least_request_but_one, second::least_request_but_one],
        |_| None,
    ),
    Row::pick(
        "peak_ewma, all but one",
        [first::peak_ewma_but_one, second::peak_ewma_but_one],
        |_| None,
    ),
    // The second edition draws by weight, which the first did not: no goal.
    Row::pick(
        "least_request, weights differ",
        [first::least_request_weighted, second::least_request_weighted],
        |_| None,
    ),
    Row::pick(
        "peak_ewma, weights differ",
        [first::peak_ewma_weighted, second::peak_ewma_weighted],
        |_| None,
    ),
    Row::update("update: one of n changed", [first::one_changed, second::one_changed], |n| {
        (n == 100_000).then_some(1.1)
    }),
    Row::update(
        "update: nothing changed",
        [first::nothing_changed, second::nothing_changed],
        |_| None,
    ),
    Row::update(
        "insert and remove one",
        [first::insert_and_remove, second::insert_and_remove],
        |_| None,
    ),
];

impl Row {
    const fn pick(
        name: &'static str,
        make: [fn(u32) -> Subject; 2],
        goal: fn(u32) -> Option<f64>,
    ) -> Self {
        Self { name, make, unit: ("ns", 1e9), samples: 100, sizes: ALL, goal }
    }

    const fn update(
        name: &'static str,
        make: [fn(u32) -> Subject; 2],
        goal: fn(u32) -> Option<f64>,
    ) -> Self {
        Self { name, make, unit: ("µs", 1e6), samples: 40, sizes: ALL, goal }
    }
}

/// As quick as the first edition where all is in the caches; at 100,000 endpoints a share of that.
fn goal(n: u32, of_many: f64) -> Option<f64> {
    match n {
        0..=1_000 => Some(1.0),
        100_000 => Some(of_many),
        _ => None,
    }
}

/// Bytes on the heap for each endpoint, at most.
const MEMORY: f64 = 88.0;

fn main() -> ExitCode {
    println!(
        "{:<32} {:>7} {:>11} {:>11} {:>6}  goal",
        "operation", "n", "first", "second", "ratio"
    );
    let mut missed = 0;
    for row in &ROWS {
        for &n in row.sizes {
            let [one, other] = least([&|| row.make[0](n), &|| row.make[1](n)], row.samples);
            let ratio = other / one;
            let (unit, factor) = row.unit;
            print!(
                "{:<32} {n:>7} {:>8.2} {unit} {:>8.2} {unit} {ratio:>6.2}",
                row.name,
                one * factor,
                other * factor
            );
            missed += verdict((row.goal)(n), ratio);
        }
    }
    for n in [65_536, 100_000] {
        let [one, other] = [first::memory(n), second::memory(n)]
            .map(|bytes| f64::from(u32::try_from(bytes).expect("below 4 GiB")) / f64::from(n));
        print!(
            "{:<32} {n:>7} {one:>9.1} B {other:>9.1} B {:>6.2}",
            "heap per endpoint: least_request",
            other / one
        );
        // At a power of two, lists have no room to spare.
        missed += verdict((n == 100_000).then_some(MEMORY), other);
    }
    let gate = std::env::args().any(|argument| argument == "--gate");
    println!("{missed} goals missed");
    if gate && missed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// What two builds of the same code differ by.
const NOISE: f64 = 1.03;

/// Ends the line; 1 for a goal that was missed by more than noise.
fn verdict(goal: Option<f64>, value: f64) -> u32 {
    match goal {
        None => println!(),
        Some(goal) if value <= goal * NOISE => println!("  {goal}: met"),
        Some(goal) => println!("  {goal}: MISSED"),
    }
    goal.is_some_and(|goal| value > goal * NOISE).into()
}
