use core::convert::Infallible;
use core::time::Duration;

use evenkeel_core::Endpoint;
use evenkeel_core::discovery::poller::PollerConfig;

use super::{Answer, Discover};
use crate::target::{Target, TargetError};

/// Endpoints that never change.
#[derive(Clone, Debug)]
pub struct Fixed {
    endpoints: Vec<Endpoint<Target>>,
}

impl Fixed {
    /// Makes endpoints of their addresses: `host:port`, `1.2.3.4:port` or `[::1]:port`.
    ///
    /// # Errors
    /// The first address that is none.
    pub fn new<T: AsRef<str>>(targets: impl IntoIterator<Item = T>) -> Result<Self, TargetError> {
        let endpoints =
            targets.into_iter().map(|target| Ok(Endpoint::new(target.as_ref().parse()?)));
        Ok(Self { endpoints: endpoints.collect::<Result<_, _>>()? })
    }
}

impl From<Vec<Endpoint<Target>>> for Fixed {
    fn from(endpoints: Vec<Endpoint<Target>>) -> Self {
        Self { endpoints }
    }
}

impl Discover for Fixed {
    type Error = Infallible;

    async fn lookup(&mut self) -> Result<Answer, Infallible> {
        Ok(Answer::new(self.endpoints.clone()).with_ttl(Duration::MAX))
    }

    /// Asks once.
    fn poller(&self) -> PollerConfig {
        PollerConfig { max: Duration::MAX, ..PollerConfig::default() }
    }
}
