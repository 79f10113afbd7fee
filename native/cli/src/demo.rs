//! `evenkeel demo`: a name server, seven backends and a client in one process, and what happens when
//! things go wrong.

mod backend;
mod cast;
mod course;
mod dns;
mod frame;
mod load;
mod script;
mod show;
mod stage;
mod standing;
mod stats;
mod story;
mod summary;
mod table;

use core::pin::pin;
use core::time::Duration;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use evenkeel::{AnyPolicy, Balancer, Config, DnsSrv, PollerConfig};
use tokio::runtime;
use tokio::signal::ctrl_c;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};

use self::load::{HttpClient, Load};
use self::script::Script;
use self::show::Show;
use self::stage::Stage;
use self::story::Step;

/// The backends are there already: finding them takes milliseconds.
const READY: Duration = Duration::from_secs(5);
const SECOND: Duration = Duration::from_secs(1);
/// How long answer times count: what failed or was slow is asked again soon.
const LATENCY_TAU: Duration = Duration::from_millis(100);
/// The exit status that shells expect of a program ended by ctrl-C.
const INTERRUPTED: u8 = 130;

/// Options of `evenkeel demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How long the demo takes, without its waits for what it tells of
    #[arg(
        long,
        default_value_t = 20,
        value_name = "SECONDS",
        allow_negative_numbers = true,
        value_parser = clap::value_parser!(u64).range(2..=3600),
    )]
    seconds: u64,
    /// Calls per second
    #[arg(
        long,
        default_value_t = 100,
        value_name = "RATE",
        allow_negative_numbers = true,
        value_parser = clap::value_parser!(u32).range(1..=1_000),
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
    let title = format!("{}, {} calls/s, seed {}", args.policy, args.rps, args.seed);
    let mut show = Show::new(title, args.plain, stage, begun);
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
    let mut load = tokio::spawn(load.run(args.rps, Arc::clone(&stop)));

    let mut script = Script::new(begun, length);
    let mut seconds = interval_at(begun + SECOND, SECOND);
    seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut interrupt = pin!(ctrl_c());
    let mut stopped = false;
    let report = loop {
        let next = script.next(&show.course).filter(|_| !stopped);
        let due = next.map_or(begun, |(_, due)| due);
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
            Some(change) = changes.recv() => show.change(&change)?,
            Ok(event) = events.recv() => {
                let mut turn = vec![event];
                while let Ok(event) = events.try_recv() {
                    turn.push(event);
                }
                show.events(&turn, &balancer)?;
            }
            Some(sight) = seen.recv() => show.sight(&sight)?,
            () = sleep_until(due), if next.is_some() => {
                if let Some((step, _)) = next {
                    show.step(step, &balancer).await?;
                    script.advance(Instant::now());
                    if step == Step::End {
                        stop.notify_one();
                    }
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

/// Brings a backend that works again back before the demo ends: ejections and the calm are shorter
/// than usual, and answer times are forgotten sooner.
fn config(length: Duration) -> Config {
    Config {
        base_ejection_time: length / 24,
        max_ejection_time: length / 8,
        interval: (length / 10).clamp(SECOND, Config::DEFAULT.interval),
        latency_tau: LATENCY_TAU,
        ..Config::DEFAULT
    }
}
