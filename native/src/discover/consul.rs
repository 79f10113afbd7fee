//! The instances of a service in Consul.

mod answer;

use core::time::Duration;

use evenkeel_core::discovery::long_poll::LongPollConfig;
use evenkeel_core::discovery::poller::PollerConfig;
use hyper::header::HeaderMap;

use self::answer::endpoints;
use super::publisher::when_told;
use super::registry::long_poll::{self, Fetched, Polled, checked, config, index_of};
use super::registry::{Ask, Client, Feed, RegistryError, Secret};
use super::url::{Url, encoded};
use super::{Answer, Discover, Ended};
use crate::factory::BoxError;
use crate::tls::{Connector, Tls};

/// A stale answer may be so old; an older one is asked for again, from the leader.
const MAX_STALE: Duration = Duration::from_secs(10);

/// Follows the healthy instances of a service in Consul.
///
/// It asks `/v1/health/service/NAME` by blocking queries, so that changes are there at once: the
/// index is followed by Consul's rules (one that goes backwards is asked for anew, and 0 is none),
/// a server that answers at once for ever is asked once in 5 s, and one that fails less and less
/// often, up to once a minute. Errors change nothing, nor does an empty answer; that the token may
/// see no instance is an error.
///
/// An endpoint's address is that of its service, or else of its node; its weight is the `Passing`
/// of Consul, or, with [warnings](Self::with_warnings), the `Warning` of it where a check warns.
/// Answers may be stale, as any server can give those, and without a leader, too; those older than
/// 10 s are asked for again from the leader, and taken as they are where there is none.
///
/// ```no_run
/// use evenkeel::{Balancer, Consul, Target};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let source = Consul::new("http://127.0.0.1:8500", "web")?
///     .with_token(&std::env::var("CONSUL_HTTP_TOKEN")?)?
///     .with_tag("v2")
///     .with_warnings();
/// let balancer = Balancer::builder(source)
///     .build(async |target: Target| target.socket_addr().ok_or("no address"))?;
/// balancer.ready().await;
/// # Ok(())
/// # }
/// ```
///
/// No Consul server is to be had where this library is tested: the tests drive this code against a
/// server of ours, written from the published protocol, which the public client `py-consul` follows
/// as it would follow Consul.
#[derive(Debug)]
pub struct Consul {
    asker: Asker,
    config: LongPollConfig,
    feed: Feed,
}

#[derive(Clone, Debug)]
struct Asker {
    client: Client,
    url: Url,
    headers: HeaderMap,
    tags: Vec<String>,
    filter: Option<String>,
    warnings: bool,
    stale: bool,
}

impl Consul {
    /// Names an agent or a server, as `http://127.0.0.1:8500`, and a service.
    ///
    /// # Errors
    /// [`RegistryError::Url`] when the URL is none, [`RegistryError::Setting`] when the service has
    /// no name.
    pub fn new(url: &str, service: &str) -> Result<Self, RegistryError> {
        if service.is_empty() {
            let reason = "it is empty".to_owned();
            return Err(RegistryError::Setting { name: "service", reason });
        }
        let url = Url::new(url)?.join(&format!("/v1/health/service/{}", encoded(service)));
        let asker = Asker {
            client: Client::default(),
            url,
            headers: HeaderMap::new(),
            tags: Vec::new(),
            filter: None,
            warnings: false,
            stale: true,
        };
        Ok(Self { asker, config: config(), feed: Feed::default() })
    }

    /// Sends a token with each question, as `X-Consul-Token`. It is in no log.
    ///
    /// # Errors
    /// [`RegistryError::Setting`] when no header can have it.
    pub fn with_token(mut self, token: &str) -> Result<Self, RegistryError> {
        let token = Secret::new(token);
        self.asker.headers.insert("x-consul-token", token.header("token", "")?);
        self.asker.client.secrets.push(token);
        Ok(self)
    }

    /// Asks for another data center than that of the agent.
    #[must_use]
    pub fn with_datacenter(mut self, name: &str) -> Self {
        self.asker.url.add("dc", name);
        self
    }

    /// Asks for another namespace than that of the token (Consul Enterprise).
    #[must_use]
    pub fn with_namespace(mut self, name: &str) -> Self {
        self.asker.url.add("ns", name);
        self
    }

    /// Takes only instances with this tag; called again, with all of them.
    #[must_use]
    pub fn with_tag(mut self, tag: &str) -> Self {
        self.asker.tags.push(tag.to_owned());
        self
    }

    /// Takes only instances that Consul's filter lets through, such as
    /// `Service.Meta.version == "2"`.
    #[must_use]
    pub fn with_filter(mut self, filter: &str) -> Self {
        self.asker.filter = Some(filter.to_owned());
        self
    }

    /// Takes instances with checks that warn, too, with the weight that Consul has for these.
    #[must_use]
    pub fn with_warnings(mut self) -> Self {
        self.asker.warnings = true;
        self
    }

    /// Asks the leader each time, so that no answer is stale.
    #[must_use]
    pub fn with_leader(mut self) -> Self {
        self.asker.stale = false;
        self
    }

    /// Says whom to trust, and who the client is.
    #[must_use]
    pub fn with_tls(mut self, tls: Tls) -> Self {
        self.asker.client.tls = Connector::new(tls);
        self
    }

    /// Sets how long an answer may take: 60 s by default, as a large one does over a slow line.
    ///
    /// # Errors
    /// [`RegistryError::Setting`] for none.
    pub fn with_timeout(self, timeout: Duration) -> Result<Self, RegistryError> {
        let config = LongPollConfig { timeout, ..self.config };
        self.with_config(config)
    }

    /// Says when to ask.
    ///
    /// # Errors
    /// [`RegistryError::Setting`] when the settings contradict each other.
    pub fn with_config(self, config: LongPollConfig) -> Result<Self, RegistryError> {
        Ok(Self { config: checked(config)?, ..self })
    }
}

impl Discover for Consul {
    type Error = BoxError;

    async fn lookup(&mut self) -> Result<Answer, BoxError> {
        let Self { asker, config, feed } = self;
        feed.lookup(|mouth| long_poll::follow(asker.clone(), *config, mouth)).await
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

impl Asker {
    fn url(&self, index: Option<u64>, wait: Duration, stale: bool) -> Url {
        let mut url = self.url.clone();
        if !self.warnings {
            url.add("passing", "1");
        }
        if stale {
            url.add("stale", "1");
        }
        // A tag in quotes may have quotes and backslashes itself.
        let quoted = |tag: &String| format!("Service.Tags contains {tag:?}");
        let tags = self.tags.iter().map(quoted);
        let filter = self.filter.iter().map(|filter| format!("({filter})"));
        let filters: Vec<_> = tags.chain(filter).collect();
        if !filters.is_empty() {
            url.add("filter", &filters.join(" and "));
        }
        if let Some(index) = index {
            url.add("index", &index.to_string());
            url.add("wait", &format!("{}s", wait.as_secs().max(1)));
        }
        url
    }
}

impl Polled for Asker {
    async fn ask(&mut self, index: Option<u64>, wait: Duration) -> Result<Fetched, RegistryError> {
        let ask = |index, stale| Ask::get(self.url(index, wait, stale), self.headers.clone());
        let mut reply = self.client.send(ask(index, self.stale)).await?;
        // What is old is better than nothing, where there is no leader.
        let mut old = None;
        let contact = index_of(&reply.headers, &["x-consul-lastcontact"]).unwrap_or_default();
        if self.stale && Duration::from_millis(contact) > MAX_STALE {
            // Without the index: the leader is to answer at once.
            match self.client.send(ask(None, false)).await {
                Ok(fresh) => reply = fresh,
                Err(error) => old = Some(error),
            }
        }
        let warnings = self.warnings;
        let mut answer = reply.read(move |bytes| endpoints(bytes, warnings)).await?;
        if let Some(error) = old {
            answer.skip(format!("the answer is {contact} ms old, as of the leader: {error}"));
        }
        if reply.headers.get("x-consul-results-filtered-by-acls").is_some_and(|told| told == "true")
        {
            if answer.endpoints.is_empty() {
                // Not that there are none: whoever believes empty answers must not believe this.
                let reason = "it may see none of the instances".to_owned();
                return Err(RegistryError::Setting { name: "token", reason });
            }
            answer.skip("what the token may not see");
        }
        let index = index_of(&reply.headers, &["x-consul-index"]);
        Ok(Fetched::Set { answer: answer.with_server(self.url.authority()), index })
    }

    fn at(&self) -> String {
        self.url.to_string()
    }
}
