//! Counts events, for metrics.

use super::EventKind;
use crate::health::{Held, Reason};
use crate::time::Instant;

/// One event of each kind, in the order of [`EventKind::index`].
const KINDS: [EventKind; EventKind::NAMES.len()] = [
    EventKind::Added,
    EventKind::Removed,
    EventKind::Ejected { reason: Reason::ConsecutiveFailures, until: Instant::ZERO },
    EventKind::Held { rule: Held::Calm },
    EventKind::Undone { until: Instant::ZERO },
    EventKind::HalfOpen,
    EventKind::Probing,
    EventKind::Readmitted,
    EventKind::Overloaded { until: Instant::ZERO },
    EventKind::Down,
    EventKind::PanicOn,
    EventKind::PanicOff,
    EventKind::Lost(0),
];

const _: () = {
    let (mut place, mut rest) = (0, KINDS.as_slice());
    while let [kind, others @ ..] = rest {
        assert!(kind.index() == place, "a kind is out of order");
        (place, rest) = (place + 1, others);
    }
};

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
        let times = if let EventKind::Lost(times) = kind { times } else { 1 };
        let count = match Why::of(kind) {
            Why::Reason(reason) => self.reasons.get_mut(reason.index() as usize),
            Why::Rule(rule) => self.rules.get_mut(rule.index() as usize),
            Why::None => self.kinds.get_mut(kind.index() as usize),
        };
        if let Some(count) = count {
            *count = count.saturating_add(times.into());
        }
    }

    /// Lists the name of each kind, the reason or rule (empty for kinds without one), and how often
    /// it was told: the labels and the value of a metric. Those never told are listed with 0.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> + '_ {
        KINDS.into_iter().zip(&self.kinds).flat_map(|(kind, count)| {
            let (whys, counts): (&[&'static str], &[u64]) = match Why::of(kind) {
                Why::Reason(_) => (Reason::NAMES, &self.reasons),
                Why::Rule(_) => (Held::NAMES, &self.rules),
                Why::None => (&[""], core::slice::from_ref(count)),
            };
            whys.iter().zip(counts).map(move |(&why, &count)| (kind.name(), why, count))
        })
    }
}

/// What an event is counted by, beside its kind.
enum Why {
    None,
    Reason(Reason),
    Rule(Held),
}

impl Why {
    const fn of(kind: EventKind) -> Self {
        match kind {
            EventKind::Ejected { reason, .. } => Self::Reason(reason),
            EventKind::Held { rule } => Self::Rule(rule),
            EventKind::Added
            | EventKind::Removed
            | EventKind::Undone { .. }
            | EventKind::HalfOpen
            | EventKind::Probing
            | EventKind::Readmitted
            | EventKind::Overloaded { .. }
            | EventKind::Down
            | EventKind::PanicOn
            | EventKind::PanicOff
            | EventKind::Lost(_) => Self::None,
        }
    }
}

impl Default for EventCounts {
    fn default() -> Self {
        Self::NEW
    }
}
