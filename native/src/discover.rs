//! Where endpoints come from.

mod answer;
mod boxed;
#[cfg(feature = "consul")]
mod consul;
pub mod dns_srv;
mod driver;
mod ended;
#[cfg(feature = "etcd")]
mod etcd;
#[cfg(feature = "file")]
mod file;
mod fixed;
mod fold;
#[cfg(feature = "http")]
mod http;
#[cfg(any(feature = "file", feature = "web"))]
mod json;
#[cfg(feature = "kubernetes")]
mod kubernetes;
#[cfg(any(feature = "file", feature = "http"))]
mod list;
mod publisher;
#[cfg(feature = "web")]
mod registry;
mod watch;

use core::error::Error;
use core::future::Future;

use evenkeel_core::discovery::poller::PollerConfig;

pub use answer::{Answer, Skipped};
pub use boxed::BoxDiscover;
#[cfg(feature = "consul")]
pub use consul::Consul;
pub use driver::DiscoveryStatus;
pub(crate) use driver::{Listener, Set, drive};
pub use ended::Ended;
#[cfg(feature = "etcd")]
pub use etcd::Etcd;
#[cfg(feature = "file")]
pub use file::{File, FileError};
pub use fixed::Fixed;
pub(crate) use fold::folded;
#[cfg(feature = "http")]
pub use http::Http;
#[cfg(feature = "kubernetes")]
pub use kubernetes::Kubernetes;
pub use publisher::{Published, Publisher};
#[cfg(feature = "web")]
pub use registry::{RegistryError, Tls};
pub use watch::Watch;

/// A source of endpoints that is asked again and again, and may say itself when it has news.
///
/// An implementation answers one question; when to ask, how long to wait, and what failures and
/// empty answers mean is the business of the balancer, by the settings of [`poller`](Self::poller).
///
/// ```
/// use evenkeel::{Answer, Discover, Endpoint};
///
/// struct EnvVar(&'static str);
///
/// impl Discover for EnvVar {
///     type Error = Box<dyn std::error::Error + Send + Sync>;
///
///     async fn lookup(&mut self) -> Result<Answer, Self::Error> {
///         let targets = std::env::var(self.0)?;
///         let endpoints = targets.split(',').map(|target| Ok(Endpoint::new(target.parse()?)));
///         let endpoints = endpoints.collect::<Result<Vec<_>, Self::Error>>()?;
///         Ok(Answer::new(endpoints))
///     }
/// }
/// ```
pub trait Discover: Send + 'static {
    /// What can go wrong.
    type Error: Into<Box<dyn Error + Send + Sync>> + Send;

    /// Asks once. Dropped when it takes longer than [`PollerConfig::timeout`].
    ///
    /// # Errors
    /// Whatever keeps the source from a good answer; the endpoints known so far stay in force.
    fn lookup(&mut self) -> impl Future<Output = Result<Answer, Self::Error>> + Send;

    /// Waits until the source has news, which are then looked up at once, in spite of any wait of
    /// the poller. Dropped and called again at will, and never called during a lookup: news that
    /// came in meanwhile must not be lost. Not called any more after an error; lookups go on.
    ///
    /// Sources that can only be asked leave this as it is: it never returns.
    ///
    /// # Errors
    /// [`Ended`] when there will be no more news. The endpoints stay, and
    /// [`DiscoveryStatus::ended`] says why.
    fn changed(&mut self) -> impl Future<Output = Result<(), Ended>> + Send {
        core::future::pending()
    }

    /// Returns when to ask again.
    fn poller(&self) -> PollerConfig {
        PollerConfig::default()
    }
}
