//! Figures as text.

use core::fmt::{self, Write};
use core::time::Duration;

/// A table for people to read, and to be compared line by line.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<(String, Align)>,
    /// An empty one is an empty line.
    rows: Vec<Vec<String>>,
}

/// On which side the entries of a column are flush.
#[derive(Clone, Copy, Debug)]
enum Align {
    Left,
    Right,
}

impl Table {
    /// Without rows; the first `words` columns are words, the others numbers.
    pub fn new(words: usize, columns: &[&str]) -> Self {
        let align = |place| if place < words { Align::Left } else { Align::Right };
        Self {
            columns: columns
                .iter()
                .enumerate()
                .map(|(place, name)| ((*name).to_owned(), align(place)))
                .collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    ///
    /// # Panics
    /// Unless there is one entry for each column.
    pub fn row(&mut self, entries: impl IntoIterator<Item = impl Into<String>>) {
        let row: Vec<String> = entries.into_iter().map(Into::into).collect();
        assert_eq!(row.len(), self.columns.len(), "one entry for each column: {row:?}");
        self.rows.push(row);
    }

    /// Leaves a line empty.
    pub fn gap(&mut self) {
        self.rows.push(Vec::new());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<_> = (0..self.columns.len())
            .map(|place| {
                let entries = self
                    .rows
                    .iter()
                    .filter_map(|row| row.get(place))
                    .map(|entry| entry.chars().count());
                entries.chain([self.columns[place].0.chars().count()]).max().unwrap_or(0)
            })
            .collect();
        let names = self.columns.iter().map(|(name, _)| name.clone()).collect();
        let lines = widths.iter().map(|width| "-".repeat(*width)).collect();
        for row in [&names, &lines].into_iter().chain(&self.rows) {
            let mut line = String::new();
            for ((entry, width), (_, align)) in row.iter().zip(&widths).zip(&self.columns) {
                match align {
                    Align::Left => write!(line, "{entry:<width$}  ")?,
                    Align::Right => write!(line, "{entry:>width$}  ")?,
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// `part` of `whole` in percent with two decimals, rounded; "-" of nothing.
pub fn percent(part: usize, whole: usize) -> String {
    decimal(100 * part as u64, whole as u64, 2)
}

/// A quotient with so many decimals, rounded; "-" for a denominator of 0.
pub fn ratio(numerator: usize, denominator: usize, decimals: u32) -> String {
    decimal(numerator as u64, denominator as u64, decimals)
}

/// The same for large numbers.
pub fn decimal(numerator: u64, denominator: u64, decimals: u32) -> String {
    if denominator == 0 {
        return "-".to_owned();
    }
    let scale = 10_u64.pow(decimals);
    let scaled = (numerator * scale + denominator / 2) / denominator;
    match decimals {
        0 => scaled.to_string(),
        _ => format!("{}.{:0width$}", scaled / scale, scaled % scale, width = decimals as usize),
    }
}

/// Milliseconds with one decimal, rounded; "-" for none.
pub fn millis(time: Option<Duration>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| decimal(time.as_micros() as u64, 1000, 1))
}

/// The smallest of `times` that `per_mille` of a thousand do not exceed (nearest rank); moves them.
pub fn percentile(times: &mut [Duration], per_mille: usize) -> Option<Duration> {
    let rank = (times.len() * per_mille).div_ceil(1000).max(1);
    (rank <= times.len()).then(|| *times.select_nth_unstable(rank - 1).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_flush() {
        let mut table = Table::new(1, &["name", "n"]);
        table.row(["a", "10000"]);
        table.gap();
        table.row(["longer", "7"]);
        assert_eq!(
            table.to_string(),
            "name        n\n------  -----\na       10000\n\nlonger      7\n"
        );
    }

    #[test]
    fn figures_are_rounded() {
        assert_eq!([percent(1, 3), percent(2, 3), percent(0, 0)], ["33.33", "66.67", "-"]);
        assert_eq!([ratio(5, 2, 0), ratio(1, 8, 2), ratio(12, 10, 1)], ["3", "0.13", "1.2"]);
        assert_eq!([millis(Some(Duration::from_micros(1_250))), millis(None)], ["1.3", "-"]);
    }

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let mut times: Vec<_> = (1..=100).rev().map(Duration::from_millis).collect();
        let mut of = |per_mille| percentile(&mut times, per_mille).map(|time| time.as_millis());
        assert_eq!([of(0), of(500), of(990), of(991), of(1000)], [1, 50, 99, 100, 100].map(Some));
        assert_eq!(percentile(&mut [], 500), None);
    }
}
