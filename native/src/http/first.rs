//! Requests of a client that is new.

use core::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::{Instant, timeout_at};

use crate::balancer::Balancer;
use crate::call::Retry;

/// Waits for the first endpoint, until the deadline; returns how to send in the time that is left.
/// Boxed: all requests would have room for it otherwise, and few wait.
pub(super) fn first<C: Send + Sync, P: Send + Sync>(
    balancer: &Balancer<C, P>,
    retry: Retry,
    deadline: Option<(Instant, Duration)>,
) -> BoxFuture<'_, Retry> {
    Box::pin(async move {
        let Some((at, _)) = deadline else {
            balancer.first().await;
            return retry;
        };
        // Whether it came in time, the call finds out.
        let _ = timeout_at(at, balancer.first()).await;
        let left = at.saturating_duration_since(Instant::now());
        retry.clone().timeout(left.max(Duration::from_nanos(1))).unwrap_or(retry)
    })
}
