//! Forms groups of candidates where more than the first level matters: overprovisioned levels, then
//! a subset, then zones.
//!
//! 1. Levels share the requests out; each with a share uses its available endpoints, or all when it
//!    panics ([`overprovisioning_percent`](crate::Settings::overprovisioning_percent)).
//! 2. A [`subset`](crate::Settings::subset) keeps some of the endpoints that each level uses.
//! 3. The own [`zone`](crate::Settings::zone) first: what is left of the first level is divided.
//!
//! Linked only where the settings are known at run time, or say so. O(n) for each group, and to
//! count levels and zones; it needs an entry for each level, for each zone, and (a level at a time)
//! for each endpoint of a level that is cut down.

mod priority;
mod subset;
mod zone;

pub(crate) use subset::rank as subset_rank;

use crate::endpoint::{Address, Endpoint};
use crate::kit::{GROUPS, Parts};
use crate::load::Load;
use crate::row::{Row, Table};
use crate::set::Set;
use crate::settings::Settings;
use crate::store::{List, Store};
use priority::Level;
use zone::Locality;

/// A group of candidates. A pick draws its group by the shares, which sum to 100.
#[derive(Clone, Debug)]
pub(crate) struct Group<X> {
    pub(crate) members: X,
    /// Those that have room.
    pub(crate) ready: X,
    /// In percent.
    pub(crate) share: u8,
    /// Endpoints are in it that would be left out if there were enough others.
    pub(crate) panic: bool,
}

/// Tells that there may be plans at all.
#[inline]
pub(crate) fn is_linked<K: Parts>() -> bool {
    <K::Groups<()> as List<()>>::LIMIT > 0
}

/// Tells that the settings need a plan.
#[inline]
pub(crate) fn is_needed<K: Parts>(s: &impl Settings) -> bool {
    is_linked::<K>()
        && (s.overprovisioning_percent() > 0
            || s.subset() > 0
            || s.zone() != crate::endpoint::Zone::NONE)
}

/// Finds the group of each endpoint.
struct Plan<'a, A, L: Load, K: Parts, S, St: Store> {
    rows: &'a Table<A, L, K, St>,
    settings: &'a S,
    /// Health does not matter: nothing else is left.
    any_health: bool,
    levels: St::List<Level>,
    /// The zones of the first level with a share, where it is divided.
    zones: St::List<Locality>,
    /// The number of groups that the first level with a share is divided into.
    zone_groups: usize,
    shares: heapless::Vec<(u8, bool), GROUPS>,
}

/// Forms the groups. With `any_health`, for want of endpoints in service.
pub(crate) fn form<A: Address, L: Load, K: Parts, S: Settings, St: Store>(
    rows: &Table<A, L, K, St>,
    settings: &S,
    any_health: bool,
    groups: &mut K::Groups<Group<St::Set>>,
) {
    let mut plan: Plan<'_, A, L, K, S, St> = Plan {
        rows,
        settings,
        any_health,
        levels: List::NEW,
        zones: List::NEW,
        zone_groups: 1,
        shares: heapless::Vec::new(),
    };
    plan.share();
    plan.cut();
    plan.divide();
    groups.shorten(0);
    for &(share, panic) in &plan.shares {
        let (members, ready) = (St::Set::EMPTY, St::Set::EMPTY);
        let panic = panic || any_health;
        let _ = groups.try_push(Group { members, ready, share, panic });
    }
    for (slot, row) in rows.iter().enumerate() {
        let Some(endpoint) = row.endpoint() else { continue };
        if let Some(group) = plan.group(row, endpoint).and_then(|index| groups.get_mut(index)) {
            group.members.put(slot, true);
        }
    }
    while let Some(empty) = groups.iter().position(|group| group.members.is_empty()) {
        groups.take(empty);
    }
}

/// Keeps those of a level's members that the subset includes.
pub(crate) fn keep_subset<A: Address, L: Load, K: Parts, St: Store>(
    rows: &Table<A, L, K, St>,
    settings: &impl Settings,
    members: &mut St::Set,
) {
    let most = settings.subset();
    if members.len() <= most as usize {
        return;
    }
    let rank = |slot| rows.get(slot).map(|row| subset::rank(settings.seed(), row.id()));
    let mut ranks: St::List<u64> = List::NEW;
    for rank in members.iter().filter_map(rank) {
        // It has the capacity of the set.
        let _ = ranks.try_push(rank);
    }
    let cut = subset::cut(&mut ranks, most);
    for slot in 0..rows.len() {
        if rank(slot).is_some_and(|rank| rank > cut) {
            members.put(slot, false);
        }
    }
}

impl<A: Address, L: Load, K: Parts, S: Settings, St: Store> Plan<'_, A, L, K, S, St> {
    fn available(&self, row: Row<'_, A, L, K>, endpoint: &Endpoint<A>) -> bool {
        !endpoint.draining && (self.any_health || row.admits())
    }

    /// Counts the levels and shares the requests out among them.
    fn share(&mut self) {
        for row in self.rows.iter() {
            let Some(endpoint) = row.endpoint().filter(|endpoint| endpoint.weight > 0) else {
                continue;
            };
            let available = self.available(row, endpoint);
            let search = |level: &Level| level.priority.cmp(&endpoint.priority);
            match self.levels.binary_search_by(search) {
                Ok(at) => {
                    if let Some(level) = self.levels.get_mut(at) {
                        level.add(available);
                    }
                }
                // It has the capacity of the set.
                Err(at) => {
                    let _ = self.levels.try_insert(at, Level::of(endpoint.priority, available));
                }
            }
        }
        match self.settings.overprovisioning_percent() {
            0 => priority::first_available(&mut self.levels),
            factor => {
                let threshold = self.settings.panic_threshold_percent();
                priority::overprovisioned(&mut self.levels, factor, threshold);
            }
        }
        self.shares = priority::group(&mut self.levels);
    }

    /// Keeps the endpoints of least rank that each level uses.
    fn cut(&mut self) {
        let most = self.settings.subset();
        if most == 0 {
            return;
        }
        for at in 0..self.levels.len() {
            let Some(&level) = self.levels.get(at) else { return };
            if level.share == 0 || level.used() <= most {
                continue;
            }
            let mut ranks: St::List<u64> = List::NEW;
            for row in self.rows.iter() {
                if let Some(endpoint) = row.endpoint()
                    && self.uses(&level, row, endpoint)
                {
                    // It has the capacity of the set.
                    let _ = ranks.try_push(subset::rank(self.settings.seed(), row.id()));
                }
            }
            if let Some(level) = self.levels.get_mut(at) {
                level.cut = subset::cut(&mut ranks, most);
            }
        }
    }

    /// Divides the first level with a share among its zones.
    fn divide(&mut self) {
        let room = (GROUPS + 1).saturating_sub(self.shares.len());
        let first = self.levels.iter().find(|level| level.share > 0).copied();
        let (Some(&(share, false)), Some(first)) = (self.shares.first(), first) else { return };
        let mut zones: St::List<Locality> = List::NEW;
        for row in self.rows.iter() {
            let Some(endpoint) = row.endpoint() else { continue };
            if !self.uses(&first, row, endpoint) {
                continue;
            }
            match zones.binary_search_by(|zone| zone.zone.cmp(&endpoint.zone)) {
                Ok(at) => {
                    if let Some(zone) = zones.get_mut(at) {
                        zone.add();
                    }
                }
                // It has the capacity of the set.
                Err(at) => drop(zones.try_insert(at, Locality::of(endpoint.zone))),
            }
        }
        let Some(divided) = zone::divide(&mut zones, self.settings, share, room) else { return };
        self.zones = zones;
        self.zone_groups = divided.len();
        let mut shares = heapless::Vec::new();
        // There is room for all: one level becomes at most `room` zones.
        for &share in &divided {
            let _ = shares.push((share, false));
        }
        for &level in self.shares.iter().skip(1) {
            let _ = shares.push(level);
        }
        self.shares = shares;
    }

    /// Returns the group of an endpoint.
    fn group(&self, row: Row<'_, A, L, K>, endpoint: &Endpoint<A>) -> Option<usize> {
        let at =
            self.levels.binary_search_by(|level| level.priority.cmp(&endpoint.priority)).ok()?;
        let level = self.levels.get(at).filter(|level| self.uses(level, row, endpoint))?;
        if level.group > 0 || self.zones.is_empty() {
            return Some(usize::from(level.group) + self.zone_groups - 1);
        }
        let at = self.zones.binary_search_by(|zone| zone.zone.cmp(&endpoint.zone)).ok()?;
        self.zones.get(at)?.group.map(usize::from)
    }

    /// Tells that `level` gives requests to an endpoint.
    fn uses(&self, level: &Level, row: Row<'_, A, L, K>, endpoint: &Endpoint<A>) -> bool {
        let rank = || subset::rank(self.settings.seed(), row.id());
        level.share > 0
            && endpoint.priority == level.priority
            && endpoint.weight > 0
            && (level.panic || self.available(row, endpoint))
            && (level.cut == u64::MAX || rank() <= level.cut)
    }
}
