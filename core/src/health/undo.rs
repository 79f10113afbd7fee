//! Who comes back where ejections are undone, and the calm after that.

use super::eject_rule::Scope;
use super::row::HealthRow;
use crate::time::{Instant, Ticks, nanos_of_ticks, ticks_of_nanos};

/// The largest number of a state: all below 2⁵³ are whole numbers to JavaScript. As a time, it is
/// 104 days.
pub(crate) const LONGEST: u64 = (1 << 53) - 1;

/// For how long less is ejected of the level whose ejections were undone last, or nothing of any.
/// There is one: an undo of another level ends it.
///
/// With an interval of 10 s: 30 s, then 60 s, then 120 s, if an undo follows in it, or within as
/// long after its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Calm {
    until: Instant,
    /// The level, or [`ALL`]; and undos one soon after the other, times [`UNDO`]: without any,
    /// nothing is calm. It is one number, as every byte counts.
    of: u32,
    /// So many of the level may be ejected all the same; none where all levels are calm.
    most: u16,
}

/// One more undo. From the second on, calms are as long as they get.
const UNDO: u32 = 1 << 24;

/// All levels: any number of 16 bits is a level's.
const ALL: u32 = 1 << 16;

/// A calm with times relative to the export, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Rest {
    /// None: all levels.
    pub(crate) level: Option<u16>,
    pub(crate) undos: u8,
    /// So many may be ejected all the same.
    #[cfg_attr(feature = "serde", serde(default))]
    pub(crate) most: u16,
    /// The rest of it; 0 if it is over.
    pub(crate) left: u64,
    /// The time since its end; 0 before that.
    pub(crate) over: u64,
}

impl Calm {
    pub(crate) const NEW: Self = Self { until: Instant::ZERO, of: 0, most: 0 };

    /// Returns the end of the calm of a level, if it is calm.
    pub(crate) fn until(self, level: u16, now: Instant, interval: Ticks) -> Option<Instant> {
        self.over(level, now, interval).map(|_| self.until)
    }

    /// Returns how many may be ejected in the calm.
    pub(crate) fn most(self) -> u32 {
        self.most.into()
    }

    /// Returns what is calm with a level, if that is.
    pub(crate) fn over(self, level: u16, now: Instant, interval: Ticks) -> Option<Scope> {
        // One that ends later began before a clock of 32 bits did.
        let left = self.until.since(now);
        let calm = self.of >= UNDO
            && (self.of & ALL != 0 || self.of as u16 == level)
            && !now.has_reached(self.until)
            && left <= longest_calm(interval);
        calm.then_some(if self.of & ALL == 0 { Scope::Level } else { Scope::All })
    }

    /// Begins a calm of a level, or of all; returns its end. `most` of the level may be ejected all
    /// the same.
    pub(crate) fn begin(
        &mut self,
        level: Option<u16>,
        most: u32,
        now: Instant,
        interval: Ticks,
    ) -> Instant {
        let of = level.map_or(ALL, u32::from);
        self.most = most.min(u16::MAX.into()) as u16;
        let again = self.of % UNDO == of && now.since(self.until) < length(interval, self.undos());
        let before = if again { self.of } else { of };
        self.until = now.later(length(interval, (before / UNDO) as u8));
        self.of = if before < 2 * UNDO { before + UNDO } else { before };
        self.until
    }

    /// Returns what the next process has to know of it.
    pub(crate) fn export(self, now: Instant) -> Option<Rest> {
        let (until, undos) = (self.until, self.undos());
        let level = (self.of & ALL == 0).then_some(self.of as u16);
        let [left, over] =
            [until.since(now), now.since(until)].map(|ticks| nanos_of_ticks(ticks).min(LONGEST));
        (undos > 0).then_some(Rest { level, undos, most: self.most, left, over })
    }

    /// Goes on with a calm of `age` nanoseconds ago, for no longer than this interval allows.
    pub(crate) fn import(rest: Rest, age: u64, now: Instant, interval: Ticks) -> Self {
        let Rest { level, undos, most, left, over } = rest;
        let over = over.saturating_add(age.saturating_sub(left));
        let left = ticks_of_nanos(left.saturating_sub(age)).min(longest_calm(interval));
        let until = now.earlier(ticks_of_nanos(over)).later(left);
        Self { until, of: level.map_or(ALL, u32::from) + u32::from(undos) * UNDO, most }
    }

    fn undos(self) -> u8 {
        (self.of / UNDO) as u8
    }

    /// Takes its end along with a clock that went back.
    pub(crate) fn turn_back(&mut self, back: Ticks) {
        self.until = self.until.earlier(back);
    }
}

/// Returns how long a calm lasts at most.
pub(crate) fn longest_calm(interval: Ticks) -> Ticks {
    length(interval, 2)
}

/// Returns the length of a calm that so many undos came before.
fn length(interval: Ticks, undos: u8) -> Ticks {
    interval.min(Ticks::MAX / 12) * (3 << undos.min(2))
}

/// Tells that an ejected endpoint may be lacking to one that suffers, and comes back for its sake.
pub(crate) fn is_missed(row: &HealthRow, slow: bool, now: Instant, interval: Ticks) -> bool {
    row.ejected() && (!slow || row.slow() || now.since(row.began) < interval)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::constant;

    const INTERVAL: Ticks = constant(core::time::Duration::from_secs(10));

    #[test]
    fn each_undo_soon_after_a_calm_doubles_the_next_up_to_12_intervals() {
        let mut calm = Calm::NEW;
        let mut now = Instant::from_secs(1000);
        for length in [30, 60, 120, 120] {
            assert_eq!(calm.until(7, now, INTERVAL), None);
            let until = calm.begin(Some(7), 0, now, INTERVAL);
            assert_eq!(until, now + core::time::Duration::from_secs(length));
            assert_eq!(calm.until(7, now, INTERVAL), Some(until));
            assert_eq!(calm.until(8, now, INTERVAL), None, "another level");
            assert_eq!(calm.until(7, until, INTERVAL), None, "it is over");
            now = until + core::time::Duration::from_secs(20);
        }
        now = now + core::time::Duration::from_secs(200);
        let until = calm.begin(Some(7), 0, now, INTERVAL);
        assert_eq!(until, now + core::time::Duration::from_secs(30), "long after");
        assert_eq!(
            calm.begin(Some(8), 0, now, INTERVAL),
            now + core::time::Duration::from_secs(30)
        );
        assert_eq!(calm.over(7, now, INTERVAL), None);
        assert_eq!(calm.over(8, now, INTERVAL), Some(Scope::Level));
        let until = calm.begin(None, 0, now, INTERVAL);
        assert_eq!(calm.over(7, now, INTERVAL), Some(Scope::All));
        assert_eq!(calm.until(7, now, INTERVAL), Some(until));
    }

    #[test]
    fn every_number_is_a_level_of_its_own_and_none_is_all() {
        let now = Instant::from_secs(1000);
        for level in [0, 1, u16::MAX - 1, u16::MAX] {
            let mut calm = Calm::NEW;
            let until = calm.begin(Some(level), 0, now, INTERVAL);
            let calm_of = |calm: &Calm, level| calm.until(level, now, INTERVAL);
            for other in [0, 1, u16::MAX - 1, u16::MAX] {
                assert_eq!(calm_of(&calm, other).is_some(), other == level, "{level}: {other}");
            }
            assert_eq!(calm.over(level, now, INTERVAL), Some(Scope::Level));
            let rest = calm.export(now).expect("it is calm");
            assert_eq!(Calm::import(rest, 0, now, INTERVAL), calm);
            // One of all is no continuation of one of a level.
            assert_eq!((rest.level, calm.begin(None, 0, now, INTERVAL)), (Some(level), until));
            assert_eq!(calm.over(level, now, INTERVAL), Some(Scope::All));
            let rest = calm.export(now).expect("it is calm");
            assert_eq!((rest.level, Calm::import(rest, 0, now, INTERVAL)), (None, calm));
            assert_eq!(
                calm.begin(Some(level), 0, now, INTERVAL),
                until,
                "{level}: nor the reverse"
            );
        }
    }

    #[test]
    fn a_calm_knows_how_many_may_be_ejected() {
        let mut calm = Calm::NEW;
        let now = Instant::from_secs(1000);
        for (most, known) in [(4, 4), (0, 0), (65_535, 65_535), (200_000, 65_535)] {
            calm.begin(Some(7), most, now, INTERVAL);
            assert_eq!(calm.most(), known);
            let rest = calm.export(now).expect("it is calm");
            assert_eq!(Calm::import(rest, 0, now, INTERVAL), calm);
        }
    }

    #[test]
    fn a_calm_follows_a_clock_that_goes_back() {
        let mut calm = Calm::NEW;
        let now = Instant::from_secs(10_000);
        calm.begin(Some(0), 0, now, INTERVAL);
        let back = constant(core::time::Duration::from_secs(3600));
        calm.turn_back(back);
        let then = now.earlier(back);
        assert_eq!(calm.until(0, then, INTERVAL), Some(then + core::time::Duration::from_secs(30)));
    }

    #[test]
    fn who_suffers_misses_the_slow_and_those_that_left_lately() {
        let ejected = |slow, secs| {
            let mut row = HealthRow { began: Instant::from_secs(secs), ..HealthRow::NEW };
            row.enter(crate::health::Phase::Ejected, Instant::from_secs(1000));
            if slow {
                row.note_slow();
            }
            row
        };
        let missed =
            |row: &HealthRow, slow| is_missed(row, slow, Instant::from_secs(100), INTERVAL);
        assert!(missed(&ejected(false, 91), true) && missed(&ejected(true, 50), true));
        assert!(!missed(&ejected(false, 90), true), "it refused all, for an interval");
        assert!(missed(&ejected(false, 50), false), "but one that fails fast misses all");
        assert!(!missed(&HealthRow::NEW, false), "in service");
    }
}
