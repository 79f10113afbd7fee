//! What an answer's headers say of how long to leave its sender alone.

mod duration;
mod rfc3339;

use core::time::Duration;
use std::time::SystemTime;

use ::http::HeaderMap;
use ::http::header::{DATE, RETRY_AFTER};

use crate::clock;

/// Returns for how long the sender of an answer wants to be left alone; `None` if no header says
/// so, or none that can be read.
///
/// | who | header | form |
/// |---|---|---|
/// | Azure, `OpenAI` | `Retry-After-Ms` | milliseconds |
/// | RFC 9110 §10.2.3 | `Retry-After` | seconds, or a date: less the answer's `Date`, else the machine's |
/// | IETF draft | `RateLimit` | `"name";r=0;t=30`: seconds, of the limits that are used up |
/// | `OpenAI` | `x-ratelimit-reset-requests`, `-tokens` | `6m0s`, `12ms` |
/// | Anthropic | `anthropic-ratelimit-…-reset` | a date of RFC 3339 |
/// | GitHub | `X-RateLimit-Reset` | seconds; from 10⁹ on, since 1970 |
///
/// The first of these that is there counts; of several limits the longest that has nothing left. A
/// date that is over means zero. Below zero is how Azure says that it does not know.
///
/// ```
/// use core::time::Duration;
/// use http::HeaderMap;
///
/// let mut headers = HeaderMap::new();
/// headers.insert("retry-after", "120".parse()?);
/// assert_eq!(evenkeel::http::retry_after(&headers), Some(Duration::from_secs(120)));
/// headers.insert("retry-after", "soon".parse()?);
/// assert_eq!(evenkeel::http::retry_after(&headers), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    at(headers, clock::date)
}

/// Returns the same where the machine's date is `now`.
fn at(headers: &HeaderMap, now: impl Fn() -> SystemTime) -> Option<Duration> {
    let headers = Headers { headers, now: &now };
    headers
        .number("retry-after-ms", Duration::from_millis(1))
        .or_else(|| headers.number(RETRY_AFTER.as_str(), Duration::from_secs(1)))
        .or_else(|| headers.date())
        .or_else(|| headers.draft())
        .or_else(|| headers.open_ai())
        .or_else(|| headers.anthropic())
        .or_else(|| headers.git_hub())
}

/// From so many seconds on, a time is one since 1970: as a wait, it would be 31 years.
const SINCE_1970: Duration = Duration::from_secs(1_000_000_000);

struct Headers<'a> {
    headers: &'a HeaderMap,
    now: &'a dyn Fn() -> SystemTime,
}

impl Headers<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        Some(self.headers.get(name)?.to_str().ok()?.trim())
    }

    /// Reads a number of units, such as `1.5`.
    fn number(&self, name: &str, unit: Duration) -> Option<Duration> {
        duration::number(self.text(name)?, unit)
    }

    /// Reads `Retry-After` as a date, in any of the three forms of RFC 9110 §5.6.7 or that of RFC
    /// 3339.
    fn date(&self) -> Option<Duration> {
        let until = date(self.text(RETRY_AFTER.as_str())?)?;
        // By the sender's own clock, if it says.
        let now = self.text(DATE.as_str()).and_then(date).unwrap_or_else(self.now);
        Some(until.duration_since(now).unwrap_or_default())
    }

    /// Reads draft-ietf-httpapi-ratelimit-headers: limits divided by commas.
    fn draft(&self) -> Option<Duration> {
        let limits = self.headers.get_all("ratelimit").iter();
        let limits =
            limits.filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(','));
        limits.filter_map(used_up).max()
    }

    fn open_ai(&self) -> Option<Duration> {
        let limits = ["requests", "tokens"].into_iter();
        let resets = limits.filter_map(|kind| {
            let used_up = !self.has_left(&format!("x-ratelimit-remaining-{kind}"));
            let reset = self.text(&format!("x-ratelimit-reset-{kind}"))?;
            duration::go(reset).filter(|_| used_up)
        });
        resets.max()
    }

    fn anthropic(&self) -> Option<Duration> {
        let limits = ["requests", "tokens", "input-tokens", "output-tokens"].into_iter();
        let resets = limits.filter_map(|kind| {
            let limit = format!("anthropic-ratelimit-{kind}");
            let used_up = !self.has_left(&format!("{limit}-remaining"));
            let until = date(self.text(&format!("{limit}-reset"))?).filter(|_| used_up)?;
            Some(until.duration_since((self.now)()).unwrap_or_default())
        });
        resets.max()
    }

    fn git_hub(&self) -> Option<Duration> {
        if self.has_left("x-ratelimit-remaining") {
            return None;
        }
        let reset = self.number("x-ratelimit-reset", Duration::from_secs(1))?;
        if reset < SINCE_1970 {
            return Some(reset);
        }
        let now = (self.now)().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Some(reset.saturating_sub(now))
    }

    /// Tells that something is left of a limit: then it is not the one that was met.
    fn has_left(&self, name: &str) -> bool {
        self.number(name, Duration::from_secs(1)).is_some_and(|left| !left.is_zero())
    }
}

fn date(text: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(text).ok().or_else(|| rfc3339::parse(text))
}

/// Returns when a limit as `"name";r=0;t=30` begins anew, if nothing is left of it.
fn used_up(limit: &str) -> Option<Duration> {
    let parameter = |name: &str| {
        let mut parameters = limit.split(';').skip(1);
        parameters.find_map(|parameter| parameter.trim().strip_prefix(name)?.strip_prefix('='))
    };
    if parameter("r").is_some_and(|left| left.parse() != Ok(0_u64)) {
        return None;
    }
    duration::number(parameter("t")?, Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use ::http::{HeaderName, HeaderValue};

    use super::*;

    /// 2026-11-29 00:00:00 UTC, a Sunday.
    const NOW: u64 = 1_795_910_400;

    /// Reads headers as `name: value`, one in a line; returns milliseconds.
    fn wait(text: &str) -> Option<u128> {
        let mut headers = HeaderMap::new();
        for line in text.lines() {
            let (name, value) = line.split_once(": ").expect("a header");
            let name = HeaderName::from_bytes(name.to_ascii_lowercase().as_bytes());
            headers.append(name.expect("a name"), HeaderValue::from_str(value).expect("a value"));
        }
        let now = || SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
        at(&headers, now).map(|wait| wait.as_millis())
    }

    #[test]
    fn each_form_is_read() {
        for (headers, millis) in [
            ("Retry-After: 120", 120_000),
            ("Retry-After:  0 ", 0),
            ("Retry-After: 0.25", 250),
            ("Retry-After-Ms: 1500", 1_500),
            ("Retry-After-Ms: 7\nRetry-After: 9", 7),
            ("Retry-After: Sun, 29 Nov 2026 00:00:30 GMT", 30_000),
            ("Retry-After: Sunday, 29-Nov-26 00:00:30 GMT", 30_000),
            ("Retry-After: Sun Nov 29 00:00:30 2026", 30_000),
            ("Retry-After: 2026-11-29T00:00:30Z", 30_000),
            ("Retry-After: 2026-11-29T01:00:30.5+01:00", 30_500),
            // By the sender's clock, which is an hour late.
            (
                "Retry-After: Sat, 28 Nov 2026 23:00:30 GMT\nDate: Sat, 28 Nov 2026 23:00:00 GMT",
                30_000,
            ),
            ("Retry-After: Sat, 28 Nov 2026 00:00:00 GMT", 0),
            ("RateLimit: \"default\";r=0;t=30", 30_000),
            ("RateLimit: \"a\";r=50;t=99, \"b\"; r=0; t=7, \"c\";t=9", 9_000),
            ("RateLimit: \"a\";r=0;t=3\nRateLimit: \"b\";r=0;t=4", 4_000),
            ("x-ratelimit-reset-requests: 6m0s", 360_000),
            ("x-ratelimit-reset-requests: 1s\nx-ratelimit-reset-tokens: 12ms", 1_000),
            (
                "x-ratelimit-remaining-requests: 3\nx-ratelimit-reset-requests: 1h\n\
                 x-ratelimit-remaining-tokens: 0\nx-ratelimit-reset-tokens: 1.5s",
                1_500,
            ),
            ("anthropic-ratelimit-tokens-reset: 2026-11-29T00:01:00Z", 60_000),
            (
                "anthropic-ratelimit-requests-remaining: 9\n\
                 anthropic-ratelimit-requests-reset: 2026-11-29T09:00:00Z\n\
                 anthropic-ratelimit-output-tokens-remaining: 0\n\
                 anthropic-ratelimit-output-tokens-reset: 2026-11-29T00:00:02Z",
                2_000,
            ),
            ("X-RateLimit-Reset: 60", 60_000),
            ("X-RateLimit-Reset: 1795910460", 60_000),
            ("X-RateLimit-Reset: 1795910000", 0),
            ("X-RateLimit-Remaining: 0\nX-RateLimit-Reset: 5", 5_000),
            ("Retry-After: soon\nX-RateLimit-Reset: 5", 5_000),
        ] {
            assert_eq!(wait(headers), Some(millis), "{headers}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_absent() {
        for headers in [
            "Date: Sun, 29 Nov 2026 00:00:00 GMT",
            "Retry-After: ",
            "Retry-After: -1",
            "Retry-After: +1",
            "Retry-After: 1e9",
            "Retry-After: NaN",
            "Retry-After: 1.",
            "Retry-After: .5",
            "Retry-After: 99999999999999999999999999",
            "Retry-After: tomorrow",
            "Retry-After: Sun, 99 Nov 2026 00:00:30 GMT",
            "Retry-After: 2026-13-01T00:00:00Z",
            "Retry-After: 2026-02-30T00:00:00Z",
            "Retry-After: 2026-11-29T24:00:00Z",
            "Retry-After: 2026-11-29 00:00:00",
            "RateLimit: \"default\";r=1;t=30",
            "RateLimit: \"default\";r=0",
            "RateLimit: ;;;=,,",
            "x-ratelimit-reset-requests: 6m0",
            "x-ratelimit-reset-requests: s",
            "x-ratelimit-reset-requests: 99999999999999999999h",
            "anthropic-ratelimit-tokens-reset: 60",
            "X-RateLimit-Remaining: 1\nX-RateLimit-Reset: 60",
            "X-RateLimit-Reset: later",
        ] {
            assert_eq!(wait(headers), None, "{headers}");
        }
    }
}
