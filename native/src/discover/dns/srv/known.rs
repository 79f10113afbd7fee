//! What was answered last, and counts until all is known again.

use core::net::IpAddr;
use std::collections::BTreeSet;
use std::sync::Arc;

use evenkeel_core::Endpoint;

use crate::aside::DropAside;
use crate::target::Target;

pub(super) type Known = Arc<DropAside<Vec<Endpoint<Target>>>>;

/// Returns the addresses of a host as targets, which share its name.
pub(super) fn targets(
    (endpoint, addresses): (Endpoint<(String, u16)>, Vec<IpAddr>),
) -> (Endpoint<(String, u16)>, Vec<Target>) {
    let (host, port) = &endpoint.addr;
    let first = addresses.first().map(|&first| Target::at(host, (first, *port).into()));
    let targets =
        first.map(|first| addresses.iter().map(|&ip| first.clone().with_ip(ip)).collect());
    (endpoint, targets.unwrap_or_default())
}

/// Adds those of the last answer that are missing, if it counts still; returns them for the next
/// one, too.
pub(super) fn all_known(
    mut endpoints: Vec<Endpoint<Target>>,
    before: Option<Known>,
) -> (Vec<Endpoint<Target>>, Known) {
    if let Some(before) = before {
        let here: BTreeSet<&Target> = endpoints.iter().map(|endpoint| &endpoint.addr).collect();
        let gone = before.iter().filter(|endpoint| !here.contains(&endpoint.addr));
        let gone: Vec<_> = gone.cloned().collect();
        endpoints.extend(gone);
    }
    let known = Arc::new(DropAside(endpoints.clone()));
    (endpoints, known)
}
