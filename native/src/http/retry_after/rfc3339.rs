//! Dates as RFC 3339 writes them: `2026-11-29T00:00:00.5+01:00`.

use core::time::Duration;
use std::time::SystemTime;

use super::duration::number;

/// Reads one from 1970 on; a leap second is the first of the next minute.
pub(super) fn parse(text: &str) -> Option<SystemTime> {
    let (date, time) = text.split_once(['T', 't'])?;
    let [year, month, day] = fields(date, '-', [4, 2, 2])?;
    let zone = time.find(['Z', 'z', '+', '-'])?;
    let (time, zone) = time.split_at(zone);
    let (time, part) = time.split_once('.').map_or((time, None), |(a, b)| (a, Some(b)));
    let [hour, minute, second] = fields(time, ':', [2, 2, 2])?;
    if !(1..=12).contains(&month) || day == 0 || day > days_in(year, month) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    let seconds = u64::try_from(seconds - offset(zone)?).ok()?;
    let part = match part {
        Some(part) => number(&format!("0.{part}"), Duration::from_secs(1))?,
        None => Duration::ZERO,
    };
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds) + part)
}

/// Returns how far a zone is before UTC, in seconds.
fn offset(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, zone) = zone.split_at_checked(1)?;
    let [hours, minutes] = fields(zone, ':', [2, 2])?;
    let offset = hours * 3_600 + minutes * 60;
    (hours < 24 && minutes < 60).then_some(if sign == "-" { -offset } else { offset })
}

/// Reads numbers of these lengths.
fn fields<const N: usize>(text: &str, between: char, lengths: [usize; N]) -> Option<[i64; N]> {
    let mut read = [0; N];
    let mut texts = text.split(between);
    for (field, length) in read.iter_mut().zip(lengths) {
        let text = texts.next()?;
        if text.len() != length || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *field = text.parse().ok()?;
    }
    texts.next().is_none().then_some(read)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Returns the days since 1970-01-01: those of the years, of the months and of the month.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let before = year - 1;
    // 719,162 days went before 1970.
    let years = before * 365 + before / 4 - before / 100 + before / 400 - 719_162;
    let months: i64 = (1..month).map(|month| days_in(year, month)).sum();
    years + months + day - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01t00:00:01z", 1),
            ("2000-02-29T23:59:59Z", 951_868_799),
            ("2000-03-01T00:00:00Z", 951_868_800),
            ("2026-11-29T00:00:00Z", 1_795_910_400),
            ("2026-11-29T00:00:00-05:30", 1_795_910_400 + 5 * 3_600 + 1_800),
            ("2016-12-31T23:59:60Z", 1_483_228_800),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
        ] {
            let date = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(parse(text), Some(date), "{text}");
        }
        for text in [
            "",
            "T",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+01:00",
            "1900-02-29T00:00:00Z",
            "2026-11-29T00:00:00",
            "2026-11-29T00:00:00+1:00",
            "2026-11-29T00:00:00+24:00",
            "2026-11-29T00:00:00.Z",
            "2026-1-29T00:00:00Z",
            "2026-11-29T00:00Z",
            "2026-11-00T00:00:00Z",
            "２026-11-29T00:00:00Z",
            "2026-11-29T00:00:00é",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
