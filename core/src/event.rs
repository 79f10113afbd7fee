//! What changed, for logs and metrics: a bounded queue that the shell drains.

use core::fmt;

use crate::health::Reason;
use crate::set::Slot;
use crate::store::{DebugList, List, Store};
use crate::time::Instant;

/// Something that changed in a balancer; see [`Balancer::events`](crate::Balancer::events).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a, A> {
    /// When.
    pub at: Instant,
    /// Which endpoint: its slot and its address, unless the slot has been given to another one since.
    pub endpoint: Option<(Slot, Option<&'a A>)>,
    /// What.
    pub kind: EventKind,
}

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum EventKind {
    /// An endpoint came.
    Added,
    /// An endpoint left.
    Removed,
    /// An endpoint was ejected.
    Ejected {
        /// Why.
        reason: Reason,
        /// Until when at least.
        until: Instant,
    },
    /// A request was sent to an ejected endpoint that decides whether it comes back.
    Probing,
    /// An endpoint takes requests again: ejected before, overloaded, or down.
    Readmitted,
    /// An endpoint asked to be left alone.
    Overloaded {
        /// Until then.
        until: Instant,
    },
    /// Active checks found that an endpoint is not there.
    Down,
    /// So few endpoints are available, at least in a level, that those are used that would be left out otherwise.
    PanicOn,
    /// There are enough again.
    PanicOff,
    /// So many events before this one were dropped, as nobody took them.
    Lost(u32),
}

#[cfg(feature = "serde")]
impl<A: serde::Serialize> serde::Serialize for Event<'_, A> {
    /// As `at`, `slot`, `addr` and `kind`.
    fn serialize<W: serde::Serializer>(&self, serializer: W) -> Result<W::Ok, W::Error> {
        use serde::ser::SerializeStruct;

        let mut event = serializer.serialize_struct("Event", 4)?;
        event.serialize_field("at", &self.at)?;
        event.serialize_field("slot", &self.endpoint.map(|(slot, _)| slot))?;
        event.serialize_field("addr", &self.endpoint.and_then(|(_, addr)| addr))?;
        event.serialize_field("kind", &self.kind)?;
        event.end()
    }
}

/// How many events wait at most; fewer where the store holds fewer.
const MOST: usize = 256;

/// The last events, oldest first from `first` on, around the end.
pub(crate) struct Events<S: Store> {
    ring: S::Extra<Record>,
    first: usize,
    lost: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    at: Instant,
    slot: Option<Slot>,
    kind: EventKind,
}

impl<S: Store> Events<S> {
    pub(crate) fn push(&mut self, at: Instant, slot: Option<Slot>, kind: EventKind) {
        let most = MOST.min(<S::Extra<Record>>::LIMIT);
        if most == 0 {
            return;
        }
        let record = Record { at, slot, kind };
        // As long as nothing was dropped, the first is at 0.
        if self.ring.len() < most && self.ring.try_push(record).is_ok() {
            return;
        }
        self.lost = self.lost.saturating_add(1);
        if let Some(oldest) = self.ring.get_mut(self.first) {
            *oldest = record;
            self.first = if self.first + 1 == self.ring.len() { 0 } else { self.first + 1 };
        }
    }

    /// Takes all out, oldest first; `address` knows the endpoint that has, or had last, a slot.
    pub(crate) fn drain<'a, A: 'a, F: Fn(Slot) -> Option<&'a A>>(
        &mut self,
        address: F,
    ) -> impl Iterator<Item = Event<'a, A>> + use<'a, A, S, F> {
        let lost = (self.lost > 0).then_some(EventKind::Lost(self.lost));
        let (ring, first) = (core::mem::take(&mut self.ring), self.first);
        (self.first, self.lost) = (0, 0);
        let at = ring.get(first).map_or(Instant::ZERO, |record| record.at);
        let lost = lost.map(|kind| Event { at, endpoint: None, kind });
        let length = ring.len();
        let records = (0..length).filter_map(move |place| {
            let place = first + place;
            ring.get(if place < length { place } else { place - length }).copied()
        });
        lost.into_iter().chain(records.map(move |Record { at, slot, kind }| Event {
            at,
            endpoint: slot.map(|slot| (slot, address(slot))),
            kind,
        }))
    }
}

impl<S: Store> Default for Events<S> {
    fn default() -> Self {
        Self { ring: <S::Extra<Record>>::default(), first: 0, lost: 0 }
    }
}

impl<S: Store> fmt::Debug for Events<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events")
            .field("ring", &DebugList(&self.ring))
            .field("first", &self.first)
            .field("lost", &self.lost)
            .finish()
    }
}
