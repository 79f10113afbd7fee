use core::error::Error;
use core::fmt;
use core::str::FromStr;

use super::AnyPolicy;
use crate::policy::{InvalidParameter, Ketama, LeastRequest, Maglev, PeakEwma, PickFirst, Random, Rendezvous};
use crate::policy::{RingHash, RoundRobin, WeightedRandom, WeightedRoundRobin};
use crate::store::Store;

pub(super) const MAGLEV_SIZE: u32 = 65_537;

pub(super) const NAMES: [&str; 11] = [
    "round_robin",
    "random",
    "weighted_round_robin",
    "weighted_random",
    "least_request",
    "peak_ewma",
    "rendezvous",
    "maglev",
    "ring_hash",
    "ketama",
    "pick_first",
];
/// The most characters of a faulty text that its error repeats.
const KEPT: usize = 32;

impl<S: Store> FromStr for AnyPolicy<S> {
    type Err = ParsePolicyError;

    /// `name` or `name(parameter=value, ..)`.
    fn from_str(text: &str) -> Result<Self, ParsePolicyError> {
        let (name, list) = match text.trim().split_once('(') {
            None => (text.trim(), ""),
            Some((name, rest)) => {
                let list = rest.trim_end().strip_suffix(')');
                (name.trim_end(), list.ok_or_else(|| ParsePolicyError::Unclosed { text: kept(text) })?)
            }
        };
        let name = NAMES.into_iter().find(|known| *known == name);
        let name = name.ok_or_else(|| ParsePolicyError::UnknownPolicy { name: kept(text) })?;
        let mut parameters = Parameters { policy: name, list };
        match name {
            "random" => parameters.none(Self::Random(Random)),
            "weighted_round_robin" => parameters.none(Self::WeightedRoundRobin(WeightedRoundRobin::default())),
            "weighted_random" => parameters.none(Self::WeightedRandom(WeightedRandom::default())),
            "least_request" if parameters.full_scan()? => Ok(Self::LeastRequestFullScan(LeastRequest)),
            "least_request" => Ok(Self::LeastRequest(LeastRequest)),
            "peak_ewma" if parameters.full_scan()? => Ok(Self::PeakEwmaFullScan(PeakEwma)),
            "peak_ewma" => Ok(Self::PeakEwma(PeakEwma)),
            "rendezvous" => {
                let [bound] = parameters.numbers(["bound"])?;
                let policy = bound.map_or(Ok(Rendezvous::new()), |bound| Rendezvous::bounded(narrow("bound", bound)?));
                Ok(Self::Rendezvous(policy?))
            }
            "maglev" => {
                let [size] = parameters.numbers(["size"])?;
                let size = size.map_or(Ok(MAGLEV_SIZE), |size| narrow("size", size))?;
                Ok(Self::Maglev(Maglev::with_size(size)?))
            }
            "ring_hash" => {
                let [minimum, maximum] = parameters.numbers(["minimum", "maximum"])?;
                let (least, most) = RingHash::<S>::default().sizes();
                let minimum = minimum.map_or(Ok(least), |minimum| narrow("minimum", minimum))?;
                let maximum = maximum.map_or(Ok(most), |maximum| narrow("maximum", maximum))?;
                Ok(Self::RingHash(RingHash::with_sizes(minimum, maximum)?))
            }
            "ketama" => parameters.none(Self::Ketama(Ketama::default())),
            "pick_first" => {
                let [seed] = parameters.numbers(["seed"])?;
                Ok(Self::PickFirst(seed.map_or(PickFirst::new(), PickFirst::with_seed)))
            }
            _ => parameters.none(Self::RoundRobin(RoundRobin)),
        }
    }
}

/// What stands between the brackets.
struct Parameters<'a> {
    policy: &'static str,
    list: &'a str,
}

impl Parameters<'_> {
    fn none<P>(&mut self, policy: P) -> Result<P, ParsePolicyError> {
        self.numbers([]).map(|[]| policy)
    }

    fn full_scan(&mut self) -> Result<bool, ParsePolicyError> {
        match self.list.trim() {
            "" => Ok(false),
            "full_scan" => Ok(true),
            other => Err(self.unknown(other, &["full_scan"])),
        }
    }

    fn numbers<const N: usize>(&mut self, names: [&'static str; N]) -> Result<[Option<u64>; N], ParsePolicyError> {
        let mut numbers = [None; N];
        for parameter in self.list.split(',').map(str::trim).filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let index = names.iter().position(|known| *known == name.trim_end());
            let index = index.ok_or_else(|| self.unknown(parameter, &names))?;
            let value = value.trim_start();
            let number =
                value.parse().map_err(|_| ParsePolicyError::NotANumber { name: names[index], value: kept(value) })?;
            if numbers[index].replace(number).is_some() {
                return Err(ParsePolicyError::Twice { name: names[index] });
            }
        }
        Ok(numbers)
    }

    fn unknown(&self, name: &str, known: &[&'static str]) -> ParsePolicyError {
        let known = [known.first(), known.get(1)].map(|name| name.copied().unwrap_or_default());
        ParsePolicyError::UnknownParameter { policy: self.policy, name: kept(name), known }
    }
}

fn narrow(name: &'static str, value: u64) -> Result<u32, InvalidParameter> {
    let most = u32::MAX.into();
    u32::try_from(value).map_err(|_| InvalidParameter::OutOfRange { name, value, least: 1, most })
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

/// What is wrong with a policy's text. Long texts are cut to 32 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParsePolicyError {
    /// There is no policy of this name.
    UnknownPolicy {
        /// The name.
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
        let list = |f: &mut fmt::Formatter<'_>, names: &[&str]| {
            names.iter().enumerate().try_for_each(|(i, name)| write!(f, "{}{name}", if i == 0 { "" } else { ", " }))
        };
        match self {
            Self::UnknownPolicy { name } => {
                write!(f, "unknown policy {name:?}; known are: ")?;
                list(f, &NAMES)
            }
            Self::Unclosed { text } => write!(f, "{text:?} has no closing bracket at its end"),
            Self::UnknownParameter { policy, name, known: ["", _] } => {
                write!(f, "{policy} has no parameters, and so no {name:?}")
            }
            Self::UnknownParameter { policy, name, known } => {
                write!(f, "{policy} has no parameter {name:?}; known are: ")?;
                list(f, if known[1].is_empty() { &known[..1] } else { known })
            }
            Self::Twice { name } => write!(f, "{name} stands there twice"),
            Self::NotANumber { name, value } => write!(f, "{name} is {value:?}, which is not a whole number"),
            Self::Invalid(invalid) => invalid.fmt(f),
        }
    }
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
