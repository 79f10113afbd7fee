//! Where endpoints come from.

mod answer;
mod believe;
mod boxed;
mod combine;
#[cfg(feature = "consul")]
mod consul;
pub mod dns;
mod driven;
mod driver;
mod ended;
#[cfg(feature = "etcd")]
mod etcd;
#[cfg(feature = "file")]
mod file;
mod fixed;
mod fold;
#[cfg(feature = "http-list")]
mod http_list;
#[cfg(any(feature = "file", feature = "web"))]
mod json;
#[cfg(feature = "kubernetes")]
mod kubernetes;
#[cfg(any(feature = "file", feature = "http-list"))]
mod list;
mod publisher;
#[cfg(feature = "web")]
mod registry;
mod removal;
mod skipped;
mod status;
#[cfg(any(feature = "web", feature = "dns-over-https"))]
mod url;
mod watch;
mod watchdog;

use core::error::Error;
use core::future::Future;
use core::time::Duration;

use evenkeel_core::Endpoint;
use evenkeel_core::discovery::poller::PollerConfig;

pub use answer::Answer;
pub(crate) use believe::Set;
pub use boxed::BoxDiscover;
pub use combine::{Map, Merge, OrElse, WithEmpty};
#[cfg(feature = "consul")]
pub use consul::Consul;
pub(crate) use driver::{Listener, drive};
pub use ended::Ended;
#[cfg(feature = "etcd")]
pub use etcd::Etcd;
#[cfg(feature = "file")]
pub use file::{File, FileError};
pub use fixed::Fixed;
pub(crate) use fold::folded;
#[cfg(feature = "http-list")]
pub use http_list::HttpList;
#[cfg(feature = "kubernetes")]
pub use kubernetes::Kubernetes;
#[cfg(feature = "tower")]
pub(crate) use publisher::when_told;
pub use publisher::{Published, Publisher};
#[cfg(feature = "web")]
pub use registry::RegistryError;
pub use removal::{Empty, Removal};
pub use skipped::Skipped;
pub use status::DiscoveryStatus;
pub use watch::Watch;
pub(crate) use watchdog::watchdog;

use crate::target::Target;

/// A source of endpoints that is asked again and again, and may say itself when it has news.
///
/// An implementation answers one question; when to ask, how long to wait, and what failures and
/// empty answers mean is the business of the balancer, by the settings of [`poller`](Self::poller).
///
/// ```
/// use evenkeel::{Answer, Discover, Endpoint};
///
/// /// A file with a target on each line.
/// struct Lines(&'static str);
///
/// impl Discover for Lines {
///     type Error = Box<dyn std::error::Error + Send + Sync>;
///
///     async fn lookup(&mut self) -> Result<Answer, Self::Error> {
///         let text = tokio::fs::read_to_string(self.0).await?;
///         let endpoints = text.lines().map(|target| Ok(Endpoint::new(target.parse()?)));
///         Ok(Answer::new(endpoints.collect::<Result<Vec<_>, Self::Error>>()?))
///     }
/// }
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// # let path = std::env::temp_dir().join(format!("evenkeel-lines-{}", std::process::id()));
/// # std::fs::write(&path, "10.0.0.1:80\n10.0.0.2:80\n").unwrap();
/// # let path: &'static str = path.to_str().unwrap().to_owned().leak();
/// # assert_eq!(Lines(path).lookup().await.unwrap().endpoints.len(), 2);
/// # std::fs::remove_file(path).unwrap();
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait Discover: Send + 'static {
    /// What can go wrong.
    type Error: Into<Box<dyn Error + Send + Sync>> + Send;

    /// Asks once. Dropped when it takes longer than [`PollerConfig::timeout`].
    ///
    /// It waits by `.await` alone: a call that blocks keeps its thread from everything else, and
    /// cannot be dropped. On a runtime of one thread, that stops the whole program, this balancer's
    /// requests and time limits with it, and nothing can tell of it; on several threads, the rest
    /// goes on, and [`DiscoveryStatus::error`] says so after the time limit. Put such a call on a
    /// thread of its own:
    ///
    /// ```
    /// use evenkeel::{Answer, Discover, Endpoint};
    /// # fn ask_the_old_library() -> std::io::Result<Vec<String>> { Ok(vec!["10.0.0.1:80".into()]) }
    ///
    /// struct OldLibrary;
    ///
    /// impl Discover for OldLibrary {
    ///     type Error = Box<dyn std::error::Error + Send + Sync>;
    ///
    ///     async fn lookup(&mut self) -> Result<Answer, Self::Error> {
    ///         let targets = tokio::task::spawn_blocking(ask_the_old_library).await??;
    ///         let endpoints = targets.iter().map(|target| Ok(Endpoint::new(target.parse()?)));
    ///         Ok(Answer::new(endpoints.collect::<Result<Vec<_>, Self::Error>>()?))
    ///     }
    /// }
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// # assert_eq!(OldLibrary.lookup().await.unwrap().endpoints.len(), 1);
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// Whatever keeps the source from a good answer; the endpoints known so far stay in force.
    fn lookup(&mut self) -> impl Future<Output = Result<Answer, Self::Error>> + Send;

    /// Waits until the source has news, which are then looked up at once, in spite of any wait of
    /// the poller. Dropped and called again at will, and never called during a lookup: news that
    /// came in meanwhile must not be lost. Not called any more after an error; lookups go on. It
    /// must not block either: [`DiscoveryStatus::error`] tells after a second.
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

    /// Returns how long it is until the source asks again by itself, for
    /// [`DiscoveryStatus::next_query`]; `None` while it asks, or waits for news. There is nothing to
    /// do for sources that only answer.
    fn next_query_in(&self) -> Option<Duration> {
        None
    }

    /// Returns what an answer without endpoints means, where the source itself decides it; by
    /// default, [`Removal::empty`] does.
    fn empty(&self) -> Option<Empty> {
        None
    }

    /// Hears, before the first lookup, what an answer without endpoints means. Sources made of
    /// others tell it to each of them; there is nothing to do for the rest.
    fn heed(&mut self, _empty: Empty) {}

    /// Decides for this source what an answer without endpoints means, whatever [`Removal::empty`]
    /// says.
    ///
    /// ```
    /// use evenkeel::{Discover, DnsSrv, Empty, Fixed};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let canaries = DnsSrv::new("_http._tcp.canary.example.com.")?.with_empty(Empty::Accept);
    /// let all = DnsSrv::new("_http._tcp.web.example.com.")?.merge(canaries);
    /// # Ok(())
    /// # }
    /// ```
    fn with_empty(self, empty: Empty) -> WithEmpty<Self>
    where
        Self: Sized,
    {
        WithEmpty::new(self, empty)
    }

    /// Takes the endpoints of another source in as well, as soon as either has some. Each is asked
    /// by its own settings, has its own status among [`DiscoveryStatus::parts`], and what one has
    /// found stays while it fails; where both name a target, the better priority counts.
    ///
    /// ```
    /// use evenkeel::{Discover, DnsSrv, Fixed};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let all = DnsSrv::new("_http._tcp.web.example.com.")?.merge(Fixed::new(["10.0.0.1:80"])?);
    /// # Ok(())
    /// # }
    /// ```
    fn merge<D: Discover>(self, other: D) -> Merge<Self, D>
    where
        Self: Sized,
    {
        Merge::new(self, other)
    }

    /// Takes the endpoints of another source instead, as long as this one has none: because it
    /// fails from the start, came back empty, is absent, or is
    /// [stale for too long](PollerConfig::max_stale), if it is one that is polled. The other one is
    /// not asked before, and from then on as often as if it were alone, so as to be there at once.
    ///
    /// ```
    /// use evenkeel::{Discover, DnsSrv, Fixed};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let source = DnsSrv::new("_http._tcp.web.example.com.")?.or_else(Fixed::new(["10.0.0.1:80"])?);
    /// # Ok(())
    /// # }
    /// ```
    fn or_else<D: Discover>(self, fallback: D) -> OrElse<Self, D>
    where
        Self: Sized,
    {
        OrElse::new(self, fallback)
    }

    /// Changes each endpoint, or leaves it out.
    ///
    /// ```
    /// use evenkeel::{Discover, Fixed};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let all = Fixed::new(["10.0.0.1:80", "10.0.0.2:81"])?;
    /// let backups = all.map(|endpoint| Some(endpoint.with_priority(1)));
    /// let of_port_80 = backups.map(|endpoint| (endpoint.addr.port() == 80).then_some(endpoint));
    /// # Ok(())
    /// # }
    /// ```
    fn map<F>(self, change: F) -> Map<Self, F>
    where
        Self: Sized,
        F: FnMut(Endpoint<Target>) -> Option<Endpoint<Target>> + Send + 'static,
    {
        Map::new(self, change)
    }
}
