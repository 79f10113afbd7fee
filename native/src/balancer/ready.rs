//! Waits until there is somebody to pick.

#[cfg(any(feature = "http", feature = "reqwest"))]
use core::sync::atomic::Ordering::Relaxed;
use core::time::Duration;

use super::Balancer;
use super::nobody::why_none;
use crate::error::NotReady;
use crate::shared::Counts;

/// None of these waits outlasts the balancer's task, which ends with the runtime that it was built
/// on: without it, nothing comes any more, and the next pick says what is missing.
impl<C, P> Balancer<C, P> {
    /// Waits until a client can be picked, and every endpoint of the first answer that is to have
    /// one has it, or has failed once: the first requests reach all of them. It may be that this
    /// never happens: see [`ready_within`](Self::ready_within).
    pub async fn ready(&self) {
        self.until(|counts| counts.settled && counts.pickable > 0).await;
    }

    /// Waits until any client can be picked: the fastest gets all requests then, until others are
    /// there, too. It may be that this never happens.
    pub async fn ready_any(&self) {
        self.until(|counts| counts.pickable > 0).await;
    }

    /// Waits until every endpoint that is to have a client has one, those that failed before
    /// included. One that cannot be reached makes this wait as long as discovery names it.
    ///
    /// Endpoints that drain, have weight 0, or are left out by priority, subset or zone are not
    /// waited for.
    pub async fn ready_all(&self) {
        self.until(|counts| counts.complete && counts.pickable > 0).await;
    }

    /// Waits as [`ready`](Self::ready) does, at most for `timeout`. Those that take longer are
    /// missing then; one that can be picked is enough.
    ///
    /// # Errors
    /// [`NotReady`] if there is none after the timeout, or when the balancer's task has ended, with
    /// what discovery, the factory and the policy last complained of.
    pub async fn ready_within(&self, timeout: Duration) -> Result<(), NotReady> {
        // What came in time counts, however it ends.
        let _ = tokio::time::timeout(timeout, self.ready()).await;
        let discovery = why_none(&self.shared.discovery.borrow(), false);
        let clients = self.shared.clients.borrow();
        if clients.counts.pickable > 0 {
            return Ok(());
        }
        Err(NotReady {
            timeout,
            endpoints: clients.counts.endpoints,
            discovery,
            factory: clients.error.clone(),
            policy: clients.counts.table,
            ended: self.shared.supervisor.has_ended(),
        })
    }

    /// Waits for the first client that can be picked, as long as it may still come: discovery has
    /// not answered yet, or no client of its first answer is made, and nothing has failed.
    #[cfg(any(feature = "http", feature = "reqwest"))]
    pub(crate) async fn first(&self) {
        let (mut clients, mut discovery) =
            (self.shared.clients.subscribe(), self.shared.discovery.subscribe());
        let mut task = self.task();
        while self.may_come() {
            // The senders live as long as this handle.
            tokio::select! {
                _ = clients.changed() => {}
                _ = discovery.changed() => {}
                _ = task.wait_for(|task| task.ended) => {}
            }
        }
        self.shared.begun.store(true, Relaxed);
    }

    /// Tells that the first client may still come.
    #[cfg(any(feature = "http", feature = "reqwest"))]
    fn may_come(&self) -> bool {
        let counts = self.shared.clients.borrow().counts;
        if counts.pickable > 0 || self.shared.supervisor.has_ended() {
            return false;
        }
        if counts.endpoints > 0 {
            return !counts.settled;
        }
        // Of a balancer that is closed, it is said why there is nobody.
        let discovery = self.shared.discovery.borrow();
        counts.none.is_none() && discovery.error.is_none() && discovery.empty_held == 0
    }

    async fn until(&self, is: impl Fn(&Counts) -> bool) {
        let (mut clients, mut task) = (self.shared.clients.subscribe(), self.task());
        // The senders live as long as this handle.
        tokio::select! {
            biased;
            _ = clients.wait_for(|clients| is(&clients.counts)) => {}
            _ = task.wait_for(|task| task.ended) => {}
        }
    }
}
