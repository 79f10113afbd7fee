use crate::set::{Change, Observer, Slot};
use crate::store::Store;
use crate::tier::Warmth;
use crate::time::Instant;

/// The most differences that are made good one by one.
const FEW: usize = 4;

/// The slots that an update touched, unless they are too many to make each good on its own.
#[derive(Debug, Default)]
pub(super) struct Touched {
    slots: heapless::Vec<Slot, FEW>,
    many: bool,
}

impl Touched {
    /// One slot.
    pub(super) fn one(slot: Slot) -> Self {
        Self { slots: [slot].into_iter().collect(), many: false }
    }

    /// All, if they are few.
    pub(super) fn few(&self) -> Option<&[Slot]> {
        (!self.many).then_some(&self.slots)
    }

    fn note<A>(&mut self, change: &Change<'_, A>) {
        let (Change::Added(slot, _) | Change::Changed(slot, _) | Change::Removed(slot, _)) = *change;
        self.many |= self.slots.push(slot).is_err();
    }
}

/// Notes what an update touches, and passes it on.
pub(super) struct Noting<'a, S: Store, O> {
    pub(super) touched: &'a mut Touched,
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
        self.touched.note(&change);
        if let Some(end) = self.end {
            self.warmth.note(&change, end);
        }
        self.observer.on_change(change);
    }
}
