use core::fmt;

use super::held::Held;
use crate::names::{named, numbered};
use crate::part::Fresh;
use crate::time::Instant;

/// Counts of requests in one interval: no more than 65,535 where every byte counts.
#[cfg(not(feature = "millis32"))]
pub(crate) type Count = u32;
/// Counts of requests in one interval: no more than 65,535 where every byte counts.
#[cfg(feature = "millis32")]
pub(crate) type Count = u16;

/// Room for the sum of two counts, in percent of each.
#[cfg(not(feature = "millis32"))]
pub(crate) type Requests = u64;
/// Room for the sum of two counts, in percent of each.
#[cfg(feature = "millis32")]
pub(crate) type Requests = u32;

/// The number of ejections of an endpoint: no more than 255 where every byte counts.
#[cfg(not(feature = "millis32"))]
pub(crate) type Ejections = u16;
/// The number of ejections of an endpoint: no more than 255 where every byte counts.
#[cfg(feature = "millis32")]
pub(crate) type Ejections = u8;

/// Keeps the health of one endpoint; 40 bytes, or 24 with times of 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(hidden)]
#[repr(C)]
pub(crate) struct HealthRow {
    /// The phase, why it was ejected last, that a failure of the row was slow, and that it is not
    /// heard.
    pub(super) standing: u8,
    /// Why it was not ejected for its row, or its window, so far.
    pub(crate) held: Option<Held>,
    /// The number of ejections, less the intervals that it did well since.
    pub(crate) ejections: Ejections,
    /// Failures in a row.
    pub(crate) streak: u16,
    /// The row of cancellations without any answer, [weighed](super::cancellations).
    pub(crate) cancels: u16,
    /// In the window.
    pub(crate) failures: Count,
    /// In the window.
    pub(crate) successes: Count,
    /// In service: the start of the counting window; at first, the time at which it came. Else: the
    /// time at which it was taken out, or its probe sent.
    pub(crate) since: Instant,
    /// In service: since when. Else: until when it is out, or when its probe has failed.
    pub(crate) until: Instant,
    /// In service: the time at which the first failing request of the row was sent. Ejected: the
    /// time at which it left service.
    pub(crate) began: Instant,
}

/// The bits of the phase in what both share a byte of: rows are as short as may be.
const PHASE: u8 = 0b111;
/// A failure of the row was slow.
const SLOW: u8 = 1 << 7;
/// It has not answered since another one, of any level, was ejected.
const UNHEARD: u8 = 1 << 6;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    InService,
    /// It asked to be left alone.
    Resting,
    Ejected,
    /// Its time is over: the next request decides.
    HalfOpen,
    /// A request in flight decides.
    Probing,
}

numbered!(Phase { InService, Resting, Ejected, HalfOpen; Probing });

impl HealthRow {
    /// Of an endpoint that nothing was reported of.
    pub(crate) const NEW: Self = Self {
        since: Instant::ZERO,
        until: Instant::ZERO,
        began: Instant::ZERO,
        held: None,
        cancels: 0,
        successes: 0,
        failures: 0,
        streak: 0,
        ejections: 0,
        standing: 0,
    };

    #[inline]
    pub(crate) const fn phase(&self) -> Phase {
        Phase::of_number(self.standing & PHASE)
    }

    pub(crate) fn set_phase(&mut self, phase: Phase) {
        self.standing = self.standing & !PHASE | phase as u8;
    }

    /// Takes up a phase that lasts until then.
    pub(crate) fn enter(&mut self, phase: Phase, until: Instant) {
        self.set_phase(phase);
        self.until = until;
    }

    /// Returns why it was ejected last.
    pub(crate) const fn reason(&self) -> Reason {
        Reason::of_number((self.standing & !(SLOW | UNHEARD)) >> PHASE.count_ones())
    }

    /// Notes why it is ejected.
    pub(crate) fn set_reason(&mut self, reason: Reason) {
        self.standing =
            self.standing & (PHASE | SLOW | UNHEARD) | (reason as u8) << PHASE.count_ones();
    }

    /// Tells that a failure of the row was slow, or of that for which it was ejected.
    pub(crate) const fn slow(&self) -> bool {
        self.standing & SLOW != 0
    }

    /// Begins a row of failures.
    pub(crate) fn begin_row(&mut self, sent: Instant) {
        self.began = sent;
        self.standing &= !SLOW;
        self.held = None;
    }

    /// Ends a row of failures, and with it what was slow about it.
    pub(crate) fn end_row(&mut self) {
        self.streak = 0;
        self.standing &= !SLOW;
    }

    /// Notes that a failure of the row was slow.
    pub(crate) fn note_slow(&mut self) {
        self.standing |= SLOW;
    }

    /// Tells that it has answered since the latest ejection of another one, of any level.
    pub(crate) const fn heard(&self) -> bool {
        self.standing & UNHEARD == 0
    }

    /// Notes that another one, of any level, was ejected.
    pub(crate) fn await_answer(&mut self) {
        if self.serves() {
            self.standing |= UNHEARD;
        }
    }

    /// Notes that it answered.
    pub(crate) fn hear(&mut self) {
        self.standing &= !UNHEARD;
    }

    /// Returns why it is not ejected, though it fails.
    pub(crate) fn held(&self) -> Option<Held> {
        let suspect = self.phase() == Phase::InService && (self.streak > 0 || self.cancels > 0);
        self.held.filter(|_| suspect)
    }

    /// Tells that it counts as ejected.
    pub(crate) fn ejected(&self) -> bool {
        matches!(self.phase(), Phase::Ejected | Phase::HalfOpen | Phase::Probing)
    }

    /// Tells that it is not ejected: it takes requests, or rests.
    pub(crate) fn serves(&self) -> bool {
        matches!(self.phase(), Phase::InService | Phase::Resting)
    }

    /// Tells that it waits for `until`.
    pub(crate) fn waits(&self) -> bool {
        matches!(self.phase(), Phase::Resting | Phase::Ejected | Phase::Probing)
    }

    /// Tells that a success would teach nothing.
    #[inline]
    pub(crate) fn quiet(&self) -> bool {
        self.heard() && self.sound()
    }

    /// Tells that it is in service, and nothing that failed counts still.
    #[inline]
    fn sound(&self) -> bool {
        self.phase() == Phase::InService
            && self.streak == 0
            && self.cancels == 0
            && self.failures == 0
    }

    /// Tells that nothing that was reported counts still.
    pub(crate) fn blank(&self) -> bool {
        self.sound() && self.successes == 0 && self.ejections == 0 && self.held.is_none()
    }

    pub(crate) fn requests(&self) -> Requests {
        Requests::from(self.successes) + Requests::from(self.failures)
    }

    pub(crate) fn close_window(&mut self) {
        (self.successes, self.failures) = (0, 0);
    }

    /// Puts it back in service.
    pub(crate) fn admit(&mut self, now: Instant) {
        self.close_window();
        self.end_row();
        self.cancels = 0;
        self.enter(Phase::InService, now);
    }

    pub(crate) fn health(&self) -> Health {
        match self.phase() {
            Phase::InService => Health::Healthy,
            Phase::Resting => Health::Overloaded { until: self.until },
            Phase::Ejected => Health::Ejected { reason: self.reason(), until: self.until },
            Phase::HalfOpen => Health::HalfOpen,
            Phase::Probing => Health::Probing { until: self.until },
        }
    }
}

impl Fresh for HealthRow {
    const NEW: Self = Self::NEW;
}

/// Tells how an endpoint is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Health {
    /// As far as anybody knows, well.
    Healthy,
    /// Ejected for what requests to it met.
    Ejected {
        /// The rule that it broke.
        reason: Reason,
        /// The end of its time.
        until: Instant,
    },
    /// Its time is over: the next request to be sent decides if it comes back.
    HalfOpen,
    /// A request is in flight that decides if it comes back.
    Probing {
        /// The time at which that has failed, unless it is reported before.
        until: Instant,
    },
    /// It asked to be left alone.
    Overloaded {
        /// Until then.
        until: Instant,
    },
    /// Active checks say that it is not there.
    Down,
}

named!(Health {
    Healthy => "healthy",
    Ejected { .. } => "ejected",
    HalfOpen => "half_open",
    Probing { .. } => "probing",
    Overloaded { .. } => "overloaded",
    Down => "down",
});

impl Health {
    /// Tells that it counts as ejected, though its time may be over.
    pub const fn is_ejected(&self) -> bool {
        match self {
            Self::Ejected { .. } | Self::HalfOpen | Self::Probing { .. } => true,
            Self::Healthy | Self::Overloaded { .. } | Self::Down => false,
        }
    }

    /// Returns the time that it lasts to, where there is one.
    pub const fn until(&self) -> Option<Instant> {
        match *self {
            Self::Ejected { until, .. } | Self::Probing { until } | Self::Overloaded { until } => {
                Some(until)
            }
            Self::Healthy | Self::HalfOpen | Self::Down => None,
        }
    }

    /// Returns why it was ejected, where it was.
    pub const fn reason(&self) -> Option<Reason> {
        match *self {
            Self::Ejected { reason, .. } => Some(reason),
            Self::Healthy
            | Self::HalfOpen
            | Self::Probing { .. }
            | Self::Overloaded { .. }
            | Self::Down => None,
        }
    }
}

/// Names the rule by which an endpoint was ejected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Reason {
    /// Too many failures in a row.
    #[default]
    ConsecutiveFailures,
    /// Too large a share of failures.
    FailurePercentage,
    /// A success rate far below the others'.
    SuccessRate,
    /// Too many requests in a row that were given up without any answer: with the defaults, ten by
    /// callers, or forty that lost a race; twice as many where users leave, so that two in a row
    /// were followed by an answer; and twice the longest row that was.
    Cancellations,
    /// The request failed that was to decide if it comes back.
    ProbeFailed,
    /// The request that was to decide did not end in time, or was never reported.
    ProbeTimedOut,
    /// The request that was to decide was given up.
    ProbeCanceled,
}

named!(all Reason {
    ConsecutiveFailures => "consecutive_failures",
    FailurePercentage => "failure_percentage",
    SuccessRate => "success_rate",
    Cancellations => "cancellations",
    ProbeFailed => "probe_failed",
    ProbeTimedOut => "probe_timed_out",
    ProbeCanceled => "probe_canceled",
});
numbered!(Reason {
    ConsecutiveFailures, FailurePercentage, SuccessRate, Cancellations, ProbeFailed, ProbeTimedOut;
    ProbeCanceled
});

impl Reason {
    /// Tells that a probe's end is the reason: the endpoint was ejected before.
    pub const fn is_of_probe(self) -> bool {
        matches!(self, Self::ProbeFailed | Self::ProbeTimedOut | Self::ProbeCanceled)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ConsecutiveFailures => "failures in a row",
            Self::FailurePercentage => "share of failures",
            Self::SuccessRate => "success rate below the others'",
            Self::ProbeFailed => "the probe failed",
            Self::Cancellations => "requests in a row given up without any answer",
            Self::ProbeTimedOut => "the probe timed out",
            Self::ProbeCanceled => "the probe was given up",
        })
    }
}
