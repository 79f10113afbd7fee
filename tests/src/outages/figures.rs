//! What an outage comes to.

use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::collections::BTreeSet;
use std::thread;

use evenkeel_core::{Config, EventKind, Instant};

use super::{Outage, Play};
use crate::simulation::{Log, Scenario, Table, decimal};

/// Calls that begin so soon after the trouble count neither as during nor as after it.
const GRACE: Duration = Duration::from_secs(5);

/// A request takes so long to tell of trouble that is over.
const LATE: Duration = Duration::from_secs(1);

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// Of the calls that began before the trouble, percent that failed.
    Before,
    /// The same during the trouble.
    During,
    /// The same from 5 s after it on.
    After,
    /// Ejections per run.
    Ejections,
    /// Those of hosts that had nothing, per run.
    Needless,
    /// Requests to others than the first level during the trouble, in percent of the calls.
    Backups,
    /// Seconds from the end of the trouble until no host is ejected, in the worst run.
    Back,
}

impl Figure {
    const ALL: [Self; 7] = [
        Self::Before,
        Self::During,
        Self::After,
        Self::Ejections,
        Self::Needless,
        Self::Backups,
        Self::Back,
    ];

    /// Returns its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Before => "errors before, %",
            Self::During => "errors during, %",
            Self::After => "errors after, %",
            Self::Ejections => "ejections",
            Self::Needless => "needless ejections",
            Self::Backups => "to backups, %",
            Self::Back => "all back after, s",
        }
    }
}

/// All figures of an outage, in hundredths; none where there is nothing to measure, or no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures([Option<u64>; 7]);

impl Figures {
    /// Returns one of them.
    pub fn of(&self, figure: Figure) -> Option<u64> {
        Figure::ALL.iter().position(|other| *other == figure).and_then(|index| self.0[index])
    }
}

/// Figures of outages under one name.
pub type Column = (String, Vec<Figures>);

/// Plays an outage with each of its seeds.
pub fn measure(outage: &Outage, config: Config, play: Play<'_>) -> Figures {
    let scenario = Scenario { config, ..outage.scenario.clone() };
    let logs: Vec<_> =
        (1..=outage.seeds).map(|seed| play(&scenario, seed, &mut outage.budget.clone())).collect();
    let (from, until) =
        (Instant::from_secs(outage.trouble.start), Instant::from_secs(outage.trouble.end));
    let runs = outage.seeds;
    let ejected = |needless| logs.iter().map(|log| ejections(log, outage, needless)).sum::<u64>();
    let backs = logs.iter().map(|log| back(log, until));
    Figures(Figure::ALL.map(|figure| match figure {
        Figure::Before => errors(&logs, Instant::ZERO, from),
        Figure::During => errors(&logs, from, until),
        Figure::After => errors(&logs, until + GRACE, Instant::MAX),
        Figure::Ejections => Some((100 * ejected(false)).div_ceil(runs)),
        Figure::Needless => Some((100 * ejected(true)).div_ceil(runs)),
        Figure::Backups => backups(&logs, outage, from, until),
        Figure::Back => backs.clone().collect::<Option<Vec<_>>>()?.into_iter().max(),
    }))
}

/// In hundredths of a percent.
fn errors(logs: &[Log], from: Instant, until: Instant) -> Option<u64> {
    let spans = || logs.iter().map(|log| log.between(from, until));
    let calls: usize = spans().map(|log| log.waited_for()).sum();
    let failed: usize = spans().map(|log| log.failed()).sum();
    (calls > 0).then(|| (failed as u64 * 10_000 + calls as u64 / 2) / calls as u64)
}

/// In hundredths of a percent.
fn backups(logs: &[Log], outage: &Outage, from: Instant, until: Instant) -> Option<u64> {
    let hosts = &outage.scenario.hosts;
    let is_backup = |host: u32| hosts.get(host as usize).is_some_and(|host| host.priority > 0);
    let spans = || logs.iter().map(|log| log.between(from, until));
    let calls: usize = spans().map(|log| log.waited_for()).sum();
    let sent = spans().map(|log| log.attempts.iter().filter(|sent| is_backup(sent.host)).count());
    (calls > 0).then(|| (sent.sum::<usize>() as u64 * 10_000).div_ceil(calls as u64))
}

fn ejections(log: &Log, outage: &Outage, needless: bool) -> u64 {
    let counts = |host: Option<u32>, at| {
        let faults = host.and_then(|host| outage.scenario.hosts.get(host as usize));
        let faults = faults.map_or(&[][..], |host| &host.faults);
        !needless || !faults.iter().any(|fault| fault.holds_within(LATE, at))
    };
    let ejected = log.events.iter().filter(|told| matches!(told.kind, EventKind::Ejected { .. }));
    ejected.filter(|told| counts(told.host, told.at)).count() as u64
}

/// Seconds from then on until no client has an ejected host, in hundredths.
fn back(log: &Log, end: Instant) -> Option<u64> {
    let (mut out, mut since) = (BTreeSet::new(), end);
    for told in &log.events {
        if told.at > end && out.is_empty() {
            break;
        }
        let key = (told.client, told.host);
        match told.kind {
            EventKind::Ejected { .. } => out.insert(key),
            EventKind::Readmitted => out.remove(&key),
            _ => continue,
        };
        since = end.max(told.at);
    }
    let hundredths = since.saturating_since(end).as_millis().div_ceil(10);
    out.is_empty().then_some(hundredths as u64)
}

/// Measures all outages, on all processors.
pub fn column(name: &str, outages: &[Outage], config: Config, play: Play<'_>) -> Column {
    let figures = in_parallel(outages.len(), &|index| measure(&outages[index], config, play));
    (name.to_owned(), figures)
}

/// Makes `count` things by number on all processors; gives them in order.
pub(super) fn in_parallel<T: Send>(count: usize, make: &(dyn Fn(usize) -> T + Sync)) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let work = || {
        let numbers = core::iter::from_fn(|| {
            let number = next.fetch_add(1, Ordering::Relaxed);
            (number < count).then_some(number)
        });
        numbers.map(|number| (number, make(number))).collect::<Vec<_>>()
    };
    let workers = thread::available_parallelism().map_or(2, usize::from);
    let mut made: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("it ends")).collect()
    });
    made.sort_by_key(|(number, _)| *number);
    made.into_iter().map(|(_, thing)| thing).collect()
}

/// The figures that the outages show, one a line, as text.
pub fn lines(outages: &[Outage], figures: &[Figures]) -> Vec<String> {
    let of = |(outage, figures): (&Outage, &Figures)| {
        let text = |(figure, _): &(Figure, _)| text(figures.of(*figure), *figure);
        outage.figures.iter().map(text).collect::<Vec<_>>()
    };
    outages.iter().zip(figures).flat_map(of).collect()
}

fn text(value: Option<u64>, figure: Figure) -> String {
    match value {
        None if figure == Figure::Back => "never".to_owned(),
        None => "-".to_owned(),
        Some(value) => decimal(value, 100, if figure == Figure::Back { 1 } else { 2 }),
    }
}

/// A table of the outages: their titles and figures, these columns, and what must hold.
///
/// # Panics
/// If a column has not one entry for each figure.
pub fn table(outages: &[Outage], columns: &[(&str, Vec<String>)]) -> Table {
    let mut heads = vec!["outage", "figure"];
    heads.extend(columns.iter().map(|(name, _)| *name));
    heads.push("must");
    let mut table = Table::new(2, &heads);
    let mut line = 0;
    for outage in outages {
        for (index, (figure, most)) in outage.figures.iter().enumerate() {
            let title = if index == 0 { outage.title.clone() } else { String::new() };
            let mut row = vec![title, figure.name().to_owned()];
            row.extend(columns.iter().map(|(_, entries)| entries[line].clone()));
            row.push(
                most.map_or_else(String::new, |most| format!("≤ {}", text(Some(most), *figure))),
            );
            table.row(row);
            line += 1;
        }
        if outage.figures.len() > 1 {
            table.gap();
        }
    }
    table
}
