//! Who is asked to find endpoints, and how long that takes.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;
use std::io;
use std::net::ToSocketAddrs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use evenkeel::{BoxDiscover, Discover, DnsHost, DnsSrv};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::cases::{Asks, Case, service};
use crate::bed::{Bed, bed};
use crate::processes::envoy::{self, Envoy};
use crate::servers::hostile::Hostile;

/// Nobody is waited for longer than this.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// Who finds endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Side {
    /// A balancer with default settings.
    Ours,
    /// The C library, by a thread for each host.
    Getaddrinfo,
    /// This Envoy, with a cluster of type `STRICT_DNS`.
    Envoy {
        /// The program.
        binary: PathBuf,
        /// Its `dns_lookup_family`.
        family: &'static str,
    },
}

/// When a side had found something; `None` if it never did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Found {
    /// The first endpoint; where there are none, when it said so.
    pub first: Option<Duration>,
    /// All addresses.
    pub all: Option<Duration>,
}

impl Side {
    /// Finds the endpoints of a case, in whose namespaces this process is.
    ///
    /// # Errors
    /// The side cannot be begun.
    pub async fn find(&self, case: &Case) -> io::Result<Found> {
        let servers = case.start();
        match self {
            Self::Ours => ours(case).await,
            Self::Getaddrinfo => {
                let (hosts, nobody) = (case.hosts(), case.addresses == 0);
                let found = tokio::task::spawn_blocking(move || getaddrinfo(&hosts, nobody));
                Ok(found.await?)
            }
            Self::Envoy { binary, family } => envoy(case, &servers, binary, family).await,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ours => f.write_str("ours"),
            Self::Getaddrinfo => f.write_str("getaddrinfo"),
            Self::Envoy { binary, family } => write!(f, "{family}:{}", binary.display()),
        }
    }
}

impl FromStr for Side {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.split_once(':') {
            None if text == "ours" => Ok(Self::Ours),
            None if text == "getaddrinfo" => Ok(Self::Getaddrinfo),
            Some(("AUTO", path)) => Ok(Self::Envoy { binary: path.into(), family: "AUTO" }),
            Some(("ALL", path)) => Ok(Self::Envoy { binary: path.into(), family: "ALL" }),
            _ => Err(()),
        }
    }
}

/// Makes a balancer for the hosts of a case.
///
/// # Errors
/// A name is none.
pub fn balancer(case: &Case) -> io::Result<Bed> {
    let host = |host: &str| DnsHost::new(host, 80).map(BoxDiscover::new).map_err(io::Error::other);
    let source = match case.asks {
        Asks::Host(name) => host(name)?,
        Asks::Hosts(_) => {
            let merged = |all: Option<BoxDiscover>, one: BoxDiscover| match all {
                Some(all) => BoxDiscover::new(all.merge(one)),
                None => one,
            };
            let mut all = None;
            for name in case.hosts() {
                all = Some(merged(all, host(&name)?));
            }
            all.ok_or_else(|| io::Error::other("no host"))?
        }
        Asks::Service(count) => {
            BoxDiscover::new(DnsSrv::new(&service(count)).map_err(io::Error::other)?)
        }
    };
    Ok(bed(source))
}

async fn ours(case: &Case) -> io::Result<Found> {
    let begun = Instant::now();
    let bed = balancer(case)?;
    let found = Found::default();
    if case.addresses == 0 {
        let mut discovery = bed.discovery();
        let said = timeout(PATIENCE, discovery.wait_for(|status| status.error.is_some())).await;
        return Ok(Found { first: said.ok().map(|_| begun.elapsed()), ..found });
    }
    if timeout(PATIENCE, bed.ready_any()).await.is_err() {
        return Ok(found);
    }
    let first = Some(begun.elapsed());
    let mut discovered = bed.discovered();
    let all = discovered.wait_for(|set| set.endpoints.len() == case.addresses);
    let all = timeout(PATIENCE, all).await.ok().map(|_| begun.elapsed());
    Ok(Found { first, all })
}

fn getaddrinfo(hosts: &[String], nobody: bool) -> Found {
    let begun = Instant::now();
    let (sender, results) = mpsc::channel();
    for host in hosts.iter().cloned() {
        let sender = sender.clone();
        // It ends with the process, whenever the C library does.
        thread::spawn(move || sender.send((&*host, 80).to_socket_addrs().map(Iterator::count)));
    }
    drop(sender);
    let mut found = Found::default();
    let mut well = 0;
    while let Ok(result) = results.recv_timeout(PATIENCE.saturating_sub(begun.elapsed())) {
        if result.is_ok() || nobody {
            well += 1;
            found.first = found.first.or(Some(begun.elapsed()));
        }
    }
    found.all = (well == hosts.len() && !nobody).then(|| begun.elapsed());
    found
}

async fn envoy(case: &Case, servers: &[Hostile], binary: &Path, family: &str) -> io::Result<Found> {
    let envoy = start(binary, family, &case.hosts())?;
    // That it takes a moment to start is not its discovery's.
    let asked = async {
        while servers.iter().all(|server| server.asked() == 0) {
            sleep(Duration::from_millis(1)).await;
        }
    };
    let mut found = Found::default();
    if timeout(PATIENCE, asked).await.is_err() {
        return Ok(found);
    }
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE && found.all.is_none() {
        // It may not listen yet.
        let known = known(&envoy).await.len();
        if known > 0 {
            found.first = found.first.or(Some(begun.elapsed()));
            found.all = (known >= case.addresses).then(|| begun.elapsed());
        } else if case.addresses == 0 && envoy.stat("update_failure").await.unwrap_or(0) > 0 {
            found.first = Some(begun.elapsed());
            break;
        }
        sleep(Duration::from_millis(2)).await;
    }
    Ok(found)
}

/// Returns the addresses of an Envoy's cluster; none if it does not answer.
pub async fn known(envoy: &Envoy) -> Vec<String> {
    let hosts = envoy.hosts().await.unwrap_or_default();
    let address = |host: &Value| host["address"]["socket_address"]["address"].to_string();
    hosts.iter().map(address).collect()
}

/// Starts an Envoy with a cluster of these hosts.
///
/// # Errors
/// It cannot be started.
pub fn start(binary: &Path, family: &str, hosts: &[String]) -> io::Result<Envoy> {
    let endpoint = |host: &String| {
        let host = host.trim_end_matches('.');
        let address = json!({ "socket_address": { "address": host, "port_value": 80 } });
        json!({ "endpoint": { "address": address } })
    };
    let endpoints: Vec<Value> = hosts.iter().map(endpoint).collect();
    let cluster = json!({
        "name": "backends",
        "type": "STRICT_DNS",
        "dns_lookup_family": family,
        "load_assignment": {
            "cluster_name": "backends",
            "endpoints": [{ "lb_endpoints": endpoints }],
        },
    });
    Envoy::start(binary, json!([cluster]), json!([]), envoy::free_port()?)
}
