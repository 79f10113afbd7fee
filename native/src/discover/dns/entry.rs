//! What is known of the addresses of one host.

use core::net::IpAddr;
use core::time::Duration;
use std::sync::Arc;

use evenkeel_core::discovery::poller::PollerConfig;
use hickory_proto::rr::Name;
use tokio::time::Instant;

use super::error::LookupError;
use super::family::{Family, Kind, address, is_unusable};
use super::life::Life;
use super::name;
use super::resolve::Resolved;

/// A question that failed is asked again after this, doubled with each failure.
const RETRY: Duration = Duration::from_secs(1);

/// A question that failed is asked again after so long at the latest (RFC 9520 §3.2).
const LONGEST_RETRY: Duration = Duration::from_secs(300);

/// An answer that says nothing of its life holds for so long.
const UNSAID: Duration = Duration::from_secs(30);

/// One host.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) name: Name,
    /// The name is an address, or known without asking: nothing is asked.
    fixed: bool,
    entries: [Entry; 2],
}

/// The addresses of one kind.
#[derive(Debug, Default)]
struct Entry {
    /// Those known last, also while a question fails.
    addrs: Vec<IpAddr>,
    unusable: Vec<IpAddr>,
    last: Last,
    /// It is not asked again before this.
    due: Option<Life>,
    failures: u32,
    /// The addresses came along with other records.
    along: bool,
    /// A question waits or is under way.
    pending: bool,
}

/// The last word of DNS.
#[derive(Debug, Default)]
enum Last {
    /// There was none yet.
    #[default]
    Nothing,
    /// There are addresses.
    Addresses,
    /// The host exists, and has no address of this kind.
    NoAddress,
    /// The host does not exist.
    NoName,
    /// No answer.
    Failed(Arc<LookupError>),
}

impl Host {
    pub(super) fn new(name: Name) -> Self {
        let mut entries = [Entry::default(), Entry::default()];
        let known = name::unasked(&name::host(&name));
        for &ip in &known {
            entries[Kind::of(ip).index()].put(vec![ip]);
        }
        Self { name, fixed: !known.is_empty(), entries }
    }

    fn entry(&mut self, kind: Kind) -> &mut Entry {
        &mut self.entries[kind.index()]
    }

    /// Returns the addresses to use.
    pub(super) fn addresses(&self, family: Family) -> Vec<IpAddr> {
        let mut found = Vec::new();
        for kind in family.kinds() {
            if found.is_empty() || !family.takes_first_only() {
                found.extend(&self.entries[kind.index()].addrs);
            }
        }
        found.sort_unstable();
        found
    }

    pub(super) fn has(&self, kind: Kind) -> bool {
        !self.entries[kind.index()].addrs.is_empty()
    }

    /// Tells that a question is to be asked now.
    pub(super) fn is_due(&self, kind: Kind, now: Instant) -> bool {
        let is_over = |entry: &Entry| entry.due.is_none_or(|due| due.is_over(now));
        let [entry, other] = match kind {
            Kind::V4 => [&self.entries[0], &self.entries[1]],
            Kind::V6 => [&self.entries[1], &self.entries[0]],
        };
        if self.fixed || entry.pending || !is_over(entry) {
            return false;
        }
        match entry.last {
            // While the other kind holds, this one is not needed.
            Last::NoAddress | Last::NoName => other.addrs.is_empty() || is_over(other),
            Last::Nothing | Last::Addresses | Last::Failed(_) => true,
        }
    }

    /// Notes that a question waits, or that it does no more.
    pub(super) fn set_pending(&mut self, kind: Kind, pending: bool) {
        self.entry(kind).pending = pending;
    }

    pub(super) fn is_pending(&self) -> bool {
        self.entries.iter().any(|entry| entry.pending)
    }

    /// Tells that it is asked for the first time.
    pub(super) fn is_new(&self) -> bool {
        self.entries.iter().any(|entry| entry.pending && matches!(entry.last, Last::Nothing))
    }

    pub(super) fn has_addresses(&self) -> bool {
        self.entries.iter().any(|entry| !entry.addrs.is_empty())
    }

    /// Tells that the last word of DNS has an address of it.
    pub(super) fn is_known(&self) -> bool {
        self.entries.iter().any(|entry| matches!(entry.last, Last::Addresses))
    }

    /// Lets what failed be asked again now, where nothing else is known.
    pub(super) fn retry(&mut self) {
        if !self.is_known() {
            for entry in &mut self.entries {
                if matches!(entry.last, Last::Failed(_)) {
                    entry.due = None;
                }
            }
        }
    }

    /// Returns when the older of its addresses was told, or asked for in vain, where there are some
    /// that DNS told, or a question failed.
    pub(super) fn told(&self) -> Option<Instant> {
        let entries = self.entries.iter().filter(|entry| entry.is_doubtful());
        entries.filter_map(|entry| entry.due).map(Life::since).min()
    }

    /// Lets its addresses, and what failed, be asked for again now.
    pub(super) fn doubt(&mut self) {
        for entry in self.entries.iter_mut().filter(|entry| entry.is_doubtful()) {
            entry.due = None;
        }
    }

    /// Lets all be asked for now.
    pub(super) fn renew(&mut self) {
        for entry in &mut self.entries {
            (entry.due, entry.pending) = (None, false);
        }
    }

    /// Takes addresses that came along with another answer.
    pub(super) fn put(&mut self, kind: Kind, addrs: Vec<IpAddr>, ttl: Duration, now: Instant) {
        if !self.fixed {
            let entry = self.entry(kind);
            entry.put(addrs);
            entry.along = true;
            entry.due = Some(Life::after(entry.due, now, ttl));
        }
    }

    /// Tells that addresses came along with the records of this time, and hold no more.
    pub(super) fn came_along_until(&self, asked: Instant, now: Instant) -> bool {
        let ended = |due: Life| due.since() >= asked && due.is_over(now);
        self.entries.iter().any(|entry| entry.along && entry.due.is_some_and(ended))
    }

    /// Takes the end of a question, for a source that looks again by these settings. Returns whether
    /// the addresses are others now.
    pub(super) fn take(
        &mut self,
        kind: Kind,
        result: Result<Resolved, LookupError>,
        now: Instant,
        poller: &PollerConfig,
    ) -> bool {
        let entry = self.entry(kind);
        (entry.pending, entry.along) = (false, false);
        let before = core::mem::take(&mut entry.addrs);
        match result {
            Ok(resolved) => {
                let addrs = resolved.records.iter().filter_map(address);
                entry.put(addrs.collect());
                if !resolved.exists {
                    entry.last = Last::NoName;
                }
                let ttl = resolved.ttl.unwrap_or(UNSAID).min(poller.max);
                entry.due = Some(Life::after(entry.due, now, ttl));
            }
            Err(error) => {
                let wait = RETRY * 2_u32.saturating_pow(entry.failures.min(16));
                entry.failures = entry.failures.saturating_add(1);
                let longest = poller.backoff_max.min(LONGEST_RETRY).max(RETRY);
                entry.due = Some(Life::new(now, wait.min(longest)));
                entry.last = Last::Failed(Arc::new(error));
                entry.addrs.clone_from(&before);
            }
        }
        if !self.has_addresses() {
            // Every lookup asks.
            self.retry();
        }
        self.entries[kind.index()].addrs != before
    }

    /// Returns how long what is known holds, in whole seconds, if it says so.
    pub(super) fn ttl(&self, now: Instant) -> Option<Duration> {
        if self.fixed {
            return None;
        }
        let entries = || self.entries.iter().filter(|entry| !entry.pending);
        let failed = |entry: &Entry| matches!(entry.last, Last::Failed(_));
        let known = entries().filter(|entry| !entry.addrs.is_empty() && !failed(entry));
        let left = known.filter_map(|entry| entry.due).map(|due| due.left(now)).min();
        left.or_else(|| entries().any(failed).then_some(RETRY))
    }

    /// Returns how long it has no address, in whole seconds, if that was said.
    pub(super) fn negative_ttl(&self, now: Instant) -> Option<Duration> {
        self.entries.iter().filter_map(|entry| entry.due).map(|due| due.left(now)).min()
    }

    /// Returns why it has no address, or why the addresses it has may be old ones.
    pub(super) fn failure(&self) -> Option<&Arc<LookupError>> {
        self.entries.iter().find_map(|entry| match &entry.last {
            Last::Failed(error) => Some(error),
            Last::Nothing | Last::Addresses | Last::NoAddress | Last::NoName => None,
        })
    }

    /// Returns the addresses that nobody can connect to.
    pub(super) fn unusable(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.entries.iter().flat_map(|entry| entry.unusable.iter().copied())
    }

    /// Says why it has no address.
    pub(super) fn why_none(&self, host: &str) -> String {
        if self.is_pending() {
            return format!("the target {host} is still being looked up");
        }
        if let Some(error) = self.failure() {
            return format!("the target {host}: {error}");
        }
        if self.entries.iter().any(|entry| matches!(entry.last, Last::NoName)) {
            return format!("the target {host} does not exist");
        }
        format!("the target {host} has no address")
    }
}

impl Entry {
    /// Tells that DNS may say something else when it is asked again.
    fn is_doubtful(&self) -> bool {
        !self.addrs.is_empty() || matches!(self.last, Last::Failed(_))
    }

    fn put(&mut self, addrs: Vec<IpAddr>) {
        (self.unusable, self.addrs) = addrs.into_iter().partition(|&ip| is_unusable(ip));
        self.addrs.sort_unstable();
        self.addrs.dedup();
        self.last = if self.addrs.is_empty() { Last::NoAddress } else { Last::Addresses };
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use core::net::Ipv6Addr;

    use super::*;

    fn no_answer() -> Result<Resolved, LookupError> {
        Err(LookupError::NoAnswer { question: "h.test A".into(), tried: Vec::new() })
    }

    /// Returns a host with an address of one kind, whose other kind has failed so often.
    fn half_known(failures: u32, now: Instant) -> Host {
        let mut host = Host::new(Name::from_ascii("h.test.").unwrap());
        let life = Duration::from_secs(3_600);
        host.put(Kind::V6, vec![Ipv6Addr::LOCALHOST.into()], life, now);
        for _ in 0..failures {
            host.take(Kind::V4, no_answer(), now, &PollerConfig::default());
        }
        host
    }

    #[test]
    fn a_question_that_failed_is_asked_again_within_the_back_off_of_the_source() {
        let now = Instant::now();
        for (failures, wait) in [(1, 1), (2, 2), (6, 32), (7, 60), (30, 60)] {
            let host = half_known(failures, now);
            let due = |seconds| host.is_due(Kind::V4, now + Duration::from_secs(seconds));
            assert!(!due(wait - 1) && due(wait), "after {failures} failures");
        }
    }

    #[test]
    fn a_question_that_failed_is_asked_again_where_endpoints_fail() {
        let now = Instant::now();
        let mut host = half_known(30, now);
        assert_eq!(host.told(), Some(now));
        host.doubt();
        assert!(host.is_due(Kind::V4, now));
    }
}
