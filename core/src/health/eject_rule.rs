//! Our rule: an endpoint is compared with the others of its level before it is ejected.
//!
//! An endpoint is *troubled* while its row of failures is at least `k`
//! ([`consecutive_failures`](crate::Settings::consecutive_failures)), or a quarter of what its open
//! window counted are failures. It is judged where its row reaches a multiple of `k`, or where a
//! percentage rule fires, in this order:
//!
//! 1. **Calm.** Ejections of the level were undone a while ago: it is not ejected, unless nobody else
//!    of it is well and another level is, or it was ejected before, is at 4k again, and less than
//!    half as many are ejected now as were then: those that are left may be able to carry that.
//!    Where ejections of all levels were undone, none is.
//! 2. **Nobody else is well.** Ejected if another level is well: that is failover. Else it stays; at
//!    2k, if some of the level are ejected, those come back. If it suffers, as below, and some of
//!    another level were ejected within an interval, that was a failover in vain, as where few
//!    backups drown in the load of many primaries: all come back.
//! 3. **Harm.** It answered after the latest ejection, and fails slowly now, from a request on that
//!    was sent after the latest one of its level (of any level, if nobody else of it is well): it
//!    *suffers*. If the latest of its level is no older than an interval, it does so from the load
//!    of those that are ejected. They come back, unless its row is at 4k. Where more are ejected
//!    than others serve, only if another one is troubled, too, or its row is at 2k; in the calm
//!    only if that is, and again half as many may be ejected from then on. One that was ejected
//!    itself, and came back after the latest ejection, fails as before: nothing is undone for it.
//!    Nor where all others are well, four or more for each that is ejected: it is no load then.
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
//! three dead: the first has nobody who is well, and nothing is gained by ejecting it. Eight of 29
//! dead, and one of the others suffers: all eight come back, and four of them may be ejected again.
//! If one suffers then, those four come back, and two may be.

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
    /// Failures in a row, or what its row of cancellations weighs.
    pub(crate) row: u32,
    /// The failures that make it suspect, or half of the weight that does.
    pub(crate) k: u32,
    /// A failure of the row was slow.
    pub(crate) slow: bool,
    /// The time at which the first failing request of the row was sent.
    pub(crate) began: Instant,
    /// It has answered since the latest of the others left, of any level.
    pub(crate) heard: bool,
    pub(crate) past: Past,
}

/// Says if an endpoint was ejected before, and came back no longer ago than a calm lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Past {
    Clean,
    Ejected,
    /// And it came back after the latest of its level left.
    Back,
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
    /// Those of its level come back that may be lacking, or all that are ejected of any level; in
    /// the calm after that, so many of the level may be ejected again.
    Undo {
        scope: Scope,
        most: u32,
    },
    Hold(Held),
}

/// Judges an endpoint.
pub(crate) fn judge(
    suspect: &Suspect,
    others: &Others,
    calm: Option<Scope>,
    most: u32,
    now: Instant,
    interval: Ticks,
) -> Ruling {
    let Suspect { by, row, k, slow, began, heard, past } = *suspect;
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
    let carried = well == serving && 4 * out <= serving;
    let harm = out > 0 && past != Past::Back && lately && suffers && !carried;
    let surely = row >= 2 * k;
    // So long a row is no bad luck.
    let in_a_row = by != By::Share;
    let hopeless = in_a_row && row >= 4 * k;
    let ejected =
        if well == 0 { fails_over && in_a_row } else { hopeless || !harm && 2 * well >= serving };
    let again = calm == Some(Scope::Level) && past != Past::Clean && hopeless && out < most;
    if ejected && (!quiet || again) {
        return Ruling::Eject;
    }
    let in_vain = by_row && well == 0 && !elsewhere && surely;
    if in_vain && lately_away && suffers {
        return Ruling::Undo { scope: Scope::All, most: 0 };
    }
    // Where most are ejected, there is much to lose, and a single one that suffers may do so by
    // chance.
    let plain = surely || !quiet && (out <= serving || well < serving);
    let lacking = in_vain && out > 0 && (!slow || slow_out || lately);
    if calm != Some(Scope::All) && (by_row && harm && plain || lacking) {
        return Ruling::Undo { scope: Scope::Level, most: out / 2 };
    }
    Ruling::Hold(match well {
        _ if quiet => Held::Calm,
        0 => Held::NobodyWell,
        _ if harm => Held::Harm,
        _ => Held::Minority,
    })
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
        Suspect {
            by: By::Row,
            row,
            k: K,
            slow: false,
            began: at(90),
            heard: true,
            past: Past::Clean,
        }
    }

    fn level(serving: u32, well: u32, out: u32) -> Others {
        let (latest, latest_away) = (at(80), at(80));
        Others { elsewhere: false, serving, well, out, slow_out: false, latest, latest_away }
    }

    fn undo(out: u32) -> Ruling {
        Ruling::Undo { scope: Scope::Level, most: out / 2 }
    }

    fn judged(suspect: &Suspect, others: &Others) -> Ruling {
        judge(suspect, others, None, 0, at(100), INTERVAL)
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
        assert_eq!(judged(&row(10), &others), undo(3));
        let elsewhere = Others { elsewhere: true, ..others };
        assert_eq!(judged(&row(10), &elsewhere), Ruling::Eject);
        let suffers = Suspect { slow: true, ..row(10) };
        assert_eq!(judged(&suffers, &others), Ruling::Hold(Held::NobodyWell), "they refuse all");
        assert_eq!(judged(&suffers, &Others { slow_out: true, ..others }), undo(3));
        assert_eq!(judged(&suffers, &Others { latest: at(91), ..others }), undo(3));
    }

    #[test]
    fn slow_failures_soon_after_an_ejection_undo_it() {
        let others = Others { latest: at(95), ..level(8, 7, 1) };
        let slow = |secs| Suspect { slow: true, began: at(secs), ..row(5) };
        assert_eq!(judged(&slow(96), &others), undo(1));
        assert_eq!(judged(&slow(95), &others), Ruling::Eject, "sent before it");
        assert_eq!(judged(&Suspect { began: at(96), ..row(5) }, &others), Ruling::Eject, "fast");
        assert_eq!(judged(&Suspect { row: 20, ..slow(96) }, &others), Ruling::Eject, "at 4k");
        assert_eq!(judged(&Suspect { heard: false, ..slow(96) }, &others), Ruling::Eject, "as it");
        let back = Suspect { past: Past::Back, ..slow(96) };
        assert_eq!(judged(&back, &others), Ruling::Eject, "again");
        let well = Others { well: 8, ..others };
        assert_eq!(judged(&slow(96), &well), Ruling::Eject, "its own fault");
        let long_ago = Others { latest: at(90), ..others };
        assert_eq!(judged(&slow(96), &long_ago), Ruling::Eject, "an interval ago");
        let most = Others { latest: at(95), ..level(3, 3, 4) };
        assert_eq!(judged(&slow(96), &most), Ruling::Hold(Held::Harm), "most are ejected");
        assert_eq!(judged(&Suspect { row: 10, ..slow(96) }, &most), undo(4));
        assert_eq!(judged(&slow(96), &Others { well: 2, ..most }), undo(4));
        assert_eq!(judged(&slow(96), &Others { out: 3, ..most }), undo(3));
        let share = Suspect { by: By::Share, ..slow(96) };
        assert_eq!(judged(&share, &others), Ruling::Hold(Held::Harm), "a share undoes nothing");
        let elsewhere = Others { elsewhere: true, ..others };
        assert_eq!(judged(&slow(96), &elsewhere), undo(1), "whoever is well elsewhere");
    }

    #[test]
    fn at_2k_a_failover_in_vain_is_undone_in_any_calm() {
        let drowned = Others { latest_away: at(95), ..level(2, 0, 0) };
        let all = Ruling::Undo { scope: Scope::All, most: 0 };
        for calm in [None, Some(Scope::Level), Some(Scope::All)] {
            let judged =
                |suspect, others: &Others| judge(&suspect, others, calm, 0, at(100), INTERVAL);
            let slow = |length| Suspect { slow: true, began: at(96), ..row(length) };
            let held = if calm.is_some() { Held::Calm } else { Held::NobodyWell };
            assert_eq!(judged(slow(5), &drowned), Ruling::Hold(held));
            assert_eq!(judged(slow(10), &drowned), all);
            for others in [
                Others { well: 1, ..drowned },
                Others { elsewhere: true, ..drowned },
                Others { latest_away: at(90), ..drowned },
                Others { latest: at(97), ..drowned },
            ] {
                assert_ne!(judged(slow(10), &others), all, "{others:?}");
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
                |others: &Others| judge(&row(length), others, Some(quiet), 0, at(100), INTERVAL);
            let held = Ruling::Hold(Held::Calm);
            for others in [level(2, 2, 0), level(2, 2, 1), level(0, 0, 0)] {
                assert_eq!(calm(&others), held);
            }
            let nobody = calm(&level(2, 0, 1));
            let undone = quiet == Scope::Level && length >= 10;
            assert_eq!(nobody, if undone { undo(1) } else { held });
            let elsewhere = |others| Others { elsewhere: true, ..others };
            assert_eq!(calm(&elsewhere(level(2, 1, 0))), held);
            let failover = if quiet == Scope::All { held } else { Ruling::Eject };
            assert_eq!(calm(&elsewhere(level(2, 0, 0))), failover);
        }
    }

    #[test]
    fn in_the_calm_those_that_came_back_are_ejected_again_up_to_half() {
        let judged = |suspect: &Suspect, others: &Others, most| {
            judge(suspect, others, Some(Scope::Level), most, at(100), INTERVAL)
        };
        let (held, others) = (Ruling::Hold(Held::Calm), level(8, 6, 1));
        let again = |length| Suspect { past: Past::Ejected, ..row(length) };
        assert_eq!(judged(&again(20), &others, 2), Ruling::Eject);
        assert_eq!(judged(&again(15), &others, 2), held, "too short a row");
        assert_eq!(judged(&row(20), &others, 2), held, "never ejected before");
        assert_eq!(judged(&again(20), &others, 1), held, "as many as may be are");
        assert_eq!(judged(&again(20), &level(8, 0, 1), 2), undo(1), "nobody is well");
        let share = Suspect { by: By::Share, ..again(20) };
        assert_eq!(judged(&share, &others, 2), held);
        // One that suffers misses them, if it is plain.
        let others = Others { latest: at(95), ..others };
        let suffers = |length| Suspect { slow: true, began: at(96), ..row(length) };
        assert_eq!(judged(&suffers(5), &others, 2), held);
        assert_eq!(judged(&suffers(10), &others, 2), undo(1));
        let all = judge(&suffers(10), &others, Some(Scope::All), 0, at(100), INTERVAL);
        assert_eq!(all, held, "in a calm of all");
        let all = judge(&again(20), &level(8, 6, 1), Some(Scope::All), 2, at(100), INTERVAL);
        assert_eq!(all, held, "nor is any ejected there");
    }

    #[test]
    fn half_of_the_others_have_to_be_clear_of_cancellations_and_one_at_least() {
        let canceled = Suspect { by: By::Cancels, ..row(10) };
        for (serving, clear, expected) in [
            (1, 1, Ruling::Eject),
            (9, 5, Ruling::Eject),
            (9, 4, Ruling::Hold(Held::Minority)),
            (0, 0, Ruling::Hold(Held::NobodyWell)),
        ] {
            assert_eq!(judged(&canceled, &level(serving, clear, 1)), expected);
        }
        let hangs = Suspect { row: 20, ..canceled };
        assert_eq!(judged(&hangs, &level(9, 4, 1)), Ruling::Eject, "at twice the limit");
        let elsewhere = |others| Others { elsewhere: true, ..others };
        assert_eq!(judged(&canceled, &elsewhere(level(2, 0, 0))), Ruling::Eject, "failover");
        let calm = judge(&canceled, &level(9, 9, 0), Some(Scope::Level), 0, at(100), INTERVAL);
        assert_eq!(calm, Ruling::Hold(Held::Calm));
    }
}
