//! How priorities share the requests.

use super::Tally;
use crate::cluster::GROUPS;
use crate::config::{ConfigError, at_least, at_most};

/// How the levels, one for each priority that has endpoints, share the requests. Lower priorities come first; gaps between
/// them mean nothing.
///
/// An endpoint of weight 0 is in no level; one that drains is in its level, but not available.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Levels {
    /// The first level that has an available endpoint gets everything (RFC 2782, gRPC). The default.
    #[default]
    FirstAvailable,
    /// Each level gets what it can take, which is more than it should need, and leaves the rest to the next (Envoy).
    ///
    /// A level can take `factor` · available / all endpoints, in percent and at most 100. When all levels together cannot
    /// take 100, each gets in proportion to what it can, and those with less than `panic_threshold` percent available
    /// panic: they use all their endpoints. When all levels panic, each gets in proportion to the number of its endpoints.
    ///
    /// Where more than four levels get a share, the fourth and all after it form one group with the sum of their shares.
    Overprovisioned {
        /// What a level with all endpoints available could take, in percent of what it has to; at least 100. Envoy's
        /// default: 140.
        factor: u16,
        /// Below which percentage of available endpoints a level panics; at most 100, 0 for never. Envoy's default: 50.
        panic_threshold: u8,
    },
}

impl Levels {
    /// [`Levels::Overprovisioned`] with Envoy's defaults: a factor of 140, a panic threshold of 50.
    pub const OVERPROVISIONED: Self = Self::Overprovisioned { factor: 140, panic_threshold: 50 };

    pub(crate) fn check(self) -> Result<(), ConfigError> {
        match self {
            Self::FirstAvailable => Ok(()),
            Self::Overprovisioned { factor, panic_threshold } => {
                at_least("levels.factor", factor.into(), 100)?;
                at_most("levels.panic_threshold", panic_threshold.into(), 100)
            }
        }
    }
}

/// The endpoints of one priority, their weights above 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    pub(super) priority: u16,
    pub(super) total: u32,
    pub(super) available: u32,
    /// Of the requests, in percent.
    pub(super) share: u8,
    /// Whether it uses all its endpoints.
    pub(super) panic: bool,
    /// The group that its endpoints are in, if it has a share.
    pub(super) group: u8,
    /// The largest rank of an endpoint that the subset includes.
    pub(super) cut: u64,
}

impl Level {
    /// A level of one endpoint.
    pub(super) fn of(priority: u16, available: bool) -> Self {
        Self { priority, total: 1, available: available.into(), share: 0, panic: false, group: 0, cut: u64::MAX }
    }

    /// What it can take, in percent.
    fn capacity(&self, factor: u16) -> u32 {
        percent(factor.into(), self.available, self.total.into()).min(100)
    }

    /// How many endpoints it uses.
    pub(super) fn used(&self) -> u32 {
        if self.panic { self.total } else { self.available }
    }
}

impl Tally for Level {
    fn key(&self) -> u32 {
        self.priority.into()
    }

    fn add(&mut self, other: Self) {
        self.total += other.total;
        self.available += other.available;
    }
}

/// Gives everything to the first level that has an endpoint available.
pub(super) fn first_available(levels: &mut [Level]) {
    if let Some(first) = levels.iter_mut().find(|level| level.available > 0) {
        first.share = 100;
    }
}

/// Shares 100 percent out among the levels, in their order: Envoy's rule for levels without degraded endpoints.
///
/// The shares sum to 100 whenever there is a level. A level with a share has an endpoint to use, except when nothing is
/// available and `threshold` is 0.
pub(super) fn overprovisioned(levels: &mut [Level], factor: u16, threshold: u8) {
    let sum = levels.iter().map(|level| level.capacity(factor)).sum::<u32>().min(100);
    let mut panicking = 0;
    for level in &mut *levels {
        level.panic = sum < 100 && percent(100, level.available, level.total.into()) < threshold.into();
        panicking += usize::from(level.panic);
    }

    let mut rest = 100;
    let remainder;
    if panicking == levels.len() {
        let total = levels.iter().map(|level| u64::from(level.total)).sum();
        for level in &mut *levels {
            level.share = percent(100, level.total, total) as u8;
            rest -= level.share;
        }
        remainder = levels.first_mut();
    } else {
        for level in &mut *levels {
            // Where nothing can be taken, all levels panic, or none may: then the first keeps what it cannot serve.
            let scaled = (level.capacity(factor) * 100).checked_div(sum).unwrap_or(0);
            level.share = rest.min(scaled as u8);
            rest -= level.share;
        }
        remainder = levels.iter_mut().find(|level| sum == 0 || level.capacity(factor) > 0);
    }
    if let Some(level) = remainder {
        level.share += rest;
    }
}

/// Forms the groups of the levels that have a share; gives the share of each, and whether it panics.
pub(super) fn group(levels: &mut [Level]) -> heapless::Vec<(u8, bool), GROUPS> {
    let mut groups = heapless::Vec::<(u8, bool), GROUPS>::new();
    for level in levels.iter_mut().filter(|level| level.share > 0) {
        if let Err((share, panic)) = groups.push((level.share, level.panic))
            && let Some(last) = groups.last_mut()
        {
            *last = (last.0 + share, last.1 || panic);
        }
        level.group = (groups.len() - 1) as u8;
    }
    groups
}

/// `factor · part / whole`, rounded down; `whole` is above 0.
fn percent(factor: u32, part: u32, whole: u64) -> u32 {
    (u64::from(factor) * u64::from(part) / whole) as u32
}
