//! Lists what is known of each endpoint.

use core::fmt;

use super::Cluster;
use crate::endpoint::{Address, Endpoint};
use crate::health::{Health, HealthRow, Held};
use crate::kit::Kit;
use crate::load::Load;
use crate::names::named;
use crate::plan::subset_rank;
use crate::row::Row;
use crate::set::{Set, Slots};
use crate::slot::Slot;
use crate::store::Store;

/// Shows what a cluster knows of an endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a, A> {
    /// Its slot.
    pub slot: Slot,
    /// The endpoint.
    pub endpoint: &'a Endpoint<A>,
    /// The reason that it may be picked, or may not.
    pub candidacy: Candidacy,
    /// Its health.
    pub health: Health,
    /// The reason that it is not ejected, though it fails; kept where events are.
    pub held: Option<Held>,
    /// Its weight among the candidates of its group, where
    /// [slow start](crate::Settings::slow_start) counts in tenths of a weight; 0 if it is none.
    pub weight: u32,
}

/// Tells why an endpoint may be picked, or may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Candidacy {
    /// It is a candidate.
    Candidate,
    /// It is one because there are too few others.
    Panic,
    /// It would be one, but has as many requests in flight as it may have.
    Full,
    /// It has weight 0.
    NoWeight,
    /// It drains.
    Draining,
    /// Its health is bad.
    Unhealthy,
    /// Another priority serves all requests.
    Priority,
    /// The subset does not include it.
    Subset,
    /// Other zones serve all requests.
    Zone,
}

named!(all Candidacy {
    Candidate => "candidate",
    Panic => "panic",
    Full => "full",
    NoWeight => "no_weight",
    Draining => "draining",
    Unhealthy => "unhealthy",
    Priority => "priority",
    Subset => "subset",
    Zone => "zone",
});

impl Candidacy {
    /// Tells that it may be picked now.
    pub const fn is_candidate(self) -> bool {
        matches!(self, Self::Candidate | Self::Panic)
    }
}

impl fmt::Display for Candidacy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Candidate => "candidate",
            Self::Panic => "candidate for want of better ones",
            Self::Full => "as many requests in flight as it may have",
            Self::NoWeight => "weight 0",
            Self::Draining => "draining",
            Self::Unhealthy => "unhealthy",
            Self::Priority => "another priority serves all",
            Self::Subset => "not in the subset",
            Self::Zone => "other zones serve all",
        })
    }
}

impl<A: Address, L: Load, S: Kit, St: Store> Cluster<A, L, S, St> {
    /// Lists every endpoint with what is known of it, in the order of addresses. O(n) as long as
    /// nearly all are candidates, O(n log n) otherwise; O(n²) for few.
    pub fn members(&self) -> impl Iterator<Item = Member<'_, A>> {
        let worst = self.worst_priority();
        self.by_address().filter_map(move |index| {
            let row = self.rows.get(index)?;
            Some(self.member(index, row, row.endpoint()?, worst))
        })
    }

    /// Shows what is known of the endpoint in a slot, unless it has left. O(log n)
    pub fn member_in(&self, slot: Slot) -> Option<Member<'_, A>> {
        let row = self.row(slot)?;
        Some(self.member(slot.index(), row, row.endpoint()?, self.worst_priority()))
    }

    fn member<'a>(
        &'a self,
        index: usize,
        row: Row<'_, A, L, S::Parts>,
        endpoint: &'a Endpoint<A>,
        worst: u16,
    ) -> Member<'a, A> {
        let pools = (0..self.groups()).map(|group| self.pool(group));
        let pool = { pools }.find(|pool| pool.members.has(index));
        let health = row.health();
        let candidacy = match &pool {
            Some(pool) if !pool.ready.has(index) => Candidacy::Full,
            Some(pool) if pool.panic => Candidacy::Panic,
            Some(_) => Candidacy::Candidate,
            None if endpoint.weight == 0 => Candidacy::NoWeight,
            None if endpoint.draining => Candidacy::Draining,
            None if health != Health::Healthy => Candidacy::Unhealthy,
            None if endpoint.priority > worst => Candidacy::Priority,
            None => self.cut(row, endpoint),
        };
        let held = row.watched().and_then(HealthRow::held);
        let weight = if pool.is_some() { row.weight() } else { 0 };
        Member { slot: row.slot(index), endpoint, candidacy, health, held, weight }
    }

    /// Says what keeps a healthy endpoint of a level in use from being a candidate. O(n) where both
    /// a subset and zones do.
    fn cut(&self, row: Row<'_, A, L, S::Parts>, endpoint: &Endpoint<A>) -> Candidacy {
        let most = self.settings.subset() as usize;
        let zones = self.settings.zone() != crate::endpoint::Zone::NONE;
        if self.groups.is_empty() {
            // Of a level before the one in use, those in service have no room.
            return if self.is_full(row) { Candidacy::Full } else { Candidacy::Priority };
        }
        if most == 0 && !zones {
            return Candidacy::Priority;
        }
        if most == 0 {
            return Candidacy::Zone;
        }
        let rank = |row: Row<'_, A, L, S::Parts>| subset_rank(self.settings.seed(), row.id());
        let before = self.rows.iter().filter(|&other| {
            let level = other
                .endpoint()
                .is_some_and(|other| other.eligible() && other.priority == endpoint.priority);
            level && other.health() == Health::Healthy && rank(other) < rank(row)
        });
        // Zones divide what the subset leaves.
        if zones && before.count() < most { Candidacy::Zone } else { Candidacy::Subset }
    }

    /// Returns the slots of all candidates that have room, group by group, in the order of slots.
    pub fn candidates(&self) -> impl Iterator<Item = Slot> + '_ {
        (0..self.groups()).flat_map(|group| {
            let ready = self.pool(group).ready;
            let slots = (0..ready.len()).filter_map(move |place| ready.at(place));
            slots.filter_map(|index| self.live(index))
        })
    }

    /// Tells that candidates were taken for want of better ones.
    pub fn panics(&self) -> bool {
        (0..self.groups()).any(|group| self.pool(group).panic)
    }
}
