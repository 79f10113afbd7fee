//! Counts events, for metrics.

use super::EventKind;
use crate::health::{Held, Reason};

/// How often each kind of event was told: ejections by their reason, and what was held by the rule
/// that keeps it.
///
/// ```
/// use evenkeel_core::health::Held;
/// use evenkeel_core::{EventCounts, EventKind};
///
/// let mut counts = EventCounts::NEW;
/// counts.count(EventKind::Held { rule: Held::Calm });
/// counts.count(EventKind::HalfOpen);
/// let told = counts.iter().filter(|&(_, _, times)| times > 0);
/// assert!(told.eq([("held", "calm", 1), ("half_open", "", 1)]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventCounts {
    kinds: [u64; EventKind::NAMES.len()],
    reasons: [u64; Reason::NAMES.len()],
    rules: [u64; Held::NAMES.len()],
}

impl EventCounts {
    /// Nothing was told as yet.
    pub const NEW: Self = Self {
        kinds: [0; EventKind::NAMES.len()],
        reasons: [0; Reason::NAMES.len()],
        rules: [0; Held::NAMES.len()],
    };

    /// Counts an event; of those that were [lost](EventKind::Lost), all.
    pub fn count(&mut self, kind: EventKind) {
        let (count, times) = match kind {
            EventKind::Ejected { reason, .. } => (self.reasons.get_mut(reason.index() as usize), 1),
            EventKind::Held { rule } => (self.rules.get_mut(rule.index() as usize), 1),
            EventKind::Lost(times) => (self.kinds.get_mut(kind.index() as usize), times),
            EventKind::Added
            | EventKind::Removed
            | EventKind::Undone { .. }
            | EventKind::HalfOpen
            | EventKind::Probing
            | EventKind::Readmitted
            | EventKind::Overloaded { .. }
            | EventKind::Down
            | EventKind::PanicOn
            | EventKind::PanicOff => (self.kinds.get_mut(kind.index() as usize), 1),
        };
        if let Some(count) = count {
            *count = count.saturating_add(times.into());
        }
    }

    /// Lists the name of each kind, the reason or rule (empty for kinds without one), and how often
    /// it was told: the labels and the value of a metric. Those never told are listed with 0.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> + '_ {
        let kinds = EventKind::NAMES.iter().zip(&self.kinds);
        kinds.flat_map(|(&kind, count)| {
            let (whys, counts): (&[&'static str], &[u64]) = match kind {
                "ejected" => (Reason::NAMES, &self.reasons),
                "held" => (Held::NAMES, &self.rules),
                _ => (&[""], core::slice::from_ref(count)),
            };
            whys.iter().zip(counts).map(move |(&why, &count)| (kind, why, count))
        })
    }
}

impl Default for EventCounts {
    fn default() -> Self {
        Self::NEW
    }
}
