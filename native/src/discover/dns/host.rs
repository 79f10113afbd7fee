//! Endpoints from the addresses of a host.

use core::fmt;
use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel_core::Endpoint;
use evenkeel_core::discovery::poller::PollerConfig;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use hickory_proto::rr::{Name, Record};
use tokio::time::{Instant, timeout_at};

use super::config::{Settings, Setup};
use super::error::LookupError;
use super::family::{Family, Kind};
use super::hosts::Hosts;
use super::name;
use super::resolve::{Resolved, resolve};
use super::setters::setters;
use super::settings_error::DnsError;
use crate::discover::{Answer, Discover, Ended};
use crate::target::Target;

/// A service found by the addresses of a host, A and AAAA records, with a port that is known.
///
/// There is an endpoint per address, all of one weight, which keeps the host's name. Looks again
/// when the records' own time to live is over, at the latest after [`PollerConfig::max`], or where
/// endpoints fail. Name servers, aliases and failures are as with [`DnsSrv`](super::DnsSrv): a
/// lookup ends soon after the first address, the other family is taken up when it comes, and an
/// address that cannot be looked up stays as it was.
///
/// ```
/// use evenkeel::DnsHost;
///
/// # fn main() -> Result<(), evenkeel::dns::DnsError> {
/// let headless = DnsHost::new("web.default.svc.cluster.local.", 8080)?;
/// # Ok(())
/// # }
/// ```
pub struct DnsHost {
    name: Name,
    /// As the endpoints carry it.
    text: String,
    port: u16,
    settings: Settings,
    setup: Option<Setup>,
    /// The name of the search list that has addresses.
    chosen: Option<Name>,
    asking: Option<BoxFuture<'static, Result<Chosen, LookupError>>>,
    hosts: Hosts,
    /// The source said that there is more, or an error, to be had without asking.
    news: Option<Result<(), LookupError>>,
}

/// A name of the search list with what was found under it first.
pub(super) struct Chosen {
    setup: Setup,
    pub(super) name: Name,
    found: Vec<Record>,
    /// Who said so.
    server: Option<Arc<str>>,
}

impl Chosen {
    /// Takes a name of which nothing was asked, or nothing found.
    fn only(name: Name, setup: Setup) -> Self {
        Self { setup, name, found: Vec::new(), server: None }
    }
}

setters!(DnsHost);

impl DnsHost {
    /// Asks for the addresses of this name, whose service answers on this port.
    ///
    /// A trailing dot says that the name is complete. Nothing is read or asked before the first
    /// lookup; an IP address is not asked for at all.
    ///
    /// # Errors
    /// If DNS cannot hold the name, it has characters that no host name has, or the port is 0.
    pub fn new(name: &str, port: u16) -> Result<Self, DnsError> {
        if port == 0 {
            return Err(DnsError::PortZero);
        }
        let name = name::parse(name)?;
        let (text, settings) = (name::host(&name), Settings::default());
        let (setup, chosen, asking, news) = (None, None, None, None);
        let hosts = Hosts::default();
        Ok(Self { name, text, port, settings, setup, chosen, asking, hosts, news })
    }

    /// Begins to ask for the addresses, once the name is known.
    async fn ask(&mut self) -> Result<(), LookupError> {
        let time = self.settings.time();
        let (setup, is_other) = self.settings.setup(&self.name, &mut self.setup).await?;
        if is_other {
            self.asking = None;
        }
        // A name that has no addresses any more is one that another may stand in for.
        let has_some = !self.hosts.addresses(&self.text).is_empty();
        let chosen = match (&*setup.names, &self.chosen) {
            ([only], _) => Chosen::only(only.clone(), setup),
            (names, Some(name)) if has_some && names.contains(name) => {
                Chosen::only(name.clone(), setup)
            }
            _ => {
                let deadline = Instant::now() + time;
                let asking = self.asking.get_or_insert_with(|| Box::pin(first_found(setup)));
                let Ok(result) = timeout_at(deadline, asking).await else {
                    let question = format!("{} A and AAAA", self.text);
                    return Err(LookupError::Unanswered { question, after: time });
                };
                self.asking = None;
                result?
            }
        };
        self.take(chosen);
        Ok(())
    }

    fn take(&mut self, chosen: Chosen) {
        let Chosen { setup, name, mut found, server } = chosen;
        for record in &mut found {
            // Under the name that it was asked by.
            record.name.clone_from(&self.name);
        }
        if self.chosen.as_ref() != Some(&name) {
            self.hosts.want(&setup.servers, setup.family, BTreeMap::new(), &[], true);
        }
        if let Some(server) = server {
            self.hosts.heard_from(server);
        }
        let targets = BTreeMap::from([(self.text.clone(), name.clone())]);
        // The poller waits after failures.
        self.hosts.retry();
        self.hosts.want(&setup.servers, setup.family, targets, &found, true);
        self.chosen = Some(name);
    }

    async fn look_up(&mut self) -> Result<Answer, LookupError> {
        let deadline = Instant::now() + self.settings.time();
        match self.news.take() {
            Some(Err(error)) => return Err(error),
            Some(Ok(())) => {}
            None => {
                self.hosts.doubt();
                self.ask().await?;
            }
        }
        self.hosts.gather(self.settings.family_wait, deadline).await;
        let ips = self.hosts.addresses(&self.text).into_iter();
        let targets = ips.map(|ip| Target::at(&self.text, (ip, self.port).into()));
        let mut answer = Answer::new(targets.map(Endpoint::new));
        if !self.hosts.is_known()
            && let Some(failure) = self.hosts.failure(self.settings.time())
        {
            return Err(failure);
        }
        answer.ttl =
            if answer.endpoints.is_empty() { self.hosts.negative_ttl() } else { self.hosts.ttl() };
        self.hosts.note(&mut answer.skipped);
        answer.server = self.hosts.server();
        Ok(answer)
    }
}

impl fmt::Debug for DnsHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DnsHost")
            .field("name", &self.text)
            .field("port", &self.port)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Discover for DnsHost {
    type Error = LookupError;

    /// Asks for the addresses of both families. Ends soon after the first is known.
    ///
    /// # Errors
    /// If no name server answers.
    async fn lookup(&mut self) -> Result<Answer, LookupError> {
        let answer = self.look_up().await;
        let ttl = answer.as_ref().ok().and_then(|answer| answer.ttl);
        self.hosts.hold(ttl);
        answer
    }

    /// Waits for what the last lookup left unanswered.
    async fn changed(&mut self) -> Result<(), Ended> {
        if let Some(asking) = &mut self.asking {
            let result = asking.await;
            self.asking = None;
            self.news = Some(result.map(|chosen| self.take(chosen)));
        } else {
            self.hosts.news().await;
            self.news = Some(Ok(()));
        }
        Ok(())
    }

    fn poller(&self) -> PollerConfig {
        self.settings.poller
    }
}

/// Returns the first name of the search list that has an address; the last, if none has.
///
/// There are none only if every name says so: with one name unanswered, nothing is known. A name
/// that no server says anything of ends the search: the host may be there, and what another name
/// has may be another host. A server that cannot tell does not.
pub(super) async fn first_found(setup: Setup) -> Result<Chosen, LookupError> {
    let mut failure = None;
    let mut last = None;
    for name in &setup.names {
        let servers = &setup.servers;
        let ask = async |kind: Kind| (kind, resolve(servers, name, kind.record()).await);
        let mut answers: FuturesUnordered<_> =
            setup.family.kinds().iter().map(|&kind| ask(kind)).collect();
        let (mut failed, mut silence) = (None, None);
        while let Some((kind, answer)) = answers.next().await {
            match answer {
                Ok(resolved) if !resolved.records.is_empty() => {
                    let (setup, found) = (setup.clone(), records(name, &resolved));
                    let (name, server) = (name.clone(), Some(resolved.server));
                    return Ok(Chosen { setup, name, found, server });
                }
                // Then it does not matter that a firewall drops the other kind. Of AAAA alone, some
                // servers say so though there is an A record (RFC 4074 §4.2).
                Ok(resolved) if !resolved.exists && kind == Kind::V4 => {
                    (failed, silence) = (None, None);
                    break;
                }
                Ok(_) => {}
                Err(error) if error.is_silence() => silence = silence.or(Some(error)),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        if let (None, Some(silence)) = (&failed, silence) {
            return Err(silence);
        }
        failure = failure.or(failed);
        last = Some(name.clone());
    }
    match (failure, last) {
        (Some(failure), _) => Err(failure),
        (None, Some(name)) => Ok(Chosen::only(name, setup)),
        (None, None) => {
            Err(LookupError::NoAnswer { question: "no name".into(), tried: Vec::new() })
        }
    }
}

fn records(name: &Name, resolved: &Resolved) -> Vec<Record> {
    let ttl = resolved.ttl.unwrap_or_default().as_secs();
    let ttl = u32::try_from(ttl).unwrap_or(u32::MAX);
    let record = |data| Record::from_rdata(name.clone(), ttl, data);
    resolved.records.iter().cloned().map(record).collect()
}
