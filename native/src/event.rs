//! What happens to endpoints.

use core::fmt;

use evenkeel_core::{EventKind, Instant};

use crate::target::Target;

/// Something that changed, for logs and metrics; see [`Balancer::events`](crate::Balancer::events).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, on the clock of [`Balancer::now`](crate::Balancer::now).
    pub at: Instant,
    /// Which endpoint; `None` where it is about none of them, or where one that left has made room
    /// for another.
    pub target: Option<Target>,
    /// What. [`Added`](EventKind::Added) and [`Removed`](EventKind::Removed) speak of endpoints
    /// that have a client.
    pub kind: EventKind,
}

impl Event {
    /// Writes it to the log.
    pub(crate) fn trace(&self) {
        match self.kind {
            EventKind::Added | EventKind::Removed => tracing::debug!("{self}"),
            EventKind::Held { .. }
            | EventKind::HalfOpen
            | EventKind::Probing
            | EventKind::Readmitted
            | EventKind::Overloaded { .. }
            | EventKind::PanicOff => {
                tracing::info!("{self}");
            }
            EventKind::Ejected { .. }
            | EventKind::Undone { .. }
            | EventKind::Down
            | EventKind::PanicOn
            | EventKind::Lost(_) => {
                tracing::warn!("{self}");
            }
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(target) = &self.target {
            write!(f, "{target}: ")?;
        }
        let rest = |until: Instant| until.saturating_since(self.at);
        match self.kind {
            EventKind::Added => f.write_str("has a client"),
            EventKind::Removed => f.write_str("left"),
            EventKind::Ejected { reason, until } => {
                write!(f, "ejected for {:?}: {reason}", rest(until))
            }
            EventKind::Held { rule } => write!(f, "fails, but is not ejected: {rule}"),
            EventKind::Undone { until } => write!(
                f,
                "ejections of its level are undone, and there are fewer for {:?}",
                rest(until)
            ),
            EventKind::HalfOpen => f.write_str("its time is over: a request will probe it"),
            EventKind::Probing => f.write_str("probed by a request"),
            EventKind::Readmitted => f.write_str("takes requests again"),
            EventKind::Overloaded { until } => {
                write!(f, "asked to be left alone for {:?}", rest(until))
            }
            EventKind::Down => f.write_str("down"),
            EventKind::PanicOn => f.write_str("too few endpoints are well: others are used, too"),
            EventKind::PanicOff => f.write_str("enough endpoints are well again"),
            EventKind::Lost(count) => write!(f, "{count} events were lost"),
        }
    }
}
