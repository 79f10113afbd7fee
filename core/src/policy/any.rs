use core::error::Error;
use core::fmt;
use core::str::FromStr;

use super::{Cx, Policy, Random, RoundRobin, View};
use crate::error::TableFull;

/// A policy chosen by name at run time.
///
/// ```
/// use evenkeel_core::policy::AnyPolicy;
///
/// let policy: AnyPolicy = "round_robin".parse()?;
/// assert_eq!(policy.name(), "round_robin");
/// let error = "roundrobin".parse::<AnyPolicy>().unwrap_err();
/// assert_eq!(error.to_string(), "unknown policy \"roundrobin\"; known are: round_robin, random");
/// # Ok::<(), evenkeel_core::policy::UnknownPolicy>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AnyPolicy {
    /// [`RoundRobin`], by the name `round_robin`.
    RoundRobin(RoundRobin),
    /// [`Random`], by the name `random`.
    Random(Random),
}

impl AnyPolicy {
    /// The names that can be parsed.
    pub const NAMES: [&'static str; 2] = ["round_robin", "random"];

    /// The name of this policy.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::RoundRobin(_) => Self::NAMES[0],
            Self::Random(_) => Self::NAMES[1],
        }
    }
}

impl Default for AnyPolicy {
    /// [`RoundRobin`].
    fn default() -> Self {
        Self::RoundRobin(RoundRobin)
    }
}

impl Policy for AnyPolicy {
    #[inline]
    fn pick(&self, view: &View<'_>, cx: &mut Cx<'_>) -> Option<usize> {
        match self {
            Self::RoundRobin(policy) => policy.pick(view, cx),
            Self::Random(policy) => policy.pick(view, cx),
        }
    }

    fn rebuild(&mut self, view: &View<'_>) -> Result<(), TableFull> {
        match self {
            Self::RoundRobin(policy) => policy.rebuild(view),
            Self::Random(policy) => policy.rebuild(view),
        }
    }

    fn counts(&self) -> bool {
        match self {
            Self::RoundRobin(policy) => policy.counts(),
            Self::Random(policy) => policy.counts(),
        }
    }

    fn timed(&self) -> bool {
        match self {
            Self::RoundRobin(policy) => policy.timed(),
            Self::Random(policy) => policy.timed(),
        }
    }
}

impl FromStr for AnyPolicy {
    type Err = UnknownPolicy;

    fn from_str(name: &str) -> Result<Self, UnknownPolicy> {
        match name {
            "round_robin" => Ok(Self::RoundRobin(RoundRobin)),
            "random" => Ok(Self::Random(Random)),
            _ => Err(UnknownPolicy::new(name)),
        }
    }
}

impl fmt::Display for AnyPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There is no policy of this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownPolicy {
    name: heapless::String<32>,
}

impl UnknownPolicy {
    fn new(name: &str) -> Self {
        let mut kept = heapless::String::new();
        for char in name.chars() {
            if kept.push(char).is_err() {
                break;
            }
        }
        Self { name: kept }
    }
}

impl fmt::Display for UnknownPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown policy {:?}; known are: ", self.name)?;
        for (i, name) in AnyPolicy::NAMES.iter().enumerate() {
            write!(f, "{}{name}", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl Error for UnknownPolicy {}
