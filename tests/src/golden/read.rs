//! What stands in an event.

use core::fmt;
use core::time::Duration;

use evenkeel_core::retry::{Backoff, Jitter};
use evenkeel_core::{Book, Config, Endpoint, Instant, Outcome, RetryPolicy, Verdict, Zone, hash};

use super::{Result, Url};

const NANOS_PER_MS: u64 = 1_000_000;

/// `WORD WORD ...`
pub(super) fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split(' ').filter(|word| !word.is_empty())
}

/// `ADDR[*WEIGHT][@PRIORITY][%ZONE][!]`.
pub(super) fn endpoint(word: &str) -> Result<Endpoint<Url<'_>>> {
    let (rest, draining) = word.strip_suffix('!').map_or((word, false), |rest| (rest, true));
    let (rest, zone) = rest.split_once('%').unwrap_or((rest, "0"));
    let (rest, priority) = rest.split_once('@').unwrap_or((rest, "0"));
    let (addr, weight) = rest.split_once('*').unwrap_or((rest, "1"));
    if addr.is_empty() || !addr.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9')) {
        return Err("an address is made of a-z and 0-9");
    }
    let weight = weight.parse().map_err(|_| "a weight is a number below 2^32")?;
    let priority = priority.parse().map_err(|_| "a priority is a number below 2^16")?;
    let zone = zone.parse().map_err(|_| "a zone is a number below 2^16")?;
    let endpoint = Endpoint::new(Url(addr)).with_weight(weight).with_priority(priority);
    Ok(endpoint.with_zone(Zone::new(zone)).with_draining(draining))
}

/// A number, or a text to be hashed.
pub(super) fn key(word: &str) -> Result<u64> {
    if word.starts_with(|first: char| first.is_ascii_digit()) {
        return word.parse().map_err(|_| "a key that begins with a digit is a number below 2^64");
    }
    Ok(hash::str(word))
}

pub(super) fn config(settings: &str) -> Result<Config> {
    let mut config = Config::default();
    // The rules first: they set most of the others.
    for rules in words(settings).filter_map(|setting| setting.strip_prefix("outlier=")) {
        config = outlier_detection(rules)?;
    }
    for setting in words(settings) {
        match setting.split_once('=').ok_or("a setting is `key=value`")? {
            ("outlier", _) => {}
            ("levels", "first_available") => config.overprovisioning_percent = 0,
            ("levels", "overprovisioned") => config.overprovisioning_percent = 140,
            ("subset", most) => {
                config.subset = most.parse().map_err(|_| "a subset is a number below 2^32")?;
            }
            ("zone", own) => {
                let own = own.parse().map_err(|_| "a zone is a number below 2^16")?;
                config.zone = Zone::new(own);
            }
            ("slow_start", window) => config.slow_start = millis(window)?,
            _ => return Err("no such setting"),
        }
    }
    Ok(config)
}

fn outlier_detection(rules: &str) -> Result<Config> {
    Ok(match rules {
        "evenkeel" => Config::DEFAULT,
        "envoy" => Config::ENVOY,
        "grpc" => Config::GRPC,
        "none" => Config { book: Book::Off, ..Config::DEFAULT },
        _ => return Err("no such outlier detection"),
    })
}

/// `OUTCOME[ NUMBER]`, or `overloaded[ MS[ NUMBER]]`: how a request ended, and the place of its
/// pick among the open ones.
pub(super) fn report(text: &str) -> Result<(Outcome, usize)> {
    let mut words = words(text);
    let outcome = match words.next() {
        Some("success") => Outcome::Success,
        Some("failure") => Outcome::Failure,
        Some("timed_out") => Outcome::TimedOut,
        Some("never_sent") => Outcome::NeverSent,
        Some("ignorable") => Outcome::Ignorable,
        Some("pushed_back") => Outcome::PushedBack,
        Some("abandoned") => Outcome::Abandoned,
        Some("lost_race") => Outcome::LostRace,
        Some("overloaded") => {
            Outcome::Overloaded { retry_after: words.next().map(millis).transpose()? }
        }
        _ => return Err("no such outcome"),
    };
    let number: usize =
        words.next().unwrap_or("1").parse().map_err(|_| "not the number of an open pick")?;
    let index = number.checked_sub(1).ok_or("no such open pick")?;
    if words.next().is_none() { Ok((outcome, index)) } else { Err("too many words") }
}

/// `VERDICT`, `push_back MS`, or `overloaded[ MS]`.
pub(super) fn verdict(text: &str) -> Result<Verdict> {
    Ok(match text {
        "success" => Verdict::Success,
        "retryable_failure" => Verdict::RetryableFailure,
        "non_retryable_failure" => Verdict::NonRetryableFailure,
        "timed_out" => Verdict::TimedOut,
        "ignorable" => Verdict::Ignorable,
        "overloaded" => Verdict::Overloaded { wait: None },
        "never_sent" => Verdict::NeverSent,
        "canceled" => Verdict::Canceled,
        _ => match text.split_once(' ').ok_or("no such verdict")? {
            ("push_back", wait) => Verdict::PushBack { wait: millis(wait)? },
            ("overloaded", wait) => Verdict::Overloaded { wait: Some(millis(wait)?) },
            _ => return Err("no such verdict"),
        },
    })
}

pub(super) fn retry_policy(settings: &str) -> Result<RetryPolicy> {
    let mut policy = RetryPolicy::default();
    // The number of attempts first: it is what a policy is made from.
    for attempts in words(settings).filter_map(|setting| setting.strip_prefix("attempts=")) {
        policy = attempts
            .parse()
            .ok()
            .and_then(|attempts| RetryPolicy::new(attempts).ok())
            .ok_or("no such `attempts`")?;
    }
    for setting in words(settings) {
        let changed = match setting.split_once('=').ok_or("a setting is `key=value`")? {
            ("attempts", _) => Ok(policy),
            ("timeout", time) => policy.with_timeout(millis(time)?),
            ("attempt_timeout", time) => policy.with_attempt_timeout(millis(time)?),
            ("backoff", value) => policy.with_backoff(backoff(value)?),
            _ => return Err("no such setting"),
        };
        policy = changed.map_err(|_| "a call cannot have such a setting")?;
    }
    Ok(policy)
}

fn backoff(value: &str) -> Result<Backoff> {
    match value.split_once(':') {
        None if value == "none" => Ok(Backoff::None),
        Some(("constant", wait)) => Ok(Backoff::Constant(millis(wait)?)),
        Some(("exponential", bounds)) => {
            let (base, cap) = bounds.split_once(':').ok_or("`exponential` has a base and a cap")?;
            let (cap, jitter) = cap.split_once(':').unwrap_or((cap, "full"));
            let jitter = Jitter::ALL.iter().find(|known| known.name() == jitter);
            let jitter = *jitter.ok_or("no such jitter")?;
            Ok(Backoff::Exponential { base: millis(base)?, cap: millis(cap)?, jitter })
        }
        _ => Err("no such backoff"),
    }
}

/// Milliseconds with up to six decimals.
pub(super) fn millis(text: &str) -> Result<Duration> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let whole: u64 = whole.parse().map_err(|_| "a time is in milliseconds")?;
    let mut unit = NANOS_PER_MS;
    let mut nanos = whole.checked_mul(unit).ok_or("a time is below 2^64 nanoseconds")?;
    for digit in decimals.chars() {
        unit /= 10;
        nanos = nanos.saturating_add(
            u64::from(digit.to_digit(10).ok_or("a time's decimals are digits")?) * unit,
        );
    }
    if unit == 0 { Err("a time has at most six decimals") } else { Ok(Duration::from_nanos(nanos)) }
}

pub(super) fn write_millis(f: &mut fmt::Formatter<'_>, time: Instant) -> fmt::Result {
    let (whole, mut rest) = (time.as_nanos() / NANOS_PER_MS, time.as_nanos() % NANOS_PER_MS);
    if rest == 0 {
        return write!(f, "{whole}");
    }
    let mut digits = 6;
    while rest % 10 == 0 {
        rest /= 10;
        digits -= 1;
    }
    write!(f, "{whole}.{rest:0digits$}")
}
