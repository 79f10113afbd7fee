use core::convert::Infallible;
use core::time::Duration;
use std::sync::Arc;

use evenkeel_core::Endpoint;
use evenkeel_core::discovery::poller::PollerConfig;

use super::{Answer, Discover, Published, Publisher};
use crate::aside::{LONG, aside};
use crate::target::{Target, TargetError};

/// Endpoints that never change. Those with weights and priorities come from a list of [`Endpoint`]s.
#[derive(Clone, Debug)]
pub struct Fixed {
    endpoints: Arc<Vec<Endpoint<Target>>>,
}

impl Fixed {
    /// Makes endpoints of their addresses: `host:port`, `1.2.3.4:port` or `[::1]:port`.
    ///
    /// # Errors
    /// The first address that is none.
    pub fn new<T: AsRef<str>>(targets: impl IntoIterator<Item = T>) -> Result<Self, TargetError> {
        let endpoints =
            targets.into_iter().map(|target| Ok(Endpoint::new(target.as_ref().parse()?)));
        Ok(endpoints.collect::<Result<Vec<_>, _>>()?.into())
    }
}

impl Fixed {
    /// Begins with these, and returns who can replace them, or change them one by one.
    ///
    /// ```
    /// use evenkeel::{Endpoint, Fixed};
    ///
    /// # fn main() -> Result<(), evenkeel::TargetError> {
    /// let (publisher, source) = Fixed::new(["10.0.0.1:80"])?.replaceable();
    /// // When a balancer over `source` is at work:
    /// publisher.replace([Endpoint::new("10.0.0.2:80".parse()?).with_weight(2)]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn replaceable(self) -> (Publisher, Published) {
        let (publisher, source) = Publisher::new();
        publisher.replace(Arc::unwrap_or_clone(self.endpoints));
        (publisher, source)
    }
}

impl From<Vec<Endpoint<Target>>> for Fixed {
    fn from(endpoints: Vec<Endpoint<Target>>) -> Self {
        Self { endpoints: Arc::new(endpoints) }
    }
}

impl Discover for Fixed {
    type Error = Infallible;

    async fn lookup(&mut self) -> Result<Answer, Infallible> {
        let known = Arc::clone(&self.endpoints);
        let endpoints = aside(known.len() > LONG, move || Vec::clone(&known)).await;
        Ok(Answer { endpoints, ..Answer::default() }.with_ttl(Duration::MAX))
    }

    /// Asks once.
    fn poller(&self) -> PollerConfig {
        PollerConfig { max: Duration::MAX, ..PollerConfig::default() }
    }
}
