//! Shares the requests among levels of priority.

use crate::kit::GROUPS;

/// The endpoints of one priority, their weights above 0. One that drains is in its level, but not
/// available.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    pub(super) priority: u16,
    total: u32,
    available: u32,
    /// Of the requests, in percent.
    pub(super) share: u8,
    /// It uses all its endpoints.
    pub(super) panic: bool,
    /// The group that its endpoints are in, if it has a share.
    pub(super) group: u8,
    /// The largest rank of an endpoint that the subset includes.
    pub(super) cut: u64,
}

impl Level {
    /// A level of one endpoint.
    pub(super) fn of(priority: u16, available: bool) -> Self {
        let available = available.into();
        Self { priority, total: 1, available, share: 0, panic: false, group: 0, cut: u64::MAX }
    }

    /// Counts one more endpoint.
    pub(super) fn add(&mut self, available: bool) {
        self.total += 1;
        self.available += u32::from(available);
    }

    /// Returns what it can take, in percent: with a factor of 140, 5 of 10 endpoints take 70.
    fn capacity(&self, factor: u16) -> u32 {
        percent(factor.into(), self.available, self.total.into()).min(100)
    }

    /// Returns how many endpoints it uses.
    pub(super) fn used(&self) -> u32 {
        if self.panic { self.total } else { self.available }
    }
}

/// Gives everything to the first level that has an endpoint available.
pub(super) fn first_available(levels: &mut [Level]) {
    if let Some(first) = levels.iter_mut().find(|level| level.available > 0) {
        first.share = 100;
    }
}

/// Shares 100 percent out among the levels, in their order: Envoy's rule for levels without
/// degraded endpoints.
///
/// A level can take `factor` · available / all endpoints, in percent and at most 100. When all
/// together cannot take 100, each gets in proportion to what it can, and those with less than
/// `threshold` percent available panic. When all panic, each gets in proportion to its endpoints.
///
/// The shares sum to 100 whenever there is a level. A level with a share has an endpoint to use,
/// except when nothing is available and `threshold` is 0.
pub(super) fn overprovisioned(levels: &mut [Level], factor: u16, threshold: u8) {
    let sum = levels.iter().map(|level| level.capacity(factor)).sum::<u32>().min(100);
    let mut panicking = 0;
    for level in &mut *levels {
        let available = percent(100, level.available, level.total.into());
        level.panic = sum < 100 && available < threshold.into();
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
            // Where nothing can be taken, all levels panic, or none may: then the first keeps what
            // it cannot serve.
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

/// Forms the groups of the levels that have a share; gives the share of each, and whether it
/// panics. Where more than four levels get a share, the fourth and all after it form one group.
pub(super) fn group(levels: &mut [Level]) -> heapless::Vec<(u8, bool), GROUPS> {
    let mut groups = heapless::Vec::<(u8, bool), GROUPS>::new();
    for level in levels.iter_mut().filter(|level| level.share > 0) {
        if let Err((share, panic)) = groups.push((level.share, level.panic))
            && let Some(last) = groups.last_mut()
        {
            *last = (last.0 + share, last.1 || panic);
        }
        level.group = groups.len().saturating_sub(1) as u8;
    }
    groups
}

/// Returns `factor · part / whole`, rounded down.
fn percent(factor: u32, part: u32, whole: u64) -> u32 {
    (u64::from(factor) * u64::from(part)).checked_div(whole).unwrap_or(0) as u32
}
