//! The share of failures.

use super::row::{HealthRow, Requests};
use crate::settings::{Book, Settings};

/// Tells that too large a share of an endpoint's requests failed.
///
/// With our defaults (85 %, 20 requests, 5 failures): 17 of 20 eject, as 100 · 17 = 85 · 20; 16 of
/// 20 do not, nor do 4 of 4. gRPC wants the share to be larger than the threshold: 18 of 20.
pub(super) fn crossed(row: &HealthRow, s: &impl Settings, book: Book) -> bool {
    let threshold = Requests::from(s.failure_percentage()) * row.requests();
    let failures = 100 * Requests::from(row.failures);
    s.failure_percentage() > 0
        && row.requests() >= s.failure_percentage_request_volume().into()
        && Requests::from(row.failures) >= s.failure_percentage_minimum_failures().into()
        && if book == Book::Grpc { failures > threshold } else { failures >= threshold }
}
