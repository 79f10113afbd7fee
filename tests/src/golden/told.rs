//! How picks, and what is told of health, are written.

use core::fmt::{self, Formatter};

use evenkeel_core::health::Health;
use evenkeel_core::{Candidacy, EventKind, Why};

use super::read::write_millis;

/// `ADDR[ WHY]`.
pub(super) fn write_pick(f: &mut Formatter<'_>, addr: &str, why: Why) -> fmt::Result {
    match why {
        Why::Policy => f.write_str(addr),
        Why::Retry | Why::LastResort | Why::Probe | Why::Panic => {
            write!(f, "{addr} {}", why.name())
        }
    }
}

/// `STATE CANDIDACY WEIGHT`.
pub(super) fn write_health(
    f: &mut Formatter<'_>,
    health: Health,
    candidacy: Candidacy,
    weight: u32,
) -> fmt::Result {
    f.write_str(health.name())?;
    if let Some(reason) = health.reason() {
        write!(f, " {}", reason.name())?;
    }
    if let Some(until) = health.until() {
        f.write_str(" ")?;
        write_millis(f, until)?;
    }
    write!(f, " {} {weight}", candidacy.name())
}

/// `KIND[ ADDR[ REASON][ MS]]`.
pub(super) fn write_event(
    f: &mut Formatter<'_>,
    addr: Option<&str>,
    kind: EventKind,
) -> fmt::Result {
    f.write_str(kind.name())?;
    match kind {
        EventKind::PanicOn | EventKind::PanicOff => return Ok(()),
        EventKind::Lost(number) => return write!(f, " {number}"),
        EventKind::Added
        | EventKind::Removed
        | EventKind::Ejected { .. }
        | EventKind::Held { .. }
        | EventKind::Undone { .. }
        | EventKind::HalfOpen
        | EventKind::Probing
        | EventKind::Readmitted
        | EventKind::Overloaded { .. }
        | EventKind::Down => write!(f, " {}", addr.unwrap_or("?"))?,
    }
    if let EventKind::Ejected { reason, .. } = kind {
        write!(f, " {}", reason.name())?;
    }
    if let Some(until) = kind.until() {
        f.write_str(" ")?;
        write_millis(f, until)?;
    }
    Ok(())
}
