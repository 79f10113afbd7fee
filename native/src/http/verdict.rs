//! What an answer means, by its status and headers.

use core::time::Duration;

use ::http::{HeaderMap, StatusCode};
use evenkeel_core::http as table;
use evenkeel_core::{Outcome, Verdict};

use super::retry_after;

/// Returns what an answer means for its call, by its status, and where that is a refusal (429,
/// 503), by what its headers say of [how long](retry_after) to leave the endpoint alone.
///
/// The table is that of [`core::http::verdict`](table::verdict), which JavaScript uses as well.
///
/// ```
/// use core::time::Duration;
/// use evenkeel::Verdict;
/// use evenkeel::http::verdict;
/// use http::{HeaderMap, StatusCode};
///
/// let mut headers = HeaderMap::new();
/// headers.insert("retry-after", "3".parse()?);
/// let wait = Some(Duration::from_secs(3));
/// assert_eq!(verdict(StatusCode::SERVICE_UNAVAILABLE, &headers), Verdict::Overloaded { wait });
/// assert_eq!(verdict(StatusCode::NOT_FOUND, &headers), Verdict::Ignorable);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn verdict(status: StatusCode, headers: &HeaderMap) -> Verdict {
    judge(status, headers, |wait| wait).0
}

/// Returns what an answer means for its call and for its endpoint. `lengthen` may make a wait
/// longer that the endpoint asks for.
pub(crate) fn judge(
    status: StatusCode,
    headers: &HeaderMap,
    lengthen: impl FnOnce(Duration) -> Duration,
) -> (Verdict, Outcome) {
    let usual = table::verdict(status.as_u16());
    if matches!(usual, Verdict::Overloaded { .. })
        && let Some(wait) = retry_after(headers)
    {
        let verdict = Verdict::Overloaded { wait: Some(lengthen(wait)) };
        return (verdict, verdict.outcome());
    }
    (usual, table::outcome(status.as_u16()))
}
