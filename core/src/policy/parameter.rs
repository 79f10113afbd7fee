use core::error::Error;
use core::fmt;

/// A parameter of a policy that makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidParameter {
    /// It is too small or too large.
    OutOfRange {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: u64,
        /// The least that it may be.
        least: u64,
        /// The most that it may be.
        most: u64,
    },
    /// It must be a prime number.
    NotPrime {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: u64,
    },
}

crate::names::named!(InvalidParameter {
    OutOfRange { .. } => "out_of_range",
    NotPrime { .. } => "not_prime",
});

impl InvalidParameter {
    /// Returns the parameter, its value, the least and the most that it may be; 0 where there is no
    /// such limit.
    pub const fn facts(&self) -> (&'static str, [u64; 3]) {
        match *self {
            Self::OutOfRange { name, value, least, most } => (name, [value, least, most]),
            Self::NotPrime { name, value } => (name, [value, 0, 0]),
        }
    }

    /// Checks that `value` is in `least..=most`.
    pub(super) const fn check(
        name: &'static str,
        value: u64,
        least: u64,
        most: u64,
    ) -> Result<(), Self> {
        if least <= value && value <= most {
            Ok(())
        } else {
            Err(Self::OutOfRange { name, value, least, most })
        }
    }
}

impl fmt::Display for InvalidParameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange { name, value, least, most } => {
                write!(f, "{name} is {value}, not in {least}..={most}")
            }
            Self::NotPrime { name, value } => {
                write!(f, "{name} is {value}, which is not a prime number")
            }
        }
    }
}

impl Error for InvalidParameter {}
