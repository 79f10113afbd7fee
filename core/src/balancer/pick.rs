use core::sync::atomic::{AtomicU16, Ordering};

use crate::names::named;
use crate::slot::Slot;
use crate::time::Instant;

/// Says what is asked of a pick.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    /// The time of the pick.
    pub now: Instant,
    /// The key that requests which belong together share, for sticky policies:
    /// [a hash](crate::hash), since numbers near each other are neighbours on a ring and would
    /// share an endpoint.
    pub key: Option<u64>,
    /// Slots to avoid as long as there are others: those a call has tried already.
    pub avoid: &'a [Slot],
    /// With slots to avoid: goes on to the next level that has others, though its own has some,
    /// too. Where no other level has any, it stays.
    pub leave_level: bool,
}

impl<'a> Request<'a> {
    /// Makes a request without a key that avoids nothing.
    pub const fn at(now: Instant) -> Self {
        Self { now, key: None, avoid: &[], leave_level: false }
    }

    /// Sets the key: what requests that belong together have in common, as [a hash](crate::hash).
    #[must_use]
    pub const fn with_key(self, key: u64) -> Self {
        Self { key: Some(key), ..self }
    }

    /// Sets the slots to avoid; see [`Call::tried`](crate::Call::tried).
    #[must_use]
    pub const fn avoiding(self, avoid: &'a [Slot]) -> Self {
        Self { avoid, ..self }
    }

    /// Goes on to the next level, if there is one; see
    /// [`Call::leaves_level`](crate::Call::leaves_level).
    #[must_use]
    pub const fn leaving_level(self, leave_level: bool) -> Self {
        Self { leave_level, ..self }
    }
}

/// A picked endpoint, to be given back with the outcome to `report`.
///
/// A pick that is dropped leaves its request counted as in flight for ever, with policies that
/// count.
#[derive(Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use = "a pick must be reported"]
pub struct Pick {
    pub(super) slot: Slot,
    pub(super) started: Instant,
    pub(super) balancer: u16,
    pub(super) why: Why,
    /// Its report decides if an ejected endpoint comes back.
    pub(super) decides: bool,
}

impl Pick {
    /// Returns the endpoint's slot.
    pub const fn slot(&self) -> Slot {
        self.slot
    }

    /// Returns when it was picked.
    pub const fn started(&self) -> Instant {
        self.started
    }

    /// Returns why this endpoint was picked.
    pub const fn why(&self) -> Why {
        self.why
    }
}

/// The slot of a pick, and why it is that one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice {
    pub(super) slot: u32,
    pub(super) why: Why,
    /// Its report decides if an ejected endpoint comes back.
    pub(super) decides: bool,
}

/// Tells why an endpoint was picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Why {
    /// The policy chose it among all candidates.
    Policy,
    /// The policy chose it among the candidates not to be avoided or, where all were, or the call
    /// leaves the level, among the next level; where there is none, among those ejected.
    Retry,
    /// All candidates were to be avoided, and all ejected endpoints.
    LastResort,
    /// It is an ejected endpoint whose time is over: this request [decides](crate::health) if it
    /// comes back.
    Probe,
    /// The policy chose it among endpoints of which some would be left out if there were enough
    /// others: those that are [unhealthy](crate::health) where nothing else is left, and with
    /// overprovisioned levels those that drain, too, in a level that panics.
    Panic,
}

named!(all Why {
    Policy => "policy",
    Retry => "retry",
    LastResort => "last_resort",
    Probe => "probe",
    Panic => "panic",
});

/// Returns a number that tells the picks of one balancer from those of another; never 0.
pub(super) fn balancer_id() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    #[cfg(target_has_atomic = "16")]
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    // Small cores have no read-modify-write; two made at the same moment may get the same number.
    #[cfg(not(target_has_atomic = "16"))]
    let id = {
        let id = NEXT.load(Ordering::Relaxed);
        NEXT.store(id.wrapping_add(1), Ordering::Relaxed);
        id
    };
    id.wrapping_add(1).max(1)
}
