//! Which endpoints differ from those that were published: the others need not be looked at.

use std::collections::BTreeSet;

use crate::target::Target;

/// What may differ from what was published.
#[derive(Debug)]
pub(super) enum Touched {
    /// These endpoints, and what is in these slots.
    Some { targets: BTreeSet<Target>, slots: BTreeSet<usize> },
    /// Anything.
    All,
}

/// To look at so many one by one takes as long as to look at all.
const MANY: usize = 1_024;

impl Touched {
    pub(super) const NONE: Self = Self::Some { targets: BTreeSet::new(), slots: BTreeSet::new() };

    /// Notes that an endpoint differs.
    pub(super) fn add(&mut self, target: &Target) {
        if let Self::Some { targets, .. } = self {
            targets.insert(target.clone());
            if targets.len() > MANY {
                *self = Self::All;
            }
        }
    }

    /// Notes that other endpoints are in these slots, or that theirs say something else.
    pub(super) fn add_slots(&mut self, indices: impl IntoIterator<Item = usize>) {
        if let Self::Some { slots, .. } = self {
            slots.extend(indices);
        }
    }

    /// Returns the endpoints that differ, if all others are known to be the same.
    pub(super) fn targets(&self) -> Option<&BTreeSet<Target>> {
        match self {
            Self::Some { targets, .. } => Some(targets),
            Self::All => None,
        }
    }

    /// Returns the slots that differ, if all others are known to be the same.
    pub(super) fn slots(&self) -> Option<&BTreeSet<usize>> {
        match self {
            Self::Some { slots, .. } => Some(slots),
            Self::All => None,
        }
    }
}
