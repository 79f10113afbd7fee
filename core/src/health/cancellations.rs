//! Rows of cancellations without any answer.
//!
//! Who hangs behind time-outs outside never fails: its requests are given up. A request that was
//! abandoned weighs 4, one that lost a race 1, until an answer of any kind ends the row. Users give
//! up requests of good endpoints, too, and hedges win races under load: so the limit is twice the
//! longest row that did end in an answer; `8k` at least, and `16k` once two abandoned requests in a
//! row have been followed by an answer.
//!
//! With `k` = 5 and callers that never give up otherwise, ten abandoned requests in a row are
//! enough. Where users leave now and then, it takes twenty: who leaves every other time does so ten
//! times in a row once in a thousand, and twenty times once in a million. Where rows of 60 abandoned
//! ones have ended in an answer, it takes 120. Eight lost races count as two abandoned requests here.
//!
//! It is ejected if at least half of the others of its level are clear of both rows, or one is and
//! it is at twice the limit: three of four that hang behind time-outs outside are. If none is clear,
//! it is if one of another level is: that is failover.

use super::multiple;
use super::row::HealthRow;
use crate::Outcome;

/// What two abandoned requests in a row weigh: from here on, users leave.
const TWO: u32 = 2 * Outcome::Abandoned.cancellation_weight();

/// Returns the length at which a row is judged, where the longest row that ended in an answer was
/// so long. What outages leave behind is bounded: beyond `64k`, a row is no habit of users.
pub(crate) fn limit(k: u16, longest: u16) -> u32 {
    let (k, longest) = (u32::from(k), u32::from(longest));
    let least = if longest < TWO { 8 * k } else { 16 * k };
    least.max(2 * longest.min(64 * k)).min(u16::MAX.into())
}

/// Tells that a row that grew is to be judged: from the limit on, at each multiple of `k`.
pub(crate) fn crosses(k: u16, longest: u16, before: u16, row: u16) -> bool {
    let (row32, before, limit) = (u32::from(row), u32::from(before), limit(k, longest));
    k > 0
        && row32 >= limit
        && (before < limit || row == u16::MAX || multiple::crosses(k.into(), before, row32))
}

/// Tells that an endpoint in service has neither a row of failures nor one of cancellations: less
/// than a quarter of the limit.
pub(crate) fn is_clear(row: &HealthRow, k: u16, limit: u32) -> bool {
    row.streak < k && 4 * u32::from(row.cancels) < limit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_follows_the_longest_row_that_ended_in_an_answer() {
        assert_eq!([0, 7, 8, 40, 60].map(|longest| limit(5, longest)), [40, 40, 80, 80, 120]);
        assert_eq!(limit(5, u16::MAX), 640, "bounded");
        assert_eq!(limit(u16::MAX, u16::MAX), 65_535, "a row gets no longer");
    }

    #[test]
    fn a_row_is_judged_from_the_limit_on() {
        assert!(crosses(5, 0, 36, 40) && !crosses(5, 0, 32, 36) && !crosses(5, 0, 40, 44));
        assert!(crosses(5, 0, 44, 48) && !crosses(5, 50, 80, 84) && crosses(5, 50, 96, 100));
        assert!(!crosses(0, 0, 0, u16::MAX), "without the rule");
    }
}
