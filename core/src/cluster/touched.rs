use crate::event::{EventKind, Events};
use crate::health;
use crate::set::{Change, Observer, Slot};
use crate::store::Store;
use crate::tier::Warmth;
use crate::time::Instant;

/// The most differences that are made good one by one.
const FEW: usize = 4;

/// The slots that changed, unless they are too many to make each good on its own.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    slots: heapless::Vec<Slot, FEW>,
    many: bool,
}

impl Touched {
    /// One more.
    pub(crate) fn slot(&mut self, slot: Slot) {
        self.many |= !self.slots.contains(&slot) && self.slots.push(slot).is_err();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Whether this is one, or may be.
    pub(super) fn holds(&self, slot: Slot) -> bool {
        self.many || self.slots.contains(&slot)
    }

    /// All, if they are few.
    pub(super) fn few(&self) -> Option<&[Slot]> {
        (!self.many).then_some(&self.slots)
    }
}

/// Notes what an update touches, and passes it on.
pub(super) struct Noting<'a, S: Store, O> {
    pub(super) now: Instant,
    pub(super) touched: &'a mut Touched,
    pub(super) health: &'a mut health::Table<S>,
    pub(super) events: &'a mut Events<S>,
    pub(super) warmth: &'a mut Warmth<S>,
    /// When an endpoint will be warm that comes now, where that matters.
    pub(super) end: Option<Instant>,
    pub(super) observer: &'a mut O,
}

impl<A, S: Store, O: Observer<A>> Observer<A> for Noting<'_, S, O> {
    fn idle(&self, index: usize) -> bool {
        self.observer.idle(index)
    }

    fn on_change(&mut self, change: Change<'_, A>) {
        let (Change::Added(slot, _) | Change::Changed(slot, _) | Change::Removed(slot, _)) = change;
        self.touched.slot(slot);
        self.health.on_change(&change);
        match change {
            Change::Added(..) => self.events.push(self.now, Some(slot), EventKind::Added),
            Change::Removed(..) => self.events.push(self.now, Some(slot), EventKind::Removed),
            Change::Changed(..) => {}
        }
        if let Some(end) = self.end {
            self.warmth.note(&change, end);
        }
        self.observer.on_change(change);
    }
}
