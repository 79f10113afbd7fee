//! Judges by the outcomes of all endpoints: success rates, and the ends of Envoy's and gRPC's
//! intervals. O(n), at the end of an interval or once in several failures.

#![allow(clippy::useless_conversion, reason = "counts are smaller with 32-bit time")]

use super::ejection::eject;
use super::facts::Facts;
use super::report::{Effect, release};
use super::row::{Count, HealthRow, Phase, Reason};
use super::success_rate::Rates;
use super::{Rules, envoy, failure_percentage, grpc};
use crate::settings::{Book, Settings};

/// All endpoints, by slot.
pub(crate) trait Hosts {
    /// Returns how many slots there are.
    fn slots(&self) -> usize;
    /// Returns what is known of a slot's endpoint, if there is one.
    fn health(&self, slot: usize) -> Option<HealthRow>;
    /// Tells that our rule lets an endpoint be ejected for its success rate.
    fn may_eject(&mut self, slot: usize) -> bool;
    /// Changes what is known of a slot's endpoint.
    fn alter(&mut self, slot: usize, apply: impl FnOnce(&mut HealthRow, &mut Facts<'_>) -> Effect);
}

/// Judges one endpoint by the success rates of all, after failures; it had so many before.
///
/// It is looked at once in `minimum_failures` failures: looking at all rows for each would make an
/// outage of many endpoints expensive.
pub(crate) fn judge_success_rate<R: Rules, S: Settings>(
    hosts: &mut impl Hosts,
    s: &S,
    slot: usize,
    before: Count,
) {
    if !s.success_rate() || R::book(s) != Book::Evenkeel {
        return;
    }
    let Some(row) = hosts.health(slot) else { return };
    let lot = s.success_rate_minimum_failures().max(1);
    let lots = |failures: Count| u32::from(failures).checked_div(lot);
    if lots(row.failures) > lots(before)
        && rates::<R, S>(hosts, s).has_outlier(&row, s)
        && hosts.may_eject(slot)
    {
        eject_at::<R, S>(hosts, s, slot, Reason::SuccessRate, s.success_rate_enforcement());
    }
}

/// Ends an interval: judges all endpoints, takes off ejections, brings back those whose time is
/// over, and opens a new window.
pub(crate) fn end_interval<R: Rules, S: Settings>(hosts: &mut impl Hosts, s: &S) {
    let book = R::book(s);
    if book == Book::Envoy {
        readmit::<R, S>(hosts, s);
    }
    let volume = s.failure_percentage_request_volume();
    let judged = (0..hosts.slots())
        .filter_map(|slot| hosts.health(slot))
        .filter(|row| s.failure_percentage() > 0 && counts(row, book, volume))
        .count();
    if s.success_rate() {
        let (rates, volume) = (rates::<R, S>(hosts, s), s.success_rate_request_volume());
        for slot in 0..hosts.slots() {
            if let Some(row) = hosts.health(slot)
                && counts(&row, book, volume)
                && rates.has_outlier(&row, s)
                && (book != Book::Evenkeel || !row.ejected() && hosts.may_eject(slot))
            {
                eject_at::<R, S>(hosts, s, slot, Reason::SuccessRate, s.success_rate_enforcement());
            }
        }
    }
    let minimum = s.failure_percentage_minimum_hosts();
    if book != Book::Evenkeel && judged as u64 >= minimum.into() {
        let enforcement = s.failure_percentage_enforcement();
        for slot in 0..hosts.slots() {
            if let Some(row) = hosts.health(slot)
                && counts(&row, book, volume)
                && failure_percentage::crossed(&row, s, book)
            {
                eject_at::<R, S>(hosts, s, slot, Reason::FailurePercentage, enforcement);
            }
        }
    }
    for slot in 0..hosts.slots() {
        hosts.alter(slot, |row, facts| {
            match book {
                Book::Envoy if !row.ejected() => envoy::forgive(row, s, facts.now),
                Book::Grpc if !row.ejected() => grpc::forgive(row),
                Book::Envoy | Book::Grpc | Book::Evenkeel | Book::Off => {}
            }
            Effect::None
        });
    }
    if book == Book::Grpc {
        readmit::<R, S>(hosts, s);
    }
    for slot in 0..hosts.slots() {
        hosts.alter(slot, |row, _| {
            row.close_window();
            Effect::None
        });
    }
}

/// Tells that an endpoint is among those that are compared.
fn counts(row: &HealthRow, book: Book, volume: u32) -> bool {
    row.requests() > 0 && row.requests() >= volume.into() && (book == Book::Grpc || !row.ejected())
}

fn rates<R: Rules, S: Settings>(hosts: &impl Hosts, s: &S) -> Rates {
    let mut rates = Rates::default();
    for row in (0..hosts.slots()).filter_map(|slot| hosts.health(slot)) {
        if counts(&row, R::book(s), s.success_rate_request_volume()) {
            rates.add(&row);
        }
    }
    rates
}

fn eject_at<R: Rules, S: Settings>(
    hosts: &mut impl Hosts,
    s: &S,
    slot: usize,
    reason: Reason,
    enforcement: u8,
) {
    hosts.alter(slot, |row, facts| {
        if !row.ejected() && eject::<R, S>(row, s, facts, reason, enforcement) {
            Effect::Ejected
        } else {
            Effect::None
        }
    });
}

/// Brings back endpoints whose time is over, or opens them to a probe.
fn readmit<R: Rules, S: Settings>(hosts: &mut impl Hosts, s: &S) {
    for slot in 0..hosts.slots() {
        hosts.alter(slot, |row, facts| {
            let over = match R::book(s) {
                Book::Envoy => envoy::is_over(row, facts.now),
                Book::Grpc => grpc::is_over(row, facts.now),
                Book::Evenkeel | Book::Off => false,
            };
            if row.phase() == Phase::Ejected && over {
                release(row, s, facts.now)
            } else {
                Effect::None
            }
        });
    }
}
