use core::error::Error;
use core::fmt;

/// Tells what became of a state that was imported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Endpoints that go on with what was known of them.
    pub endpoints: usize,
    /// Endpoints that keep what was reported of them here: it is newer.
    pub kept: usize,
    /// Endpoints of the state that are not in the set.
    pub unknown: usize,
}

/// Tells why a state is refused; nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImportError {
    /// It has the form of another version of this library.
    Version {
        /// Its version.
        found: u16,
        /// The one that is understood.
        supported: u16,
    },
    /// It is damaged: it does not have the content that it was exported with.
    Checksum {
        /// The checksum that it was exported with.
        found: u64,
        /// That of its content.
        computed: u64,
    },
    /// No balancer exports such a number.
    TooLarge {
        /// Its name.
        what: &'static str,
        /// Its value.
        value: u64,
        /// The most that it may be.
        most: u64,
    },
    /// Its endpoints are not in the order of their addresses, or one of them stands in it twice.
    Unordered {
        /// The first that does not follow the one before it; they are counted from 0.
        place: usize,
    },
    /// It was exported too long ago; see [`MAX_AGE`](super::MAX_AGE).
    Stale {
        /// The time since then, in nanoseconds.
        age: u64,
        /// The most that it may be.
        most: u64,
    },
    /// It is about other endpoints: none of its addresses is in the set. Into an empty set, nothing
    /// can be imported: update first.
    Foreign {
        /// The number of its addresses.
        addresses: usize,
        /// The number of endpoints in the set.
        set: usize,
    },
}

crate::names::named!(ImportError {
    Version { .. } => "version",
    Checksum { .. } => "checksum",
    TooLarge { .. } => "too_large",
    Unordered { .. } => "unordered",
    Stale { .. } => "stale",
    Foreign { .. } => "foreign",
});

impl ImportError {
    /// Returns what is too large, where something is; what was found; and what it should have been,
    /// or the most that it may be.
    pub const fn facts(&self) -> (&'static str, [u64; 2]) {
        match *self {
            Self::Version { found, supported } => ("", [found as u64, supported as u64]),
            Self::Checksum { found, computed } => ("", [found, computed]),
            Self::TooLarge { what, value, most } => (what, [value, most]),
            Self::Unordered { place } => ("", [place as u64, 0]),
            Self::Stale { age, most } => ("", [age, most]),
            Self::Foreign { addresses, set } => ("", [addresses as u64, set as u64]),
        }
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version { found, supported } => {
                write!(f, "the state has version {found}; only {supported} is supported")
            }
            Self::Checksum { found, computed } => {
                write!(
                    f,
                    "the state is damaged: its checksum is {found:016x}, that of its content {computed:016x}"
                )
            }
            Self::TooLarge { what, value, most } => {
                write!(f, "the state has a {what} of {value}; the most is {most}")
            }
            Self::Unordered { place } => {
                write!(f, "endpoint {place} of the state does not come after the one before it")
            }
            Self::Stale { age, most } => write!(f, "the state is {age} ns old; the most is {most}"),
            Self::Foreign { addresses, set } => write!(
                f,
                "none of the state's {addresses} addresses is among the set's {set}: update it first"
            ),
        }
    }
}

impl Error for ImportError {}
