//! `evenkeel watch`: the endpoints of a service as DNS SRV lists them, and every change of them.

use core::convert::Infallible;
use core::net::{IpAddr, SocketAddr};
use core::pin::pin;
use core::time::Duration;
use std::collections::BTreeMap;
use std::io;
use std::process::ExitCode;

use evenkeel::dns_srv::DnsSrvError;
use evenkeel::{
    Balancer, Change, DiscoveryStatus, DnsSrv, Endpoint, PollerConfig, SourceHealth, Target,
};
use tokio::runtime;
use tokio::signal::ctrl_c;
use tokio::sync::broadcast::error::RecvError;
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
    /// The service's SRV name, such as _http._tcp.web.example.com
    #[arg(value_parser = srv_name)]
    name: String,
    /// A name server to ask instead of the system's; given again, the next to ask if it does not
    /// answer
    #[arg(long = "server", value_name = "IP:PORT", value_parser = server)]
    servers: Vec<SocketAddr>,
}

fn srv_name(name: &str) -> Result<String, DnsSrvError> {
    DnsSrv::new(name).map(|_| name.to_owned())
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
    let mut source = DnsSrv::new(&args.name).map_err(io::Error::other)?.poller(POLLER);
    if !args.servers.is_empty() {
        source = source.servers(args.servers.iter().copied()).map_err(io::Error::other)?;
    }
    // Nobody calls anything here: the clients are empty.
    let balancer = Balancer::builder(source)
        .build(async |_| Ok::<_, Infallible>(()))
        .map_err(io::Error::other)?;
    let (mut changes, mut discovery) = (balancer.changes(), balancer.discovery());

    let mut log =
        Log { screen: Screen::new(false), known: BTreeMap::new(), trouble: None, empty_held: 0 };
    let at: Vec<_> = args.servers.iter().map(SocketAddr::to_string).collect();
    let at = if at.is_empty() { "the system's name servers".to_owned() } else { at.join(", ") };
    log.print(Tone::Quiet, &format!("watching {} at {at}; ctrl-C ends it", args.name))?;
    let mut interrupt = pin!(ctrl_c());
    loop {
        tokio::select! {
            biased;
            interrupted = interrupt.as_mut() => return interrupted.map(|()| ExitCode::SUCCESS),
            first = changes.recv() => match first {
                Ok(first) => {
                    log.change(first)?;
                    // One answer's changes come together, and their count once.
                    while let Ok(change) = changes.try_recv() {
                        log.change(change)?;
                    }
                    log.count()?;
                }
                Err(RecvError::Lagged(missed)) => {
                    let text = format!("! {missed} changes came too fast to be shown");
                    log.print(Tone::Warning, &text)?;
                }
                Err(RecvError::Closed) => return Err(io::Error::other("discovery has ended")),
            },
            Ok(()) = discovery.changed() => {
                let status = discovery.borrow_and_update().clone();
                log.health(&status)?;
            }
        }
    }
}

/// What has been printed.
struct Log {
    screen: Screen,
    known: BTreeMap<Target, Endpoint<Target>>,
    trouble: Option<String>,
    empty_held: u64,
}

impl Log {
    fn change(&mut self, change: Change) -> io::Result<()> {
        match change {
            Change::Added(endpoint) => {
                self.print(Tone::Good, &format!("+ {}", describe(&endpoint)))?;
                self.known.insert(endpoint.addr.clone(), endpoint);
            }
            Change::Removed(endpoint) => {
                self.print(Tone::Bad, &format!("- {}", place(&endpoint.addr)))?;
                self.known.remove(&endpoint.addr);
            }
            Change::Changed(endpoint) => {
                let before = self.known.insert(endpoint.addr.clone(), endpoint.clone());
                let was =
                    before.map(|before| format!(" (was {})", rank(&before))).unwrap_or_default();
                self.print(Tone::Warning, &format!("~ {}{was}", describe(&endpoint)))?;
            }
        }
        Ok(())
    }

    fn count(&mut self) -> io::Result<()> {
        let text = format!("  {}", endpoints(self.known.len()));
        self.print(Tone::Quiet, &text)
    }

    /// Says once what is wrong with discovery, and once that it is well again.
    fn health(&mut self, status: &DiscoveryStatus) -> io::Result<()> {
        let empty = status.empty_held > self.empty_held;
        self.empty_held = status.empty_held;
        let trouble = match &status.error {
            Some(error) => error.to_string(),
            None if empty && status.skipped > 0 => {
                "all SRV records have port 0 or the target \".\"".to_owned()
            }
            None if empty => "there are no SRV records of this name".to_owned(),
            None if status.health == SourceHealth::Fresh && self.trouble.take().is_some() => {
                return self.print(Tone::Good, "= DNS answers again");
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
        self.print(Tone::Warning, &format!("! {trouble}; {rest}"))?;
        self.trouble = Some(trouble);
        Ok(())
    }

    fn print(&mut self, tone: Tone, text: &str) -> io::Result<()> {
        let mut now = String::new();
        SystemTime.format_time(&mut Writer::new(&mut now)).map_err(io::Error::other)?;
        // Microseconds would say more than polling can know.
        let seconds = now.split('.').next().unwrap_or_default();
        self.screen.line(&Line::new().put(Tone::Quiet, format!("{seconds}Z  ")).put(tone, text))
    }
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
