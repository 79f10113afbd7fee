//! The demo's last words: what was shown, in sentences, and the totals.

use core::time::Duration;

use evenkeel::health::Held;

use super::backend::{SLOW_WORK, label};
use super::cast::{BACKUP_PRIORITY, BACKUPS, FAILING, JOINING, LEAVING, SLOW, STUMBLING};
use super::course::{Counts, Course, RULES};
use super::frame::{EndpointRow, Frame};
use super::load::Report;
use super::standing::why;
use super::story::{Sign, Step};
use super::table::{counted, grouped, short};
use crate::screen::{Line, Tone};

/// Calls that are sent this much later than due no longer make the rate that was asked for.
const TOO_LATE: Duration = Duration::from_millis(250);
/// Errors of lost calls that are shown.
const ERRORS: usize = 5;

/// Numbers of moments, of which the totals know nothing.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Endpoints in the first set.
    pub(super) found: usize,
    /// Failed attempts at the failing backend until it worked again.
    pub(super) failed: u64,
    /// Attempts at the slow backend until it turned slow, and until it was fast again.
    pub(super) slow_from: u64,
    pub(super) slow_until: Option<u64>,
    /// Attempts at the backups until all primaries were back.
    pub(super) backups_until: Option<u64>,
}

/// What the sentences are made from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Story<'a> {
    pub(super) notes: &'a Notes,
    pub(super) course: &'a Course,
    pub(super) frame: &'a Frame,
    /// The end of the demo.
    pub(super) end: Duration,
}

impl Story<'_> {
    /// Writes one sentence per thing shown.
    pub(super) fn sentences(self) -> Vec<String> {
        let mut sentences = vec![format!(
            "DNS SRV alone told the client where its {} backends are.",
            self.notes.found
        )];
        let parts: [Option<String>; 10] = [
            self.failure(),
            self.ejection(),
            self.slowness(),
            self.departure(),
            self.arrival(),
            self.stumble(),
            self.undo(),
            self.calm(),
            self.failover(),
            self.way_back(),
        ];
        sentences.extend(parts.into_iter().flatten());
        sentences.extend(counts(&self.course.counts));
        sentences
    }

    fn failure(self) -> Option<String> {
        let lasted = self.course.lasted(Step::Fail, Step::Recover, self.end)?;
        let repaired = self.course.did(Step::Recover);
        let failed = if repaired { self.notes.failed } else { self.row(FAILING)?.failed };
        let failed = counted(failed, "attempt");
        Some(format!("{FAILING} failed for {}: {failed} failed, retried elsewhere.", short(lasted)))
    }

    fn ejection(self) -> Option<String> {
        let after = short(self.course.delay(Sign::Ejected)?);
        let back = short(self.course.delay(Sign::Readmitted)?);
        let probes = counted(self.course.counts.probes_of_failing, "probe");
        Some(format!("It was ejected after {after}; {probes}; back {back} after it worked again."))
    }

    fn slowness(self) -> Option<String> {
        let lasted = self.course.lasted(Step::SlowDown, Step::SpeedUp, self.end)?;
        let until = self.notes.slow_until.unwrap_or(self.row(SLOW)?.attempts);
        Some(format!(
            "{SLOW} took {} per answer for {}, and got {} meanwhile.",
            short(SLOW_WORK),
            short(lasted),
            counted(until - self.notes.slow_from, "attempt"),
        ))
    }

    fn departure(self) -> Option<String> {
        let noticed = short(self.course.delay(Sign::Left)?);
        let since = match self.row(LEAVING)?.after_removal {
            0 => "no call has gone there since".to_owned(),
            attempts => format!("{} there since", counted(attempts, "attempt")),
        };
        Some(format!("{LEAVING} left DNS, known after {noticed}; {since}."))
    }

    fn arrival(self) -> Option<String> {
        let noticed = short(self.course.delay(Sign::Joined)?);
        let attempts = counted(self.row(JOINING)?.attempts, "attempt");
        Some(format!("{JOINING} joined DNS, known after {noticed}; {attempts} there since."))
    }

    fn stumble(self) -> Option<String> {
        let after = short(self.course.delay(Sign::Stumbled)?);
        Some(format!("{STUMBLING} failed while all had much to do, and was ejected after {after}."))
    }

    fn undo(self) -> Option<String> {
        let after = short(self.course.delay(Sign::Undone)?);
        Some(format!("That was too much for the others: ejections were undone after {after}."))
    }

    fn calm(self) -> Option<String> {
        let until = self.course.calm_until?.as_secs_f64();
        let spared = counted(self.course.counts.held_by(Held::Calm), "time");
        Some(format!("Priority 0 was calm until {until:.1} s: a failing one was spared {spared}."))
    }

    fn failover(self) -> Option<String> {
        let after = short(self.course.delay(Sign::FailedOver)?);
        let attempts = counted(self.backups(), "attempt");
        Some(format!(
            "Priority 0 died: priority {BACKUP_PRIORITY} took over after {after}, with {attempts}."
        ))
    }

    fn way_back(self) -> Option<String> {
        let first = short(self.course.delay(Sign::TookOver)?);
        let all = short(self.course.delay(Sign::Returned)?);
        let since = match self.backups() - self.notes.backups_until? {
            0 => "the backups rest".to_owned(),
            attempts => format!("{} at backups since", counted(attempts, "attempt")),
        };
        Some(format!("It worked again: back after {first}, all after {all}; {since}."))
    }

    fn row(&self, name: &str) -> Option<&EndpointRow> {
        self.frame.endpoints.iter().find(|row| label(&row.target) == name)
    }

    /// Returns the attempts at all backups.
    fn backups(self) -> u64 {
        BACKUPS.iter().filter_map(|name| self.row(name)).map(|row| row.attempts).sum()
    }
}

/// Writes how often the balancer's rules did what, and did not.
fn counts(counts: &Counts) -> Vec<String> {
    let mut sentences = vec![format!(
        "In all {} and {}; {} asked who works again.",
        counted(counts.ejected, "ejection"),
        counted(counts.undone, "undo"),
        counted(counts.probes, "probe"),
    )];
    for rule in RULES {
        let held = counts.held_by(rule);
        if held > 0 {
            let times = counted(held, "time");
            sentences.push(format!("Failing, but not ejected, {times}: {}.", why(rule)));
        }
    }
    sentences
}

/// Writes what was not seen, if anything was not.
pub(super) fn missed(course: &Course) -> Option<String> {
    let missed: Vec<_> = course.missed().map(Sign::describe).collect();
    (!missed.is_empty()).then(|| format!("Not seen in time: that {}.", missed.join(", that ")))
}

/// Writes the verdict on the whole run, and what casts doubt on its numbers.
pub(super) fn verdict(frame: &Frame, report: &Report) -> Vec<Line> {
    let calls = &frame.calls;
    let unanswered = calls.unanswered();
    let mut lines = Vec::new();
    if report.late > TOO_LATE {
        let text = format!(
            " This machine was too slow for the rate: calls were sent up to {} late.",
            short(report.late)
        );
        lines.push(Line::new().put(Tone::Warning, text));
    }
    let sent = counted(calls.sent, "call");
    let answered = grouped(calls.sent - unanswered);
    if unanswered == 0 {
        lines.push(
            Line::new().put(Tone::Good, format!(" {sent} sent, {answered} answered, 0 lost.")),
        );
    } else {
        let text = format!(" {sent} sent, {answered} answered, {} LOST:", grouped(unanswered));
        lines.push(Line::new().put(Tone::Bad, text));
    }
    lines.extend(
        report
            .errors
            .iter()
            .take(ERRORS)
            .map(|error| Line::new().put(Tone::Bad, format!("   {error}"))),
    );
    lines
}

#[cfg(test)]
mod tests {
    use super::super::stats::Stats;
    use super::*;

    #[test]
    fn a_lost_call_is_the_last_word() {
        let (stats, mut report) = (Stats::new(), Report::default());
        let calls = [stats.begin_call(), stats.begin_call()];
        stats.end_call(calls[0], true);
        let last = |report: &Report| {
            let lines = verdict(&stats.whole(), report);
            lines.iter().map(Line::plain).collect::<Vec<_>>()
        };
        assert_eq!(last(&report), [" 2 calls sent, 1 answered, 1 LOST:"]);
        stats.end_call(calls[1], false);
        report.errors.push("call 1: why".to_owned());
        assert_eq!(last(&report), [" 2 calls sent, 1 answered, 1 LOST:", "   call 1: why"]);
    }
}
