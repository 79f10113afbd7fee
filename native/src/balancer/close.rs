//! Ends a balancer when its requests have ended.

use core::time::Duration;
use std::sync::Arc;

use evenkeel_core::{PickError, Policy};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::Balancer;
use crate::shared::{Clients, Counts};
use crate::status::Listing;

/// How often it is looked whether a lease is left: only while closing.
const LOOK: Duration = Duration::from_millis(10);

impl<C, P: Policy + Clone> Balancer<C, P> {
    /// Ends the balancer, for all its clones: discovery stops, nobody is picked any more, and all
    /// clients are dropped, those with a [lease](crate::Lease) when that ends. Returns when the last
    /// one is gone; bound it with a [`timeout`](tokio::time::timeout). What discovery is known for
    /// stays to be read. It needs no runtime, and may be called when the balancer's own is gone.
    ///
    /// ```
    /// use evenkeel::{Balancer, Fixed};
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let balancer = Balancer::builder(Fixed::new(["a:80"])?).build_with(|target| target)?;
    /// balancer.ready().await;
    /// let lease = balancer.pick()?.lease();
    /// tokio::spawn(async move {
    ///     // A request that is still under way.
    ///     tokio::time::sleep(Duration::from_millis(20)).await;
    ///     lease.success();
    /// });
    /// tokio::time::timeout(Duration::from_secs(30), balancer.close()).await?;
    /// assert!(balancer.pick().is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn close(&self) {
        let mut task = self.task();
        // Before we end it, only a runtime that is shut down does.
        let has_runtime = !task.borrow().ended && Handle::try_current().is_ok();
        self.task.0.abort();
        self.clear();
        // A turn that is under way publishes what it made. The sender lives as long as this handle.
        let _ended = task.wait_for(|task| task.ended).await;
        loop {
            self.clear();
            // Each client has these marks, and the balancer itself.
            if self.task.0.is_finished() && Arc::strong_count(&self.shared.marks) == 1 {
                return;
            }
            if has_runtime { sleep(LOOK).await } else { sleep_aside().await }
        }
    }

    /// Lets nobody be picked.
    fn clear(&self) {
        let snapshot = self.shared.snapshot.load().emptied();
        drop(self.shared.snapshot.store(snapshot));
        let listing = Listing::empty(self.shared.snapshot.load_full());
        self.shared.listing.store(Arc::new(listing));
        self.shared.probes.publish(Vec::new());
        let counts = Counts { none: Some(PickError::NoEndpoints), ..Counts::default() };
        self.shared.clients.send_replace(Clients { counts, error: None });
    }
}

/// Sleeps without a runtime.
#[expect(clippy::disallowed_methods, reason = "nothing tells that a lease ends")]
async fn sleep_aside() {
    let (wake, woken) = oneshot::channel();
    std::thread::spawn(move || {
        std::thread::sleep(LOOK);
        // Whoever gave up waiting is not woken.
        let _ = wake.send(());
    });
    let _woken = woken.await;
}
