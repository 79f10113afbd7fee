//! Decides for how long an endpoint is ejected, and how many may be.

use super::eject_rule::By;
use super::facts::Facts;
use super::row::{HealthRow, Phase, Reason, Requests};
use super::{Rules, envoy, grpc};
use crate::hash;
use crate::settings::{Book, Settings};
use crate::time::{Instant, Ticks};

/// Ejects an endpoint in service that crossed a threshold, unless too many are ejected already, or
/// chance spares it. Tells that it did.
pub(crate) fn eject<R: Rules, S: Settings>(
    row: &mut HealthRow,
    s: &S,
    facts: &mut Facts<'_>,
    reason: Reason,
    enforcement: u8,
) -> bool {
    let ejects = !is_spared::<R, S>(row, s, facts, enforcement);
    if ejects {
        eject_at_last::<R, S>(row, s, facts, reason);
    }
    ejects
}

/// Ejects an endpoint by our rule, which knows limits for shares alone. Tells that it did.
pub(crate) fn eject_by_rule<R: Rules, S: Settings>(
    row: &mut HealthRow,
    s: &S,
    facts: &mut Facts<'_>,
    by: By,
) -> bool {
    let ejects =
        by != By::Share || !is_spared::<R, S>(row, s, facts, s.failure_percentage_enforcement());
    if ejects {
        eject_at_last::<R, S>(row, s, facts, by.reason());
    }
    ejects
}

/// Tells that too many are ejected already, or that chance spares an endpoint.
fn is_spared<R: Rules, S: Settings>(
    row: &mut HealthRow,
    s: &S,
    facts: &mut Facts<'_>,
    enforcement: u8,
) -> bool {
    if !may_eject::<R, S>(s, facts.hosts, facts.ejected) {
        return true;
    }
    let spared =
        enforcement < 100 && hash::share(100, (facts.bits(s) >> 32) as u32) >= enforcement.into();
    if spared && R::book(s) == Book::Evenkeel {
        // What is judged at each failure would be drawn for at each, too.
        row.close_window();
    }
    spared
}

fn eject_at_last<R: Rules, S: Settings>(
    row: &mut HealthRow,
    s: &S,
    facts: &mut Facts<'_>,
    reason: Reason,
) {
    if R::book(s) == Book::Evenkeel {
        forgive(row, s, facts.now);
    }
    eject_again::<R, S>(row, s, facts, reason);
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
/// By our rules each takes five eighths longer than the one before, and the upper half of it is
/// random ("equal jitter"): with a base of 3 s, 1.5 to 3 s, then 2.4 to 4.9 s, up to 30 to 60 s. So
/// what was out for a while is asked again within about two thirds of that while, and of several
/// the first one much sooner: 3 + 4.9 + 7.9 + 12.9 + 20.9 is 50 s, and the next takes 17 to 34 s.
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
                whole = whole.saturating_add(whole - whole / 2 + whole / 8);
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
    if row.serves() {
        row.began = now;
    }
    (row.streak, row.cancels) = (0, 0);
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
