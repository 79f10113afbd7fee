//! The keys below a prefix in etcd.

mod gateway;
mod members;
mod set;

use core::time::Duration;

use evenkeel_core::discovery::list_watch::ListWatchConfig;
use evenkeel_core::discovery::poller::PollerConfig;

use self::members::{Login, Members};
use self::set::Keys;
use super::publisher::when_told;
use super::registry::list_watch::{self, checked};
use super::registry::{Client, Feed, RegistryError, Secret};
use super::url::Url;
use super::{Answer, Discover, Ended};
use crate::factory::BoxError;
use crate::tls::{Connector, Tls};

/// etcd tells after so long that a quiet watch is alive. A connection that broke shows sooner: it is
/// asked for a sign of life.
const PROGRESS: Duration = Duration::from_secs(600);

/// Follows the endpoints below a prefix in etcd, version 3.4 or later.
///
/// Each key is an endpoint. Its value is an address, as go-kit's registrar writes it
/// (`10.0.0.1:80`, or `http://10.0.0.1:80`), or the JSON of etcd's `naming` package
/// (`{"Op":0,"Addr":"10.0.0.1:80"}`); both may be mixed. Endpoints whose lease ends are gone, as
/// their keys are.
///
/// It lists the prefix and then watches it, through the JSON gateway of the same port that clients
/// have; so nothing has to be generated. A compaction, a restore that goes back in time, and
/// another cluster behind the address lead to a new list. Where a member fails, the next is asked.
/// Errors change nothing. A key whose value is no address is skipped and told.
///
/// ```no_run
/// use evenkeel::{Balancer, Etcd, Target};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let members = ["http://10.1.0.1:2379", "http://10.1.0.2:2379", "http://10.1.0.3:2379"];
/// let source = Etcd::new(members, "/services/web/")?
///     .with_login("balancer", &std::env::var("ETCD_PASSWORD")?);
/// let balancer = Balancer::builder(source)
///     .build(async |target: Target| target.socket_addr().ok_or("no address"))?;
/// balancer.ready().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Etcd {
    members: Members,
    prefix: String,
    config: ListWatchConfig,
    feed: Feed,
}

impl Etcd {
    /// Names members of the cluster, as `http://10.1.0.1:2379`, and what the keys begin with. That
    /// should end in `/`: what begins with `/services/web` may be another service.
    ///
    /// # Errors
    /// [`RegistryError::Url`] when a member's URL is none, [`RegistryError::Setting`] when there is
    /// no member or the prefix is empty.
    pub fn new<'a>(
        members: impl IntoIterator<Item = &'a str>,
        prefix: &str,
    ) -> Result<Self, RegistryError> {
        let missing = |name| Err(RegistryError::Setting { name, reason: "it is empty".to_owned() });
        let urls = members.into_iter().map(Url::new).collect::<Result<Vec<_>, _>>()?;
        if urls.is_empty() {
            return missing("members");
        }
        if prefix.is_empty() {
            return missing("prefix");
        }
        let members = Members::new(Client::default(), urls);
        let config = ListWatchConfig { idle: 2 * PROGRESS, ..ListWatchConfig::default() };
        Ok(Self { members, prefix: prefix.to_owned(), config, feed: Feed::default() })
    }

    /// Logs in with a name and a password, which is in no log. The token that etcd gives for them
    /// is renewed when it is over.
    #[must_use]
    pub fn with_login(mut self, name: &str, password: &str) -> Self {
        let password = Secret::new(password);
        self.members.client.secrets = vec![password.clone()];
        self.members.log_in_again();
        self.members.login = Some(Login { name: name.to_owned(), password });
        self
    }

    /// Says whom to trust, and who the client is.
    #[must_use]
    pub fn with_tls(mut self, tls: Tls) -> Self {
        self.members.client.tls = Connector::new(tls);
        self
    }

    /// Sets how long a list, or the beginning of a watch, may take: 30 s by default.
    ///
    /// # Errors
    /// [`RegistryError::Setting`] for none.
    pub fn with_timeout(self, timeout: Duration) -> Result<Self, RegistryError> {
        let config = ListWatchConfig { timeout, ..self.config };
        self.with_config(config)
    }

    /// Says when to list and to watch. etcd's cursors are `ordered`, whatever it says there. By
    /// default, a watch may be silent for 20 minutes, twice as long as etcd ever is.
    ///
    /// # Errors
    /// [`RegistryError::Setting`] when the settings contradict each other.
    pub fn with_config(self, config: ListWatchConfig) -> Result<Self, RegistryError> {
        Ok(Self { config: checked(ListWatchConfig { ordered: true, ..config })?, ..self })
    }
}

impl Discover for Etcd {
    type Error = BoxError;

    async fn lookup(&mut self) -> Result<Answer, BoxError> {
        let Self { members, prefix, config, feed } = self;
        let keys = || Keys::new(members.clone(), prefix);
        feed.lookup(|mouth| list_watch::follow(keys(), *config, mouth)).await
    }

    async fn changed(&mut self) -> Result<(), Ended> {
        self.feed.changed().await
    }

    fn next_query_in(&self) -> Option<Duration> {
        self.feed.next_query_in()
    }

    fn poller(&self) -> PollerConfig {
        when_told()
    }
}
