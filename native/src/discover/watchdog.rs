//! A source that blocks its thread cannot be given up: it is told of.

use core::time::Duration;

use tokio::sync::watch;

use super::DiscoveryStatus;
use super::believe::failed;
use crate::clock::Clock;
use crate::factory::BoxError;

/// A lookup that can be given up is given up sooner than that after its deadline.
const SLACK: Duration = Duration::from_secs(1);

/// Tells of a lookup that is under way after its deadline, once. Runs in another task than the
/// source.
pub(crate) async fn watchdog(clock: Clock, status: &watch::Sender<DiscoveryStatus>) {
    let mut seen = status.subscribe();
    loop {
        let asked = seen.wait_for(|status| status.deadline.is_some()).await;
        let Ok(Some(deadline)) = asked.map(|status| status.deadline) else { return };
        let other = |status: &DiscoveryStatus| status.deadline != Some(deadline);
        let blocks = tokio::select! {
            () = clock.sleep_until(Some(deadline + SLACK)) => true,
            Ok(_) = seen.wait_for(other) => false,
        };
        if blocks {
            let error = "the lookup of discovery blocks its thread: it goes on after its deadline";
            failed(status, BoxError::from(error).into());
            let _ = seen.wait_for(other).await;
        }
    }
}
