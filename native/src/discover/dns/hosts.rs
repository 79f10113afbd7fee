//! The addresses behind SRV targets.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

use super::error::LookupError;
use super::name;
use super::resolve::{lowest, resolve, seconds};
use super::server_pool::ServerPool;

const FAMILIES: [RecordType; 2] = [RecordType::A, RecordType::AAAA];

/// Questions in flight at once: enough to hide the way to the server, few enough for a small
/// resolver.
const CONCURRENT: usize = 16;

/// Host names and their addresses, none for a host that has none.
pub(super) type Hosts = BTreeMap<String, Vec<IpAddr>>;

/// Finds the addresses of targets, and remembers the last ones so that a failed question takes none
/// away.
#[derive(Default)]
pub(super) struct Targets {
    known: Hosts,
}

impl Targets {
    /// Finds the addresses of `targets` (keyed by host), from the additional records or else by
    /// asking, and how long they hold.
    ///
    /// A target whose question fails keeps the addresses it had; the answer is then good for no
    /// time at all. If every question fails and nothing came with the answer, so does this.
    pub(super) async fn find(
        &mut self,
        servers: &ServerPool,
        targets: &BTreeMap<String, Name>,
        additionals: &[Record],
    ) -> Result<(Hosts, Option<Duration>), LookupError> {
        let (mut hosts, mut ttl) = glue(targets, additionals);
        let questions = missing(&hosts, targets);
        let mut answers =
            stream::iter(questions)
                .map(|(host, name, kind)| async move {
                    (host, kind, resolve(servers, &name, kind).await)
                })
                .buffer_unordered(CONCURRENT);
        let mut answered = hosts.values().any(|addrs| !addrs.is_empty());
        let mut failure = None;
        while let Some((host, kind, answer)) = answers.next().await {
            let known = self.known.get(&host).into_iter().flatten();
            let addrs = hosts.entry(host).or_default();
            match answer {
                Ok(resolved) => {
                    answered = true;
                    if !resolved.records.is_empty() {
                        ttl = lowest(ttl, resolved.ttl);
                    }
                    addrs.extend(resolved.records.iter().filter_map(address));
                }
                Err(error) => {
                    tracing::warn!(%error, "SRV target not resolved, keeping the addresses it had");
                    addrs.extend(known.filter(|addr| family(addr) == kind));
                    failure = Some(error);
                }
            }
        }
        match failure {
            Some(error) if !answered => return Err(error),
            Some(_) => ttl = Some(Duration::ZERO),
            None => {}
        }
        for addrs in hosts.values_mut() {
            addrs.sort_unstable();
            addrs.dedup();
        }
        self.known.clone_from(&hosts);
        Ok((hosts, ttl))
    }
}

/// Takes the addresses that came with the answer; only those of its targets are believed.
fn glue(targets: &BTreeMap<String, Name>, additionals: &[Record]) -> (Hosts, Option<Duration>) {
    let mut hosts: Hosts = targets.keys().map(|host| (host.clone(), Vec::new())).collect();
    let mut ttl = None;
    for record in additionals {
        if let (Some(addr), Some(addrs)) =
            (address(&record.data), hosts.get_mut(&name::host(&record.name)))
        {
            addrs.push(addr);
            ttl = lowest(ttl, Some(seconds(record.ttl)));
        }
    }
    (hosts, ttl)
}

/// Lists what to ask: both families for a target without glue; for one that has glue only the
/// family that others have and it lacks, because servers drop glue that does not fit and an
/// endpoint must not come and go with that.
fn missing(hosts: &Hosts, targets: &BTreeMap<String, Name>) -> Vec<(String, Name, RecordType)> {
    let seen: BTreeSet<RecordType> = hosts.values().flatten().map(family).collect();
    let mut questions = Vec::new();
    for (host, name) in targets {
        let addrs = &hosts[host];
        for kind in FAMILIES {
            if addrs.is_empty()
                || (seen.contains(&kind) && !addrs.iter().any(|addr| family(addr) == kind))
            {
                questions.push((host.clone(), name.clone(), kind));
            }
        }
    }
    questions
}

fn address(data: &RData) -> Option<IpAddr> {
    match data {
        RData::A(a) => Some(a.0.into()),
        RData::AAAA(aaaa) => Some(aaaa.0.into()),
        _ => None,
    }
}

fn family(addr: &IpAddr) -> RecordType {
    if addr.is_ipv4() { RecordType::A } else { RecordType::AAAA }
}
