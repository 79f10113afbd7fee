//! Serves shells whose threads pick from a copy of the candidates.

use rand_core::Rng;

use super::{Cluster, RulesOf};
use crate::endpoint::Address;
use crate::health::Rules;
use crate::kit::Kit;
use crate::load::Load;
use crate::store::Store;

/// A group of candidates: the level in use, or one of the levels and zones that share the requests.
#[derive(Clone, Copy, Debug)]
pub struct CandidateGroup<'a, X> {
    /// The slots of its candidates.
    pub members: &'a X,
    /// Its share of the requests, in percent.
    pub share: u8,
    /// Endpoints are in it that would be left out if there were enough others.
    pub panic: bool,
}

impl<A: Address, L: Load, S: Kit, St: Store> Cluster<A, L, S, St> {
    /// Lists the groups of candidates, at most [`GROUPS`](crate::kit::GROUPS); one without members,
    /// where there is no candidate.
    pub fn candidate_groups(&self) -> impl Iterator<Item = CandidateGroup<'_, St::Set>> {
        (0..self.groups()).map(|index| {
            let pool = self.pool(index);
            let share = self.groups.get(index).map_or(100, |group| group.share);
            CandidateGroup { members: pool.members, share, panic: pool.panic }
        })
    }

    /// Tells that failures may eject an endpoint. If not, they need not be told.
    pub fn ejects(&self) -> bool {
        RulesOf::<S>::ejects(&self.settings)
    }
}

/// Draws the group of a request by the shares of all: from its key, if it has one, so that it stays
/// in its group. What the shares lack of 100 is the first group's.
pub fn draw_group(
    shares: impl IntoIterator<Item = u8>,
    key: Option<u64>,
    rng: &mut impl Rng,
) -> usize {
    let mut rest = match key {
        Some(key) => (key % 100) as u32,
        None => ((u64::from(rng.next_u32()) * 100) >> 32) as u32,
    };
    for (index, share) in shares.into_iter().enumerate() {
        match rest.checked_sub(share.into()) {
            Some(left) => rest = left,
            None => return index,
        }
    }
    0
}
