//! A source that blocks its thread cannot be given up: it is told of.

use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;

use evenkeel_core::Instant;
use tokio::sync::watch;

use super::believe::failed;
use super::{Discover, DiscoveryStatus, Ended};
use crate::clock::Clock;
use crate::factory::BoxError;

/// Whoever does not block ends a lookup so soon after its deadline, and each step of waiting for
/// news so soon after it began.
const SLACK: Duration = Duration::from_secs(1);

/// What the source is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It is asked, and given up at this time.
    Lookup { deadline: Instant },
    /// It waits for news, and has had the thread since.
    News { since: Instant },
}

/// Tells what the source is doing, as long as it lives.
pub(crate) struct Turned<'a>(&'a watch::Sender<Option<Turn>>);

impl<'a> Turned<'a> {
    pub(super) fn begin(turns: &'a watch::Sender<Option<Turn>>, turn: Turn) -> Self {
        turns.send_replace(Some(turn));
        Self(turns)
    }
}

impl Drop for Turned<'_> {
    fn drop(&mut self) {
        self.0.send_replace(None);
    }
}

/// Tells of a turn that is not over when it should be, once. Runs in another task than the source.
pub(crate) async fn watchdog(
    clock: Clock,
    status: &watch::Sender<DiscoveryStatus>,
    mut turns: watch::Receiver<Option<Turn>>,
) {
    loop {
        let Ok(turn) = turns.wait_for(Option::is_some).await.map(|turn| *turn) else { return };
        let (until, what) = match turn {
            Some(Turn::Lookup { deadline }) => (
                deadline,
                "the lookup of discovery blocks its \
                thread: it goes on after its deadline",
            ),
            Some(Turn::News { since }) => (
                since,
                "discovery blocks its thread, while it waits for \
                news",
            ),
            None => continue,
        };
        let blocks = tokio::select! {
            biased;
            Ok(_) = turns.wait_for(|now| *now != turn) => false,
            () = clock.sleep_until(Some(until + SLACK)) => true,
        };
        if blocks {
            failed(status, BoxError::from(what).into());
            let _ = turns.wait_for(|now| *now != turn).await;
        }
    }
}

/// Waits until the source has news, and tells of each step of it.
pub(super) async fn news<D: Discover>(
    source: &mut D,
    clock: Clock,
    turns: &watch::Sender<Option<Turn>>,
) -> Result<(), Ended> {
    let mut changed = pin!(source.changed());
    let mut turn = None;
    poll_fn(|context| {
        if turn.is_none() {
            turn = Some(Turned::begin(turns, Turn::News { since: clock.now() }));
            // Whom this has woken runs first, should the source block the thread.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let polled = changed.as_mut().poll(context);
        turn = None;
        polled
    })
    .await
}
