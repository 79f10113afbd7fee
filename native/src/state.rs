//! What a balancer learned, as bytes for the next one: after a restart.

use core::error::Error;
use core::fmt;
use core::time::Duration;
use std::time::UNIX_EPOCH;

use evenkeel_core::state::ImportError;
use evenkeel_core::{Config, Instant, State};

use crate::clock;
use crate::snapshot::Cluster;
use crate::target::Target;

/// The date, in seconds since 1970, before what the core writes.
const DATE: usize = size_of::<u64>();

/// What an earlier balancer learned.
#[derive(Clone, Debug)]
pub(crate) struct Restored {
    state: State<Target>,
    /// How old it was when the balancer's clock began.
    age: Duration,
}

/// Writes a state and the date.
pub(crate) fn write(state: &State<Target>) -> Vec<u8> {
    let mut bytes = seconds().to_le_bytes().to_vec();
    state.write(&mut |piece| bytes.extend_from_slice(piece));
    bytes
}

impl Restored {
    /// Reads what [`write`] wrote.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, RestoreError> {
        let unreadable = || RestoreError::Unreadable { bytes: bytes.len() };
        let address = |key: &[u8]| Target::of_key(str::from_utf8(key).ok()?).ok();
        let (date, rest) = bytes.split_first_chunk::<DATE>().ok_or_else(unreadable)?;
        let state = State::read(rest, address).ok_or_else(unreadable)?;
        // A clock that was set back makes it no younger than new.
        let age = Duration::from_secs(seconds().saturating_sub(u64::from_le_bytes(*date)));
        let restored = Self { state, age };
        let mut nobody = Cluster::new(Config::DEFAULT);
        match nobody.import(Instant::ZERO, &restored.at(Instant::ZERO)) {
            Ok(_) | Err(ImportError::Foreign { .. }) => Ok(restored),
            Err(error) => Err(RestoreError::Refused(error)),
        }
    }

    /// Returns the state as of now, on the balancer's clock.
    pub(crate) fn at(&self, now: Instant) -> State<Target> {
        let since = now.saturating_since(Instant::ZERO);
        self.state.clone().aged(self.age.saturating_add(since))
    }
}

fn seconds() -> u64 {
    clock::date().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Why a balancer cannot go on with a state; see [`Builder::restore`](crate::Builder::restore).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestoreError {
    /// These bytes are none that [`Balancer::state`](crate::Balancer::state) gave.
    Unreadable {
        /// How many.
        bytes: usize,
    },
    /// They are damaged, too old, or of another version.
    Refused(ImportError),
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { bytes } => write!(f, "{bytes} bytes that are no balancer's state"),
            Self::Refused(error) => error.fmt(f),
        }
    }
}

impl Error for RestoreError {}
