//! How what is told of health is written.

use core::fmt::{self, Formatter};

use evenkeel_core::balancer::Candidacy;
use evenkeel_core::event::EventKind;
use evenkeel_core::health::{Health, Reason};
use evenkeel_core::{Instant, Why};

use super::read::write_millis;

pub(super) fn why(why: Why) -> &'static str {
    match why {
        Why::Retry => " retry",
        Why::Probe => " probe",
        Why::Panic => " panic",
        Why::LastResort => " last_resort",
        _ => "",
    }
}

/// `STATE CANDIDACY WEIGHT`.
pub(super) fn write_health(f: &mut Formatter<'_>, health: Health, candidacy: Candidacy, weight: u32) -> fmt::Result {
    match health {
        Health::Healthy => f.write_str("healthy")?,
        Health::HalfOpen => f.write_str("half_open")?,
        Health::Down => f.write_str("down")?,
        Health::Ejected { reason, until } => {
            write!(f, "ejected {} ", reason_word(reason))?;
            write_millis(f, until)?;
        }
        Health::Probing { until } => write_until(f, "probing", until)?,
        Health::Overloaded { until } => write_until(f, "overloaded", until)?,
        _ => f.write_str("?")?,
    }
    let candidacy = match candidacy {
        Candidacy::Candidate => "candidate",
        Candidacy::Panic => "panic",
        Candidacy::NoWeight => "no_weight",
        Candidacy::Draining => "draining",
        Candidacy::Unhealthy => "unhealthy",
        Candidacy::Priority => "priority",
        Candidacy::Subset => "subset",
        Candidacy::Zone => "zone",
        Candidacy::Pending => "pending",
        _ => "?",
    };
    write!(f, " {candidacy} {weight}")
}

/// `KIND[ ADDR[ REASON][ MS]]`.
pub(super) fn write_event(f: &mut Formatter<'_>, addr: Option<&str>, kind: EventKind) -> fmt::Result {
    let addr = addr.unwrap_or("?");
    match kind {
        EventKind::Added => write!(f, "added {addr}"),
        EventKind::Removed => write!(f, "removed {addr}"),
        EventKind::Ejected { reason, until } => {
            write!(f, "ejected {addr} {} ", reason_word(reason))?;
            write_millis(f, until)
        }
        EventKind::Probing => write!(f, "probing {addr}"),
        EventKind::Readmitted => write!(f, "readmitted {addr}"),
        EventKind::Overloaded { until } => {
            write!(f, "overloaded {addr} ")?;
            write_millis(f, until)
        }
        EventKind::Down => write!(f, "down {addr}"),
        EventKind::PanicOn => f.write_str("panic_on"),
        EventKind::PanicOff => f.write_str("panic_off"),
        EventKind::Lost(number) => write!(f, "lost {number}"),
        _ => f.write_str("?"),
    }
}

fn write_until(f: &mut Formatter<'_>, word: &str, until: Instant) -> fmt::Result {
    write!(f, "{word} ")?;
    write_millis(f, until)
}

fn reason_word(reason: Reason) -> &'static str {
    match reason {
        Reason::ConsecutiveFailures => "consecutive_failures",
        Reason::FailurePercentage => "failure_percentage",
        Reason::SuccessRate => "success_rate",
        Reason::ProbeFailed => "probe_failed",
        Reason::ProbeTimedOut => "probe_timed_out",
        _ => "?",
    }
}
