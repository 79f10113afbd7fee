use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::time::Duration;

use evenkeel_core::discovery::poller::PollerConfig;

use super::{Answer, Discover, Empty, Ended};
use crate::factory::BoxError;

/// Hides which source it is, so that a program can choose one when it runs.
///
/// ```
/// use evenkeel::{Balancer, BoxDiscover, DnsSrv, Fixed, Target};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (srv, argument) = (false, "10.0.0.1:80");
/// let source = if srv {
///     BoxDiscover::new(DnsSrv::new(argument)?)
/// } else {
///     BoxDiscover::new(Fixed::new([argument])?)
/// };
/// let balancer =
///     Balancer::builder(source).build(async |target: Target| Ok::<_, &str>(target))?;
/// balancer.ready().await;
/// # Ok(())
/// # }
/// ```
pub struct BoxDiscover(Box<dyn DynDiscover>);

impl BoxDiscover {
    /// Boxes a source.
    pub fn new(source: impl Discover) -> Self {
        Self(Box::new(source))
    }
}

impl fmt::Debug for BoxDiscover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoxDiscover").finish_non_exhaustive()
    }
}

impl Discover for BoxDiscover {
    type Error = BoxError;

    async fn lookup(&mut self) -> Result<Answer, BoxError> {
        self.0.lookup().await
    }

    async fn changed(&mut self) -> Result<(), Ended> {
        self.0.changed().await
    }

    fn poller(&self) -> PollerConfig {
        self.0.poller()
    }

    fn next_query_in(&self) -> Option<Duration> {
        self.0.next_query_in()
    }

    fn empty(&self) -> Option<Empty> {
        self.0.empty()
    }

    fn heed(&mut self, empty: Empty) {
        self.0.heed(empty);
    }
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// [`Discover`] with futures of one type.
trait DynDiscover: Send {
    fn lookup(&mut self) -> Boxed<'_, Result<Answer, BoxError>>;
    fn changed(&mut self) -> Boxed<'_, Result<(), Ended>>;
    fn poller(&self) -> PollerConfig;
    fn next_query_in(&self) -> Option<Duration>;
    fn empty(&self) -> Option<Empty>;
    fn heed(&mut self, empty: Empty);
}

impl<D: Discover> DynDiscover for D {
    fn lookup(&mut self) -> Boxed<'_, Result<Answer, BoxError>> {
        Box::pin(async { Discover::lookup(self).await.map_err(Into::into) })
    }

    fn changed(&mut self) -> Boxed<'_, Result<(), Ended>> {
        Box::pin(Discover::changed(self))
    }

    fn poller(&self) -> PollerConfig {
        Discover::poller(self)
    }

    fn next_query_in(&self) -> Option<Duration> {
        Discover::next_query_in(self)
    }

    fn empty(&self) -> Option<Empty> {
        Discover::empty(self)
    }

    fn heed(&mut self, empty: Empty) {
        Discover::heed(self, empty);
    }
}
