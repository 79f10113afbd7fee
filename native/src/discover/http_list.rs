//! Endpoints from a list behind a URL.

use core::time::Duration;

use evenkeel_core::discovery::long_poll::LongPollConfig;
use evenkeel_core::discovery::poller::PollerConfig;
use hyper::StatusCode;
use hyper::header::{
    ACCEPT, AUTHORIZATION, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH,
};

use super::publisher::when_told;
use super::registry::long_poll::{self, Fetched, Polled, checked, config, index_of};
use super::registry::{Ask, Client, Feed, RegistryError, Secret};
use super::url::Url;
use super::{Answer, Discover, Ended, list};
use crate::factory::BoxError;
use crate::tls::{Connector, Tls};

/// Follows a list of endpoints behind an HTTP or HTTPS URL.
///
/// The list is JSON, of targets or of objects; all but the target may be left out:
///
/// ```json
/// [
///     "10.0.0.1:80",
///     {"target": "b.test:80", "weight": 2, "priority": 1, "zone": 3, "draining": true}
/// ]
/// ```
///
/// It is asked for every 30 s, and with `If-None-Match` where the server gives an `ETag`, so that
/// what did not change is not sent again. A server that gives the header `X-Index` (or Consul's
/// `X-Consul-Index`) is asked anew at once, with `?index=` and `&wait=50s`: it keeps the question
/// until the list has another index, or for that time, and news are there at once.
///
/// A list that is bad, cut off, larger than 256 MiB or empty changes nothing, nor does any error;
/// `Retry-After` is obeyed, up to an hour; redirects are not followed. Waits are those of
/// [`LongPollConfig`].
///
/// ```no_run
/// use evenkeel::{Balancer, HttpList, Target};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let source = HttpList::new("https://config.example.com/endpoints.json")?
///     .with_bearer(&std::env::var("CONFIG_TOKEN")?)?;
/// let balancer = Balancer::builder(source)
///     .build(async |target: Target| target.socket_addr().ok_or("no address"))?;
/// balancer.ready().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct HttpList {
    asker: Asker,
    config: LongPollConfig,
    feed: Feed,
}

#[derive(Clone, Debug)]
struct Asker {
    client: Client,
    url: Url,
    headers: HeaderMap,
    /// The tag of the list that is known.
    tag: Option<HeaderValue>,
    /// That of the list that came last.
    new_tag: Option<HeaderValue>,
}

impl HttpList {
    /// Names the list.
    ///
    /// # Errors
    /// [`RegistryError::Url`] when it is not the URL of a list.
    pub fn new(url: &str) -> Result<Self, RegistryError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let url = Url::new(url)?;
        let secrets = url.query_texts().map(Secret::new).collect();
        let client = Client { secrets, ..Client::default() };
        let asker = Asker { client, url, headers, tag: None, new_tag: None };
        Ok(Self { asker, config: config(), feed: Feed::default() })
    }

    /// Sends a token with each question, as `Authorization: Bearer`. It is in no log.
    ///
    /// # Errors
    /// [`RegistryError::Setting`] when no header can have it.
    pub fn with_bearer(self, token: &str) -> Result<Self, RegistryError> {
        self.with_secret_header(AUTHORIZATION, "Bearer ", token)
    }

    /// Sends a header with each question. Its value is in no log.
    ///
    /// # Errors
    /// [`RegistryError::Setting`] when it is no header.
    pub fn with_header(self, name: &str, value: &str) -> Result<Self, RegistryError> {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
            let reason = format!("'{name}' is no name of a header");
            RegistryError::Setting { name: "header", reason }
        })?;
        self.with_secret_header(name, "", value)
    }

    fn with_secret_header(
        mut self,
        name: HeaderName,
        before: &str,
        secret: &str,
    ) -> Result<Self, RegistryError> {
        let secret = Secret::new(secret);
        self.asker.headers.insert(name, secret.header("header", before)?);
        self.asker.client.secrets.push(secret);
        Ok(self)
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

impl Discover for HttpList {
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

impl Polled for Asker {
    async fn ask(&mut self, index: Option<u64>, wait: Duration) -> Result<Fetched, RegistryError> {
        let (mut url, mut headers) = (self.url.clone(), self.headers.clone());
        if let Some(index) = index {
            url.add("index", &index.to_string());
            url.add("wait", &format!("{}s", wait.as_secs().max(1)));
        }
        if let Some(tag) = &self.tag {
            headers.insert(IF_NONE_MATCH, tag.clone());
        }
        self.new_tag = None;
        let mut reply = self.client.send(Ask::get(url, headers)).await?;
        let index = index_of(&reply.headers, &["x-index", "x-consul-index"]);
        if reply.status == StatusCode::NOT_MODIFIED {
            if self.tag.is_none() {
                let (at, status) = (reply.at, reply.status.as_u16());
                let body = "not modified, but it was not asked with a tag".to_owned();
                return Err(RegistryError::Status { at, status, body, retry_after: None });
            }
            return Ok(Fetched::Same { index });
        }
        let answer = Answer::new(reply.read(list::json).await?);
        self.new_tag = reply.headers.get(ETAG).cloned();
        Ok(Fetched::Set { answer: answer.with_server(self.url.authority()), index })
    }

    fn judged(&mut self, believed: bool) {
        if believed {
            self.tag = self.new_tag.take();
        }
    }

    fn at(&self) -> String {
        self.url.to_string()
    }
}
