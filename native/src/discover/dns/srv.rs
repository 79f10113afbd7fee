//! Endpoints from DNS SRV records (RFC 2782).

use core::fmt;
use std::sync::Arc;

use evenkeel_core::Endpoint;
use evenkeel_core::discovery::poller::PollerConfig;
use futures_util::future::BoxFuture;
use hickory_proto::rr::{Name, Record};
use tokio::time::{Instant, timeout_at};

use super::config::{Settings, Setup};
use super::error::LookupError;
use super::family::Family;
use super::hosts::Hosts;
use super::name;
use super::resolve;
use super::setters::setters;
use super::settings_error::DnsError;
use crate::aside::{LONG, aside};
use crate::discover::{Answer, Discover, Ended};
use crate::target::Target;

mod choice;
mod known;
mod records;
mod search;
mod split;

use choice::Choice;
use known::Known;
use records::{Found, Options};
use search::Chosen;

/// A service found by its DNS SRV records.
///
/// Asks the name servers anew at every lookup. Aliases are followed, an answer that does not fit
/// into a datagram is fetched over TCP, and a name server that fails, refuses or stays silent is
/// replaced by the next. By default these are the system's, whose configuration is read with each
/// lookup, with its search list for a name without a trailing dot. There, a name that no server
/// answers for ends the search, and while an endpoint is known, the name under which it was found is
/// asked for alone, unless that has no records any more.
///
/// The addresses of targets come along with the records, or are asked for, 64 questions at a time.
/// A lookup ends soon after the first address; the others are taken up as they come, and until
/// then no endpoint is removed. An address that cannot be looked up stays as it was. Addresses are
/// kept for their own TTL, and records, too, unless addresses that came along do not hold any more,
/// or no target has one: in the lowest TTL of all records, but no more than [`PollerConfig::max`]
/// and no less than [`PollerConfig::min`], there is at most one question for the records and two
/// for each target. (Repeated and further questions on the way, to a server that does not answer,
/// to another one, over TCP, and for aliases, are counted with the first; a target of which nothing
/// is known is asked for at every lookup.) Where endpoints fail, and somebody looks before an
/// answer's time is over, the addresses that were told longest ago are asked for again, of 32
/// targets. A question that failed is asked again with the lookups, after 1 s and twice as long with
/// each failure, up to [`PollerConfig::backoff_max`].
///
/// ```
/// use core::net::SocketAddr;
///
/// use evenkeel::DnsSrv;
///
/// # fn main() -> Result<(), evenkeel::dns::DnsError> {
/// let agent = SocketAddr::from(([127, 0, 0, 1], 8600));
/// let consul = DnsSrv::new("api.service.consul.")?.servers([agent])?;
/// # Ok(())
/// # }
/// ```
pub struct DnsSrv {
    name: Name,
    settings: Settings,
    resolve_targets: bool,
    options: Options,
    // Made at the first lookup: the constructor neither reads files nor needs a runtime.
    setup: Option<Setup>,
    /// The last lookup failed.
    failed: bool,
    /// The name of the search list under which the service was found.
    chosen: Option<Name>,
    /// The question for the records, where it is under way.
    asking: Option<BoxFuture<'static, Result<Chosen, LookupError>>>,
    /// The last records.
    found: Option<Found>,
    choice: Choice,
    hosts: Hosts,
    /// When the addresses of targets were last asked for, where they did not hold.
    wanted: Option<Instant>,
    /// The source said that there is more, or an error, to be had without asking.
    news: Option<Result<(), LookupError>>,
    /// The last answer.
    before: Arc<Known>,
}

setters!(DnsSrv);

impl DnsSrv {
    /// Asks for the service of this name, such as `_http._tcp.web.example.com`.
    ///
    /// A trailing dot says that the name is complete. Nothing is read or asked before the first
    /// lookup.
    ///
    /// # Errors
    /// If DNS cannot hold the name, or it has characters that no service name has.
    pub fn new(name: &str) -> Result<Self, DnsError> {
        Ok(Self {
            name: name::parse(name)?,
            settings: Settings::default(),
            resolve_targets: true,
            options: Options::default(),
            setup: None,
            failed: false,
            chosen: None,
            asking: None,
            found: None,
            choice: Choice::default(),
            hosts: Hosts::default(),
            wanted: None,
            news: None,
            before: Arc::default(),
        })
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

    /// Takes only targets below the domain of the service's host, as `mongodb+srv` does: for
    /// `_mongodb._tcp.db.example.com` those that end in `.example.com`. Others are skipped and
    /// counted.
    #[must_use]
    pub fn same_domain(mut self, same: bool) -> Self {
        self.options.same_domain = same;
        self
    }

    /// Takes at most so many targets of an answer: the most preferred by priority, then those that
    /// were taken before, then others by a hash of host and port, which is another one for each
    /// [seed](Self::seed).
    ///
    /// # Errors
    /// If it is zero.
    pub fn max_hosts(mut self, most: usize) -> Result<Self, DnsError> {
        self.options.max_hosts = Some(most);
        if most == 0 { Err(DnsError::NoHosts) } else { Ok(self) }
    }

    /// Chooses among [too many hosts](Self::max_hosts) by this number: the same hosts at every
    /// start. Clients need different ones, such as a hash of the machine's name, or all take the
    /// same hosts. Default: random at each start.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.choice.seed = seed;
        self
    }

    /// Takes this port instead of the records' own.
    ///
    /// # Errors
    /// If it is zero.
    pub fn port(mut self, port: u16) -> Result<Self, DnsError> {
        self.options.port = Some(port);
        if port == 0 { Err(DnsError::PortZero) } else { Ok(self) }
    }

    /// Where there are no SRV records, takes the addresses of the host and this port (RFC 2782
    /// allows it): for `_http._tcp.web.example.com` those of `web.example.com`. Off by default.
    ///
    /// # Errors
    /// If the port is zero.
    pub fn or_host(mut self, port: u16) -> Result<Self, DnsError> {
        self.options.or_host = Some(port);
        if port == 0 { Err(DnsError::PortZero) } else { Ok(self) }
    }

    /// Asks for the records, or waits for those asked for already.
    async fn ask(&mut self, setup: Setup) -> Result<(), LookupError> {
        let time = self.settings.time();
        let deadline = Instant::now() + time;
        let is_host = self.found.as_ref().is_some_and(|found| found.is_host);
        let known = self.chosen.clone().filter(|_| !self.before.is_empty());
        let known = known.map(|name| search::Known { name, is_host });
        let or_host = self.options.or_host.is_some();
        let asking =
            self.asking.get_or_insert_with(|| Box::pin(search::first_found(setup, known, or_host)));
        let Ok(result) = timeout_at(deadline, asking).await else {
            let question = format!("{} SRV", name::host(&self.name));
            return Err(LookupError::Unanswered { question, after: time });
        };
        self.asking = None;
        self.take(result?);
        Ok(())
    }

    /// Takes new records, and begins to ask for the addresses of their targets.
    fn take(&mut self, chosen: Chosen) {
        let Chosen { name, mut resolved } = chosen;
        let longest = self.settings.poller.max;
        resolved.ttl = resolved.ttl.map(|ttl| ttl.min(longest));
        let additionals = resolved.additionals.clone();
        let before = self.found.as_ref();
        let found = Found::new(resolved, &name, &self.options, &mut self.choice, before);
        (self.found, self.chosen) = (Some(found), Some(name));
        self.want_targets(&additionals);
    }

    /// Begins to ask for those addresses of the targets that did not come along and do not hold.
    fn want_targets(&mut self, additionals: &[Record]) {
        self.wanted = Some(Instant::now());
        if self.resolve_targets
            && let (Some(setup), Some(found)) = (&self.setup, &self.found)
        {
            let targets = found.targets.clone();
            self.hosts.want(&setup.servers, setup.family, targets, additionals, found.is_host);
        }
    }

    /// Tells that only addresses are to be asked for again: the records gave endpoints, their own
    /// time is not over, and neither is that of addresses that came along with them.
    fn records_hold(&self) -> bool {
        let now = Instant::now();
        self.found
            .as_ref()
            .is_some_and(|found| found.holds(now) && !self.hosts.came_along_until(found.asked, now))
            && !(self.failed || self.before.is_empty())
    }

    /// Answers with what is known.
    async fn answer(&mut self) -> Result<Answer, LookupError> {
        let Some(found) = &self.found else { return Ok(Answer::default()) };
        let mut skipped = found.skipped.clone();
        let mut ttl = found.ttl(Instant::now());
        let mut endpoints = Vec::new();
        let mut resolved = Vec::new();
        if self.resolve_targets {
            resolved.extend(found.endpoints.iter().map(|endpoint| {
                let addresses = self.hosts.addresses(&endpoint.addr.0);
                (endpoint.clone(), addresses)
            }));
            self.hosts.note(&mut skipped);
            ttl = resolve::lowest(ttl, self.hosts.ttl());
            if resolved.iter().all(|(_, addresses)| addresses.is_empty())
                && let Some(failure) = self.hosts.failure(self.settings.time())
            {
                return Err(failure);
            }
        } else {
            for endpoint in &found.endpoints {
                let (host, port) = &endpoint.addr;
                match Target::new(host, *port) {
                    Ok(target) => {
                        let endpoint = Endpoint::new(target)
                            .with_weight(endpoint.weight)
                            .with_priority(endpoint.priority);
                        endpoints.push(endpoint);
                    }
                    Err(error) => skipped.note(error.to_string()),
                }
            }
        }
        let (server, absent) = (Some(found.server.clone()), found.absent);
        let why_none = found.why_none.clone();
        let (before, counts) = (Arc::clone(&self.before), self.hosts.is_incomplete());
        let known = if counts { before.len() } else { 0 };
        let found = resolved.iter().map(|(_, addresses)| addresses.len()).sum::<usize>();
        let work = move || known::answered(endpoints, resolved, before, counts);
        let (endpoints, before) = aside(found + known > LONG, work).await;
        self.before = before;
        Ok(Answer { ttl, absent, skipped, why_none, server, ..Answer::new(endpoints) })
    }

    /// Looks up, except what the source itself said to be there.
    async fn look_up(&mut self) -> Result<Answer, LookupError> {
        let deadline = Instant::now() + self.settings.time();
        let lately = self.wanted.is_some_and(|at| at.elapsed() < self.settings.poller.min);
        match self.news.take() {
            Some(Err(error)) => return Err(error),
            // Asked again no earlier than a lookup that nobody hurried.
            Some(Ok(())) if lately => {}
            news => {
                let early = news.is_none() && self.hosts.doubt();
                let (setup, is_other) = self.settings.setup(&self.name, &mut self.setup).await?;
                if is_other {
                    self.asking = None;
                }
                if early || is_other || !self.records_hold() {
                    self.ask(setup).await?;
                } else {
                    self.want_targets(&[]);
                }
            }
        }
        self.hosts.gather(self.settings.family_wait, deadline).await;
        self.answer().await
    }
}

impl fmt::Debug for DnsSrv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DnsSrv")
            .field("name", &name::host(&self.name))
            .field("settings", &self.settings)
            .field("resolve_targets", &self.resolve_targets)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Discover for DnsSrv {
    type Error = LookupError;

    /// Asks for the records, and for the addresses of their targets. Ends soon after the first
    /// address is known.
    ///
    /// # Errors
    /// If no name server answers, or the answer cannot be used.
    async fn lookup(&mut self) -> Result<Answer, LookupError> {
        let answer = self.look_up().await;
        self.failed = answer.is_err();
        if self.failed {
            self.hosts.keep_news();
        }
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
