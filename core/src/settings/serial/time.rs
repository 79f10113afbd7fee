//! Times as settings have them in text, with their units: `30s`, `250ms`.

use core::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A time in nanoseconds.
pub(super) struct Time(pub(super) u64);

/// The units, and their nanoseconds: the longest first.
const UNITS: [(&str, u64); 6] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

impl fmt::Display for Time {
    /// Writes it in the longest unit of which it is a whole number: 90 seconds are `90s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS.iter().find(|(_, nanos)| self.0 > 0 && self.0.is_multiple_of(*nanos));
        let (unit, nanos) = whole.copied().unwrap_or(("s", 1));
        write!(f, "{}{unit}", self.0 / nanos)
    }
}

/// Reads a whole number with a unit.
fn nanos(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at(text.find(|sign: char| !sign.is_ascii_digit())?);
    let (_, nanos) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*nanos)
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.collect_str(self);
        }
        serializer.serialize_u64(self.0)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Time;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time with its unit, such as \"30s\" or \"250ms\"")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Time, E> {
                let unknown = || E::invalid_value(Unexpected::Str(text), &self);
                nanos(text).map(Time).ok_or_else(unknown)
            }
        }
        // Without a unit, 30 would be so many nanoseconds.
        if deserializer.is_human_readable() {
            return deserializer.deserialize_str(Text);
        }
        u64::deserialize(deserializer).map(Time)
    }
}
