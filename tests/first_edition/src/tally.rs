//! What was compared, counted.

use core::fmt::Write;
use core::ops::AddAssign;

use first::EventKind;
use first::health::Reason;
use first::retry::End;

use crate::edition::Entry;

/// Counts of what happened; both editions did the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Lives.
    pub lives: u64,
    /// Requests reported.
    pub reports: u64,
    /// Ejections by each reason, in the order of [`REASONS`].
    pub ejections: [u64; REASONS.len()],
    /// Endpoints back in service.
    pub returns: u64,
    /// Probes sent.
    pub probes: u64,
    /// Endpoints that asked to be left alone.
    pub rests: u64,
    /// Panics that began.
    pub panics: u64,
    /// Calls begun.
    pub calls: u64,
    /// Attempts sent.
    pub attempts: u64,
    /// Hedges among them.
    /// Attempts that the budget was asked for.
    pub asked: u64,
    /// Of them, those that it refused.
    pub refused: u64,
    /// Calls that ended, in the order of [`ENDS`].
    pub ends: [u64; ENDS.len()],
}

const REASONS: [(Reason, &str); 5] = [
    (Reason::ConsecutiveFailures, "ejections: failures in a row"),
    (Reason::FailurePercentage, "ejections: failure percentage"),
    (Reason::SuccessRate, "ejections: success rate"),
    (Reason::ProbeFailed, "ejections: probe failed"),
    (Reason::ProbeTimedOut, "ejections: probe timed out"),
];

const ENDS: [(End, &str); 7] = [
    (End::Success, "ends: success"),
    (End::Attempts, "ends: attempts"),
    (End::Deadline, "ends: deadline"),
    (End::NoEndpoints, "ends: no endpoints"),
    (End::Fatal, "ends: fatal"),
    (End::Budget, "ends: budget"),
    (End::RetryAfter, "ends: retry after"),
];

impl Tally {
    /// Counts an event.
    pub(crate) fn count(&mut self, kind: EventKind) {
        match kind {
            EventKind::Ejected { reason, .. } => {
                let index =
                    REASONS.iter().position(|known| known.0 == reason).expect("a known reason");
                self.ejections[index] += 1;
            }
            EventKind::Readmitted => self.returns += 1,
            EventKind::Probing => self.probes += 1,
            EventKind::Overloaded { .. } => self.rests += 1,
            EventKind::PanicOn => self.panics += 1,
            _ => {}
        }
    }

    /// Counts what a budget was asked.
    pub(crate) fn account(&mut self, entries: &[Entry]) {
        for entry in entries {
            if let Entry::Withdraw(_, granted) = entry {
                self.asked += 1;
                self.refused += u64::from(!granted);
            }
        }
    }

    /// Counts the end of a call.
    pub(crate) fn end(&mut self, end: End) {
        let index = ENDS.iter().position(|known| known.0 == end).expect("a known end");
        self.ends[index] += 1;
    }

    /// Names and counts, one for each line of a table.
    pub fn lines(&self) -> Vec<(&'static str, u64)> {
        let mut lines = vec![("lives", self.lives), ("reports", self.reports)];
        lines.extend(REASONS.iter().map(|known| known.1).zip(self.ejections));
        lines.extend([
            ("returns", self.returns),
            ("probes", self.probes),
            ("rests", self.rests),
            ("panics", self.panics),
            ("calls", self.calls),
            ("attempts", self.attempts),
            ("asked of budgets", self.asked),
            ("refused by budgets", self.refused),
        ]);
        lines.extend(ENDS.iter().map(|known| known.1).zip(self.ends));
        lines
    }
}

impl AddAssign<&Self> for Tally {
    fn add_assign(&mut self, other: &Self) {
        let Self {
            lives, reports, ejections, returns, probes, rests, panics, calls, attempts, ..
        } = other;
        self.lives += lives;
        self.reports += reports;
        self.returns += returns;
        self.probes += probes;
        self.rests += rests;
        self.panics += panics;
        self.calls += calls;
        self.attempts += attempts;
        self.asked += other.asked;
        self.refused += other.refused;
        self.ejections.iter_mut().zip(ejections).for_each(|(sum, count)| *sum += count);
        self.ends.iter_mut().zip(other.ends).for_each(|(sum, count)| *sum += count);
    }
}

/// A table with a column for each book.
pub fn table(title: &str, columns: &[(&str, &Tally)]) -> String {
    let lines: Vec<_> = columns.iter().map(|column| column.1.lines()).collect();
    let mut text = String::new();
    let mut row = |name: &str, cells: &[String]| {
        let cells: String =
            cells.iter().fold(String::new(), |text, cell| text + &format!(" | {cell:>9}"));
        writeln!(text, "{name:<29}{cells}").expect("a string takes all");
    };
    row(title, &columns.iter().map(|column| column.0.to_owned()).collect::<Vec<_>>());
    for (index, (name, _)) in lines.first().into_iter().flatten().enumerate() {
        row(name, &lines.iter().map(|lines| lines[index].1.to_string()).collect::<Vec<_>>());
    }
    text
}
