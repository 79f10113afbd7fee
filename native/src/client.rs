//! What the balancer keeps of an endpoint's client.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
#[cfg(feature = "metrics")]
use std::collections::BTreeMap;
use std::sync::Arc;
#[cfg(feature = "metrics")]
use std::sync::Mutex;

use evenkeel_core::Slot;

use crate::clock::Clock;
use crate::load::Load;
use crate::marks::Marks;
use crate::tally::Column;
use crate::target::Target;
#[cfg(feature = "metrics")]
use crate::telemetry::left::Totals;
use crate::vitals::Vitals;

/// A client, where it leads, and what was reported of it.
///
/// What a pick and a good report look at is at its head, on lines of the cache of its own, and the
/// client behind it: of very many endpoints, each line that is touched is a miss.
#[derive(Debug)]
#[repr(C, align(128))]
pub(crate) struct Client<C> {
    pub(crate) load: Load,
    pub(crate) vitals: Vitals,
    pub(crate) inner: C,
    pub(crate) target: Target,
    /// The hash of the target's key.
    pub(crate) id: u64,
    pub(crate) column: Column,
    /// How often it was ejected, and how often that was held back.
    pub(crate) ejections: [AtomicU64; 2],
    /// What was recorded as metrics so far, by the label of the balancer.
    #[cfg(feature = "metrics")]
    pub(crate) recorded: Mutex<BTreeMap<String, Totals>>,
    /// It is to be made anew.
    pub(crate) broken: AtomicBool,
    pub(crate) clock: Clock,
    pub(crate) marks: Arc<Marks>,
}

impl<C> Client<C> {
    /// Asks for another client in its place: it was picked from this slot.
    pub(crate) fn discard(&self, slot: Slot) {
        self.broken.store(true, Relaxed);
        self.marks.mark(slot.index());
    }
}
