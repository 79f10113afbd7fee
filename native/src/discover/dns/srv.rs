//! Endpoints from DNS SRV records (RFC 2782).

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use evenkeel_core::discovery::poller::PollerConfig;
use evenkeel_core::srv::{self, Skipped, SrvRecord};
use hickory_resolver::proto::rr::{Name, RData, RecordType};

use super::{Answer, Discover};
use crate::target::Target;

mod config;
mod error;
mod name;
mod resolve;
mod server;
mod server_pool;
mod split;
mod targets;

pub use error::{Cause, DnsSrvError, LookupError, ServerError};

use config::Setup;
use resolve::Resolved;
use targets::Targets;

/// A service found by its DNS SRV records.
///
/// Asks the name servers anew at every lookup and keeps no answers. Aliases are followed, an answer
/// that does not fit into a datagram is fetched over TCP, and a name server that fails, refuses or
/// stays silent is replaced by the next. By default these are the system's, with its search list
/// for a name without a trailing dot.
///
/// ```
/// use evenkeel::DnsSrv;
///
/// # fn main() -> Result<(), evenkeel::dns_srv::DnsSrvError> {
/// let consul = DnsSrv::new("api.service.consul.")?.servers(["127.0.0.1:8600".parse().unwrap()])?;
/// # Ok(())
/// # }
/// ```
pub struct DnsSrv {
    name: Name,
    servers: Vec<SocketAddr>,
    timeout: Option<Duration>,
    resolve_targets: bool,
    poller: PollerConfig,
    // Made at the first lookup: the constructor neither reads files nor needs a runtime.
    setup: Option<Setup>,
    targets: Targets,
}

impl DnsSrv {
    /// Asks for the service of this name, such as `_http._tcp.web.example.com`.
    ///
    /// A trailing dot says that the name is complete. Nothing is read or asked before the first
    /// lookup.
    ///
    /// # Errors
    /// If DNS cannot hold the name, or it has characters that no service name has.
    pub fn new(name: &str) -> Result<Self, DnsSrvError> {
        Ok(Self {
            name: name::parse(name)?,
            servers: Vec::new(),
            timeout: None,
            resolve_targets: true,
            poller: PollerConfig::default(),
            setup: None,
            targets: Targets::default(),
        })
    }

    /// Asks these name servers, in this order, instead of the system's; the name is then complete
    /// as it stands.
    ///
    /// # Errors
    /// If there are none, or one has port 0.
    pub fn servers(
        mut self,
        servers: impl IntoIterator<Item = SocketAddr>,
    ) -> Result<Self, DnsSrvError> {
        self.servers = servers.into_iter().collect();
        self.setup = None;
        if let Some(&server) = self.servers.iter().find(|server| server.port() == 0) {
            return Err(DnsSrvError::ServerPortZero { server });
        }
        if self.servers.is_empty() { Err(DnsSrvError::NoServers) } else { Ok(self) }
    }

    /// Sets how long one name server may take for one question, over UDP and TCP together, before
    /// the next is asked.
    ///
    /// By default what the system's configuration says, and 2 s for explicit servers; at most an
    /// hour.
    ///
    /// # Errors
    /// If it is zero.
    pub fn timeout(mut self, timeout: Duration) -> Result<Self, DnsSrvError> {
        self.timeout = Some(timeout);
        self.setup = None;
        if timeout.is_zero() { Err(DnsSrvError::ZeroTimeout) } else { Ok(self) }
    }

    /// Looks up the targets' addresses too (the default), or not.
    ///
    /// If so, there is an endpoint per address, which keeps the host's name, and a record's weight
    /// is shared among its addresses. If not, there is an endpoint per host and port, and the
    /// client resolves the name when it connects.
    #[must_use]
    pub fn resolve_targets(mut self, resolve: bool) -> Self {
        self.resolve_targets = resolve;
        self
    }

    /// Sets when to look again: bounds on the TTL, jitter, backoff.
    #[must_use]
    pub fn poller(mut self, poller: PollerConfig) -> Self {
        self.poller = poller;
        self
    }

    async fn setup(&self) -> Result<Setup, LookupError> {
        if self.servers.is_empty() {
            config::system(&self.name, self.timeout).await
        } else {
            config::explicit(&self.name, &self.servers, self.timeout)
        }
    }
}

impl fmt::Debug for DnsSrv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DnsSrv")
            .field("name", &name::host(&self.name))
            .field("servers", &self.servers)
            .field("timeout", &self.timeout)
            .field("resolve_targets", &self.resolve_targets)
            .finish_non_exhaustive()
    }
}

impl Discover for DnsSrv {
    type Error = LookupError;

    /// Asks for the records, and for the addresses of their targets.
    ///
    /// # Errors
    /// If no name server answers, or the answer cannot be used.
    async fn lookup(&mut self) -> Result<Answer, LookupError> {
        let setup = match self.setup.take() {
            Some(setup) => setup,
            None => self.setup().await?,
        };
        let setup = self.setup.insert(setup);
        let answer = answer(setup, self.resolve_targets, &mut self.targets).await;
        if answer.is_err() && self.servers.is_empty() {
            // The machine may have moved to another network: read its configuration again.
            self.setup = None;
        }
        answer
    }

    fn poller(&self) -> PollerConfig {
        self.poller
    }
}

async fn answer(
    setup: &Setup,
    resolve_targets: bool,
    targets: &mut Targets,
) -> Result<Answer, LookupError> {
    let found = first_found(setup).await?;
    let mut records: Vec<SrvRecord<String>> = found.records.iter().filter_map(record).collect();
    let (hosts, ttl) = if resolve_targets {
        let hosts = found.records.iter().filter_map(host).collect();
        let (hosts, ttl) = targets.find(&setup.servers, &hosts, &found.additionals).await?;
        (Some(hosts), resolve::lowest(found.ttl, ttl))
    } else {
        (None, found.ttl)
    };
    let mut endpoints = Vec::new();
    let Skipped { port_zero, root } = srv::endpoints(
        &mut records,
        |host, port| (host.to_string(), port),
        |endpoint| endpoints.push(endpoint),
    );
    let absent = root > 0 && root == records.len();
    let targets = |(host, port): &(String, u16)| match &hosts {
        Some(hosts) => hosts
            .get(host)
            .into_iter()
            .flatten()
            .map(|&ip| Target::at(host, (ip, *port).into()))
            .collect(),
        None => Target::new(host, *port).into_iter().collect::<Vec<_>>(),
    };
    let mut skipped = crate::Skipped::default();
    for _ in 0..port_zero {
        skipped.note("a record has port 0");
    }
    for _ in 0..root {
        skipped.note("a record has the target \".\"");
    }
    for endpoint in endpoints.iter().filter(|endpoint| targets(&endpoint.addr).is_empty()) {
        skipped.note(format!("the target {} has no address", endpoint.addr.0));
    }
    Ok(Answer { ttl, absent, skipped, ..Answer::new(split::split(endpoints, targets)) })
}

/// Returns the records of the first name of the search list that has any.
///
/// There are none only if every name says so: with one name unanswered, nothing is known.
async fn first_found(setup: &Setup) -> Result<Resolved, LookupError> {
    let mut nothing = Resolved::nothing(None);
    let mut failure = None;
    for name in &setup.names {
        match resolve::resolve(&setup.servers, name, RecordType::SRV).await {
            Ok(found) if !found.records.is_empty() => return Ok(found),
            Ok(none) => nothing.ttl = resolve::lowest(nothing.ttl, none.ttl),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    failure.map_or(Ok(nothing), Err)
}

fn record(data: &RData) -> Option<SrvRecord<String>> {
    match data {
        RData::SRV(srv) => Some(SrvRecord {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            target: name::host(&srv.target),
        }),
        _ => None,
    }
}

/// Returns the host to look up for a record, unless the record is one that gives no endpoint.
fn host(data: &RData) -> Option<(String, Name)> {
    match data {
        RData::SRV(srv) if srv.port != 0 && !srv.target.is_root() => {
            Some((name::host(&srv.target), srv.target.clone()))
        }
        _ => None,
    }
}
