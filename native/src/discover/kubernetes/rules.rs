//! Which endpoints of the slices count, and as what.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use evenkeel_core::{Endpoint, Zone};

use super::api::{self, Slice};
use crate::discover::Answer;
use crate::target::Target;

#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    pub(super) port: Port,
    pub(super) zones: BTreeMap<String, Zone>,
    pub(super) hints_for: Option<String>,
}

/// Which of a service's ports is meant.
#[derive(Clone, Debug, Default)]
pub(super) enum Port {
    /// The only one.
    #[default]
    Only,
    Named(String),
    Numbered(u16),
}

/// How well an endpoint can serve, from worst to best.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Use {
    Terminating,
    Ready,
}

struct Found<'a> {
    usable: Use,
    endpoint: &'a api::Endpoint,
}

impl Rules {
    /// Folds all slices into one set.
    pub(super) fn answer<'a>(&self, slices: impl Iterator<Item = &'a Slice>) -> Answer {
        let (mut answer, mut found) = (Answer::default(), BTreeMap::new());
        for slice in slices {
            match self.port.of(slice) {
                Ok(port) => add(slice, port, &mut found, &mut answer),
                Err(why) => answer.skip(format!("slice '{}': {why}", slice.metadata.name)),
            }
        }
        let any_ready = found.values().any(|found| found.usable == Use::Ready);
        if let Some(zone) = &self.hints_for {
            keep_hinted(&mut found, zone, any_ready);
        }
        answer.endpoints.extend(found.into_iter().map(|(target, Found { usable, endpoint })| {
            let zone = endpoint.zone.as_ref().and_then(|name| self.zones.get(name));
            Endpoint::new(target)
                .with_zone(zone.copied().unwrap_or_default())
                .with_draining(any_ready && usable == Use::Terminating)
        }));
        answer
    }
}

/// Adds the endpoints of a slice that can serve.
fn add<'a>(
    slice: &'a Slice,
    port: u16,
    found: &mut BTreeMap<Target, Found<'a>>,
    answer: &mut Answer,
) {
    for endpoint in slice.endpoints.iter().flatten() {
        let Some(usable) = Use::of(endpoint) else { continue };
        // The addresses of one endpoint are as good as each other.
        let address = endpoint.addresses.first().map_or("", |address| address);
        let target = match Target::new(address, port) {
            Ok(target) => target,
            Err(error) => {
                answer.skip(format!("slice '{}': {error}", slice.metadata.name));
                continue;
            }
        };
        // It is in two slices while it moves from one to the other.
        match found.entry(target) {
            Entry::Vacant(entry) => drop(entry.insert(Found { usable, endpoint })),
            Entry::Occupied(mut entry) if usable > entry.get().usable => {
                entry.insert(Found { usable, endpoint });
            }
            Entry::Occupied(_) => {}
        }
    }
}

/// Keeps what is hinted for the zone, if every endpoint that serves has hints, and one for the
/// zone. Those that drain stay, as they get nothing new.
fn keep_hinted(found: &mut BTreeMap<Target, Found<'_>>, zone: &str, any_ready: bool) {
    let serves = |found: &Found<'_>| !any_ready || found.usable == Use::Ready;
    let hints = |found: &Found<'_>| {
        let zones = found.endpoint.hints.as_ref().and_then(|hints| hints.for_zones.as_ref());
        zones.map(|zones| zones.iter().any(|hinted| hinted.name == zone))
    };
    let serving = || found.values().filter(|found| serves(found));
    if serving().all(|found| hints(found).is_some())
        && serving().any(|found| hints(found) == Some(true))
    {
        found.retain(|_, found| !serves(found) || hints(found) == Some(true));
    }
}

impl Use {
    fn of(endpoint: &api::Endpoint) -> Option<Self> {
        let default = api::Conditions::default();
        let conditions = endpoint.conditions.as_ref().unwrap_or(&default);
        // What is not said is good.
        let ready = conditions.ready.unwrap_or(true);
        let serving = conditions.serving.unwrap_or(ready);
        let terminating = conditions.terminating.unwrap_or(false);
        if ready {
            Some(Self::Ready)
        } else {
            (serving && terminating).then_some(Self::Terminating)
        }
    }
}

impl Port {
    /// Finds the port in a slice.
    fn of(&self, slice: &Slice) -> Result<u16, String> {
        let ports: Vec<_> = slice.ports.iter().flatten().collect();
        let named = |port: &api::Port| format!("'{}'", port.name.as_deref().unwrap_or_default());
        let all = || ports.iter().map(|port| named(port)).collect::<Vec<_>>().join(", ");
        let port = match self {
            Self::Only if ports.len() == 1 => ports.first(),
            Self::Only => {
                return Err(format!("it has {} ports ({}): name one", ports.len(), all()));
            }
            Self::Named(name) => {
                ports.iter().find(|port| port.name.as_deref().unwrap_or_default() == name)
            }
            Self::Numbered(number) => ports.iter().find(|port| port.port == Some(*number)),
        };
        let port = port.and_then(|port| port.port);
        port.ok_or_else(|| match self {
            Self::Only => "its port has no number".to_owned(),
            Self::Named(name) => format!("it has no port '{name}', but {}", all()),
            Self::Numbered(number) => format!("it has no port {number}, but {}", all()),
        })
    }
}
