//! The own zone first.
//!
//! Of the levels that get requests, only the first is divided, and only when it does not panic, has
//! endpoints in two zones, and enough in all. If the own zone has as large a share of the endpoints
//! as of the clients, or a larger one, it gets all requests of its clients. Otherwise it gets
//! endpoints / clients of them, be that none, and the rest goes to the other zones in proportion to
//! their residual capacity: what their share of the endpoints has over their share of the clients.
//!
//! With 2 of 10 endpoints and half of the clients in the own zone, 3 endpoints in a second one and
//! 5 in a third, clients being spread evenly over those two: the own zone gets 20/50 = 40 %. The
//! others have 30 − 25 = 5 and 50 − 25 = 25 to spare, and so get 10 % and 50 %.
//!
//! Zones take the groups that levels leave, four in all: the zones with the least residual capacity
//! share the last one. Where four levels get requests, none is left, and the first is divided only
//! if that means the own zone alone. Endpoints in no known zone count as a zone of their own.

use crate::endpoint::Zone;
use crate::kit::GROUPS;
use crate::settings::Settings;
use crate::store::List;

/// The endpoints of one zone that a level uses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Locality {
    pub(super) zone: Zone,
    endpoints: u32,
    residual: u64,
    /// The group that they are in, counted from the level's first, if they get requests.
    pub(super) group: Option<u8>,
}

impl Locality {
    /// A zone of one endpoint.
    pub(super) fn of(zone: Zone) -> Self {
        Self { zone, endpoints: 1, residual: 0, group: None }
    }

    /// Counts one more endpoint.
    pub(super) fn add(&mut self) {
        self.endpoints += 1;
    }
}

/// Divides a level's share among its zones. Returns the shares of at most `room` groups, the own
/// zone's first if it has one, or nothing where zones do not matter. `zones` are in their order,
/// before and after.
pub(super) fn divide<L: List<Locality>>(
    zones: &mut L,
    s: &impl Settings,
    share: u8,
    room: usize,
) -> Option<heapless::Vec<u8, GROUPS>> {
    let total: u64 = zones.iter().map(|zone| u64::from(zone.endpoints)).sum();
    let enough = total >= s.zone_minimum_endpoints().into();
    if s.zone() == Zone::NONE || zones.len() < 2 || !enough {
        return None;
    }
    let own = zones.iter().find(|zone| zone.zone == s.zone());
    let portion = |zone: &Locality| portion(zone, total);
    // The own zone has clients, if it has no endpoints.
    let count = zones.len() as u64 + u64::from(own.is_none());
    let own_clients = match s.zone_clients_per_mille() {
        0 => WHOLE.checked_div(count).unwrap_or(0),
        per_mille => u64::from(per_mille) * (WHOLE / 1_000),
    };
    let others = WHOLE.saturating_sub(own_clients);
    let other_clients = others.checked_div(count - 1).unwrap_or(0);

    let mut shares = heapless::Vec::new();
    let local =
        (own.map_or(0, portion) * WHOLE).checked_div(own_clients).unwrap_or(WHOLE).min(WHOLE);
    let local = ((u64::from(share) * local + WHOLE / 2) / WHOLE) as u8;
    if local < share && room < 2 {
        return None;
    }
    for zone in zones.iter_mut() {
        let is_own = zone.zone == s.zone();
        zone.residual = if is_own { 0 } else { portion(zone).saturating_sub(other_clients) };
        zone.group = (is_own && local > 0).then_some(0);
    }
    if local > 0 {
        let _ = shares.push(local);
    }
    if local < share {
        spill(zones, s.zone(), share - local, room, &mut shares);
    }
    Some(shares)
}

/// Returns a zone's share of the endpoints.
fn portion(zone: &Locality, total: u64) -> u64 {
    (u64::from(zone.endpoints) * WHOLE).checked_div(total).unwrap_or(0)
}

/// Gives `rest` to the zones other than `own`, by their residual capacity.
fn spill<L: List<Locality>>(
    zones: &mut L,
    own: Zone,
    rest: u8,
    room: usize,
    shares: &mut heapless::Vec<u8, GROUPS>,
) {
    if zones.iter().all(|zone| zone.residual == 0) {
        // Rounding left none: by the number of endpoints.
        for zone in zones.iter_mut().filter(|zone| zone.zone != own) {
            zone.residual = zone.endpoints.into();
        }
    }
    zones.sort_with(|a, b| b.residual.cmp(&a.residual).then(a.zone.cmp(&b.zone)));
    let sum: u64 = zones.iter().map(|zone| zone.residual).sum();
    let (first, mut reached, mut given) = (shares.len(), 0, 0);
    for zone in zones.iter_mut().take_while(|zone| zone.residual > 0) {
        reached += zone.residual;
        let due = (u64::from(rest) * reached).checked_div(sum).unwrap_or(0) as u8;
        if due > given && shares.len() < room {
            let _ = shares.push(due - given);
        } else if shares.len() > first
            && let Some(last) = shares.last_mut()
        {
            *last += due - given;
        } else {
            // Less than one percent so far: together with the next zone.
            zone.group = Some(first as u8);
            continue;
        }
        given = due;
        zone.group = Some(shares.len().saturating_sub(1) as u8);
    }
    zones.sort_with(|a, b| a.zone.cmp(&b.zone));
}

/// Shares of endpoints and clients are counted in parts of this.
const WHOLE: u64 = 10_000;
