//! How the benchmarks measure and print.
//!
//! Samples of all rows of a column are taken in turn, and of each row the least counts: what else
//! runs on the machine only ever adds. Compare ratios; absolute times are the machine's.
#![allow(clippy::disallowed_methods, dead_code)] // It is the time that is measured; not every benchmark uses all of it.

use core::hint::black_box;
use core::time::Duration;
use std::time::Instant as Clock;

/// Takes one sample: seconds per operation.
pub(crate) type Subject = Box<dyn FnMut() -> f64>;

/// How long a sample of an operation that is repeated takes at least.
const SAMPLE: Duration = Duration::from_micros(300);

/// An operation so short that it is repeated; after as many repetitions that warm up the caches.
pub(crate) fn repeated<T>(mut operation: impl FnMut() -> T + 'static) -> Subject {
    let mut times = move |count: u32| {
        let begin = Clock::now();
        for _ in 0..count {
            // All state is in memory before and after each, as it is for a caller who does
            // something else in between.
            black_box(black_box(&mut operation)());
        }
        begin.elapsed()
    };
    let mut count = 1;
    while times(count) < SAMPLE {
        count *= 2;
    }
    Box::new(move || {
        times(count);
        times(count).as_secs_f64() / f64::from(count)
    })
}

/// An operation that is done once per sample, with what `prepare` makes for it beforehand.
pub(crate) fn prepared<I, T>(
    mut prepare: impl FnMut() -> I + 'static,
    mut run: impl FnMut(I) -> T + 'static,
) -> Subject {
    Box::new(move || {
        let input = black_box(prepare());
        let begin = Clock::now();
        let result = black_box(run(input));
        let elapsed = begin.elapsed();
        drop(result);
        elapsed.as_secs_f64()
    })
}

/// What is measured under one name.
pub(crate) struct Row {
    name: String,
    floor: Option<Floor>,
    subject: Option<Subject>,
}

struct Floor {
    name: String,
    limit: Option<f64>,
}

impl Row {
    /// A row; without a subject where there is nothing to measure.
    pub(crate) fn new(name: impl Into<String>, subject: impl Into<Option<Subject>>) -> Self {
        Self { name: name.into(), floor: None, subject: subject.into() }
    }

    /// To be compared with the row of this name, of which it may be so many times where there is a
    /// limit.
    pub(crate) fn beside(self, floor: impl Into<String>, limit: impl Into<Option<f64>>) -> Self {
        Self { floor: Some(Floor { name: floor.into(), limit: limit.into() }), ..self }
    }
}

/// What is measured for several sizes.
pub(crate) struct Table {
    /// What the columns count.
    pub(crate) columns: &'static str,
    /// The unit, and how many of it are a second.
    pub(crate) unit: (&'static str, f64),
    /// How many samples are taken of each row.
    pub(crate) samples: u32,
    /// The columns in which limits hold.
    pub(crate) judged: fn(u32) -> bool,
}

impl Table {
    /// Measures the rows for each of the columns and prints them.
    pub(crate) fn print(&self, columns: &[u32], rows: impl Fn(u32) -> Vec<Row>) {
        let (mut named, mut times) = (Vec::new(), Vec::new());
        for &column in columns {
            named = rows(column);
            times.push(self.least(&mut named));
        }
        let width = named.iter().map(|row| row.name.len()).max().unwrap_or(0);
        print!("| {:<width$} |", format!("{} at {}", self.unit.0, self.columns));
        for column in columns {
            print!(" {column:>15} |");
        }
        println!(" limit");
        println!("|{:-<1$}|{2}", "", width + 2, format!("{:->17}|", ":").repeat(columns.len()));
        for (index, row) in named.iter().enumerate() {
            print!("| {:<width$} |", row.name);
            let floor = row.floor.as_ref().map(|floor| {
                named
                    .iter()
                    .position(|row| row.name == floor.name)
                    .unwrap_or_else(|| panic!("no row {}", floor.name))
            });
            let mut worst = f64::NAN;
            for (&column, times) in columns.iter().zip(&times) {
                let ratio = floor.map_or(f64::NAN, |floor| times[index] / times[floor]);
                print!(" {:>15} |", cell(times[index] * self.unit.1, ratio));
                if (self.judged)(column) {
                    worst = worst.max(ratio);
                }
            }
            println!("{}", verdict(row.floor.as_ref(), worst));
        }
    }

    /// The least time of each row.
    fn least(&self, rows: &mut [Row]) -> Vec<f64> {
        let mut least = vec![f64::NAN; rows.len()];
        for _ in 0..self.samples {
            for (least, row) in least.iter_mut().zip(&mut *rows) {
                if let Some(subject) = &mut row.subject {
                    *least = least.min(subject());
                }
            }
        }
        least
    }
}

fn cell(time: f64, ratio: f64) -> String {
    if time.is_nan() {
        return "-".to_owned();
    }
    let digits = if time < 10.0 { 2 } else { usize::from(time < 100.0) };
    match ratio {
        _ if ratio.is_nan() => format!("{time:.digits$}"),
        100.0.. => format!("{time:.digits$} ({ratio:.0}x)"),
        _ => format!("{time:.digits$} ({ratio:.2}x)"),
    }
}

fn verdict(floor: Option<&Floor>, worst: f64) -> String {
    match floor {
        None => String::new(),
        Some(Floor { name, limit: None }) => format!(" beside {name}"),
        Some(Floor { name, limit: Some(limit) }) if worst <= *limit => {
            format!(" {limit}x {name}: met, {worst:.2}x")
        }
        Some(Floor { name, limit: Some(limit) }) => {
            format!(" {limit}x {name}: MISSED, {worst:.2}x")
        }
    }
}
