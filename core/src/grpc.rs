//! gRPC for shells: what a status says of a call and of its endpoint, how a server pushes back, and
//! how long a call may take.
//!
//! One table for every shell; nothing here reads a header or a clock. The sources are gRPC's
//! `statuscodes.md` and `PROTOCOL-HTTP2.md`, and proposal A6 for retries.

use core::fmt;
use core::time::Duration;

use crate::http::COOL_DOWN;
use crate::names::named;
use crate::outcome::Verdict;

/// The header or trailer with the [`Code`] of an answer.
pub const STATUS: &str = "grpc-status";

/// The trailer in which a server says when to try again: see [`PushBack`].
pub const PUSH_BACK: &str = "grpc-retry-pushback-ms";

/// The header with the time that a call has left: see [`Timeout`].
pub const TIMEOUT: &str = "grpc-timeout";

/// The header with the number of attempts before this one, from the second on (proposal A6).
pub const PREVIOUS_ATTEMPTS: &str = "grpc-previous-rpc-attempts";

/// The largest number of a `grpc-timeout`: eight digits.
const MOST_UNITS: u128 = 99_999_999;

/// Tells how a call ended, as gRPC numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "gRPC's own names")]
pub enum Code {
    Ok,
    Cancelled,
    Unknown,
    InvalidArgument,
    DeadlineExceeded,
    NotFound,
    AlreadyExists,
    PermissionDenied,
    ResourceExhausted,
    FailedPrecondition,
    Aborted,
    OutOfRange,
    Unimplemented,
    Internal,
    Unavailable,
    DataLoss,
    Unauthenticated,
}

named!(all Code {
    Ok => "OK",
    Cancelled => "CANCELLED",
    Unknown => "UNKNOWN",
    InvalidArgument => "INVALID_ARGUMENT",
    DeadlineExceeded => "DEADLINE_EXCEEDED",
    NotFound => "NOT_FOUND",
    AlreadyExists => "ALREADY_EXISTS",
    PermissionDenied => "PERMISSION_DENIED",
    ResourceExhausted => "RESOURCE_EXHAUSTED",
    FailedPrecondition => "FAILED_PRECONDITION",
    Aborted => "ABORTED",
    OutOfRange => "OUT_OF_RANGE",
    Unimplemented => "UNIMPLEMENTED",
    Internal => "INTERNAL",
    Unavailable => "UNAVAILABLE",
    DataLoss => "DATA_LOSS",
    Unauthenticated => "UNAUTHENTICATED",
});

impl Code {
    /// Returns the code of a `grpc-status`; [`Unknown`](Self::Unknown) for what is no number from 0
    /// to 16.
    pub fn parse(status: &str) -> Self {
        let number = status.parse::<usize>().ok();
        number.and_then(|number| Self::ALL.get(number)).copied().unwrap_or(Self::Unknown)
    }

    /// Returns the code of an answer by HTTP that has no `grpc-status`: of a proxy, or of a server
    /// that does not speak gRPC (`http-grpc-status-mapping.md`).
    pub const fn of_http(status: u16) -> Self {
        match status {
            400 => Self::Internal,
            401 => Self::Unauthenticated,
            403 => Self::PermissionDenied,
            404 => Self::Unimplemented,
            429 | 502 | 503 | 504 => Self::Unavailable,
            _ => Self::Unknown,
        }
    }

    /// Returns the code of a stream that the server reset with this error code of HTTP/2 (RFC 9113
    /// §7; `PROTOCOL-HTTP2.md`, "HTTP2 Transport Mapping").
    pub const fn of_reset(error: u32) -> Self {
        match error {
            // REFUSED_STREAM: it was not processed.
            0x7 => Self::Unavailable,
            // CANCEL.
            0x8 => Self::Cancelled,
            // ENHANCE_YOUR_CALM.
            0xb => Self::ResourceExhausted,
            // INADEQUATE_SECURITY.
            0xc => Self::PermissionDenied,
            _ => Self::Internal,
        }
    }

    /// Returns what an answer with this code, and what its server said of trying again, means to
    /// the call.
    ///
    /// | code | verdict | pushed back for a time | not to be tried again |
    /// |---|---|---|---|
    /// | `OK` | success | | |
    /// | `UNAVAILABLE` | another attempt may do better | the whole call waits | the call ends |
    /// | `DEADLINE_EXCEEDED` | timed out | the whole call waits | the call ends |
    /// | `RESOURCE_EXHAUSTED` | overloaded for [`COOL_DOWN`] | overloaded for that time | the call ends |
    /// | `CANCELLED` | canceled | | |
    /// | `UNKNOWN`, `INTERNAL`, `DATA_LOSS` | a failure, and it may have been done: the call ends | | |
    /// | all others | ignorable: the request is at fault | | |
    ///
    /// ```
    /// use core::time::Duration;
    /// use evenkeel_core::Verdict;
    /// use evenkeel_core::grpc::{Code, PushBack};
    ///
    /// let code = Code::parse("14");
    /// assert_eq!((code, code.name()), (Code::Unavailable, "UNAVAILABLE"));
    /// assert_eq!(code.verdict(None), Verdict::RetryableFailure);
    /// let wait = Duration::from_millis(250);
    /// assert_eq!(code.verdict(Some(PushBack::parse("250"))), Verdict::PushBack { wait });
    /// assert_eq!(Code::NotFound.verdict(None), Verdict::Ignorable);
    /// ```
    pub const fn verdict(self, push_back: Option<PushBack>) -> Verdict {
        match self {
            Self::Ok => Verdict::Success,
            Self::Cancelled => Verdict::Canceled,
            Self::Unavailable => pushed(push_back, Verdict::RetryableFailure),
            Self::DeadlineExceeded => pushed(push_back, Verdict::TimedOut),
            Self::ResourceExhausted => match push_back {
                Some(PushBack::After(wait)) if !wait.is_zero() => {
                    Verdict::Overloaded { wait: Some(wait) }
                }
                None | Some(PushBack::After(_) | PushBack::Never) => {
                    pushed(push_back, Verdict::Overloaded { wait: Some(COOL_DOWN) })
                }
            },
            Self::Unknown | Self::Internal | Self::DataLoss => Verdict::NonRetryableFailure,
            Self::InvalidArgument
            | Self::NotFound
            | Self::AlreadyExists
            | Self::PermissionDenied
            | Self::FailedPrecondition
            | Self::Aborted
            | Self::OutOfRange
            | Self::Unimplemented
            | Self::Unauthenticated => Verdict::Ignorable,
        }
    }
}

const fn pushed(push_back: Option<PushBack>, otherwise: Verdict) -> Verdict {
    match push_back {
        None => otherwise,
        Some(PushBack::After(wait)) => Verdict::PushBack { wait },
        // Longer than any call may wait: it ends, and nothing is said against the endpoint.
        Some(PushBack::Never) => Verdict::PushBack { wait: Duration::MAX },
    }
}

/// Says what a server asks for in `grpc-retry-pushback-ms` (proposal A6, "Pushback").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushBack {
    /// To try again after this time, whatever the backoff says.
    After(Duration),
    /// Not to try again.
    Never,
}

impl PushBack {
    /// Reads the trailer: milliseconds as a signed number of 32 bits. What is below 0, or is no
    /// such number, means not to try again.
    pub fn parse(value: &str) -> Self {
        let millis = value.parse::<i32>().ok().and_then(|millis| u64::try_from(millis).ok());
        millis.map_or(Self::Never, |millis| Self::After(Duration::from_millis(millis)))
    }
}

/// Writes the time that a call has left as a `grpc-timeout`: at most eight digits, and the finest
/// unit that has room for it, rounded up. At most 99,999,999 hours.
///
/// ```
/// use core::time::Duration;
/// use evenkeel_core::grpc::Timeout;
///
/// assert_eq!(Timeout(Duration::from_millis(250)).to_string(), "250000u");
/// assert_eq!(Timeout::parse("250000u"), Some(Duration::from_millis(250)));
/// assert_eq!(Timeout::parse("0.25S"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout(pub Duration);

/// The units, the finest first, in nanoseconds.
const UNITS: [(char, u128); 6] = [
    ('n', 1),
    ('u', 1_000),
    ('m', 1_000_000),
    ('S', 1_000_000_000),
    ('M', 60_000_000_000),
    ('H', 3_600_000_000_000),
];

impl Timeout {
    /// Reads a `grpc-timeout`: one to eight digits and a unit of `H`, `M`, `S`, `m`, `u` and `n`;
    /// `None` for anything else.
    pub fn parse(value: &str) -> Option<Duration> {
        let unit = value.chars().next_back()?;
        let (_, nanos) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
        let digits = value.strip_suffix(unit)?;
        let is_number =
            (1..=8).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        let nanos = digits.parse::<u128>().ok().filter(|_| is_number)? * nanos;
        Some(Duration::new((nanos / 1_000_000_000) as u64, (nanos % 1_000_000_000) as u32))
    }
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        let fits = |(_, unit): &(char, u128)| nanos.div_ceil(*unit) <= MOST_UNITS;
        let (name, unit) = UNITS.into_iter().find(fits).unwrap_or(UNITS[5]);
        write!(f, "{}{name}", nanos.div_ceil(unit).min(MOST_UNITS))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString;

    use super::*;

    #[test]
    fn each_code_has_the_verdict_of_the_table() {
        let rest = Verdict::Overloaded { wait: Some(COOL_DOWN) };
        let wait = Duration::from_millis(70);
        let (waits, ends) = (Verdict::PushBack { wait }, Verdict::PushBack { wait: Duration::MAX });
        for (number, &code) in Code::ALL.iter().enumerate() {
            let wanted = match number {
                0 => [Verdict::Success; 3],
                1 => [Verdict::Canceled; 3],
                4 => [Verdict::TimedOut, waits, ends],
                8 => [rest, Verdict::Overloaded { wait: Some(wait) }, ends],
                14 => [Verdict::RetryableFailure, waits, ends],
                2 | 13 | 15 => [Verdict::NonRetryableFailure; 3],
                _ => [Verdict::Ignorable; 3],
            };
            let said = [None, Some(PushBack::After(wait)), Some(PushBack::Never)];
            assert_eq!(said.map(|said| code.verdict(said)), wanted, "{}", code.name());
            assert_eq!(usize::from(code.index()), number);
        }
        let at_once = Some(PushBack::After(Duration::ZERO));
        let nothing = Verdict::PushBack { wait: Duration::ZERO };
        assert_eq!(Code::ResourceExhausted.verdict(at_once), nothing);
    }

    #[test]
    fn codes_are_read_from_what_there_is() {
        for (text, code) in [("0", 0), ("14", 14), ("16", 16), ("17", 2), ("-1", 2), ("", 2)] {
            assert_eq!(Code::parse(text), Code::ALL[code], "{text:?}");
        }
        let of_http = [(400, 13), (401, 16), (403, 7), (404, 12), (429, 14), (500, 2), (503, 14)];
        for (status, code) in of_http {
            assert_eq!(Code::of_http(status), Code::ALL[code], "{status}");
        }
        for (error, code) in [(0, 13), (1, 13), (7, 14), (8, 1), (0xb, 8), (0xc, 7), (99, 13)] {
            assert_eq!(Code::of_reset(error), Code::ALL[code], "{error}");
        }
    }

    #[test]
    fn push_back_that_is_no_time_means_never() {
        let after = |millis| PushBack::After(Duration::from_millis(millis));
        assert_eq!(PushBack::parse("0"), after(0));
        assert_eq!(PushBack::parse("2147483647"), after(2_147_483_647));
        for never in ["-1", "2147483648", "", "1s", "0.5", " 1"] {
            assert_eq!(PushBack::parse(never), PushBack::Never, "{never:?}");
        }
    }

    #[test]
    fn time_left_is_written_in_eight_digits() {
        let cases = [
            (Duration::ZERO, "0n"),
            (Duration::from_nanos(99_999_999), "99999999n"),
            (Duration::from_nanos(100_000_001), "100001u"),
            (Duration::from_secs(5), "5000000u"),
            (Duration::from_secs(100_000), "100000S"),
            (Duration::from_millis(99_999_001), "99999001m"),
            (Duration::from_secs(100_000_000), "1666667M"),
            (Duration::MAX, "99999999H"),
        ];
        for (left, text) in cases {
            assert_eq!(Timeout(left).to_string(), text);
            let read = Timeout::parse(text).unwrap();
            assert!(
                left == Duration::MAX
                    || read >= left && read.saturating_sub(left) < Duration::from_secs(60)
            );
        }
        for bad in ["", "S", "5", "-5S", "5s", "123456789n", "5 S", "٣S", "5µ", "+5S"] {
            assert_eq!(Timeout::parse(bad), None, "{bad:?}");
        }
        assert_eq!(Timeout::parse("99999999H"), Some(Duration::from_secs(99_999_999 * 3_600)));
    }
}
