//! How the candidate groups are formed: priorities, then a subset, then zones.
//!
//! 1. [`Levels`] share the requests out among priorities; each level with a share uses its available endpoints, or all when
//!    it panics.
//! 2. [`Config::subset`] keeps some of the endpoints that each level uses.
//! 3. [`ZoneAware`] divides what is left of the first level among zones.
//! 4. [`SlowStart`] weighs the candidates of each group.
//!
//! With the default settings that is one pass over the set, or a search and a move of lists for each endpoint where only a
//! few changed. Otherwise it is one pass for each group, one to count levels, one to count zones, and one for each level
//! that is cut down to a subset; beside the candidates, it needs one entry for each level, for each zone and (one level at
//! a time) for each endpoint of a level that is cut down.

mod first_available;
mod priority;
mod slow_start;
mod subset;
mod zone;

pub(crate) use first_available::patch;
pub use priority::Levels;
pub use slow_start::SlowStart;
pub(crate) use slow_start::Warmth;
pub(crate) use subset::rank as subset_rank;
pub use zone::ZoneAware;

use crate::cluster::{Forming, GROUPS};
use crate::config::Config;
use crate::endpoint::{Address, Endpoint};
use crate::set::{EndpointSet, Slot};
use crate::store::{List, Store};
use priority::Level;
use zone::Part;

/// [`form`] for the default settings.
pub(crate) fn form_first_available<A: Address, S: Store>(
    mut groups: Forming<'_, S>,
    set: &EndpointSet<A, S>,
    available: impl Fn(Slot, &Endpoint<A>) -> bool,
) -> Option<u16> {
    let level = first_available::form(&mut groups, set, available);
    groups.end();
    level
}

/// Forms the groups of candidates; `available` says which endpoints take requests unless there is panic. Gives the priority
/// of all candidates where [`patch`] may keep them up to date.
pub(crate) fn form<A: Address, S: Store>(
    mut groups: Forming<'_, S>,
    set: &EndpointSet<A, S>,
    config: &Config,
    available: impl Fn(Slot, &Endpoint<A>) -> bool,
) -> Option<u16> {
    let mut level = None;
    if config.levels == Levels::FirstAvailable && config.zone.is_none() && config.subset.is_none() {
        level = first_available::form(&mut groups, set, available);
    } else {
        Plan::new(set, config, available).fill(&mut groups);
    }
    groups.end();
    level.filter(|_| config.slow_start.is_none())
}

/// Which group each endpoint is in.
struct Plan<'a, A, S: Store, F> {
    set: &'a EndpointSet<A, S>,
    available: F,
    seed: u64,
    levels: S::List<Level>,
    /// The zones of the first level with a share, when it is divided.
    parts: S::List<Part>,
    /// How many groups the first level with a share is divided into.
    zones: usize,
    groups: heapless::Vec<(u8, bool), GROUPS>,
}

impl<'a, A: Address, S: Store, F: Fn(Slot, &Endpoint<A>) -> bool> Plan<'a, A, S, F> {
    fn new(set: &'a EndpointSet<A, S>, config: &Config, available: F) -> Self {
        let weighty = set.entries().filter(|(_, endpoint, _)| endpoint.weight > 0);
        let mut levels: S::List<Level> =
            tally(weighty.map(|(slot, endpoint, _)| Level::of(endpoint.priority, available(slot, endpoint))));
        match config.levels {
            Levels::FirstAvailable => priority::first_available(&mut levels),
            Levels::Overprovisioned { factor, panic_threshold } => {
                priority::overprovisioned(&mut levels, factor, panic_threshold);
            }
        }
        let groups = priority::group(&mut levels);
        let mut plan = Self { set, available, seed: config.seed, levels, parts: S::List::default(), zones: 1, groups };
        if let Some(most) = config.subset {
            plan.cut(most.max(1));
        }
        if let Some(zone) = &config.zone {
            plan.divide(zone);
        }
        plan
    }

    /// Keeps the `most` endpoints of least rank that each level uses.
    fn cut(&mut self, most: u32) {
        for index in 0..self.levels.len() {
            let level = self.levels[index];
            if level.share == 0 || level.used() <= most {
                continue;
            }
            let mut ranks: S::List<u64> = S::List::default();
            for (slot, endpoint, id) in self.set.entries() {
                if endpoint.priority == level.priority && self.uses(&level, slot, endpoint, id) {
                    // It has the capacity of the set.
                    let _ = ranks.try_push(subset::rank(self.seed, id));
                }
            }
            self.levels[index].cut = subset::cut(&mut ranks, most);
        }
    }

    /// Divides the first level with a share among its zones.
    fn divide(&mut self, settings: &ZoneAware) {
        let room = (GROUPS + 1).saturating_sub(self.groups.len());
        let (Some(&(share, false)), Some(&first)) =
            (self.groups.first(), self.levels.iter().find(|level| level.share > 0))
        else {
            return;
        };
        let used = self.set.entries().filter(|(slot, endpoint, id)| {
            endpoint.priority == first.priority && self.uses(&first, *slot, endpoint, *id)
        });
        let mut parts: S::List<Part> = tally(used.map(|(_, endpoint, _)| Part::of(endpoint.zone)));
        if let Some(shares) = zone::divide(&mut parts, settings, share, room) {
            self.parts = parts;
            self.zones = shares.len();
            let levels = core::mem::take(&mut self.groups).into_iter().skip(1);
            // There is room for all: one level becomes at most `room` zones.
            self.groups = shares.into_iter().map(|share| (share, false)).chain(levels).take(GROUPS).collect();
        }
    }

    fn fill(self, groups: &mut Forming<'_, S>) {
        for (index, &(share, panic)) in self.groups.iter().enumerate() {
            for (slot, endpoint, id) in self.set.entries() {
                if self.group(slot, endpoint, id) == Some(index) {
                    groups.put(slot, endpoint.weight, id);
                }
            }
            groups.end_group(share, panic);
        }
    }

    fn group(&self, slot: Slot, endpoint: &Endpoint<A>, id: u64) -> Option<usize> {
        let level = self.levels.binary_search_by_key(&endpoint.priority, |level| level.priority).ok()?;
        let level = self.levels.get(level).filter(|level| self.uses(level, slot, endpoint, id))?;
        if level.group > 0 || self.parts.is_empty() {
            return Some(usize::from(level.group) + self.zones - 1);
        }
        let part = self.parts.binary_search_by_key(&endpoint.zone, |part| part.zone).ok()?;
        self.parts[part].group.map(usize::from)
    }

    /// Whether `level`, the endpoint's own, gives requests to it.
    fn uses(&self, level: &Level, slot: Slot, endpoint: &Endpoint<A>, id: u64) -> bool {
        level.share > 0
            && endpoint.weight > 0
            && (level.panic || (self.available)(slot, endpoint))
            && (level.cut == u64::MAX || subset::rank(self.seed, id) <= level.cut)
    }
}

/// What is counted by a key.
trait Tally {
    fn key(&self) -> u32;
    fn add(&mut self, other: Self);
}

/// Counts by key; the result is in the order of keys.
fn tally<T: Tally + Copy, L: List<T>>(items: impl Iterator<Item = T>) -> L {
    let mut list = L::default();
    for item in items {
        match list.last_mut().filter(|same| same.key() == item.key()) {
            Some(same) => same.add(item),
            // It has the capacity of the set.
            None => drop(list.try_push(item)),
        }
    }
    if list.is_sorted_by(|a, b| a.key() < b.key()) {
        return list;
    }
    list.sort_with(|a, b| a.key().cmp(&b.key()));
    let mut kept = 0;
    for next in 1..list.len() {
        let item = list[next];
        if list[kept].key() == item.key() {
            list[kept].add(item);
        } else {
            kept += 1;
            list[kept] = item;
        }
    }
    list.shorten(kept + 1);
    list
}
