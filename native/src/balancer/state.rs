//! Keeps what was learned for the next process.

use tokio::sync::oneshot;

use super::Balancer;
use crate::shared::Order;
use crate::state;

impl<C, P> Balancer<C, P> {
    /// Returns what was learned of the endpoints that have a client, as bytes with the date: answer
    /// times, ejections and what counts towards the next, slow starts. `None` once the balancer's
    /// task has ended. For [`Builder::restore`](crate::Builder::restore), by the same version of this
    /// library and within an [hour](crate::core::state::MAX_AGE). O(n log n), in that task.
    ///
    /// ```
    /// use evenkeel::{Balancer, Fixed};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let addresses = || Fixed::new(["10.0.0.1:80", "10.0.0.2:80"]);
    /// let balancer = Balancer::builder(addresses()?).build_with(|target| target)?;
    /// balancer.ready().await;
    /// // At the end: into a file.
    /// let state = balancer.state().await.ok_or("it has ended")?;
    /// // At the start. What cannot be used is worth a line in the log, and no more.
    /// let builder = Balancer::builder(addresses()?).restore(&state)?;
    /// let balancer = builder.build_with(|target| target)?;
    /// # drop(balancer);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn state(&self) -> Option<Vec<u8>> {
        let (reply, state) = oneshot::channel();
        self.shared.orders.send(Order::Export { reply }).ok()?;
        state.await.ok().map(|state| state::write(&state))
    }
}
