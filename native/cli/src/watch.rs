//! `evenkeel watch`: the endpoints of a service, listed by DNS SRV or in a file, and every change
//! of them.

use core::convert::Infallible;
use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::pin::pin;
use core::time::Duration;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use evenkeel::dns::DnsError;
use evenkeel::{
    Balancer, Change, Discover, DiscoveryStatus, DnsSrv, Endpoint, File, PollerConfig,
    SourceHealth, Target,
};
use serde_json::{Value, json};
use tokio::runtime;
use tokio::signal::ctrl_c;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

use crate::screen::{Line, Screen, Tone, place};

const DNS_PORT: u16 = 53;
/// Whoever watches wants to see a change soon; a resolver's cache makes asking cheap.
const POLLER: PollerConfig = PollerConfig {
    min: Duration::from_secs(1),
    max: Duration::from_secs(10),
    default: Duration::from_secs(5),
    jitter_percent: 0,
    timeout: Duration::from_secs(10),
    min_gap: Duration::from_secs(1),
    max_stale: None,
    backoff_base: Duration::from_secs(1),
    backoff_max: Duration::from_secs(10),
};

/// Options of `evenkeel watch`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The service's SRV name, such as _http._tcp.web.example.com, or "file:" and the path of a
    /// list in JSON or TOML
    #[arg(value_parser = place_of)]
    name: Place,
    /// A name server to ask instead of the system's; given again, the next to ask if it does not
    /// answer
    #[arg(long = "server", value_name = "IP:PORT", value_parser = server)]
    servers: Vec<SocketAddr>,
    /// Print an object of JSON for each change, one a line
    #[arg(long)]
    json: bool,
}

/// Where endpoints are listed.
#[derive(Clone, Debug)]
enum Place {
    Srv(String),
    File(PathBuf),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Srv(name) => f.write_str(name),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

fn place_of(text: &str) -> Result<Place, DnsError> {
    match text.strip_prefix("file:") {
        Some(path) => Ok(Place::File(path.into())),
        None => DnsSrv::new(text).map(|_| Place::Srv(text.to_owned())),
    }
}

fn server(text: &str) -> Result<SocketAddr, String> {
    let addr =
        text.parse().or_else(|_| text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, DNS_PORT)));
    match addr {
        Ok(addr) if addr.port() == 0 => Err("a name server cannot have port 0".to_owned()),
        Ok(addr) => Ok(addr),
        Err(_) => Err("not an IP address and a port, such as 127.0.0.1:53 or [::1]:53".to_owned()),
    }
}

/// Prints the set and its changes until it is interrupted.
pub(crate) fn run(args: &Args) -> io::Result<ExitCode> {
    runtime::Builder::new_current_thread().enable_all().build()?.block_on(watch(args))
}

async fn watch(args: &Args) -> io::Result<ExitCode> {
    match &args.name {
        Place::Srv(name) => {
            let mut source = DnsSrv::new(name).map_err(io::Error::other)?.poller(POLLER);
            let mut at = "the system's name servers".to_owned();
            if !args.servers.is_empty() {
                let servers = args.servers.iter();
                at = servers.clone().map(SocketAddr::to_string).collect::<Vec<_>>().join(", ");
                source = source.servers(servers.copied()).map_err(io::Error::other)?;
            }
            follow(source, args, &format!("{name} at {at}")).await
        }
        Place::File(_) if !args.servers.is_empty() => {
            Err(io::Error::other("--server is for an SRV name: no name server is asked for a file"))
        }
        Place::File(path) => follow(File::new(path), args, &args.name.to_string()).await,
    }
}

async fn follow(source: impl Discover, args: &Args, what: &str) -> io::Result<ExitCode> {
    // Nobody calls anything here: the clients are empty.
    let balancer = Balancer::builder(source)
        .build(async |_| Ok::<_, Infallible>(()))
        .map_err(io::Error::other)?;
    let (mut changes, mut discovery) = (balancer.changes(), balancer.discovery());

    let mut log = Log {
        place: args.name.clone(),
        json: args.json,
        screen: Screen::new(args.json),
        known: BTreeMap::new(),
        trouble: None,
        empty_held: 0,
    };
    if !args.json {
        log.print(Tone::Quiet, &format!("watching {what}; ctrl-C ends it"))?;
    }
    let mut interrupt = pin!(ctrl_c());
    loop {
        tokio::select! {
            biased;
            interrupted = interrupt.as_mut() => return interrupted.map(|()| ExitCode::SUCCESS),
            first = changes.recv() => {
                let first = first.ok_or_else(|| io::Error::other("discovery has ended"))?;
                log.change(first)?;
                // One answer's changes come together, and their count once.
                while let Some(change) = changes.try_recv() {
                    log.change(change)?;
                }
                log.count()?;
            }
            Ok(()) = discovery.changed() => {
                let status = discovery.borrow_and_update().clone();
                log.health(&status)?;
            }
        }
    }
}

/// What has been printed.
struct Log {
    place: Place,
    json: bool,
    screen: Screen,
    known: BTreeMap<Target, Endpoint<Target>>,
    trouble: Option<String>,
    empty_held: u64,
}

impl Log {
    fn change(&mut self, change: Change) -> io::Result<()> {
        match change {
            Change::Added(endpoint) => {
                let text = format!("+ {}", describe(&endpoint));
                self.say(
                    Tone::Good,
                    &text,
                    json!({"event": "added", "endpoint": facts(&endpoint)}),
                )?;
                self.known.insert(endpoint.addr.clone(), endpoint);
            }
            Change::Removed(endpoint) => {
                let text = format!("- {}", place(&endpoint.addr));
                self.say(
                    Tone::Bad,
                    &text,
                    json!({"event": "removed", "endpoint": facts(&endpoint)}),
                )?;
                self.known.remove(&endpoint.addr);
            }
            Change::Changed(endpoint) => {
                let before = self.known.insert(endpoint.addr.clone(), endpoint.clone());
                let was =
                    before.map(|before| format!(" (was {})", rank(&before))).unwrap_or_default();
                let text = format!("~ {}{was}", describe(&endpoint));
                let facts = json!({"event": "changed", "endpoint": facts(&endpoint)});
                self.say(Tone::Warning, &text, facts)?;
            }
        }
        Ok(())
    }

    /// Says how many there are, once all changes of an answer are told.
    fn count(&mut self) -> io::Result<()> {
        let count = self.known.len();
        let text = format!("  {}", endpoints(count));
        self.say(Tone::Quiet, &text, json!({"event": "set", "endpoints": count}))
    }

    /// Says once what is wrong with discovery, and once that it is well again.
    fn health(&mut self, status: &DiscoveryStatus) -> io::Result<()> {
        let empty = status.empty_held > self.empty_held;
        self.empty_held = status.empty_held;
        let trouble = match &status.error {
            Some(error) => error.to_string(),
            None if empty && status.skipped.count() > 0 => {
                "all SRV records have port 0 or the target \".\"".to_owned()
            }
            None if empty => match self.place {
                Place::Srv(_) => "there are no SRV records of this name".to_owned(),
                Place::File(_) => "the list in the file is empty".to_owned(),
            },
            None if status.health == SourceHealth::Fresh && self.trouble.take().is_some() => {
                let text = match self.place {
                    Place::Srv(_) => "= DNS answers again",
                    Place::File(_) => "= the file is good again",
                };
                return self.say(Tone::Good, text, json!({"event": "well"}));
            }
            None => return Ok(()),
        };
        if self.trouble.as_ref() == Some(&trouble) {
            return Ok(());
        }
        let rest = match self.known.len() {
            0 => "nothing is known yet".to_owned(),
            count => format!("stale: {} from before", endpoints(count)),
        };
        let facts = json!({"event": "trouble", "message": trouble, "endpoints": self.known.len()});
        self.say(Tone::Warning, &format!("! {trouble}; {rest}"), facts)?;
        self.trouble = Some(trouble);
        Ok(())
    }

    /// Prints the text for people, or the facts for machines.
    fn say(&mut self, tone: Tone, text: &str, mut facts: Value) -> io::Result<()> {
        if !self.json {
            return self.print(tone, text);
        }
        facts["at"] = format!("{}Z", now()?).into();
        self.screen.line(&Line::new().put(Tone::Plain, facts))
    }

    fn print(&mut self, tone: Tone, text: &str) -> io::Result<()> {
        self.screen.line(&Line::new().put(Tone::Quiet, format!("{}Z  ", now()?)).put(tone, text))
    }
}

/// Writes the time in seconds: microseconds would say more than polling can know.
fn now() -> io::Result<String> {
    let mut now = String::new();
    SystemTime.format_time(&mut Writer::new(&mut now)).map_err(io::Error::other)?;
    Ok(now.split('.').next().unwrap_or_default().to_owned())
}

fn facts(endpoint: &Endpoint<Target>) -> Value {
    json!({
        "target": endpoint.addr.to_string(),
        "host": endpoint.addr.host(),
        "weight": endpoint.weight,
        "priority": endpoint.priority,
        "zone": endpoint.zone.number(),
        "draining": endpoint.draining,
    })
}

fn describe(endpoint: &Endpoint<Target>) -> String {
    format!("{}  {}", place(&endpoint.addr), rank(endpoint))
}

fn rank(endpoint: &Endpoint<Target>) -> String {
    format!("priority {}, weight {}", endpoint.priority, endpoint.weight)
}

fn endpoints(count: usize) -> String {
    format!("{count} endpoint{}", if count == 1 { "" } else { "s" })
}
