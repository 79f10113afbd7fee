//! Tells what changed, for logs and metrics: a bounded queue that the shell drains.

mod counts;

pub use counts::EventCounts;

use crate::health::{Held, Reason};
use crate::names::named;
use crate::slot::Slot;
use crate::store::{List, Store};
use crate::time::Instant;

/// Something that changed in a balancer; see [`Balancer::events`](crate::Balancer::events).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a, A> {
    /// The time of the change.
    pub at: Instant,
    /// The endpoint: its slot and its address, unless the slot has been given to another one
    /// since.
    pub endpoint: Option<(Slot, Option<&'a A>)>,
    /// The kind of the change.
    pub kind: EventKind,
}

/// Says what changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum EventKind {
    /// An endpoint came.
    Added,
    /// An endpoint left.
    Removed,
    /// An endpoint was ejected.
    Ejected {
        /// The rule that it broke.
        reason: Reason,
        /// Until when at least.
        until: Instant,
    },
    /// An endpoint fails, and is not ejected. Told where another rule keeps it than was told last
    /// of its row.
    Held {
        /// The rule that keeps it.
        rule: Held,
    },
    /// Ejections did harm, or gained nothing: those of the level of this endpoint come back that it
    /// may miss.
    Undone {
        /// Until then, at most half as many of the level are ejected, unless nobody of it is well
        /// and another level is; after a [failover in vain](crate::guide::health), none at all.
        until: Instant,
    },
    /// The time of an ejected endpoint is over: the next request probes it.
    HalfOpen,
    /// A request was sent to an ejected endpoint that decides if it comes back.
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
    /// So few endpoints are available, at least in a level, that those are used that would be left
    /// out otherwise.
    PanicOn,
    /// There are enough again.
    PanicOff,
    /// So many events before this one were dropped, as nobody took them.
    Lost(u32),
}

named!(EventKind {
    Added => "added",
    Removed => "removed",
    Ejected { .. } => "ejected",
    Held { .. } => "held",
    Undone { .. } => "undone",
    HalfOpen => "half_open",
    Probing => "probing",
    Readmitted => "readmitted",
    Overloaded { .. } => "overloaded",
    Down => "down",
    PanicOn => "panic_on",
    PanicOff => "panic_off",
    Lost(..) => "lost",
});

impl EventKind {
    /// Returns the time that it speaks of, where there is one.
    pub const fn until(&self) -> Option<Instant> {
        match *self {
            Self::Ejected { until, .. } | Self::Overloaded { until } | Self::Undone { until } => {
                Some(until)
            }
            Self::Added
            | Self::Removed
            | Self::Held { .. }
            | Self::HalfOpen
            | Self::Probing
            | Self::Readmitted
            | Self::Down
            | Self::PanicOn
            | Self::PanicOff
            | Self::Lost(_) => None,
        }
    }
}

#[cfg(feature = "serde")]
impl<A: serde::Serialize> serde::Serialize for Event<'_, A> {
    /// Writes `at`, `slot`, `addr` and `kind`.
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

/// An event as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub struct Note {
    pub(crate) at: Instant,
    pub(crate) slot: Option<Slot>,
    pub(crate) kind: EventKind,
}

/// Keeps events, or nothing.
#[doc(hidden)]
pub trait EventLog: 'static {
    /// Events are kept.
    const ON: bool;
    /// No events.
    const NEW: Self;
    /// Keeps one more.
    fn push(&mut self, note: Note);
    /// Takes all out, oldest first.
    fn drain(&mut self) -> impl Iterator<Item = Note> + '_;
}

/// Keeps no events.
#[derive(Clone, Copy, Debug)]
#[doc(hidden)]
pub struct NoEvents;

impl EventLog for NoEvents {
    const ON: bool = false;
    const NEW: Self = Self;

    #[inline]
    fn push(&mut self, _: Note) {}

    fn drain(&mut self) -> impl Iterator<Item = Note> + '_ {
        core::iter::empty()
    }
}

/// The most events that wait; fewer if the store holds fewer.
const MOST: usize = 256;

/// The last events; those from `first` on are the oldest, around the end.
#[doc(hidden)]
pub struct Ring<St: Store> {
    notes: St::List<Packed>,
    first: usize,
    lost: u32,
}

impl<St: Store> core::fmt::Debug for Ring<St> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Ring").field("waiting", &self.notes.len()).finish_non_exhaustive()
    }
}

impl<St: Store> EventLog for Ring<St> {
    const ON: bool = true;
    const NEW: Self = Self { notes: List::NEW, first: 0, lost: 0 };

    fn push(&mut self, note: Note) {
        // As long as nothing was dropped, the first is at 0.
        if self.notes.len() < MOST && self.notes.try_push(Packed::new(note)).is_ok() {
            return;
        }
        self.lost = self.lost.saturating_add(1);
        if let Some(oldest) = self.notes.get_mut(self.first) {
            *oldest = Packed::new(note);
            self.first = if self.first + 1 == self.notes.len() { 0 } else { self.first + 1 };
        }
    }

    fn drain(&mut self) -> impl Iterator<Item = Note> + '_ {
        Drain { ring: self, place: 0 }
    }
}

/// Takes the events out; those that are left when it is dropped, too.
struct Drain<'a, St: Store> {
    ring: &'a mut Ring<St>,
    /// How many were taken out.
    place: usize,
}

impl<St: Store> Iterator for Drain<'_, St> {
    type Item = Note;

    fn next(&mut self) -> Option<Note> {
        let Ring { notes, first, lost } = &mut *self.ring;
        let place = *first + self.place;
        let place = if place < notes.len() { place } else { place - notes.len() };
        let note = notes.get(place).filter(|_| self.place < notes.len())?.note();
        if *lost > 0 {
            let kind = EventKind::Lost(core::mem::take(lost));
            return Some(Note { at: note.at, slot: None, kind });
        }
        self.place += 1;
        Some(note)
    }
}

impl<St: Store> Drop for Drain<'_, St> {
    fn drop(&mut self) {
        self.ring.notes.shorten(0);
        (self.ring.first, self.ring.lost) = (0, 0);
    }
}

/// An event, in as few bytes as may be.
#[derive(Clone, Copy)]
struct Packed {
    at: Instant,
    until: Instant,
    /// [`u32::MAX`] for none.
    index: u32,
    generation: u16,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    Added,
    Removed,
    Ejected(Reason),
    Held(Held),
    Undone,
    HalfOpen,
    Probing,
    Readmitted,
    Overloaded,
    Down,
    PanicOn,
    PanicOff,
    Lost,
}

impl Packed {
    fn new(Note { at, slot, kind }: Note) -> Self {
        let what = match kind {
            EventKind::Added => What::Added,
            EventKind::Removed => What::Removed,
            EventKind::Ejected { reason, .. } => What::Ejected(reason),
            EventKind::Held { rule } => What::Held(rule),
            EventKind::Undone { .. } => What::Undone,
            EventKind::HalfOpen => What::HalfOpen,
            EventKind::Probing => What::Probing,
            EventKind::Readmitted => What::Readmitted,
            EventKind::Overloaded { .. } => What::Overloaded,
            EventKind::Down => What::Down,
            EventKind::PanicOn => What::PanicOn,
            EventKind::PanicOff => What::PanicOff,
            EventKind::Lost(_) => What::Lost,
        };
        let (index, generation) = slot.map_or((u32::MAX, 0), |slot| (slot.index, slot.generation));
        let until = kind.until().unwrap_or(at);
        Self { at, until, index, generation: generation as u16, what }
    }

    fn note(&self) -> Note {
        let &Self { at, until, index, generation, what } = self;
        let kind = match what {
            What::Added => EventKind::Added,
            What::Removed => EventKind::Removed,
            What::Ejected(reason) => EventKind::Ejected { reason, until },
            What::Held(rule) => EventKind::Held { rule },
            What::Undone => EventKind::Undone { until },
            What::HalfOpen => EventKind::HalfOpen,
            What::Probing => EventKind::Probing,
            What::Readmitted => EventKind::Readmitted,
            What::Overloaded => EventKind::Overloaded { until },
            What::Down => EventKind::Down,
            What::PanicOn => EventKind::PanicOn,
            What::PanicOff => EventKind::PanicOff,
            // It is noted once, where others are taken out.
            What::Lost => EventKind::Lost(0),
        };
        let slot = (index != u32::MAX).then_some(Slot { index, generation: generation.into() });
        Note { at, slot, kind }
    }
}
