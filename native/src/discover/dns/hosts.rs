//! The addresses behind host names: asked for many at once, kept for their own time to live.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use evenkeel_core::discovery::poller::PollerConfig;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use hickory_proto::rr::{Name, Record};
use tokio::time::{Instant, timeout_at};

use super::entry::Host;
use super::error::LookupError;
use super::family::{Family, Kind, address};
use super::life::seconds;
use super::name;
use super::resolve::{Resolved, lowest, resolve};
use super::servers::Servers;

/// Questions of one kind in flight at once: enough to hide the way to the server, few enough for a
/// small resolver. Each kind has its own, so that one that is never answered does not hold up the
/// other.
const CONCURRENT: usize = 32;

/// News that come one after the other are told together after so long.
const TOGETHER: Duration = Duration::from_millis(200);

/// Hosts and their addresses. Questions under way go on while nobody waits, until this is dropped.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    family: Family,
    all: BTreeMap<String, Host>,
    servers: Option<Arc<Servers>>,
    /// Who answered last.
    server: Option<Arc<str>>,
    waiting: [VecDeque<String>; 2],
    in_flight: [usize; 2],
    asking: FuturesUnordered<BoxFuture<'static, Asked>>,
    /// Addresses changed after the last gathering, for the first time then.
    news: Option<Instant>,
    /// The end of the last question was not told yet.
    untold: bool,
    /// Until then the last answer holds, and nobody looks again unless endpoints fail.
    holds: Option<Instant>,
    /// How long what was found holds at most, and when what failed is asked again.
    poller: PollerConfig,
}

/// The end of a question.
type Asked = (String, Kind, Result<Resolved, LookupError>);

impl Hosts {
    /// Sets when the source looks again.
    pub(super) fn look_by(&mut self, poller: PollerConfig) {
        self.poller = poller;
    }

    /// Takes these hosts for the wanted ones, with what came along of their addresses, and begins
    /// to ask for what is not known, or not any more.
    ///
    /// What came along may be a part: unless `all` are wanted, a kind is only asked for where
    /// nothing came, or where others have it.
    pub(super) fn want(
        &mut self,
        servers: &Arc<Servers>,
        family: Family,
        targets: BTreeMap<String, Name>,
        additionals: &[Record],
        all: bool,
    ) {
        let now = Instant::now();
        self.family = family;
        if self.servers.as_ref().is_some_and(|before| !Arc::ptr_eq(before, servers)) {
            // What others said holds no more, and nobody waits for what they may say.
            self.asking.clear();
            self.in_flight = [0, 0];
            self.all.values_mut().for_each(Host::renew);
        }
        self.servers = Some(servers.clone());
        self.all.retain(|host, _| targets.contains_key(host));
        for (host, name) in targets {
            self.all.entry(host).or_insert_with(|| Host::new(name));
        }
        for (kind, waiting) in [Kind::V4, Kind::V6].into_iter().zip(&mut self.waiting) {
            for host in waiting.drain(..) {
                if let Some(host) = self.all.get_mut(&host) {
                    host.set_pending(kind, false);
                }
            }
        }
        let came = self.take_along(additionals, now);
        for &kind in family.kinds() {
            let others_have_it = all || self.all.values().any(|host| host.has(kind));
            for (text, host) in &mut self.all {
                let enough = came.contains(text) && !others_have_it;
                if !enough && host.is_due(kind, now) {
                    host.set_pending(kind, true);
                    self.waiting[kind.index()].push_back(text.clone());
                }
            }
        }
        self.fill();
    }

    /// Takes the addresses of wanted hosts from other records; returns the hosts that have some.
    fn take_along(&mut self, additionals: &[Record], now: Instant) -> BTreeSet<String> {
        let mut found: BTreeMap<(String, Kind), (Vec<IpAddr>, Option<Duration>)> = BTreeMap::new();
        for record in additionals {
            if let Some(ip) = address(&record.data) {
                let key = (name::host(&record.name), Kind::of(ip));
                let (addrs, ttl) = found.entry(key).or_default();
                addrs.push(ip);
                *ttl = lowest(*ttl, Some(seconds(record.ttl)));
            }
        }
        let mut came = BTreeSet::new();
        for ((text, kind), (addrs, ttl)) in found {
            if let Some(host) = self.all.get_mut(&text) {
                host.put(kind, addrs, ttl.unwrap_or_default().min(self.poller.max), now);
                came.insert(text);
            }
        }
        came
    }

    fn fill(&mut self) {
        let Some(servers) = &self.servers else { return };
        for kind in [Kind::V4, Kind::V6] {
            let index = kind.index();
            while self.in_flight[index] < CONCURRENT
                && let Some(text) = self.waiting[index].pop_front()
            {
                let Some(host) = self.all.get(&text) else { continue };
                let (servers, name) = (servers.clone(), host.name.clone());
                self.in_flight[index] += 1;
                self.asking.push(Box::pin(async move {
                    let result = resolve(&servers, &name, kind.record()).await;
                    (text, kind, result)
                }));
            }
        }
    }

    /// Waits for the end of one question, if there is any. May be dropped.
    async fn step(&mut self) {
        let Some((text, kind, result)) = self.asking.next().await else { return };
        let now = Instant::now();
        self.in_flight[kind.index()] -= 1;
        match &result {
            Ok(resolved) => self.heard_from(resolved.server.clone()),
            Err(error) => {
                tracing::warn!(%error, "host not resolved, keeping the addresses it had");
            }
        }
        if let Some(host) = self.all.get_mut(&text)
            && host.take(kind, result, now, &self.poller)
        {
            self.news = self.news.or(Some(now));
        }
        self.untold = true;
        self.fill();
    }

    /// Waits until all is known; with the first address, only for `wait` more; and only until
    /// `deadline`.
    pub(super) async fn gather(&mut self, wait: Duration, deadline: Instant) {
        let mut until = None;
        while !self.asking.is_empty() {
            if until.is_none() && self.is_known() {
                until = Some(deadline.min(Instant::now() + wait));
            }
            if timeout_at(until.unwrap_or(deadline), self.step()).await.is_err() {
                break;
            }
        }
        self.keep_news();
    }

    /// Waits until more is known than at the end of the last gathering. May be dropped.
    pub(super) async fn news(&mut self) {
        while !self.asking.is_empty() {
            match self.news {
                None => self.step().await,
                Some(first) => {
                    if timeout_at(first + TOGETHER, self.step()).await.is_err() {
                        return;
                    }
                }
            }
        }
        if !self.untold && self.news.is_none() {
            core::future::pending::<()>().await;
        }
    }

    /// Leaves what is new to the next lookup: the records failed, and asking for them again because
    /// of it would go round and round.
    pub(super) fn keep_news(&mut self) {
        (self.news, self.untold) = (None, false);
    }

    /// Tells that the last word of DNS has an address of any host.
    pub(super) fn is_known(&self) -> bool {
        self.all.values().any(Host::is_known)
    }

    /// Lets what failed be asked again, without a wait of its own.
    pub(super) fn retry(&mut self) {
        self.all.values_mut().for_each(Host::retry);
    }

    /// Notes for how long an answer holds, if it does.
    pub(super) fn hold(&mut self, ttl: Option<Duration>) {
        self.holds = ttl.map(|ttl| Instant::now() + ttl.min(self.poller.max));
    }

    /// Lets addresses be asked for again if the last answer still holds: so early somebody looks
    /// where endpoints fail. Those told longest ago, of as many hosts as are asked for at once.
    /// Returns whether it is so early.
    pub(super) fn doubt(&mut self) -> bool {
        if self.holds.is_none_or(|until| until <= Instant::now()) {
            return false;
        }
        let mut told: Vec<_> =
            self.all.values_mut().filter_map(|host| Some((host.told()?, host))).collect();
        told.sort_unstable_by_key(|(told, _)| *told);
        told.into_iter().take(CONCURRENT).for_each(|(_, host)| host.doubt());
        true
    }

    /// Tells that addresses came along with the records of this time, and hold no more.
    pub(super) fn came_along_until(&self, asked: Instant, now: Instant) -> bool {
        self.all.values().any(|host| host.came_along_until(asked, now))
    }

    /// Tells that the first addresses of a host are asked for, and no such question has failed yet.
    pub(super) fn is_incomplete(&self) -> bool {
        self.all.values().any(|host| host.is_new() && !host.has_addresses())
    }

    /// Returns the wanted hosts.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Host)> {
        self.all.iter().map(|(text, host)| (text.as_str(), host))
    }

    /// Returns the addresses of a host.
    pub(super) fn addresses(&self, host: &str) -> Vec<IpAddr> {
        self.all.get(host).map(|host| host.addresses(self.family)).unwrap_or_default()
    }

    /// Notes who answered.
    pub(super) fn heard_from(&mut self, server: Arc<str>) {
        self.server = Some(server);
    }

    /// Returns the name server that answered last.
    pub(super) fn server(&self) -> Option<Arc<str>> {
        self.server.clone()
    }

    /// Returns how long it all holds.
    pub(super) fn ttl(&self) -> Option<Duration> {
        let now = Instant::now();
        self.all.values().filter_map(|host| host.ttl(now)).min()
    }

    /// Returns how long there are no addresses at all.
    pub(super) fn negative_ttl(&self) -> Option<Duration> {
        let now = Instant::now();
        self.all.values().filter_map(|host| host.negative_ttl(now)).min()
    }

    /// Notes what is no endpoint, or may be an old one, and why.
    pub(super) fn note(&self, skipped: &mut crate::Skipped) {
        for (text, host) in self.iter() {
            if host.addresses(self.family).is_empty() {
                if host.unusable().next().is_none() {
                    skipped.note(host.why_none(text));
                }
            } else if let Some(error) = host.failure() {
                skipped.note(format!("of the target {text} not all is known: {error}"));
            }
            for ip in host.unusable() {
                skipped.note(format!("the address {ip} of the target {text} is of no one host"));
            }
        }
    }

    /// Says why no host has an address, if that is because questions failed or are not answered
    /// yet.
    pub(super) fn failure(&self, after: Duration) -> Option<LookupError> {
        if let Some(error) = self.all.values().find_map(Host::failure) {
            return Some(LookupError::clone(error));
        }
        let (text, _) = self.all.iter().find(|(_, host)| host.is_pending())?;
        Some(LookupError::Unanswered { question: format!("{text} A and AAAA"), after })
    }
}
