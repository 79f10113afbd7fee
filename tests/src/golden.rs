//! The reader of the golden files; `tests/golden/README.md` says what stands in them.
//!
//! Needs neither `std` nor an allocator: the firmware in `tests/mcu` includes this very file.

// Paths spelled out: relative to a file that is included by its path, modules would be elsewhere.
#[path = "golden/read.rs"]
mod read;
#[path = "golden/replay.rs"]
mod replay;
#[path = "golden/told.rs"]
mod told;

use core::fmt::{self, Write};

use evenkeel_core::balancer::Stats;
use evenkeel_core::health::Health;
use evenkeel_core::retry::End;
use evenkeel_core::{Address, Candidacy, Changes, EventKind, Instant, Store, Why};
use read::write_millis;
pub use replay::Replay;

type Result<T, E = &'static str> = core::result::Result<T, E>;

/// What stands as `ADDR` in a file: the endpoint at `http://ADDR`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Url<'a>(&'a str);

impl Address for Url<'_> {
    fn key(&self, sink: &mut dyn FnMut(&[u8])) {
        sink(b"http://");
        sink(self.0.as_bytes());
    }
}

/// Replays a golden file and compares every answer; tells how many there were. `P` is where the
/// policy keeps its table.
///
/// # Errors
/// The first line that answers otherwise, or cannot be read.
pub fn check<'a, S: Store, P: Store>(file: &'a str, text: &'a str) -> Result<usize, Failure<'a>> {
    let mut replay = Replay::<S, P>::new();
    let mut answers = 0;
    for (index, line) in text.lines().enumerate() {
        let failure = |cause| Failure { file, line: index + 1, cause };
        let (event, expected) = split(line);
        let got = replay.step(event).map_err(|why| failure(Cause::Unreadable(why)))?;
        if !got.reads(expected) {
            return Err(failure(Cause::Differs { expected, got }));
        }
        answers += usize::from(!matches!(got, Answer::Nothing));
    }
    Ok(answers)
}

/// The event of a line, and the answer that stands behind it.
pub fn split(line: &str) -> (&str, &str) {
    if line.starts_with('#') { ("", "") } else { line.split_once(" -> ").unwrap_or((line, "")) }
}

/// What went wrong in a golden file, and where.
#[derive(Clone, Copy, Debug)]
pub struct Failure<'a> {
    file: &'a str,
    line: usize,
    cause: Cause<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Cause<'a> {
    Unreadable(&'static str),
    Differs { expected: &'a str, got: Answer<'a> },
}

impl fmt::Display for Failure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}: ", self.file, self.line)?;
        match &self.cause {
            Cause::Unreadable(why) => f.write_str(why),
            Cause::Differs { expected, got } => write!(f, "expected `{expected}`, got `{got}`"),
        }
    }
}

/// What an event answers; its text is what stands in the file.
#[derive(Clone, Copy, Debug)]
pub enum Answer<'a> {
    /// Events that only tell.
    Nothing,
    /// Of `update` and `insert`.
    Changed(Changes),
    /// Of `remove`.
    Removed(bool),
    /// Of `pick`.
    Picked(Option<(&'a str, Why)>),
    /// Of `stats`.
    Stats(Option<Stats>),
    /// Of `health`, with the weight in effect.
    Health(Option<(Health, Candidacy, u32)>),
    /// Of `event`: the oldest, and whom it is about.
    Event(Option<(Option<&'a str>, EventKind)>),
    /// Of `poll`: an attempt was sent.
    Sent(u32, Option<&'a str>),
    /// Of `poll`: nothing to do until then, or until the attempt ends.
    Wait(Option<Instant>),
    /// Of `poll`: an attempt was given up.
    Canceled(u32),
    /// Of `poll`: the call is over.
    Done(End),
}

impl Answer<'_> {
    fn reads(&self, expected: &str) -> bool {
        let mut rest = Rest(expected);
        write!(rest, "{self}").is_ok() && rest.0.is_empty()
    }
}

impl fmt::Display for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => Ok(()),
            Self::Changed(changes) => {
                write!(f, "+{} -{} ~{}", changes.added, changes.removed, changes.changed)
            }
            Self::Removed(was_there) => f.write_str(if *was_there { "yes" } else { "no" }),
            Self::Picked(None) | Self::Stats(None) | Self::Health(None) | Self::Event(None) => {
                f.write_str("none")
            }
            Self::Picked(Some((addr, why))) => told::write_pick(f, addr, *why),
            Self::Health(Some((health, candidacy, weight))) => {
                told::write_health(f, *health, *candidacy, *weight)
            }
            Self::Event(Some((addr, kind))) => told::write_event(f, *addr, *kind),
            Self::Stats(Some(stats)) => {
                write!(f, "{} {} {}", stats.successes, stats.failures, stats.canceled)
            }
            Self::Sent(number, addr) => write!(f, "send {number} {}", addr.unwrap_or("none")),
            Self::Wait(None) => f.write_str("wait"),
            Self::Wait(Some(until)) => {
                f.write_str("wait ")?;
                write_millis(f, *until)
            }
            Self::Canceled(number) => write!(f, "cancel {number}"),
            Self::Done(end) => write!(f, "done {}", end.name()),
        }
    }
}

/// Compares what is written with a text, without keeping it.
struct Rest<'a>(&'a str);

impl Write for Rest<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = self.0.strip_prefix(text).ok_or(fmt::Error)?;
        Ok(())
    }
}
