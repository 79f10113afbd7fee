//! Errors: one small enum per operation.

use core::error::Error;
use core::fmt;

use crate::time::Instant;

/// Tells why no endpoint could be picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum PickError {
    /// The set is empty: nothing was discovered yet, or the last update was empty.
    NoEndpoints,
    /// There are endpoints, but all are draining or have weight 0.
    AllDrained,
    /// There are endpoints, but all are ejected, overloaded or down, and the settings want no
    /// panic.
    AllEjected,
    /// All endpoints have as many requests in flight as they may have.
    Busy {
        /// The latest time at which another endpoint comes back; `None` if only the end of a
        /// request makes room.
        until: Option<Instant>,
    },
    /// The policy declined every endpoint, or named a slot that is no candidate.
    Declined,
}

crate::names::named!(PickError {
    NoEndpoints => "no_endpoints",
    AllDrained => "all_drained",
    AllEjected => "all_ejected",
    Busy { .. } => "busy",
    Declined => "declined",
});

impl fmt::Display for PickError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoEndpoints => "no endpoints available",
            Self::AllDrained => "all endpoints are draining or have weight 0",
            Self::AllEjected => "all endpoints are ejected, overloaded or down",
            Self::Busy { .. } => "all endpoints have as many requests in flight as they may have",
            Self::Declined => "the policy declined every endpoint",
        })
    }
}

impl Error for PickError {}

/// A policy's table is too small for the candidates.
///
/// Until a smaller set comes, it picks on: [`WeightedRoundRobin`] and [`WeightedRandom`]
/// serve all candidates alike, as if they had one weight. [`Maglev`], [`RingHash`] and [`Ketama`]
/// keep the table of the candidates from before: keys of those that left move on, and some
/// candidates may get none. Without a table from before they decline ([`PickError::Declined`]).
///
/// [`WeightedRoundRobin`]: crate::policy::WeightedRoundRobin
/// [`WeightedRandom`]: crate::policy::WeightedRandom
/// [`Maglev`]: crate::policy::Maglev
/// [`RingHash`]: crate::policy::RingHash
/// [`Ketama`]: crate::policy::Ketama
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableFull {
    /// Entries needed.
    pub needed: usize,
    /// Entries there are.
    pub capacity: usize,
}

impl fmt::Display for TableFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the policy's table holds {} entries and needs {}", self.capacity, self.needed)
    }
}

impl Error for TableFull {}

/// Tells why an update could not take effect in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpdateError {
    /// The set is updated and picks go on, but the policy's table is too small for the candidates:
    /// see [`TableFull`].
    Table(TableFull),
}

impl fmt::Display for UpdateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(_) => f.write_str("the policy could not rebuild for the new endpoints"),
        }
    }
}

impl Error for UpdateError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Table(full) => Some(full),
        }
    }
}

impl From<TableFull> for UpdateError {
    fn from(full: TableFull) -> Self {
        Self::Table(full)
    }
}

/// Tells why an endpoint could not be inserted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InsertError {
    /// The set holds as many endpoints as it can. Nothing changed.
    Full {
        /// That number.
        capacity: usize,
    },
    /// The endpoint is in the set, but the policy's table is too small for the candidates: see
    /// [`TableFull`].
    Table(TableFull),
}

impl fmt::Display for InsertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { capacity } => write!(f, "the set is full: it holds {capacity} endpoints"),
            Self::Table(_) => f.write_str("the policy could not rebuild for the new endpoint"),
        }
    }
}

impl Error for InsertError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Table(full) => Some(full),
            Self::Full { .. } => None,
        }
    }
}

impl From<TableFull> for InsertError {
    fn from(full: TableFull) -> Self {
        Self::Table(full)
    }
}
