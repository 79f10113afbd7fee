//! Decides for how long an endpoint is ejected, and how many may be.

use super::facts::Facts;
use super::row::{HealthRow, Phase, Reason, Requests};
use super::{Rules, envoy, grpc};
use crate::hash;
use crate::settings::{Book, Settings};
use crate::time::{Instant, Ticks};

/// Ejects an endpoint in service that crossed a threshold, unless too many are ejected already, or
/// chance spares it. Tells that it did.
pub(super) fn eject<R: Rules, S: Settings>(
    row: &mut HealthRow,
    s: &S,
    facts: &mut Facts<'_>,
    reason: Reason,
    enforcement: u8,
) -> bool {
    if !may_eject::<R, S>(s, facts.hosts, facts.ejected) {
        return false;
    }
    let ours = R::book(s) == Book::Evenkeel;
    if enforcement < 100 && hash::share(100, (facts.bits(s) >> 32) as u32) >= enforcement.into() {
        if ours {
            // What is judged at each failure would be drawn for at each, too.
            row.close_window();
        }
        return false;
    }
    if ours {
        forgive(row, s, facts.now);
    }
    eject_again::<R, S>(row, s, facts, reason);
    true
}

/// Takes off one ejection for each interval in service.
fn forgive(row: &mut HealthRow, s: &impl Settings, now: Instant) {
    let interval = s.ticks(s.interval()).max(1);
    let mut served = if now.has_reached(row.until) {
        now.since(row.until)
    } else if cfg!(feature = "millis32") && row.phase() == Phase::InService {
        // One in service since after now is since before a clock of 32 bits began anew.
        Ticks::MAX
    } else {
        // It rests until then, and has not served since.
        0
    };
    while row.ejections > 0 && served >= interval {
        row.ejections -= 1;
        served -= interval;
    }
}

/// Ejects an endpoint, for longer than the last time.
///
/// By our rules the time doubles from ejection to ejection, and the upper half of it is random
/// ("equal jitter"): with a base of 5 s, 2.5 to 5 s, then 5 to 10 s, up to 150 to 300 s.
pub(super) fn eject_again<R: Rules, S: Settings>(
    row: &mut HealthRow,
    s: &S,
    facts: &mut Facts<'_>,
    reason: Reason,
) {
    let now = facts.now;
    let base = s.ticks(s.base_ejection_time());
    let time = match R::book(s) {
        Book::Evenkeel | Book::Off => {
            let mut whole = base;
            for _ in 0..row.ejections {
                whole = whole.saturating_add(whole);
            }
            let whole = whole.min(s.ticks(s.max_ejection_time()));
            row.ejections = (row.ejections + 1).min(63);
            whole - facts.part(s, whole / 2)
        }
        Book::Envoy => envoy::ejection_time(row, s, base),
        Book::Grpc => grpc::ejection_time(row, s, base),
    };
    let jitter = s.ticks(s.max_ejection_jitter());
    let mut until =
        now.later(time).later(if jitter > 0 { facts.part(s, jitter) } else { facts.skip() });
    if row.phase() == Phase::Resting {
        // It asked to be left alone as long.
        until = until.or_later(row.until);
    }
    row.streak = 0;
    row.since = now;
    row.set_reason(reason);
    row.enter(Phase::Ejected, until);
    // By other books, what was counted in an interval is judged at its end.
    if !R::timed(s) {
        row.close_window();
    }
}

/// Tells that one more of `hosts` endpoints may be ejected.
///
/// By our rules, of 10 endpoints with a limit of 30 %, a third may be: (2 + 1) · 100 ≤ 10 · 30. Of
/// up to 4 it is at least half, and never the only one: with that ejected, all would be panic.
pub(crate) fn may_eject<R: Rules, S: Settings>(s: &S, hosts: u32, ejected: u32) -> bool {
    // With numbers of 32 bits, of at most 16 million.
    let (hosts, ejected) = (Requests::from(hosts), Requests::from(ejected));
    let percent = Requests::from(s.max_ejection_percent());
    let book = R::book(s);
    if book == Book::Evenkeel && hosts < 2 || book == Book::Off {
        return false;
    }
    if ejected == 0 && s.always_eject_one() {
        return true;
    }
    match book {
        Book::Evenkeel => {
            let percent = if hosts <= 4 && percent > 0 { percent.max(50) } else { percent };
            (ejected + 1) * 100 <= hosts * percent
        }
        Book::Envoy => (ejected + 1) * 100 <= hosts * percent,
        Book::Grpc => ejected * 100 < hosts * percent,
        Book::Off => false,
    }
}
