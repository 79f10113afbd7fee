//! What the audience sees: a line for each thing that happens, the table of each second, and the
//! summary.

use core::time::Duration;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use evenkeel::core::Instant as BalancerTime;
use evenkeel::health::Health;
use evenkeel::{Balancer, Candidacy, Change, Event, EventKind, Target};
use tokio::time::Instant;

use super::backend::label;
use super::cast::{BACKUP_PRIORITY, BACKUPS, FAILING, JOINING, LEAVING, SLOW};
use super::course::Course;
use super::dns;
use super::load::{HttpClient, Report, Sight};
use super::stage::Stage;
use super::standing::{self, why};
use super::stats::Stats;
use super::story::{Sign, Step};
use super::summary::{self, Notes, Story};
use super::table::{Look, State, short};
use crate::screen::{Line, Screen, Tone, place};

/// The stage, and what the audience sees of it.
pub(super) struct Show {
    pub(super) course: Course,
    pub(super) stats: Arc<Stats>,
    pub(super) stage: Stage,
    screen: Screen,
    notes: Notes,
    title: String,
    begun: Instant,
    left_dns: Option<Instant>,
    joined_dns: Option<Instant>,
}

impl Show {
    /// Opens the curtain; `title` says with which settings.
    pub(super) fn new(title: String, plain: bool, stage: Stage, begun: Instant) -> Self {
        Self {
            course: Course::default(),
            stats: Stats::new(),
            stage,
            screen: Screen::new(plain),
            notes: Notes::default(),
            title,
            begun,
            left_dns: None,
            joined_dns: None,
        }
    }

    pub(super) fn introduce(&mut self) -> io::Result<()> {
        let head = " evenkeel demo: a client, the backends that it balances over, and their faults";
        let settings = format!(" {}; no call may be lost", self.title);
        self.screen.line(&Line::new().put(Tone::Strong, head))?;
        self.screen.line(&Line::new().put(Tone::Quiet, settings))?;
        self.screen.line(&Line::new())?;
        let addr = self.stage.name_server.addr;
        self.say("demo", Tone::Plain, &format!("a name server is up on {addr}, UDP and TCP"))?;
        let count = self.stage.in_dns();
        let text = format!("{count} HTTP backends are up, in DNS as {}", dns::SERVICE);
        self.say("demo", Tone::Plain, &text)
    }

    /// Does the next step and tells of it, or says why not.
    pub(super) async fn step(
        &mut self,
        step: Step,
        balancer: &Balancer<HttpClient>,
    ) -> io::Result<()> {
        self.look(balancer)?;
        if let Some(sign) = self.course.awaits(step) {
            self.course.give_up(sign);
            let text = format!("waited in vain until {}", sign.describe());
            self.say("demo", Tone::Bad, &text)?;
        }
        if self.course.skips(step) {
            return Ok(());
        }
        self.stage.perform(step).await;
        self.course.perform(step, self.begun.elapsed());
        match step {
            Step::Leave => self.left_dns = Some(Instant::now()),
            Step::Join | Step::Reserve => self.joined_dns = Some(Instant::now()),
            Step::Recover => self.notes.failed = self.stats.failed(FAILING),
            Step::SlowDown => self.notes.slow_from = self.stats.attempts(SLOW),
            Step::SpeedUp => self.notes.slow_until = Some(self.stats.attempts(SLOW)),
            Step::Fail
            | Step::SwitchOff
            | Step::Crowd
            | Step::Stumble
            | Step::Swamp
            | Step::Rise
            | Step::Drain
            | Step::Outage
            | Step::Repair
            | Step::End => {}
        }
        step.describe().map_or(Ok(()), |text| self.say("demo", step.tone(), &text))
    }

    /// Tells that the balancer's set changed.
    pub(super) fn change(&mut self, change: &Change) -> io::Result<()> {
        let since = |time: Option<Instant>, of: &[&str], target| {
            time.filter(|_| of.contains(&label(target))).map(|time| time.elapsed())
        };
        match change {
            Change::Added(endpoint) => {
                self.stats.set_listed(&endpoint.addr, true);
                let new = [&[JOINING][..], &BACKUPS].concat();
                let since = since(self.joined_dns, &new, &endpoint.addr);
                self.notes.found += usize::from(since.is_none());
                let text = format!("+ {}{}", place(&endpoint.addr), after(since));
                self.say("balancer", Tone::Good, &text)
            }
            Change::Removed(endpoint) => {
                self.stats.set_listed(&endpoint.addr, false);
                let since = since(self.left_dns, &[LEAVING], &endpoint.addr);
                let text = format!("- {}{}", place(&endpoint.addr), after(since));
                self.say("balancer", Tone::Warning, &text)
            }
            Change::Changed(endpoint) => {
                self.say("balancer", Tone::Plain, &format!("~ {}", place(&endpoint.addr)))
            }
        }
    }

    /// Tells what the balancer did with its endpoints, and did not, in one turn. Of the probes only
    /// the one that succeeds is worth a line.
    pub(super) fn events(
        &mut self,
        events: &[Event],
        balancer: &Balancer<HttpClient>,
    ) -> io::Result<()> {
        let undone = events.iter().any(|event| matches!(event.kind, EventKind::Undone { .. }));
        for event in events {
            self.course.count(event);
            if let EventKind::Undone { until } = event.kind {
                self.course.calm_until = Some(self.time_of(until, balancer.now()));
            }
            let Some(target) = &event.target else { continue };
            let name = label(target);
            let (tone, text) = match event.kind {
                EventKind::Ejected { reason, until } if !reason.is_of_probe() => {
                    let wait = short(until.saturating_since(event.at));
                    (Tone::Warning, format!("{name} ejected: {reason}; probe due in {wait}"))
                }
                EventKind::Held { rule } => {
                    (Tone::Warning, format!("{name} not ejected, though failing: {}", why(rule)))
                }
                EventKind::Undone { until } => {
                    let until = self.time_of(until, balancer.now()).as_secs_f64();
                    let end = format!("ejections undone; calm until {until:.1} s");
                    (Tone::Good, format!("{name} fails since, too: {end}"))
                }
                EventKind::Readmitted if undone => {
                    (Tone::Good, format!("{name} is back: its ejection did harm"))
                }
                EventKind::Readmitted => (Tone::Good, format!("{name} is back: a probe succeeded")),
                EventKind::Added
                | EventKind::Removed
                | EventKind::Ejected { .. }
                | EventKind::HalfOpen
                | EventKind::Probing
                | EventKind::Overloaded { .. }
                | EventKind::Down
                | EventKind::PanicOn
                | EventKind::PanicOff
                | EventKind::Lost(_) => continue,
            };
            self.say("balancer", tone, &text)?;
        }
        self.look(balancer)
    }

    /// Looks for what the story waits for.
    fn look(&mut self, balancer: &Balancer<HttpClient>) -> io::Result<()> {
        for sign in self.course.look(&balancer.endpoints(), self.begun.elapsed()) {
            match sign {
                Sign::FailedOver => {
                    let text = format!("nobody of priority 0 is left: {BACKUP_PRIORITY} serves");
                    self.say("balancer", Tone::Warning, &text)?;
                }
                Sign::TookOver => {
                    self.say("balancer", Tone::Good, "priority 0 serves again")?;
                }
                Sign::Returned => {
                    let attempts = BACKUPS.map(|name| self.stats.attempts(name));
                    self.notes.backups_until = Some(attempts.iter().sum());
                }
                Sign::Ejected
                | Sign::Left
                | Sign::Joined
                | Sign::Readmitted
                | Sign::Stumbled
                | Sign::Undone
                | Sign::Calm
                | Sign::Standby => {}
            }
        }
        Ok(())
    }

    /// Tells that the calls met a failing endpoint, or one that is well again.
    pub(super) fn sight(&mut self, sight: &Sight) -> io::Result<()> {
        match sight {
            Sight::Fails { target, reason } => {
                let text = format!("{} fails ({reason}), retried elsewhere", label(target));
                self.say("calls", Tone::Bad, &text)
            }
            Sight::Recovers { target } => {
                self.say("calls", Tone::Good, &format!("{} answers again", label(target)))
            }
        }
    }

    /// Shows the table of a second that is over.
    pub(super) fn second(&mut self, balancer: &Balancer<HttpClient>) -> io::Result<()> {
        let look = Look { live: self.screen.live() };
        let frame = self.stats.take_second();
        let title = look.title(self.begun.elapsed(), self.course.last());
        let mut block = vec![Line::new(), title];
        block.extend(look.table(&frame, self.states(balancer)));
        let now = balancer.now();
        let when = |at| format!("{:.1} s", self.time_of(at, now).as_secs_f64());
        block.extend(standing::lines(&balancer.endpoints(), now, when));
        if !look.live {
            block.push(Line::new());
        }
        self.screen.block(block)?;
        self.look(balancer)
    }

    /// Tells what the demo does to a backend, and what the balancer thinks of it.
    fn states(&self, balancer: &Balancer<HttpClient>) -> impl Fn(&Target) -> State {
        let known: BTreeMap<_, _> = balancer
            .endpoints()
            .into_iter()
            .map(|status| (status.target.clone(), status))
            .collect();
        move |target| {
            let status = known.get(target);
            State {
                mode: self.stage.mode(label(target)),
                health: status.map_or(Health::Healthy, |status| status.health),
                held: status.is_some_and(|status| status.held.is_some()),
                stands_by: status.is_some_and(|s| s.candidacy == Some(Candidacy::Priority)),
            }
        }
    }

    pub(super) fn interrupted(&mut self) -> io::Result<()> {
        self.say(
            "demo",
            Tone::Warning,
            "interrupted: no new calls; waiting for the answers to those sent",
        )?;
        if self.screen.live() { Ok(()) } else { self.screen.line(&Line::new()) }
    }

    /// Shows the summary; tells that every call was answered.
    pub(super) fn finish(
        &mut self,
        report: &Report,
        balancer: &Balancer<HttpClient>,
    ) -> io::Result<bool> {
        let look = Look { live: self.screen.live() };
        let end = self.begun.elapsed();
        let frame = self.stats.whole();
        self.screen.clear_block()?;
        let tick = if look.live { " ✓ " } else { " * " };
        let mut lines = Vec::new();
        if look.live {
            lines.push(Line::new());
        }
        let head = format!(" What happened in {:.0} s", end.as_secs_f64());
        lines.push(Line::new().put(Tone::Strong, head));
        let story = Story { notes: &self.notes, course: &self.course, frame: &frame, end };
        for sentence in story.sentences() {
            lines.push(Line::new().put(Tone::Good, tick).put(Tone::Plain, sentence));
        }
        if let Some(sentence) = summary::missed(&self.course) {
            lines.push(Line::new().put(Tone::Warning, format!(" ! {sentence}")));
        }
        lines.push(Line::new());
        lines.extend(look.table(&frame, self.states(balancer)));
        lines.push(Line::new());
        lines.extend(summary::verdict(&frame, report));
        for line in &lines {
            self.screen.line(line)?;
        }
        Ok(frame.calls.unanswered() == 0)
    }

    /// Returns when something is on the demo's clock that is known by the balancer's.
    fn time_of(&self, at: BalancerTime, now: BalancerTime) -> Duration {
        (self.begun.elapsed() + at.saturating_since(now)).saturating_sub(now.saturating_since(at))
    }

    fn say(&mut self, who: &str, tone: Tone, text: &str) -> io::Result<()> {
        let time = format!(" {:>5.1} s  ", self.begun.elapsed().as_secs_f64());
        let line = Line::new()
            .put(Tone::Quiet, time)
            .put(Tone::Accent, format!("{who:<9} "))
            .put(tone, text);
        self.screen.line(&line)
    }
}

fn after(change: Option<Duration>) -> String {
    change.map(|time| format!(", {} after DNS", short(time))).unwrap_or_default()
}
