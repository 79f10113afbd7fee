//! The demo's last words: what was shown, in sentences, and the totals.

use core::time::Duration;

use super::backend::{SLOW_WORK, label};
use super::frame::{EndpointRow, Frame};
use super::load::Report;
use super::story::{FAILING, JOINING, LEAVING, SLOW, Step};
use super::table::{counted, grouped, short};
use crate::screen::{Line, Tone};

/// Calls that are sent this much later than due no longer make the rate that was asked for.
const TOO_LATE: Duration = Duration::from_millis(250);
/// Errors of lost calls that are shown.
const ERRORS: usize = 5;

/// What the demo remembers of its run beside the numbers.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Endpoints in the first set.
    pub(super) found: usize,
    /// The steps that happened; a demo that is interrupted has not all of them.
    pub(super) steps: Vec<Step>,
    /// From its first fault to the ejection of the failing backend, and from the end of its faults
    /// until it was back.
    pub(super) ejected: Option<Duration>,
    pub(super) readmitted: Option<Duration>,
    /// Requests that were to decide whether it comes back.
    pub(super) probes: u64,
    /// Attempts at the slow backend until it turned slow, and until it was fast again.
    pub(super) slow_from: u64,
    pub(super) slow_until: Option<u64>,
    /// From a change in DNS to the balancer's own, once it came.
    pub(super) departure_noticed: Option<Duration>,
    pub(super) arrival_noticed: Option<Duration>,
}

impl Notes {
    /// Writes one sentence per thing shown.
    pub(super) fn sentences(
        &self,
        length: Duration,
        elapsed: Duration,
        frame: &Frame,
    ) -> Vec<String> {
        let mut sentences =
            vec![format!("DNS SRV alone told the client where its {} backends are.", self.found)];
        let lasted = |from: Step, to: Step| {
            short(to.time(length).min(elapsed).saturating_sub(from.time(length)))
        };
        let row = |name| frame.endpoints.iter().find(|row| label(&row.target) == name);
        if let (true, Some(row)) = (self.saw(Step::Fail), row(FAILING)) {
            sentences.push(format!(
                "{FAILING} failed for {}: {} failed there, retried elsewhere.",
                lasted(Step::Fail, Step::Recover),
                counted(row.failed, "attempt"),
            ));
            sentences.extend(self.ejection());
        }
        if let (true, Some(row)) = (self.saw(Step::SlowDown), row(SLOW)) {
            let attempts = self.slow_until.unwrap_or(row.attempts) - self.slow_from;
            sentences.push(format!(
                "{SLOW} took {} per answer for {}: {} there meanwhile, and only they were slow.",
                short(SLOW_WORK),
                lasted(Step::SlowDown, Step::SpeedUp),
                counted(attempts, "attempt"),
            ));
        }
        if self.saw(Step::Leave) {
            sentences.push(self.departure(row(LEAVING)));
        }
        if self.saw(Step::Join) {
            sentences.push(self.arrival(row(JOINING)));
        }
        sentences
    }

    fn ejection(&self) -> Option<String> {
        let (after, probes) = (short(self.ejected?), counted(self.probes, "probe"));
        let end = match self.readmitted {
            Some(back) => format!("back {} after it worked again", short(back)),
            None => "the demo ended before it was back".to_owned(),
        };
        Some(format!("{FAILING} was ejected after {after}; {probes}; {end}."))
    }

    fn saw(&self, step: Step) -> bool {
        self.steps.contains(&step)
    }

    fn departure(&self, row: Option<&EndpointRow>) -> String {
        let (Some(noticed), Some(row)) = (self.departure_noticed, row) else {
            return format!("{LEAVING} left DNS; the demo ended before the balancer looked again.");
        };
        let after = match row.after_removal {
            0 => "no call has gone there since".to_owned(),
            attempts => format!("{} there since", counted(attempts, "attempt")),
        };
        format!("{LEAVING} left DNS, known after {}; {after}.", short(noticed))
    }

    fn arrival(&self, row: Option<&EndpointRow>) -> String {
        match (self.arrival_noticed, row) {
            (Some(noticed), Some(row)) => format!(
                "{JOINING} joined DNS, known after {}; {} there since.",
                short(noticed),
                counted(row.attempts, "attempt"),
            ),
            _ => format!("{JOINING} joined DNS; the demo ended before the balancer looked again."),
        }
    }
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
