//! From SRV records to hosts and ports.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel_core::Endpoint;
use evenkeel_core::srv::{self, SrvRecord};
use hickory_proto::rr::{Name, RData};
use tokio::time::Instant;

use super::super::life::Life;
use super::super::name;
use super::super::resolve::Resolved;
use super::choice::Choice;
use crate::discover::Skipped;

/// What of the records to take, and how.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Options {
    pub(super) same_domain: bool,
    pub(super) max_hosts: Option<usize>,
    pub(super) port: Option<u16>,
    pub(super) or_host: Option<u16>,
}

/// What the records said.
#[derive(Debug)]
pub(super) struct Found {
    /// By host and port.
    pub(super) endpoints: Vec<Endpoint<(String, u16)>>,
    /// The hosts to look up.
    pub(super) targets: BTreeMap<String, Name>,
    pub(super) skipped: Skipped,
    pub(super) why_none: Option<Arc<str>>,
    pub(super) absent: bool,
    /// It is the host itself, for want of records.
    pub(super) is_host: bool,
    pub(super) server: Arc<str>,
    pub(super) asked: Instant,
    life: Option<Life>,
}

impl Found {
    /// Reads the records of the service `name`, of which others were read before.
    pub(super) fn new(
        resolved: Resolved,
        name: &Name,
        options: &Options,
        choice: &mut Choice,
        before: Option<&Self>,
    ) -> Self {
        let asked = Instant::now();
        let mut skipped = Skipped::default();
        let mut targets = BTreeMap::new();
        let mut records: Vec<SrvRecord<String>> = Vec::new();
        let host = service_host(name);
        let is_host = resolved.records.is_empty() && options.or_host.is_some();
        if let (true, Some(port)) = (is_host, options.or_host) {
            let target = name::host(&host);
            targets.insert(target.clone(), host.clone());
            records.push(SrvRecord { priority: 0, weight: 1, port, target });
        }
        let why_none = (resolved.records.is_empty() && !is_host).then(|| {
            let what = if resolved.exists { "has no SRV records" } else { "does not exist" };
            format!("{} {what}", name::host(name)).into()
        });
        for data in &resolved.records {
            let RData::SRV(srv) = data else { continue };
            let target = name::host(&srv.target);
            if options.same_domain && !srv.target.is_root() && !is_below(&srv.target, &host) {
                let domain = name::host(&domain_of(&host));
                skipped.note(format!("the target {target} is not below {domain}"));
                continue;
            }
            let port = options.port.unwrap_or(srv.port);
            if port != 0 && !srv.target.is_root() {
                targets.insert(target.clone(), srv.target.clone());
            }
            records.push(SrvRecord { priority: srv.priority, weight: srv.weight, port, target });
        }
        if let Some(most) = options.max_hosts {
            choice.keep(&mut records, most);
            targets.retain(|target, _| records.iter().any(|record| record.target == *target));
        }
        let mut endpoints = Vec::new();
        let of_no_use = srv::endpoints(
            &mut records,
            |host, port| (host.to_string(), port),
            |endpoint| endpoints.push(endpoint),
        );
        for _ in 0..of_no_use.port_zero {
            skipped.note("a record has port 0");
        }
        for _ in 0..of_no_use.root {
            skipped.note("a record has the target \".\"");
        }
        Self {
            endpoints,
            targets,
            skipped,
            why_none,
            absent: of_no_use.root > 0 && of_no_use.root == resolved.records.len(),
            is_host,
            server: resolved.server,
            asked,
            life: resolved
                .ttl
                .map(|ttl| Life::after(before.and_then(|before| before.life), asked, ttl)),
        }
    }

    /// Tells that the records hold.
    pub(super) fn holds(&self, now: Instant) -> bool {
        self.life.is_some_and(|life| !life.is_over(now))
    }

    /// Returns how long the records hold.
    pub(super) fn ttl(&self, now: Instant) -> Option<Duration> {
        self.life.map(|life| life.left(now))
    }
}

/// Returns the host of a service: its name without `_service._proto`.
pub(super) fn service_host(name: &Name) -> Name {
    let labels = || name.iter().skip_while(|label| label.starts_with(b"_"));
    let host = Name::from_labels(labels()).unwrap_or_else(|_| name.clone());
    if host.is_root() { name.clone() } else { host }
}

/// Returns the domain of a host as the specification of `mongodb+srv` has it: the parent of a name
/// of at least three labels, else the name itself.
fn domain_of(host: &Name) -> Name {
    if host.num_labels() >= 3 { host.base_name() } else { host.clone() }
}

fn is_below(target: &Name, host: &Name) -> bool {
    let domain = domain_of(host);
    domain.zone_of(target) && *target != domain
}
