//! What was answered last, and counts until all is known again.

use core::net::IpAddr;
use std::collections::BTreeSet;
use std::sync::Arc;

use evenkeel_core::Endpoint;

use super::split::split;
use crate::aside::{DropAside, Size};
use crate::target::Target;

/// A host of the records, with the addresses that it has.
pub(super) type Host = (Endpoint<(String, u16)>, Vec<IpAddr>);

/// What was answered last.
#[derive(Debug, Default)]
pub(super) struct Known {
    endpoints: DropAside<Vec<Endpoint<Target>>>,
    /// What it was made of, if of hosts alone: of the same, the same is made again.
    made_of: Vec<Host>,
}

impl Known {
    pub(super) fn is_empty(&self) -> bool {
        self.endpoints.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.endpoints.size()
    }
}

/// Answers with these endpoints and hosts, in the order of addresses; with what was known before,
/// if it counts still. Returns what is known for the next answer, too.
pub(super) fn answered(
    mut endpoints: Vec<Endpoint<Target>>,
    hosts: Vec<Host>,
    before: Arc<Known>,
    counts: bool,
) -> (Vec<Endpoint<Target>>, Arc<Known>) {
    if !counts && !hosts.is_empty() && before.made_of == hosts {
        return (before.endpoints.clone(), before);
    }
    endpoints.extend(split(hosts.iter().map(targets).collect()));
    if counts {
        let here: BTreeSet<&Target> = endpoints.iter().map(|endpoint| &endpoint.addr).collect();
        let gone = before.endpoints.iter().filter(|endpoint| !here.contains(&endpoint.addr));
        let gone: Vec<_> = gone.cloned().collect();
        endpoints.extend(gone);
    }
    endpoints.sort_by(|one, other| one.addr.cmp(&other.addr));
    let made_of = if counts { Vec::new() } else { hosts };
    let known = Known { endpoints: DropAside(endpoints.clone()), made_of };
    (endpoints, Arc::new(known))
}

/// Returns the addresses of a host as targets, which share its name.
fn targets((endpoint, addresses): &Host) -> (Endpoint<(String, u16)>, Vec<Target>) {
    let (host, port) = &endpoint.addr;
    let first = addresses.first().map(|&first| Target::at(host, (first, *port).into()));
    let targets =
        first.map(|first| addresses.iter().map(|&ip| first.clone().with_ip(ip)).collect());
    (endpoint.clone(), targets.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str, addresses: &[u8]) -> Host {
        let addresses = addresses.iter().map(|last| [10, 0, 0, *last].into());
        (Endpoint::new((name.to_owned(), 80)), addresses.collect())
    }

    fn shown(endpoints: &[Endpoint<Target>]) -> String {
        let shown = endpoints.iter().map(|one| format!("{}@{}", one.addr.host(), one.addr));
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_made_of_the_same_is_not_made_again() {
        let hosts = || vec![host("b", &[1, 3]), host("a", &[2])];
        let all = "b@10.0.0.1:80 a@10.0.0.2:80 b@10.0.0.3:80";
        let (endpoints, first) = answered(Vec::new(), hosts(), Arc::default(), false);
        assert_eq!(shown(&endpoints), all);
        let (endpoints, again) = answered(Vec::new(), hosts(), Arc::clone(&first), false);
        assert_eq!(shown(&endpoints), all);
        assert!(Arc::ptr_eq(&first, &again));
        let moved = vec![host("b", &[1, 3]), host("a", &[4])];
        let (endpoints, other) = answered(Vec::new(), moved, first, false);
        assert_eq!(shown(&endpoints), "b@10.0.0.1:80 b@10.0.0.3:80 a@10.0.0.4:80");
        let mut heavier = hosts();
        heavier[1].0.weight = 7;
        let (endpoints, _) = answered(Vec::new(), heavier, other, false);
        assert_eq!(endpoints.iter().map(|one| one.weight).collect::<Vec<_>>(), [1, 14, 1]);
    }

    #[test]
    fn what_counts_still_is_answered_until_all_is_known() {
        let (_, all) =
            answered(Vec::new(), vec![host("a", &[1]), host("b", &[2])], Arc::default(), false);
        let some = || vec![host("a", &[1]), host("b", &[])];
        let (endpoints, kept) = answered(Vec::new(), some(), all, true);
        assert_eq!(shown(&endpoints), "a@10.0.0.1:80 b@10.0.0.2:80");
        let (endpoints, _) = answered(Vec::new(), some(), kept, false);
        assert_eq!(shown(&endpoints), "a@10.0.0.1:80");
    }

    #[test]
    fn hosts_without_addresses_of_their_own_are_answered_as_they_are() {
        let named = || vec![Endpoint::new(Target::new("a", 80).unwrap())];
        let (_, known) = answered(named(), Vec::new(), Arc::default(), false);
        assert_eq!(known.len(), 1);
        let (endpoints, _) = answered(Vec::new(), Vec::new(), known, false);
        assert!(endpoints.is_empty(), "there are none any more");
    }
}
