//! The demo's tables: one line per endpoint, and one for the calls that went over them.

use core::time::Duration;

use evenkeel::Target;
use evenkeel::health::Health;

use super::backend::{Mode, label};
use super::frame::{EndpointRow, Frame, Percentiles};
use super::story::Step;
use crate::screen::{Line, Tone};

const BAR_CELLS: u64 = 13;
/// Cells of the progress bar for each step of the story.
const STEP_CELLS: usize = 2;
const TABLE_COLUMNS: usize = 77;
/// Where a line's p50 and p99 begin.
const LATENCY_COLUMN: usize = 60;
/// A full bar is half of all attempts: with three or more endpoints, few get more.
const BAR_FULL: u64 = 500;
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// How a table is drawn: with bars and short names, or plain with full names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) live: bool,
}

/// What the demo does to a backend, and what the balancer thinks of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    pub(super) mode: Option<Mode>,
    pub(super) health: Health,
    /// It fails, and is not ejected.
    pub(super) held: bool,
    /// Another priority serves.
    pub(super) stands_by: bool,
}

impl Look {
    /// Draws the line above a second's table: how far the story is.
    pub(super) fn title(self, elapsed: Duration, last: Option<Step>) -> Line {
        let time = format!("{} s", elapsed.as_secs());
        let act = last.unwrap_or(Step::Fail).act();
        if !self.live {
            return Line::new().put(Tone::Strong, format!(" {time}, {act}"));
        }
        let done = last.map_or(0, |last| Step::ALL.iter().filter(|step| **step <= last).count());
        let (done, all) = (done * STEP_CELLS, Step::ALL.len() * STEP_CELLS);
        let left = TABLE_COLUMNS - all - 10;
        Line::new()
            .put(Tone::Strong, format!(" {act:<left$} "))
            .put(Tone::Accent, "━".repeat(done))
            .put(Tone::Quiet, "─".repeat(all - done))
            .put(Tone::Plain, format!(" {time:>8}"))
    }

    /// Draws the table of a second or of the whole run.
    pub(super) fn table(self, frame: &Frame, state: impl Fn(&Target) -> State) -> Vec<Line> {
        let (left, right) = if self.live { (9, 23) } else { (23, 9) };
        let count = if frame.whole { "attempts" } else { "in flight" };
        let head = format!(
            " {:<left$} {:<right$} {:>6} {count:>9} {:>7} {:>8} {:>8}",
            "endpoint", "state", "share", "failed", "p50", "p99"
        );
        let mut lines = vec![Line::new().put(Tone::Quiet, head)];
        for row in &frame.endpoints {
            let count = if frame.whole { row.attempts } else { row.in_flight };
            lines.push(self.endpoint(row, count, state(&row.target)));
        }
        lines.push(calls(frame));
        lines
    }

    fn endpoint(self, row: &EndpointRow, count: u64, state: State) -> Line {
        let (tone, word) = cell(row, state);
        let name = if row.listed { Tone::Plain } else { Tone::Quiet };
        let line = Line::new();
        let line = if self.live {
            line.put(name, format!(" {:<9} ", label(&row.target)))
                .put(tone, format!("{word:<9} {:<1$} ", bar(row.share), BAR_CELLS as usize))
        } else {
            let place = format!("{} {}", label(&row.target), row.target);
            line.put(name, format!(" {place:<23} ")).put(tone, format!("{word:<9} "))
        };
        let share = format!("{}.{}%", row.share / 10, row.share % 10);
        line.put(name, format!("{share:>6} {:>9} ", grouped(count)))
            .put(
                if row.failed > 0 { Tone::Bad } else { name },
                format!("{:>7} ", grouped(row.failed)),
            )
            .put(name, latency(row.latency))
    }
}

/// Draws the line below the endpoints: the calls as their callers saw them.
fn calls(frame: &Frame) -> Line {
    let calls = &frame.calls;
    let counts = format!(
        " {}, {} retried, {} in flight, ",
        counted(calls.sent, "call"),
        grouped(calls.retries),
        calls.in_flight
    );
    let lost = format!("{} lost", calls.lost);
    let line = Line::new()
        .put(Tone::Strong, &counts)
        .put(if calls.lost > 0 { Tone::Bad } else { Tone::Good }, &lost);
    let gap = LATENCY_COLUMN.saturating_sub(line.width()).max(1);
    line.put(Tone::Strong, format!("{:gap$}{}", "", latency(calls.latency)))
}

/// Returns what an endpoint's state cell says.
fn cell(row: &EndpointRow, state: State) -> (Tone, &'static str) {
    let State { mode, health, held, stands_by } = state;
    match (mode, health) {
        (Some(Mode::Off), _) => (Tone::Quiet, "off"),
        _ if !row.listed => (Tone::Quiet, "left DNS"),
        (_, Health::Ejected { .. }) => (Tone::Warning, "ejected"),
        (_, Health::HalfOpen | Health::Probing { .. }) => (Tone::Warning, "probing"),
        _ if held => (Tone::Warning, "held"),
        _ if stands_by => (Tone::Quiet, "backup"),
        (Some(Mode::Failing), _) => (Tone::Bad, "failing"),
        (Some(Mode::Dead), _) => (Tone::Bad, "dead"),
        (Some(Mode::Swamped), _) => (Tone::Bad, "swamped"),
        (Some(Mode::Slow), _) => (Tone::Warning, "slow"),
        (
            Some(Mode::Healthy) | None,
            Health::Healthy | Health::Overloaded { .. } | Health::Down,
        ) => (Tone::Good, "ok"),
    }
}

/// Draws a bar for a share in thousandths, in eighths of a cell.
fn bar(share: u64) -> String {
    let eighths = share.min(BAR_FULL) * BAR_CELLS * 8 / BAR_FULL;
    "█".repeat((eighths / 8) as usize) + EIGHTHS[(eighths % 8) as usize]
}

fn latency(percentiles: Option<Percentiles>) -> String {
    percentiles.map_or_else(
        || format!("{:>8} {:>8}", "-", "-"),
        |Percentiles { p50, p99 }| format!("{:>8} {:>8}", short(p50), short(p99)),
    )
}

/// Writes a duration to two or three digits: `0.42 ms`, `2.1 ms`, `104 ms`, `1.2 s`.
pub(super) fn short(duration: Duration) -> String {
    match duration.as_micros() {
        micros if micros < 1_000 => format!("{:.2} ms", duration.as_secs_f64() * 1e3),
        micros if micros < 10_000 => format!("{:.1} ms", duration.as_secs_f64() * 1e3),
        micros if micros < 1_000_000 => format!("{} ms", micros / 1_000),
        _ => format!("{:.1} s", duration.as_secs_f64()),
    }
}

/// Writes a count with its thousands apart: `12,345`.
pub(super) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes a count and what is counted: `1 attempt`, `1,200 attempts`.
pub(super) fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(count), if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_short() {
        let cases =
            [(420, "0.42 ms"), (2_140, "2.1 ms"), (104_000, "104 ms"), (1_240_000, "1.2 s")];
        for (micros, text) in cases {
            assert_eq!(short(Duration::from_micros(micros)), text);
        }
        let cases = [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")];
        for (count, text) in cases {
            assert_eq!(grouped(count), text);
        }
    }

    #[test]
    fn a_bar_grows_with_the_share_and_stays_in_its_cells() {
        assert_eq!(bar(0), "");
        assert_eq!(bar(250), "██████▌");
        assert_eq!(bar(252), "██████▌");
        assert_eq!(bar(260), "██████▊");
        assert_eq!(bar(1000).chars().count() as u64, BAR_CELLS);
    }
}
