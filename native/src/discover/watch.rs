use core::convert::Infallible;

use evenkeel_core::Endpoint;
use evenkeel_core::discovery::poller::PollerConfig;
use tokio::sync::watch;

use super::publisher::when_told;
use super::{Answer, Discover, Ended};
use crate::aside::{LONG, aside};
use crate::target::Target;

/// Follows the endpoints in a channel of tokio's: a source for programs that have them in one.
///
/// Every value is the whole set; none at all is not believed. When the sender is dropped, the
/// endpoints stay, and [`DiscoveryStatus::ended`](crate::DiscoveryStatus::ended) says so. A
/// [`Publisher`](crate::Publisher) can say more: single endpoints, errors, absence.
///
/// ```
/// use evenkeel::{Balancer, Endpoint, Target, Watch};
/// use tokio::sync::watch;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (sender, receiver) = watch::channel(Vec::new());
/// let balancer = Balancer::builder(Watch::new(receiver))
///     .build(async |target: Target| Ok::<_, &str>(target))?;
/// sender.send_replace(vec![Endpoint::new("10.0.0.1:80".parse()?)]);
/// balancer.ready().await;
/// assert_eq!(balancer.pick()?.target().to_string(), "10.0.0.1:80");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Watch {
    endpoints: watch::Receiver<Vec<Endpoint<Target>>>,
}

impl Watch {
    /// Makes a source of what is in the channel now and later.
    pub fn new(endpoints: watch::Receiver<Vec<Endpoint<Target>>>) -> Self {
        Self { endpoints }
    }
}

impl From<watch::Receiver<Vec<Endpoint<Target>>>> for Watch {
    fn from(endpoints: watch::Receiver<Vec<Endpoint<Target>>>) -> Self {
        Self::new(endpoints)
    }
}

impl Discover for Watch {
    type Error = Infallible;

    async fn lookup(&mut self) -> Result<Answer, Infallible> {
        let long = self.endpoints.borrow_and_update().len() > LONG;
        let latest = self.endpoints.clone();
        Ok(Answer::new(aside(long, move || latest.borrow().clone()).await))
    }

    async fn changed(&mut self) -> Result<(), Ended> {
        let changed = self.endpoints.changed().await;
        changed.map_err(|_| Ended::because("the sender of the channel was dropped"))
    }

    fn poller(&self) -> PollerConfig {
        when_told()
    }
}
