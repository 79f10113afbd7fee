//! The `EndpointSlice`s of a service in Kubernetes.

mod api;
mod rules;
mod set;

use core::time::Duration;

use std::fs;
use std::path::Path;

use evenkeel_core::Zone;
use evenkeel_core::discovery::list_watch::ListWatchConfig;
use evenkeel_core::discovery::poller::PollerConfig;

use self::rules::{Port, Rules};
use self::set::{Slices, Token};
use super::publisher::when_told;
use super::registry::list_watch::{self, checked};
use super::registry::{Client, Feed, RegistryError, Secret};
use super::url::{Url, encoded};
use super::{Answer, Discover, Ended};
use crate::factory::BoxError;
use crate::tls::{Connector, Tls};

/// Where Kubernetes puts what a pod needs to ask the API.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Follows the endpoints of a service in Kubernetes, by its `EndpointSlice`s
/// (`discovery.k8s.io/v1`).
///
/// It lists the slices and then watches them, so that changes are there at once; when history is
/// gone (410), it lists anew, and what is known serves meanwhile. All slices count together, and
/// an address that is in two of them counts once. Endpoints that are ready serve; those that
/// terminate are [draining](evenkeel_core::Endpoint::with_draining), unless none is ready: then
/// they serve, as in kube-proxy. The others do not count.
///
/// The account needs `list` and `watch` on `endpointslices` in the group `discovery.k8s.io`:
///
/// ```no_run
/// use evenkeel::{Balancer, Kubernetes, Target};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let source = Kubernetes::in_cluster("web")?.with_port("http");
/// let balancer = Balancer::builder(source)
///     .build(async |target: Target| target.socket_addr().ok_or("no address"))?;
/// balancer.ready().await;
/// # Ok(())
/// # }
/// ```
///
/// No API server is to be had where this library is tested: the tests drive this code against a
/// server of ours, which `kubectl get --watch` takes for one, and streams written in the form of its
/// API; the account of a pod is that of a process with its files at their place.
#[derive(Debug)]
pub struct Kubernetes {
    client: Client,
    url: Url,
    token: Token,
    rules: Rules,
    config: ListWatchConfig,
    feed: Feed,
}

impl Kubernetes {
    /// Names the API, as `https://10.0.0.1:6443`, a namespace and a service.
    ///
    /// # Errors
    /// [`RegistryError::Url`] when the URL is none, [`RegistryError::Setting`] when a name is
    /// empty.
    pub fn new(url: &str, namespace: &str, service: &str) -> Result<Self, RegistryError> {
        for (name, value) in [("namespace", namespace), ("service", service)] {
            if value.is_empty() {
                let reason = "it is empty".to_owned();
                return Err(RegistryError::Setting { name, reason });
            }
        }
        let path =
            format!("/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices", encoded(namespace));
        let mut url = Url::new(url)?.join(&path);
        url.add("labelSelector", &format!("kubernetes.io/service-name={service}"));
        let config = ListWatchConfig {
            ordered: false,
            // The server ends each watch after less.
            idle: Duration::from_secs(295),
            ..ListWatchConfig::default()
        };
        let (client, rules) = (Client::default(), Rules::default());
        Ok(Self { client, url, token: Token::None, rules, config, feed: Feed::default() })
    }

    /// Names a service in the cluster and namespace in which the program runs: with the address in
    /// `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT`, and the account of the pod, whose
    /// token is read again for each question.
    ///
    /// # Errors
    /// [`RegistryError::Setting`] when the program runs in no pod; [`RegistryError::Tls`] when the
    /// cluster's certificate is bad.
    pub fn in_cluster(service: &str) -> Result<Self, RegistryError> {
        let var = |name| {
            std::env::var(name)
                .map_err(|error| RegistryError::Setting { name, reason: error.to_string() })
        };
        let (host, port) = (var("KUBERNETES_SERVICE_HOST")?, var("KUBERNETES_SERVICE_PORT")?);
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let account = Path::new(ACCOUNT);
        let read = |name| {
            let path = account.join(name);
            fs::read(&path).map_err(|error| {
                let reason = format!("{}: {error}", path.display());
                RegistryError::Setting { name: "account", reason }
            })
        };
        let namespace = String::from_utf8_lossy(&read("namespace")?).trim().to_owned();
        let tls = Tls::default().with_ca(&read("ca.crt")?)?;
        let kubernetes = Self::new(&format!("https://{host}:{port}"), &namespace, service)?;
        Ok(kubernetes.with_tls(tls).with_token_file(account.join("token")))
    }

    /// Sends a token with each question. It is in no log.
    ///
    /// # Errors
    /// [`RegistryError::Setting`] when no header can have it.
    pub fn with_token(mut self, token: &str) -> Result<Self, RegistryError> {
        let token = Secret::new(token);
        self.client.secrets.push(token.clone());
        self.token = Token::Fixed(token.header("token", "Bearer ")?);
        Ok(self)
    }

    /// Sends the token in a file, which is read again for each question.
    #[must_use]
    pub fn with_token_file(mut self, path: impl AsRef<Path>) -> Self {
        self.token = Token::File(path.as_ref().to_owned());
        self
    }

    /// Says whom to trust, and who the client is.
    #[must_use]
    pub fn with_tls(mut self, tls: Tls) -> Self {
        self.client.tls = Connector::new(tls);
        self
    }

    /// Takes the port with this name, or with this number where it is one. Without it, a service
    /// must have one port.
    #[must_use]
    pub fn with_port(mut self, port: &str) -> Self {
        self.rules.port =
            port.parse().map_or_else(|_| Port::Named(port.to_owned()), Port::Numbered);
        self
    }

    /// Gives a zone of the cluster its number; the others are not known. Call it once for each.
    #[must_use]
    pub fn with_zone(mut self, name: &str, zone: Zone) -> Self {
        self.rules.zones.insert(name.to_owned(), zone);
        self
    }

    /// Says in which zone the program runs: where Kubernetes hints for each endpoint that serves
    /// which zones should use it, only those for this zone count, as in kube-proxy.
    #[must_use]
    pub fn with_hints_for(mut self, zone: &str) -> Self {
        self.rules.hints_for = Some(zone.to_owned());
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

    /// Says when to list and to watch. Kubernetes' cursors are not `ordered`, whatever it says
    /// there.
    ///
    /// # Errors
    /// [`RegistryError::Setting`] when the settings contradict each other.
    pub fn with_config(self, config: ListWatchConfig) -> Result<Self, RegistryError> {
        Ok(Self { config: checked(ListWatchConfig { ordered: false, ..config })?, ..self })
    }
}

impl Discover for Kubernetes {
    type Error = BoxError;

    async fn lookup(&mut self) -> Result<Answer, BoxError> {
        let Self { client, url, token, rules, config, feed } = self;
        let slices = || Slices::new(client.clone(), url.clone(), token.clone(), rules.clone());
        feed.lookup(|mouth| list_watch::follow(slices(), *config, mouth)).await
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
