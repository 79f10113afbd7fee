//! Policies as text: a name, or a name with parameters in brackets.

use core::error::Error;
use core::fmt;
use core::str::FromStr;

use super::{AnyPolicy, NAMES};
use crate::policy::InvalidParameter;
use crate::store::Store;

/// The parameter that stands alone.
pub(super) const FULL_SCAN: &str = "full_scan";

/// The most characters of a faulty text that its error repeats.
const KEPT: usize = 32;

/// Reads and writes the parameters of a policy.
pub(super) trait Parameters: Default {
    /// The parameters' names, at most two.
    const NAMES: &'static [&'static str] = &[];
    /// This policy is the one with [`FULL_SCAN`].
    const FULL_SCAN: bool = false;

    /// Makes the policy from the parameters that are given.
    fn read(_given: &Given) -> Result<Self, InvalidParameter> {
        Ok(Self::default())
    }

    /// Returns the numbers that have to be given to get this policy.
    fn numbers(&self) -> [Option<u64>; 2] {
        [None; 2]
    }
}

/// The parameters that are given.
pub(super) struct Given {
    pub(super) full_scan: bool,
    names: &'static [&'static str],
    numbers: [Option<u64>; 2],
}

impl Given {
    /// Takes the parameters as numbers.
    pub(super) fn numbered(names: &'static [&'static str], numbers: [Option<u64>; 2]) -> Self {
        let full_scan =
            names.first() == Some(&FULL_SCAN) && numbers.first().is_some_and(Option::is_some);
        Self { full_scan, names, numbers }
    }

    /// Parses what stands between the brackets of `policy`, which has these parameters.
    pub(super) fn parse(
        policy: &'static str,
        names: &'static [&'static str],
        list: &str,
    ) -> Result<Self, ParsePolicyError> {
        let mut given = Self { full_scan: false, names, numbers: [None; 2] };
        for parameter in list.split(',').map(str::trim).filter(|parameter| !parameter.is_empty()) {
            let (name, value) = match parameter.split_once('=') {
                Some((name, value)) => (name.trim_end(), Some(value.trim_start())),
                None => (parameter, None),
            };
            let known = names.iter().zip(&mut given.numbers).find(|(known, _)| **known == name);
            let Some((&name, number)) = known.filter(|_| name != FULL_SCAN || value.is_none())
            else {
                let known = [names.first(), names.get(1)];
                let known = known.map(|name| name.copied().unwrap_or_default());
                let name = kept(parameter);
                return Err(ParsePolicyError::UnknownParameter { policy, name, known });
            };
            if name == FULL_SCAN {
                given.full_scan = true;
                continue;
            }
            let value = value.unwrap_or_default();
            let not_a_number = |_| ParsePolicyError::NotANumber { name, value: kept(value) };
            if number.replace(value.parse().map_err(not_a_number)?).is_some() {
                return Err(ParsePolicyError::Twice { name });
            }
        }
        Ok(given)
    }

    /// Returns the parameter with this index, if it is given.
    pub(super) fn long(&self, index: usize) -> Option<u64> {
        self.numbers.get(index).copied().flatten()
    }

    /// Returns the parameter with this index, if it is given, in 32 bits.
    pub(super) fn number(&self, index: usize) -> Result<Option<u32>, InvalidParameter> {
        let (name, most) = (self.names.get(index).copied().unwrap_or_default(), u32::MAX.into());
        let narrow = |value| {
            let invalid = InvalidParameter::OutOfRange { name, value, least: 1, most };
            u32::try_from(value).map_err(|_| invalid)
        };
        self.long(index).map(narrow).transpose()
    }
}

/// Writes the parameters of a policy, if it has any that are not at their default.
pub(super) fn write_parameters<P: Parameters>(
    policy: &P,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    if P::FULL_SCAN {
        return write!(f, "({FULL_SCAN})");
    }
    let mut separator = "(";
    for (name, number) in P::NAMES.iter().zip(policy.numbers()) {
        if let Some(number) = number {
            write!(f, "{separator}{name}={number}")?;
            separator = ", ";
        }
    }
    if separator == "(" { Ok(()) } else { f.write_str(")") }
}

impl<S: Store> FromStr for AnyPolicy<S> {
    type Err = ParsePolicyError;

    /// Parses `name` or `name(parameter=value, ..)`.
    fn from_str(text: &str) -> Result<Self, ParsePolicyError> {
        let (name, list) = match text.trim().split_once('(') {
            None => (text.trim(), ""),
            Some((name, rest)) => {
                let list = rest.trim_end().strip_suffix(')');
                let unclosed = || ParsePolicyError::Unclosed { text: kept(text) };
                (name.trim_end(), list.ok_or_else(unclosed)?)
            }
        };
        let unknown = || Err(ParsePolicyError::UnknownPolicy { name: kept(text) });
        Self::named(name, list).unwrap_or_else(unknown)
    }
}

fn kept(text: &str) -> heapless::String<KEPT> {
    let mut kept = heapless::String::new();
    for char in text.chars() {
        if kept.push(char).is_err() {
            break;
        }
    }
    kept
}

/// Tells what is wrong with a policy's text. Long texts are cut to 32 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParsePolicyError {
    /// There is no policy of this name.
    UnknownPolicy {
        /// The text.
        name: heapless::String<KEPT>,
    },
    /// The closing bracket is not at its end.
    Unclosed {
        /// The text.
        text: heapless::String<KEPT>,
    },
    /// The policy has no such parameter.
    UnknownParameter {
        /// The policy.
        policy: &'static str,
        /// The parameter.
        name: heapless::String<KEPT>,
        /// Those that it has; empty where it has fewer than two.
        known: [&'static str; 2],
    },
    /// The parameter stands there twice.
    Twice {
        /// The parameter.
        name: &'static str,
    },
    /// The parameter's value is not a whole number.
    NotANumber {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: heapless::String<KEPT>,
    },
    /// The parameter's value makes no sense.
    Invalid(InvalidParameter),
}

impl From<InvalidParameter> for ParsePolicyError {
    fn from(invalid: InvalidParameter) -> Self {
        Self::Invalid(invalid)
    }
}

impl fmt::Display for ParsePolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownPolicy { name } => {
                write!(f, "unknown policy {name:?}; known are: ")?;
                write_list(f, NAMES)
            }
            Self::Unclosed { text } => write!(f, "{text:?} has no closing bracket at its end"),
            Self::UnknownParameter { policy, name, known: ["", _] } => {
                write!(f, "{policy} has no parameters, and so no {name:?}")
            }
            Self::UnknownParameter { policy, name, known } => {
                write!(f, "{policy} has no parameter {name:?}; known are: ")?;
                write_list(f, known)
            }
            Self::Twice { name } => write!(f, "{name} stands there twice"),
            Self::NotANumber { name, value } => {
                write!(f, "{name} is {value:?}, which is not a whole number")
            }
            Self::Invalid(invalid) => invalid.fmt(f),
        }
    }
}

fn write_list(f: &mut fmt::Formatter<'_>, names: &[&str]) -> fmt::Result {
    let mut separator = "";
    for name in names.iter().filter(|name| !name.is_empty()) {
        write!(f, "{separator}{name}")?;
        separator = ", ";
    }
    Ok(())
}

impl Error for ParsePolicyError {}

#[cfg(feature = "serde")]
impl<S: Store> serde::Serialize for AnyPolicy<S> {
    fn serialize<W: serde::Serializer>(&self, serializer: W) -> Result<W::Ok, W::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "serde")]
impl<'de, S: Store> serde::Deserialize<'de> for AnyPolicy<S> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text<S>(core::marker::PhantomData<S>);

        impl<S: Store> serde::de::Visitor<'_> for Text<S> {
            type Value = AnyPolicy<S>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a policy")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<AnyPolicy<S>, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Text(core::marker::PhantomData))
    }
}
