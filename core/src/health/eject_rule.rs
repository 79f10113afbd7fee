//! Our rule: an endpoint is compared with the others of its level before it is ejected.
//!
//! An endpoint is *troubled* while its row of failures is at least `k`
//! ([`consecutive_failures`](crate::Settings::consecutive_failures)), or a quarter of what its open
//! window counted are failures. It is judged where its row reaches a multiple of `k`, or where a
//! percentage rule fires, in this order:
//!
//! 1. **Calm.** Ejections of the level were undone a while ago: nothing, unless nobody else of it is
//!    well and another level is. Where those of all levels were, nothing at all.
//! 2. **Nobody else is well.** Ejected if another level is well: that is failover. Else it stays; at
//!    2k, if some of the level are ejected, those come back. If it suffers, as below, and some of
//!    another level were ejected within an interval, that was a failover in vain, as where few
//!    backups drown in the load of many primaries: all come back.
//! 3. **Harm.** It answered after the latest ejection, and fails slowly now, from a request on that
//!    was sent after the latest one of its level (of any level, if nobody else of it is well): it
//!    *suffers*. If the latest of its level is no older than an interval, it does so from the load
//!    of those that are ejected. They come back, unless its row is at 4k. Where more are ejected
//!    than others serve, only if another one is troubled, too, or its row is at 2k. One that was
//!    ejected itself, and came back after the latest ejection, fails as before: nothing is undone
//!    for it.
//! 4. **Otherwise** it is ejected, if at least half of the others are untroubled, or at 4k.
//!
//! Where one that fails slowly is the reason, those come back that failed slowly themselves, or were
//! ejected within an interval: they may be lacking. Others refuse all requests since longer, and would
//! do so for all of the calm.
//!
//! Harm is undone though another level may be well: what is too much for those that are left would
//! be so for a smaller level, too, and if none of them is well in the end, that is failover.
//!
//! Three endpoints, `k` = 5, two of them dead: the first to fail five times has one other that is
//! well, of two that serve, and is ejected; so is the second, whose one other is well. Three of
//! three dead: the first has nobody who is well, and nothing is gained by ejecting it.

use core::time::Duration;

use super::held::Held;
use super::row::{HealthRow, Reason, Requests};
use crate::settings::Settings;
use crate::time::{Instant, Ticks, constant};

/// A failure that took so long is a slow one: the endpoint may have too much to do.
pub const SLOW_FAILURE: Duration = Duration::from_millis(200);
pub(crate) const SLOW: Ticks = constant(SLOW_FAILURE);

/// Says what made an endpoint suspect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// Its row of failures.
    Row,
    /// Its share of failures, or its success rate.
    Share,
    /// Its row of cancellations.
    Cancels,
}

impl By {
    /// Returns the reason that is given for an ejection.
    pub(crate) const fn reason(self) -> Reason {
        match self {
            Self::Row => Reason::ConsecutiveFailures,
            Self::Share => Reason::FailurePercentage,
            Self::Cancels => Reason::Cancellations,
        }
    }
}

/// What is known of an endpoint that is judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Suspect {
    pub(crate) by: By,
    /// Failures in a row.
    pub(crate) row: u32,
    /// The number of them that makes it suspect.
    pub(crate) k: u32,
    /// A failure of the row was slow.
    pub(crate) slow: bool,
    /// The time at which the first failing request of the row was sent.
    pub(crate) began: Instant,
    /// It has answered since the latest of the others left, of any level.
    pub(crate) heard: bool,
    /// It was ejected itself, and came back after the latest of its level left.
    pub(crate) back: bool,
}

/// What is known of the other endpoints.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Others {
    /// One of another level serves, and is untroubled.
    pub(crate) elsewhere: bool,
    /// Those of its level that serve.
    pub(crate) serving: u32,
    /// Those of them that are untroubled.
    pub(crate) well: u32,
    /// Those of its level that are ejected.
    pub(crate) out: u32,
    /// One of its level that are ejected failed slowly.
    pub(crate) slow_out: bool,
    /// The latest time at which one of its level left service that is ejected.
    pub(crate) latest: Instant,
    /// The same of the other levels.
    pub(crate) latest_away: Instant,
}

/// Of which levels ejections are undone, and which are calm then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Of the level of the suspect.
    Level,
    /// Of all.
    All,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ruling {
    Eject,
    /// Those of its level come back that may be lacking, or all that are ejected of any level.
    Undo(Scope),
    Hold(Held),
}

/// Judges an endpoint.
pub(crate) fn judge(
    suspect: &Suspect,
    others: &Others,
    calm: Option<Scope>,
    now: Instant,
    interval: Ticks,
) -> Ruling {
    let Suspect { by, row, k, slow, began, heard, back } = *suspect;
    let Others { elsewhere, serving, well, out, slow_out, latest, latest_away } = *others;
    let fails_over = well == 0 && elsewhere;
    let quiet = match calm {
        None => false,
        Some(Scope::Level) => !fails_over,
        Some(Scope::All) => true,
    };
    let by_row = by == By::Row;
    let [lately, lately_away] = [latest, latest_away].map(|left| now.since(left) < interval);
    let left = if well == 0 { latest.or_later(latest_away) } else { latest };
    let suffers = slow && heard && !left.has_reached(began);
    let harm = out > 0 && !back && lately && suffers;
    let ejected = if well == 0 {
        fails_over && by_row
    } else {
        by_row && row >= 4 * k || !harm && 2 * well >= serving
    };
    if ejected && !quiet {
        return Ruling::Eject;
    }
    let surely = row >= 2 * k;
    let in_vain = by_row && well == 0 && !elsewhere && surely;
    if in_vain && lately_away && suffers {
        return Ruling::Undo(Scope::All);
    }
    if quiet {
        return Ruling::Hold(Held::Calm);
    }
    // Where most are ejected, there is much to lose, and a single one that suffers may do so by
    // chance.
    let harm_is_plain = by_row && harm && (out <= serving || well < serving || surely);
    if harm_is_plain || in_vain && out > 0 && (!slow || slow_out || lately) {
        return Ruling::Undo(Scope::Level);
    }
    Ruling::Hold(match well {
        0 => Held::NobodyWell,
        _ if harm => Held::Harm,
        _ => Held::Minority,
    })
}

/// Tells that an ejected endpoint may be lacking to one that suffers, and comes back for its sake.
pub(crate) fn is_missed(row: &HealthRow, slow: bool, now: Instant, interval: Ticks) -> bool {
    row.ejected() && (!slow || row.slow() || now.since(row.began) < interval)
}

/// Tells that a row has grown to or beyond a multiple of `k`. Without a division: on small
/// processors it would be the only one.
///
/// With `k` = 5, from 8 to 10: 8 is 3 beyond a multiple, and 2 more are 5.
pub(crate) fn crosses(k: u32, before: u32, row: u32) -> bool {
    if k == 0 {
        return false;
    }
    let (mut beyond, mut part) = (before, k);
    while part <= before >> 1 {
        part <<= 1;
    }
    while part >= k {
        if beyond >= part {
            beyond -= part;
        }
        part >>= 1;
    }
    row.saturating_sub(before) >= k - beyond
}

/// Tells that requests to an endpoint in service fare badly.
///
/// 3 successes and 1 failure in the window are trouble, as 3 · 1 ≥ 3; 4 and 1 are not.
///
/// Of another level, a row of failures that began an `interval` ago says nothing: that level may not
/// have been asked since, and may be well again.
pub(crate) fn troubled(row: &HealthRow, s: &impl Settings, now: Instant, elsewhere: bool) -> bool {
    let (k, interval) = (s.consecutive_failures(), s.ticks(s.interval()));
    let failures = Requests::from(row.failures);
    k > 0 && row.streak >= k && !(elsewhere && now.since(row.began) >= interval)
        || failures > 0
            && (s.success_rate() || now.since(row.since) < interval)
            && 3 * failures >= Requests::from(row.successes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const K: u32 = 5;
    const INTERVAL: Ticks = constant(Duration::from_secs(10));

    fn at(secs: u64) -> Instant {
        Instant::from_secs(secs)
    }

    fn row(row: u32) -> Suspect {
        Suspect { by: By::Row, row, k: K, slow: false, began: at(90), heard: true, back: false }
    }

    fn level(serving: u32, well: u32, out: u32) -> Others {
        let (latest, latest_away) = (at(80), at(80));
        Others { elsewhere: false, serving, well, out, slow_out: false, latest, latest_away }
    }

    fn judged(suspect: &Suspect, others: &Others) -> Ruling {
        judge(suspect, others, None, at(100), INTERVAL)
    }

    #[test]
    fn one_is_ejected_if_half_of_the_others_are_well() {
        for (serving, well, ejected) in
            [(1, 1, true), (2, 1, true), (3, 1, false), (9, 5, true), (9, 4, false)]
        {
            let expected = if ejected { Ruling::Eject } else { Ruling::Hold(Held::Minority) };
            assert_eq!(judged(&row(5), &level(serving, well, 0)), expected, "{well} of {serving}");
            assert_eq!(judged(&row(20), &level(serving, well, 0)), Ruling::Eject, "at 4k");
        }
    }

    #[test]
    fn where_nobody_else_is_well_one_stays_unless_another_level_is() {
        let nobody = Ruling::Hold(Held::NobodyWell);
        for others in [level(0, 0, 0), level(3, 0, 0)] {
            for length in [5, 10, 20, 1000] {
                assert_eq!(judged(&row(length), &others), nobody);
            }
            let failover = Others { elsewhere: true, ..others };
            assert_eq!(judged(&row(5), &failover), Ruling::Eject);
            let share = Suspect { by: By::Share, ..row(3) };
            assert_eq!(judged(&share, &failover), nobody, "a share is no reason for failover");
        }
    }

    #[test]
    fn at_2k_ejections_that_left_nobody_well_are_undone() {
        let others = level(2, 0, 3);
        assert_eq!(judged(&row(5), &others), Ruling::Hold(Held::NobodyWell));
        assert_eq!(judged(&row(10), &others), Ruling::Undo(Scope::Level));
        let elsewhere = Others { elsewhere: true, ..others };
        assert_eq!(judged(&row(10), &elsewhere), Ruling::Eject);
        let suffers = Suspect { slow: true, ..row(10) };
        assert_eq!(judged(&suffers, &others), Ruling::Hold(Held::NobodyWell), "they refuse all");
        assert_eq!(
            judged(&suffers, &Others { slow_out: true, ..others }),
            Ruling::Undo(Scope::Level)
        );
        assert_eq!(
            judged(&suffers, &Others { latest: at(91), ..others }),
            Ruling::Undo(Scope::Level)
        );
    }

    #[test]
    fn who_suffers_misses_the_slow_and_those_that_left_lately() {
        let ejected = |slow, secs| {
            let mut row = HealthRow { began: at(secs), ..HealthRow::NEW };
            row.enter(crate::health::Phase::Ejected, at(1000));
            if slow {
                row.note_slow();
            }
            row
        };
        let missed = |row: &HealthRow, slow| is_missed(row, slow, at(100), INTERVAL);
        assert!(missed(&ejected(false, 91), true) && missed(&ejected(true, 50), true));
        assert!(!missed(&ejected(false, 90), true), "it refused all, for an interval");
        assert!(missed(&ejected(false, 50), false), "but one that fails fast misses all");
        assert!(!missed(&HealthRow::NEW, false), "in service");
    }

    #[test]
    fn slow_failures_soon_after_an_ejection_undo_it() {
        let others = Others { latest: at(95), ..level(8, 7, 1) };
        let slow = |secs| Suspect { slow: true, began: at(secs), ..row(5) };
        assert_eq!(judged(&slow(96), &others), Ruling::Undo(Scope::Level));
        assert_eq!(judged(&slow(95), &others), Ruling::Eject, "sent before it");
        assert_eq!(judged(&Suspect { began: at(96), ..row(5) }, &others), Ruling::Eject, "fast");
        assert_eq!(judged(&Suspect { row: 20, ..slow(96) }, &others), Ruling::Eject, "at 4k");
        assert_eq!(judged(&Suspect { heard: false, ..slow(96) }, &others), Ruling::Eject, "as it");
        assert_eq!(judged(&Suspect { back: true, ..slow(96) }, &others), Ruling::Eject, "again");
        let long_ago = Others { latest: at(90), ..others };
        assert_eq!(judged(&slow(96), &long_ago), Ruling::Eject, "an interval ago");
        let most = Others { latest: at(95), ..level(3, 3, 4) };
        assert_eq!(judged(&slow(96), &most), Ruling::Hold(Held::Harm), "most are ejected");
        assert_eq!(judged(&Suspect { row: 10, ..slow(96) }, &most), Ruling::Undo(Scope::Level));
        assert_eq!(judged(&slow(96), &Others { well: 2, ..most }), Ruling::Undo(Scope::Level));
        assert_eq!(judged(&slow(96), &Others { out: 3, ..most }), Ruling::Undo(Scope::Level));
        let share = Suspect { by: By::Share, ..slow(96) };
        assert_eq!(judged(&share, &others), Ruling::Hold(Held::Harm), "a share undoes nothing");
        let elsewhere = Others { elsewhere: true, ..others };
        assert_eq!(
            judged(&slow(96), &elsewhere),
            Ruling::Undo(Scope::Level),
            "whoever is well elsewhere"
        );
    }

    #[test]
    fn at_2k_a_failover_in_vain_is_undone_in_any_calm() {
        let drowned = Others { latest_away: at(95), ..level(2, 0, 0) };
        for calm in [None, Some(Scope::Level), Some(Scope::All)] {
            let judged =
                |suspect, others: &Others| judge(&suspect, others, calm, at(100), INTERVAL);
            let slow = |length| Suspect { slow: true, began: at(96), ..row(length) };
            let held = if calm.is_some() { Held::Calm } else { Held::NobodyWell };
            assert_eq!(judged(slow(5), &drowned), Ruling::Hold(held));
            assert_eq!(judged(slow(10), &drowned), Ruling::Undo(Scope::All));
            for others in [
                Others { well: 1, ..drowned },
                Others { elsewhere: true, ..drowned },
                Others { latest_away: at(90), ..drowned },
                Others { latest: at(97), ..drowned },
            ] {
                assert_ne!(judged(slow(10), &others), Ruling::Undo(Scope::All), "{others:?}");
            }
            // It is out as the others are, and does not suffer from their load.
            for suspect in [
                Suspect { heard: false, ..slow(10) },
                Suspect { began: at(95), ..slow(10) },
                Suspect { slow: false, ..slow(10) },
            ] {
                assert_eq!(judged(suspect, &drowned), Ruling::Hold(held), "{suspect:?}");
            }
        }
    }

    #[test]
    fn in_the_calm_only_failover_goes_on_and_not_after_one_in_vain() {
        for (length, quiet) in
            [5, 10, 20, 1000].into_iter().flat_map(|row| [(row, Scope::Level), (row, Scope::All)])
        {
            let calm =
                |others: &Others| judge(&row(length), others, Some(quiet), at(100), INTERVAL);
            let held = Ruling::Hold(Held::Calm);
            for others in [level(2, 2, 0), level(2, 0, 1), level(0, 0, 0)] {
                assert_eq!(calm(&others), held);
            }
            let elsewhere = |others| Others { elsewhere: true, ..others };
            assert_eq!(calm(&elsewhere(level(2, 1, 0))), held);
            let failover = if quiet == Scope::All { held } else { Ruling::Eject };
            assert_eq!(calm(&elsewhere(level(2, 0, 0))), failover);
        }
    }

    #[test]
    fn half_of_the_others_have_to_be_clear_of_cancellations_and_one_at_least() {
        let canceled = Suspect { by: By::Cancels, ..row(0) };
        for (serving, clear, expected) in [
            (1, 1, Ruling::Eject),
            (9, 5, Ruling::Eject),
            (9, 4, Ruling::Hold(Held::Minority)),
            (0, 0, Ruling::Hold(Held::NobodyWell)),
        ] {
            assert_eq!(judged(&canceled, &level(serving, clear, 1)), expected);
        }
        let calm = judge(&canceled, &level(9, 9, 0), Some(Scope::Level), at(100), INTERVAL);
        assert_eq!(calm, Ruling::Hold(Held::Calm));
    }

    #[test]
    fn a_row_is_judged_at_multiples_of_k() {
        assert!(crosses(5, 4, 5) && crosses(5, 9, 10) && crosses(5, 3, 17) && crosses(1, 0, 1));
        assert!(!crosses(5, 5, 9) && !crosses(5, 0, 4) && !crosses(0, 0, 7));
    }
}
