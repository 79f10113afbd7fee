//! Lengths of time as texts.

use core::time::Duration;

/// More digits than any time has that is meant.
const DIGITS: usize = 18;

/// Reads a number of units without a sign, such as `30` or `1.5`.
pub(super) fn number(text: &str, unit: Duration) -> Option<Duration> {
    let (whole, part) = text.split_once('.').map_or((text, None), |(a, b)| (a, Some(b)));
    let digits = |text: &str| {
        let good = (1..=DIGITS).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        good.then(|| text.parse::<u64>().ok()).flatten()
    };
    let mut nanos = u128::from(digits(whole)?) * unit.as_nanos();
    if let Some(part) = part {
        let length = u32::try_from(part.len()).ok()?;
        nanos += u128::from(digits(part)?) * unit.as_nanos() / 10_u128.pow(length);
    }
    let seconds = u64::try_from(nanos / 1_000_000_000).ok()?;
    Some(Duration::new(seconds, (nanos % 1_000_000_000) as u32))
}

/// Reads Go's way to write a duration: `1h2m3.5s`, `12ms`.
pub(super) fn go(mut text: &str) -> Option<Duration> {
    if text.is_empty() {
        return None;
    }
    let mut all = Duration::ZERO;
    while !text.is_empty() {
        let count = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (count, rest) = text.split_at(count);
        let (unit, rest) = UNITS.iter().find_map(|(name, unit)| {
            let rest = rest.strip_prefix(name)?;
            Some((*unit, rest))
        })?;
        all = all.checked_add(number(count, unit)?)?;
        text = rest;
    }
    Some(all)
}

/// `ms` before `m`, of which it is none.
const UNITS: [(&str, Duration); 7] = [
    ("h", Duration::from_secs(3_600)),
    ("ms", Duration::from_millis(1)),
    ("m", Duration::from_secs(60)),
    ("s", Duration::from_secs(1)),
    ("us", Duration::from_micros(1)),
    ("µs", Duration::from_micros(1)),
    ("ns", Duration::from_nanos(1)),
];
