//! The balancer that all threads share.

mod close;
mod handle;
mod nobody;
mod pick;
mod picking;
mod ready;
mod state;
mod stats;
mod weak;

use core::fmt;
use std::sync::{Arc, PoisonError};

use evenkeel_core::policy::AnyPolicy;
use evenkeel_core::{EventCounts, Instant};
use tokio::sync::{broadcast, watch};

use crate::abort::AbortOnDrop;
use crate::changes::{Changes, Discovered};
use crate::discover::DiscoveryStatus;
use crate::event::Event;
use crate::shared::{Order, Shared};
use crate::status::Status;
use crate::supervise::TaskStatus;
use crate::target::Target;
pub use handle::Handle;
pub use weak::WeakBalancer;

/// Balances requests over clients `C`, one for each endpoint that discovery finds.
///
/// Cheap to clone; all clones share one set. A pick takes no lock and allocates nothing. Discovery,
/// the making of clients and the [health](crate::health) of endpoints are the work of a task, which
/// ends when the last clone is dropped: what follows from a report takes effect as soon as that
/// task has run.
///
/// ```
/// use evenkeel::{Balancer, Fixed, Retry, Target};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let balancer = Balancer::builder(Fixed::new(["10.0.0.1:80", "10.0.0.2:80"])?)
///     .build(async |target: Target| Ok::<_, std::io::Error>(format!("http://{target}")))?;
/// balancer.ready().await;
/// let retry = Retry::attempts(3)?.timeout(Duration::from_secs(5))?;
/// let answer = balancer.call(&retry, async |url| Ok::<_, std::io::Error>(url.len())).await?;
/// # assert_eq!(answer, 18);
/// # Ok(())
/// # }
/// ```
pub struct Balancer<C, P = AnyPolicy> {
    pub(crate) shared: Arc<Shared<C, P>>,
    pub(crate) task: Arc<AbortOnDrop>,
}

impl<C, P> Balancer<C, P> {
    /// Asks discovery to look again soon; any number of calls makes one query, at most one a second
    /// by default, and none before the time that the source [asked for](crate::Answer::retry_after).
    pub fn refresh(&self) {
        self.shared.refresh.notify_one();
    }

    /// Tells how discovery is doing, now (`borrow`) and at every change (`changed`).
    pub fn discovery(&self) -> watch::Receiver<DiscoveryStatus> {
        self.shared.discovery.subscribe()
    }

    /// Tells how the balancer's task is doing, now (`borrow`) and at every change (`changed`): the
    /// panics of code that it calls, which it outlives, and its end.
    pub fn task(&self) -> watch::Receiver<TaskStatus> {
        self.shared.supervisor.subscribe()
    }

    /// Tells the whole set that discovery found, now (`borrow`) and at every change (`changed`).
    pub fn discovered(&self) -> watch::Receiver<Discovered> {
        self.shared.discovered.subscribe()
    }

    /// Tells every difference that discovery makes, beginning with all that is known. Nothing is
    /// lost, however late it is read.
    pub fn changes(&self) -> Changes {
        Changes::new(self.shared.discovered.subscribe())
    }

    /// Tells what happens to endpoints that have a client, from now on: ejected, probed, back in
    /// service. A receiver that falls 1,024 events behind loses the oldest, and is told how many.
    /// They are logged as well, by `tracing`.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.shared.events.subscribe()
    }

    /// Counts all [`events`](Self::events) since the balancer began, for metrics: how often each
    /// kind was told, ejections by their reason, and failing endpoints that were kept by the rule
    /// that keeps them.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use evenkeel::{Balancer, Fixed};
    ///
    /// let client = async |target| Ok::<_, std::io::Error>(target);
    /// let addresses = Fixed::new(["10.0.0.1:80", "10.0.0.2:80"])?;
    /// let balancer = Balancer::builder(addresses).build(client)?;
    /// balancer.ready().await;
    /// for (kind, why, times) in balancer.event_counts().iter() {
    ///     println!("evenkeel_events_total{{kind=\"{kind}\",why=\"{why}\"}} {times}");
    /// #   assert_eq!(times, if kind == "added" { 2 } else { 0 });
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn event_counts(&self) -> EventCounts {
        *self.shared.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lists every endpoint that discovery has found, in the order of addresses: also those that
    /// are ejected, draining, or without a client; and those that left, as long as they serve for
    /// want of others. O(n); not for every request.
    pub fn endpoints(&self) -> Vec<Status> {
        self.shared.listing.load().statuses().collect()
    }

    /// Takes over what active checks found: an endpoint that is down takes no requests until they
    /// say otherwise, and good news bring back one that is ejected. It is forgotten when the
    /// endpoint leaves; of an unknown one it means nothing.
    ///
    /// Takes effect as soon as the balancer's task has run.
    pub fn set_down(&self, target: &Target, down: bool) {
        // Without a runtime any more, nobody is there to obey.
        let _ = self.shared.orders.send(Order::SetDown { target: target.clone(), down });
    }

    /// Returns the time on the balancer's clock (tokio's, since it was built), by which health and
    /// events are dated.
    pub fn now(&self) -> Instant {
        self.shared.clock.now()
    }
}

impl<C, P> Clone for Balancer<C, P> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), task: Arc::clone(&self.task) }
    }
}

impl<C, P> fmt::Debug for Balancer<C, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Balancer").field("endpoints", &self.endpoints()).finish_non_exhaustive()
    }
}
