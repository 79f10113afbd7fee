//! Which endpoints of the slices count, and as what.

use std::collections::BTreeMap;

use evenkeel_core::{Endpoint, Zone};

use super::api::{self, Slice};
use crate::discover::{Answer, Skipped};
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Use {
    Terminating,
    Ready,
}

/// What of a slice counts, read once: most slices stay as they are when one changes.
#[derive(Debug, Default)]
pub(super) struct Part {
    found: Vec<Found>,
    skipped: Skipped,
}

#[derive(Debug)]
struct Found {
    target: Target,
    usable: Use,
    zone: Zone,
    /// It is hinted for the zone in question, or for others; `None` without hints.
    hinted: Option<bool>,
}

impl Part {
    /// Returns how many endpoints it has.
    pub(super) fn len(&self) -> usize {
        self.found.len()
    }
}

impl Rules {
    /// Reads the endpoints of a slice that can serve.
    pub(super) fn part(&self, slice: &Slice) -> Part {
        let name = &slice.metadata.name;
        let mut part = Part::default();
        let port = match self.port.of(slice) {
            Ok(port) => port,
            Err(why) => {
                part.skipped.note(format!("slice '{name}': {why}"));
                return part;
            }
        };
        for endpoint in slice.endpoints.iter().flatten() {
            let Some(usable) = Use::of(endpoint) else { continue };
            // The addresses of one endpoint are as good as each other.
            let address = endpoint.addresses.first().map_or("", |address| address);
            match Target::new(address, port) {
                Ok(target) => part.found.push(self.found(target, usable, endpoint)),
                Err(error) => part.skipped.note(format!("slice '{name}': {error}")),
            }
        }
        // In order, they are put together faster.
        part.found.sort_by(|one, other| one.target.cmp(&other.target));
        part
    }

    fn found(&self, target: Target, usable: Use, endpoint: &api::Endpoint) -> Found {
        let zone = endpoint.zone.as_ref().and_then(|name| self.zones.get(name));
        let zones = endpoint.hints.as_ref().and_then(|hints| hints.for_zones.as_ref());
        let hinted = self
            .hints_for
            .as_ref()
            .and_then(|own| zones.map(|zones| zones.iter().any(|hinted| hinted.name == *own)));
        Found { target, usable, zone: zone.copied().unwrap_or_default(), hinted }
    }

    /// Folds the parts of all slices into one set.
    pub(super) fn answer<'a>(&self, parts: impl Iterator<Item = &'a Part>) -> Answer {
        let (mut answer, mut found) = (Answer::default(), Vec::new());
        for part in parts {
            answer.skipped.add(part.skipped.clone());
            found.extend(&part.found);
        }
        found.sort_by(|one: &&Found, other| one.target.cmp(&other.target));
        // It is in two slices while it moves from one to the other.
        found.dedup_by(|next, kept| {
            let same = next.target == kept.target;
            if same && next.usable > kept.usable {
                *kept = *next;
            }
            same
        });
        let any_ready = found.iter().any(|found| found.usable == Use::Ready);
        if self.hints_for.is_some() {
            keep_hinted(&mut found, any_ready);
        }
        answer.endpoints.extend(found.into_iter().map(|found| {
            Endpoint::new(found.target.clone())
                .with_zone(found.zone)
                .with_draining(any_ready && found.usable == Use::Terminating)
        }));
        answer
    }
}

/// Keeps what is hinted for the zone, if every endpoint that serves has hints, and one for the
/// zone. Those that drain stay, as they get nothing new.
fn keep_hinted(found: &mut Vec<&Found>, any_ready: bool) {
    let serves = |found: &Found| !any_ready || found.usable == Use::Ready;
    let serving = || found.iter().filter(|found| serves(found));
    if serving().all(|found| found.hinted.is_some())
        && serving().any(|found| found.hinted == Some(true))
    {
        found.retain(|found| !serves(found) || found.hinted == Some(true));
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
