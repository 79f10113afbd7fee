//! The own zone first.

use super::Tally;
use crate::cluster::GROUPS;
use crate::config::{ConfigError, at_least, at_most};
use crate::endpoint::Zone;
use crate::store::List;

/// Prefers the endpoints of the client's own zone, as far as that keeps the load on all endpoints even (Envoy's zone-aware
/// routing, by the number of endpoints).
///
/// Of the levels that get requests, only the first is divided, and only when it does not panic, has endpoints in the own
/// zone and in another, and `min_endpoints` in all. If the own zone has as large a share of the endpoints as of the
/// clients, or a larger one, it gets all requests of its clients. Otherwise it gets endpoints / clients of them, and the
/// rest goes to the other zones in proportion to their residual capacity: what their share of the endpoints has over their
/// share of the clients.
///
/// Zones take the groups that levels leave, four in all: the zones with the least residual capacity share the last one.
/// Where four levels get requests, none is left, and the first is divided only if that means the own zone alone. Endpoints
/// in no known zone count as a zone of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneAware {
    /// The client's own zone. [`Zone::NONE`]: not known, nothing is preferred.
    pub own: Zone,
    /// The share of all clients that is in the own zone, in 1/10,000, from 1 to 10,000; the others are taken to be spread
    /// evenly over the other zones that have endpoints. Default: all are spread evenly.
    pub clients_in_zone: Option<u16>,
    /// With fewer endpoints in the level, zones do not matter. Default: 6 (Envoy's).
    pub min_endpoints: u32,
}

impl ZoneAware {
    /// Prefers the zone `own`, with the default settings.
    pub const fn new(own: Zone) -> Self {
        Self { own, clients_in_zone: None, min_endpoints: 6 }
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let clients = self.clients_in_zone.unwrap_or(1).into();
        at_least("zone.clients_in_zone", clients, 1)?;
        at_most("zone.clients_in_zone", clients, WHOLE)
    }
}

/// The endpoints of one zone that a level uses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) zone: Zone,
    endpoints: u32,
    residual: u64,
    /// The group that they are in, counted from the level's first, if they get requests.
    pub(super) group: Option<u8>,
}

impl Part {
    /// A part of one endpoint.
    pub(super) fn of(zone: Zone) -> Self {
        Self { zone, endpoints: 1, residual: 0, group: None }
    }
}

impl Tally for Part {
    fn key(&self) -> u32 {
        self.zone.number()
    }

    fn add(&mut self, other: Self) {
        self.endpoints += other.endpoints;
    }
}

/// Divides a level's share among its zones; gives the shares of at most `room` groups, the own zone's first if it has one,
/// or nothing where zones do not matter. `parts` are in the order of zones, before and after.
pub(super) fn divide<L: List<Part>>(
    parts: &mut L,
    settings: &ZoneAware,
    share: u8,
    room: usize,
) -> Option<heapless::Vec<u8, GROUPS>> {
    let total: u64 = parts.iter().map(|part| u64::from(part.endpoints)).sum();
    if settings.own == Zone::NONE || parts.len() < 2 || total < settings.min_endpoints.into() {
        return None;
    }
    let own = parts.binary_search_by_key(&settings.own, |part| part.zone).ok()?;
    let zones = parts.len() as u64;
    let own_clients = settings.clients_in_zone.map_or(WHOLE / zones, u64::from);
    let other_clients = WHOLE.saturating_sub(own_clients) / (zones - 1);
    let portion = |part: &Part| u64::from(part.endpoints) * WHOLE / total;

    let mut shares = heapless::Vec::new();
    let local = match portion(&parts[own]) {
        enough if enough >= own_clients => WHOLE,
        less => less * WHOLE / own_clients,
    };
    let local = ((u64::from(share) * local + WHOLE / 2) / WHOLE) as u8;
    if local < share && room < 2 {
        return None;
    }
    if local > 0 {
        let _ = shares.push(local);
        parts[own].group = Some(0);
    }
    if local < share {
        for part in parts.iter_mut() {
            part.residual = portion(part).saturating_sub(other_clients);
        }
        parts[own].residual = 0;
        spill(parts, settings.own, share - local, room, &mut shares);
    }
    Some(shares)
}

/// Gives `rest` to the zones other than `own`, by their residual capacity.
fn spill<L: List<Part>>(parts: &mut L, own: Zone, rest: u8, room: usize, shares: &mut heapless::Vec<u8, GROUPS>) {
    if parts.iter().all(|part| part.residual == 0) {
        // Rounding left none: by the number of endpoints.
        for part in parts.iter_mut().filter(|part| part.zone != own) {
            part.residual = part.endpoints.into();
        }
    }
    parts.sort_with(|a, b| b.residual.cmp(&a.residual).then(a.zone.cmp(&b.zone)));
    let sum: u64 = parts.iter().map(|part| part.residual).sum();
    let (first, mut reached, mut given) = (shares.len(), 0, 0);
    for part in parts.iter_mut().take_while(|part| part.residual > 0) {
        reached += part.residual;
        let due = (u64::from(rest) * reached / sum) as u8;
        if due > given && shares.len() < room {
            let _ = shares.push(due - given);
        } else if let Some(last) = shares[first..].last_mut() {
            *last += due - given;
        } else {
            // Less than one percent so far: together with the next zone.
            part.group = Some(first as u8);
            continue;
        }
        given = due;
        part.group = Some((shares.len() - 1) as u8);
    }
    parts.sort_with(|a, b| a.zone.cmp(&b.zone));
}

/// Shares of endpoints and clients are counted in parts of this.
const WHOLE: u64 = 10_000;
