//! Readiness: a candidate, or a place in the queue of those that wait for one.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::balancer::Balancer;

/// A place in the queue; free again when it is dropped.
pub(super) type Place = OwnedSemaphorePermit;

type Admission = Pin<Box<dyn Future<Output = Option<Place>> + Send>>;

/// What `poll_ready` has found out, until `call` makes use of it.
#[derive(Default)]
pub(super) enum Readiness {
    /// Nothing, or that there is a candidate.
    #[default]
    Unknown,
    /// There is none, and neither is there a place in the queue.
    Waiting(Admission),
    /// There was none; the call is to wait in this place.
    Queued(Place),
}

impl Readiness {
    /// Returns when there is a candidate or a place in the queue.
    pub(super) fn poll<C, P>(
        &mut self,
        cx: &mut Context<'_>,
        balancer: &Balancer<C, P>,
        queue: &Arc<Semaphore>,
    ) -> Poll<()>
    where
        C: Send + Sync + 'static,
        P: Send + Sync + 'static,
    {
        if let Self::Unknown = self {
            if balancer.shared.snapshot.load().len() > 0 {
                return Poll::Ready(());
            }
            *self = match Arc::clone(queue).try_acquire_owned() {
                Ok(place) => Self::Queued(place),
                Err(_) => Self::Waiting(Box::pin(admission(balancer.clone(), Arc::clone(queue)))),
            };
        }
        if let Self::Waiting(admission) = self {
            *self = ready!(admission.as_mut().poll(cx)).map_or(Self::Unknown, Self::Queued);
        }
        Poll::Ready(())
    }

    /// Takes the place in the queue, if the call is to wait.
    pub(super) fn take(&mut self) -> Option<Place> {
        match core::mem::take(self) {
            Self::Queued(place) => Some(place),
            Self::Unknown | Self::Waiting(_) => None,
        }
    }
}

/// Waits for a place in the queue; for none, where a candidate comes first.
async fn admission<C, P>(balancer: Balancer<C, P>, queue: Arc<Semaphore>) -> Option<Place> {
    tokio::select! {
        biased;
        () = balancer.ready_any() => None,
        // Nobody closes it.
        place = queue.acquire_owned() => place.ok(),
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "Unknown",
            Self::Waiting(_) => "Waiting",
            Self::Queued(_) => "Queued",
        })
    }
}
