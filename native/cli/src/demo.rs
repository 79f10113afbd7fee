//! `evenkeel demo`: a name server, five backends and a client in one process, and what happens when
//! things go wrong.

mod backend;
mod dns;
mod frame;
mod load;
mod stats;
mod story;
mod summary;
mod table;

use core::pin::pin;
use core::time::Duration;
use std::collections::BTreeMap;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use evenkeel::health::Health;
use evenkeel::{
    AnyPolicy, Balancer, Change, Config, DnsSrv, Event, EventKind, PollerConfig, Target,
};
use tokio::runtime;
use tokio::signal::ctrl_c;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};

use self::backend::label;
use self::load::{HttpClient, Load, Report, Sight};
use self::stats::Stats;
use self::story::{FAILING, JOINING, LEAVING, SLOW, Stage, Step};
use self::summary::Notes;
use self::table::{Look, State};
use crate::screen::{Line, Screen, Tone, place};

/// The backends are there already: finding them takes milliseconds.
const READY: Duration = Duration::from_secs(5);
const SECOND: Duration = Duration::from_secs(1);
/// The exit status that shells expect of a program ended by ctrl-C.
const INTERRUPTED: u8 = 130;

/// Options of `evenkeel demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How long the demo runs; its events are spread over this time
    #[arg(
        long,
        default_value_t = 12,
        value_name = "SECONDS",
        allow_negative_numbers = true,
        value_parser = clap::value_parser!(u64).range(2..=3600),
    )]
    seconds: u64,
    /// Calls per second
    #[arg(
        long,
        default_value_t = 200,
        value_name = "RATE",
        allow_negative_numbers = true,
        value_parser = clap::value_parser!(u32).range(1..=10_000),
    )]
    rps: u32,
    #[arg(long, default_value = "peak_ewma", value_name = "POLICY", help = policy_help())]
    policy: AnyPolicy,
    /// The seed of every random choice: the same seed makes the same choices
    #[arg(long, default_value_t = 1, value_name = "NUMBER", allow_negative_numbers = true)]
    seed: u64,
    /// Append plain tables instead of redrawing one in place
    #[arg(long)]
    plain: bool,
}

fn policy_help() -> String {
    let names = AnyPolicy::NAMES.join(", ");
    format!(
        "How the balancer chooses an endpoint: {names}; with parameters as in 'maglev(size=251)'"
    )
}

/// Runs the demo; fails if a call was lost.
pub(crate) fn run(args: &Args) -> io::Result<ExitCode> {
    // The servers have a thread of their own, as they would have machines of their own. The client
    // has one thread too: with more, the same seed would not give the same picks.
    let servers = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let stage = servers.block_on(Stage::set())?;
    let client = runtime::Builder::new_current_thread().enable_all().build()?;
    let result = client.block_on(play(args, stage));
    servers.shutdown_background();
    result
}

async fn play(args: &Args, stage: Stage) -> io::Result<ExitCode> {
    let length = Duration::from_secs(args.seconds);
    let begun = Instant::now();
    let mut show = Show::new(args, stage, begun);
    show.introduce()?;

    let source = DnsSrv::new(dns::SERVICE)
        .and_then(|source| source.servers([show.stage.name_server.addr]))
        .map_err(io::Error::other)?
        .poller(poller(length));
    let balancer = Balancer::builder(source)
        .policy(args.policy.clone())
        .config(config(length))
        .seed(args.seed)
        .build(async |target| HttpClient::new(target))
        .map_err(io::Error::other)?;
    let (mut changes, mut events) = (balancer.changes(), balancer.events());
    balancer.ready_within(READY).await.map_err(io::Error::other)?;

    let stop = Arc::new(Notify::new());
    let (sights, mut seen) = mpsc::unbounded_channel();
    let retry = load::retry().map_err(io::Error::other)?;
    let load = Load { balancer: balancer.clone(), retry, stats: Arc::clone(&show.stats), sights };
    let mut load = tokio::spawn(load.run(args.rps, length, Arc::clone(&stop)));

    let mut steps = story::script(length).peekable();
    let mut seconds = interval_at(begun + SECOND, SECOND);
    seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut interrupt = pin!(ctrl_c());
    let mut stopped = false;
    let report = loop {
        let next = steps.peek().map_or(length, |(time, _)| *time);
        tokio::select! {
            biased;
            _ = interrupt.as_mut() => {
                if stopped {
                    return Ok(ExitCode::from(INTERRUPTED));
                }
                stopped = true;
                show.interrupted()?;
                stop.notify_one();
                interrupt.set(ctrl_c());
            }
            Ok(change) = changes.recv() => show.change(&change)?,
            Ok(event) = events.recv() => show.event(&event)?,
            Some(sight) = seen.recv() => show.sight(&sight)?,
            () = sleep_until(begun + next), if steps.peek().is_some() && !stopped => {
                if let Some((_, step)) = steps.next() {
                    show.step(step).await?;
                }
            }
            _ = seconds.tick() => show.second(&balancer)?,
            report = &mut load => break report.map_err(io::Error::other)?,
        }
    };
    let complete = show.finish(&report, &balancer)?;
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Asks DNS often enough that a change is seen long before the next one.
fn poller(length: Duration) -> PollerConfig {
    let gap = (length / 40).min(SECOND);
    PollerConfig { min: gap, max: gap, jitter_percent: 0, ..PollerConfig::default() }
}

/// Brings a backend that works again back before the demo ends: ejections are shorter than usual,
/// and the past is forgotten sooner. A failure counts as a timeout: with less, the failing backend
/// would be better than a slow one that has a few requests already.
fn config(length: Duration) -> Config {
    Config {
        base_ejection_time: length / 24,
        max_ejection_time: length / 8,
        latency_tau: Config::DEFAULT.latency_tau.min(length / 30),
        failure_penalty: load::ATTEMPT_TIMEOUT,
        ..Config::DEFAULT
    }
}

/// The stage, and what the audience sees of it.
struct Show {
    stage: Stage,
    stats: Arc<Stats>,
    screen: Screen,
    notes: Notes,
    title: String,
    begun: Instant,
    length: Duration,
    left_dns: Option<Instant>,
    joined_dns: Option<Instant>,
    failed: Option<Instant>,
    recovered: Option<Instant>,
}

impl Show {
    fn new(args: &Args, stage: Stage, begun: Instant) -> Self {
        Self {
            stage,
            stats: Stats::new(),
            screen: Screen::new(args.plain),
            notes: Notes::default(),
            title: format!("{}, {} calls/s, seed {}", args.policy, args.rps, args.seed),
            begun,
            length: Duration::from_secs(args.seconds),
            left_dns: None,
            joined_dns: None,
            failed: None,
            recovered: None,
        }
    }

    fn introduce(&mut self) -> io::Result<()> {
        let head = " evenkeel demo: a client, the backends that it balances over, and their faults";
        let settings =
            format!(" {}, for {} s; no call may be lost", self.title, self.length.as_secs());
        self.screen.line(&Line::new().put(Tone::Strong, head))?;
        self.screen.line(&Line::new().put(Tone::Quiet, settings))?;
        self.screen.line(&Line::new())?;
        self.say(
            "demo",
            Tone::Plain,
            &format!("a name server is up on {}, UDP and TCP", self.stage.name_server.addr),
        )?;
        let count = self.stage.in_dns().count();
        self.say(
            "demo",
            Tone::Plain,
            &format!("{count} HTTP backends are up, in DNS as {}", dns::SERVICE),
        )
    }

    async fn step(&mut self, step: Step) -> io::Result<()> {
        self.stage.perform(step).await;
        self.notes.steps.push(step);
        match step {
            Step::Fail => self.failed = Some(Instant::now()),
            Step::Recover => self.recovered = Some(Instant::now()),
            Step::Leave => self.left_dns = Some(Instant::now()),
            Step::Join => self.joined_dns = Some(Instant::now()),
            Step::SlowDown => self.notes.slow_from = self.stats.attempts(SLOW),
            Step::SpeedUp => self.notes.slow_until = Some(self.stats.attempts(SLOW)),
            Step::SwitchOff => {}
        }
        self.say("demo", step.tone(), &step.describe())
    }

    /// Tells that the balancer's set changed.
    fn change(&mut self, change: &Change) -> io::Result<()> {
        match change {
            Change::Added(endpoint) => {
                self.stats.set_listed(&endpoint.addr, true);
                let since = self
                    .joined_dns
                    .filter(|_| label(&endpoint.addr) == JOINING)
                    .map(|time| time.elapsed());
                match since {
                    Some(_) => self.notes.arrival_noticed = since,
                    None => self.notes.found += 1,
                }
                self.say(
                    "balancer",
                    Tone::Good,
                    &format!("+ {}{}", place(&endpoint.addr), after(since)),
                )
            }
            Change::Removed(endpoint) => {
                self.stats.set_listed(&endpoint.addr, false);
                let since = self
                    .left_dns
                    .filter(|_| label(&endpoint.addr) == LEAVING)
                    .map(|time| time.elapsed());
                self.notes.departure_noticed = since.or(self.notes.departure_noticed);
                self.say(
                    "balancer",
                    Tone::Warning,
                    &format!("- {}{}", place(&endpoint.addr), after(since)),
                )
            }
            Change::Changed(endpoint) => {
                self.say("balancer", Tone::Plain, &format!("~ {}", place(&endpoint.addr)))
            }
        }
    }

    /// Tells that the balancer found an endpoint unfit, or fit again. Of the probes only the one
    /// that succeeds is worth a line.
    fn event(&mut self, event: &Event) -> io::Result<()> {
        let Some(target) = &event.target else { return Ok(()) };
        let failing = label(target) == FAILING;
        let elapsed = |since: Option<Instant>| since.filter(|_| failing).map(|time| time.elapsed());
        match event.kind {
            EventKind::Ejected { reason, .. } if !reason.is_of_probe() => {
                self.notes.ejected = self.notes.ejected.or(elapsed(self.failed));
                self.say("balancer", Tone::Warning, &format!("{} ejected: {reason}", label(target)))
            }
            EventKind::Probing => {
                self.notes.probes += u64::from(failing);
                Ok(())
            }
            EventKind::Readmitted => {
                self.notes.readmitted = elapsed(self.recovered).or(self.notes.readmitted);
                self.say(
                    "balancer",
                    Tone::Good,
                    &format!("{} is back: a probe succeeded", label(target)),
                )
            }
            EventKind::Added
            | EventKind::Removed
            | EventKind::Ejected { .. }
            | EventKind::Held { .. }
            | EventKind::Undone { .. }
            | EventKind::HalfOpen
            | EventKind::Overloaded { .. }
            | EventKind::Down
            | EventKind::PanicOn
            | EventKind::PanicOff
            | EventKind::Lost(_) => Ok(()),
        }
    }

    /// Tells that the calls met a failing endpoint, or one that is well again.
    fn sight(&mut self, sight: &Sight) -> io::Result<()> {
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
    fn second(&mut self, balancer: &Balancer<HttpClient>) -> io::Result<()> {
        let look = Look { live: self.screen.live() };
        let frame = self.stats.take_second();
        let mut block =
            vec![Line::new(), look.title(&self.title, self.begun.elapsed(), self.length)];
        block.extend(look.table(&frame, self.states(balancer)));
        if !look.live {
            block.push(Line::new());
        }
        self.screen.block(block)
    }

    /// Tells what the demo does to a backend, and what the balancer thinks of it.
    fn states(&self, balancer: &Balancer<HttpClient>) -> impl Fn(&Target) -> State {
        let known: BTreeMap<_, _> =
            balancer.endpoints().into_iter().map(|status| (status.target, status.health)).collect();
        move |target| State {
            mode: self.stage.mode(label(target)),
            health: known.get(target).copied().unwrap_or(Health::Healthy),
        }
    }

    fn interrupted(&mut self) -> io::Result<()> {
        self.say(
            "demo",
            Tone::Warning,
            "interrupted: no new calls; waiting for the answers to those sent",
        )?;
        if self.screen.live() { Ok(()) } else { self.screen.line(&Line::new()) }
    }

    /// Shows the summary; tells that every call was answered.
    fn finish(&mut self, report: &Report, balancer: &Balancer<HttpClient>) -> io::Result<bool> {
        let look = Look { live: self.screen.live() };
        let elapsed = self.begun.elapsed();
        let frame = self.stats.whole();
        self.screen.clear_block()?;
        let tick = if look.live { " ✓ " } else { " * " };
        let mut lines = Vec::new();
        if look.live {
            lines.push(Line::new());
        }
        lines.push(
            Line::new()
                .put(Tone::Strong, format!(" What happened in {:.0} s", elapsed.as_secs_f64())),
        );
        for sentence in self.notes.sentences(self.length, elapsed, &frame) {
            lines.push(Line::new().put(Tone::Good, tick).put(Tone::Plain, sentence));
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
    change.map(|time| format!(" ({} after DNS)", table::short(time))).unwrap_or_default()
}
