use core::sync::atomic::{AtomicU16, Ordering};
use core::time::Duration;

use crate::set::Slot;
use crate::time::Instant;

/// What is asked of a pick.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    /// When the pick is made.
    pub now: Instant,
    /// What requests that belong together have in common, for sticky policies: [a hash](crate::hash), since numbers near each
    /// other are neighbours on a ring and would share an endpoint.
    pub key: Option<u64>,
    /// Slots to avoid as long as there are others: those a call has tried already.
    pub avoid: &'a [Slot],
}

impl<'a> Request<'a> {
    /// A request without a key that avoids nothing.
    pub const fn at(now: Instant) -> Self {
        Self { now, key: None, avoid: &[] }
    }

    /// The same, avoiding these slots; see [`Call::tried`](crate::Call::tried).
    #[must_use]
    pub const fn avoiding(self, avoid: &'a [Slot]) -> Self {
        Self { avoid, ..self }
    }
}

/// A picked endpoint, to be given back with the outcome to `report`.
///
/// A pick that is dropped leaves its request counted as under way for ever, with policies that count.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a pick must be reported"]
pub struct Pick {
    pub(super) slot: Slot,
    pub(super) started: Instant,
    pub(super) balancer: u16,
    pub(super) why: Why,
    pub(super) counted: bool,
    /// Whether its report decides if an ejected endpoint comes back.
    pub(super) decides: bool,
}

impl Pick {
    /// The endpoint's slot.
    pub const fn slot(&self) -> Slot {
        self.slot
    }

    /// When it was picked.
    pub const fn started(&self) -> Instant {
        self.started
    }

    /// Why this endpoint.
    pub const fn why(&self) -> Why {
        self.why
    }
}

/// Why an endpoint was picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// The policy chose it among all candidates.
    Policy,
    /// The policy chose it among the candidates not to be avoided.
    Retry,
    /// All candidates were to be avoided.
    LastResort,
    /// An ejected endpoint whose time is over: this request [decides](crate::health) whether it comes back.
    Probe,
    /// The policy chose it among endpoints of which some would be left out if there were enough others: those that are
    /// [unhealthy](crate::health) where nothing else is left, and with
    /// [`Levels::Overprovisioned`](crate::tier::Levels) those that drain, too, in a level that panics.
    Panic,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The endpoint did its work.
    Success,
    /// It did not: an error, or no answer in time.
    Failure,
    /// It refused for now.
    Overloaded {
        /// How long it asked to be left alone.
        retry_after: Option<Duration>,
    },
    /// The caller lost interest; says nothing of the endpoint's health.
    Canceled,
}

/// A number that tells the picks of one balancer from those of another.
pub(super) fn balancer_id() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    #[cfg(target_has_atomic = "16")]
    return NEXT.fetch_add(1, Ordering::Relaxed);
    // Small cores have no read-modify-write; two made at the same moment may get the same number.
    #[cfg(not(target_has_atomic = "16"))]
    {
        let id = NEXT.load(Ordering::Relaxed);
        NEXT.store(id.wrapping_add(1), Ordering::Relaxed);
        id
    }
}
