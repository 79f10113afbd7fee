//! Where endpoints are listed: the URL that `evenkeel watch` takes, and the source behind it.

use core::fmt;
use core::time::Duration;
use std::env;
use std::io;
use std::path::PathBuf;

use evenkeel::dns::{DnsError, NameServer};
use evenkeel::{
    BoxDiscover, Consul, DnsHost, DnsSrv, Etcd, Family, File, HttpList, Kubernetes, PollerConfig,
    RegistryError,
};
use percent_encoding::percent_decode_str;

use super::Args;

/// Whoever watches wants to see a change soon; a resolver's cache makes asking cheap.
const POLLER: PollerConfig = PollerConfig {
    min: Duration::from_secs(1),
    max: Duration::from_secs(10),
    default: Duration::from_secs(5),
    jitter_percent: 0,
    timeout: Duration::from_secs(10),
    min_gap: Duration::from_secs(1),
    max_stale: None,
    backoff_base: Duration::from_secs(1),
    backoff_max: Duration::from_secs(10),
};

/// Where endpoints are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Srv(String),
    Host(String, u16),
    File(PathBuf),
    Http(String),
    /// A service, and what follows the `?`.
    Consul(String, String),
    /// The prefix of keys.
    Etcd(String),
    Kubernetes {
        namespace: String,
        service: String,
        port: Option<String>,
    },
}

/// Reads a place.
pub(super) fn read(text: &str) -> Result<Place, String> {
    let Some((scheme, rest)) = text.split_once(':') else { return srv(text) };
    let path = rest.strip_prefix("//").unwrap_or(rest);
    match scheme {
        "file" => Ok(Place::File(rest.into())),
        "srv" => srv(path),
        "dns" => {
            let target: evenkeel::Target = path.parse().map_err(told)?;
            DnsHost::new(target.host(), target.port()).map_err(told)?;
            Ok(Place::Host(target.host().to_owned(), target.port()))
        }
        "http" | "https" => HttpList::new(text).map(|_| Place::Http(text.to_owned())).map_err(told),
        "consul" => {
            let (service, query) = path.split_once('?').unwrap_or((path, ""));
            let service = percent_decode_str(service).decode_utf8().map_err(told)?;
            consul(&[], &service, query).map_err(told)?;
            Ok(Place::Consul(service.into_owned(), query.to_owned()))
        }
        "etcd" => {
            etcd(&[], path).map_err(told)?;
            Ok(Place::Etcd(path.to_owned()))
        }
        "k8s" => kubernetes_place(path),
        _ => Err(format!(
            "{scheme:?} is no scheme: srv, dns, file, http, https, consul, etcd or k8s is, and an \
             SRV name stands alone"
        )),
    }
}

fn srv(name: &str) -> Result<Place, String> {
    DnsSrv::new(name).map(|_| Place::Srv(name.to_owned())).map_err(told)
}

fn kubernetes_place(path: &str) -> Result<Place, String> {
    let shape = || format!("{path:?} is not namespace/service or namespace/service:port");
    let (namespace, rest) = path.split_once('/').ok_or_else(shape)?;
    let (service, port) = match rest.split_once(':') {
        Some((service, port)) => (service, Some(port.to_owned())),
        None => (rest, None),
    };
    if namespace.is_empty() || service.is_empty() || port.as_ref().is_some_and(String::is_empty) {
        return Err(shape());
    }
    let (namespace, service) = (namespace.to_owned(), service.to_owned());
    Ok(Place::Kubernetes { namespace, service, port })
}

fn told(error: impl fmt::Display) -> String {
    error.to_string()
}

/// Boxes a source in DNS with what the command line says of it: they have these settings by name.
macro_rules! asking {
    ($source:expr, $args:ident) => {{
        let mut source = $source.poller(POLLER);
        source = source.family($args.family.map(Family::from).unwrap_or_default());
        if let Some(timeout) = $args.timeout {
            source = source.timeout(Duration::from_secs(timeout)).map_err(usage)?;
        }
        if !$args.servers.is_empty() {
            source = source.servers(name_servers(&$args.servers)?).map_err(usage)?;
        }
        BoxDiscover::new(source)
    }};
}

impl Place {
    /// Returns its source, and where that asks, in words.
    pub(super) fn source(&self, args: &Args) -> io::Result<(BoxDiscover, String)> {
        if args.family.is_some() && !matches!(self, Self::Srv(_) | Self::Host(..)) {
            return Err(usage(format!("--family is for names in DNS, not for {self}")));
        }
        if args.timeout.is_some() && matches!(self, Self::File(_)) {
            return Err(usage(format!("--timeout is for servers, not for {self}")));
        }
        let servers = args.servers.as_slice();
        if servers.len() > 1 && matches!(self, Self::Consul(..) | Self::Kubernetes { .. }) {
            return Err(usage(format!(
                "--server is given once for {self}, and not {}",
                servers.len()
            )));
        }
        let timeout = args.timeout.map(Duration::from_secs);
        let source = match self {
            Self::Srv(name) => asking!(DnsSrv::new(name).map_err(usage)?, args),
            Self::Host(host, port) => asking!(DnsHost::new(host, *port).map_err(usage)?, args),
            Self::File(_) | Self::Http(_) if !servers.is_empty() => {
                return Err(usage(format!(
                    "--server is not for {self}: it says itself where it is"
                )));
            }
            Self::File(path) => BoxDiscover::new(File::new(path)),
            Self::Http(url) => {
                let source = timed(HttpList::new(url), timeout, HttpList::with_timeout);
                BoxDiscover::new(source.map_err(usage)?)
            }
            Self::Consul(service, query) => {
                let source = consul(servers, service, query);
                let source = timed(source, timeout, Consul::with_timeout);
                BoxDiscover::new(source.map_err(usage)?)
            }
            Self::Etcd(prefix) => {
                let source = timed(etcd(servers, prefix), timeout, Etcd::with_timeout);
                BoxDiscover::new(source.map_err(usage)?)
            }
            Self::Kubernetes { namespace, service, port } => {
                let server = &or_default(servers, KUBERNETES)[0];
                let source = Kubernetes::new(server, namespace, service);
                let source = timed(source, timeout, Kubernetes::with_timeout);
                let mut source = source.map_err(usage)?;
                if let Some(port) = port {
                    source = source.with_port(port);
                }
                BoxDiscover::new(source)
            }
        };
        Ok((source, self.asked(servers)))
    }

    /// Tells in words where is asked.
    fn asked(&self, servers: &[String]) -> String {
        let at = match self {
            Self::File(_) | Self::Http(_) => return self.to_string(),
            Self::Srv(_) | Self::Host(..) if servers.is_empty() => {
                "the system's name servers".into()
            }
            Self::Srv(_) | Self::Host(..) => servers.join(", "),
            Self::Consul(..) => or_default(servers, CONSUL).join(", "),
            Self::Etcd(_) => or_default(servers, ETCD).join(", "),
            Self::Kubernetes { .. } => or_default(servers, KUBERNETES).join(", "),
        };
        format!("{self} at {at}")
    }

    /// Says what came last, if all is well: DNS is asked again and again, the others tell news.
    pub(super) fn latest(&self) -> &'static str {
        match self {
            Self::Srv(_) | Self::Host(..) => "good answer",
            Self::File(_)
            | Self::Http(_)
            | Self::Consul(..)
            | Self::Etcd(_)
            | Self::Kubernetes { .. } => "news",
        }
    }

    /// Says that there is nothing.
    pub(super) fn nothing(&self) -> &'static str {
        match self {
            Self::Srv(_) => "there are no SRV records of this name",
            Self::Host(..) => "there are no addresses of this name",
            Self::File(_) => "the list in the file is empty",
            Self::Http(_) => "the list is empty",
            Self::Consul(..) => "there are no healthy instances of this service",
            Self::Etcd(_) => "there are no keys below this prefix",
            Self::Kubernetes { .. } => "there are no endpoints of this service",
        }
    }

    /// Says that it is well again.
    pub(super) fn well(&self) -> &'static str {
        match self {
            Self::Srv(_) | Self::Host(..) => "DNS answers again",
            Self::File(_) => "the file is good again",
            Self::Http(_) => "the server answers again",
            Self::Consul(..) => "Consul answers again",
            Self::Etcd(_) => "etcd answers again",
            Self::Kubernetes { .. } => "Kubernetes answers again",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Srv(name) => f.write_str(name),
            Self::Host(host, port) => write!(f, "dns://{host}:{port}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            // A token may be in the query.
            Self::Http(url) => match url.split_once('?') {
                Some((url, _)) => write!(f, "{url}?…"),
                None => f.write_str(url),
            },
            Self::Consul(service, _) => write!(f, "consul://{service}"),
            Self::Etcd(prefix) => write!(f, "etcd://{prefix}"),
            Self::Kubernetes { namespace, service, .. } => write!(f, "k8s://{namespace}/{service}"),
        }
    }
}

/// Lets an answer of a registry take so long.
fn timed<S>(
    source: Result<S, RegistryError>,
    timeout: Option<Duration>,
    with_timeout: fn(S, Duration) -> Result<S, RegistryError>,
) -> Result<S, RegistryError> {
    match timeout {
        Some(timeout) => with_timeout(source?, timeout),
        None => source,
    }
}

/// By which variable each is found where no server is given, and where it is without one.
const CONSUL: (&str, &str) = ("CONSUL_HTTP_ADDR", "http://127.0.0.1:8500");
const ETCD: (&str, &str) = ("ETCDCTL_ENDPOINTS", "http://127.0.0.1:2379");
/// No variable names it: kubectl's proxy listens there.
const KUBERNETES: (&str, &str) = ("", "http://127.0.0.1:8001");

fn or_default(servers: &[String], (variable, default): (&str, &str)) -> Vec<String> {
    if !servers.is_empty() {
        return servers.to_vec();
    }
    let given = env::var(variable).ok().filter(|given| !given.is_empty());
    let with_scheme =
        |url: &str| if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    given.unwrap_or_else(|| default.to_owned()).split(',').map(with_scheme).collect()
}

fn consul(servers: &[String], service: &str, query: &str) -> Result<Consul, RegistryError> {
    let mut source = Consul::new(&or_default(servers, CONSUL)[0], service)?;
    if let Ok(token) = env::var("CONSUL_HTTP_TOKEN") {
        source = source.with_token(&token)?;
    }
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        source = match (&*name, &*value) {
            ("tag", tag) => source.with_tag(tag),
            ("dc", name) => source.with_datacenter(name),
            ("ns", name) => source.with_namespace(name),
            ("filter", filter) => source.with_filter(filter),
            ("warnings", "") => source.with_warnings(),
            (name, _) => {
                let reason =
                    format!("{name:?} is unknown: there are tag=, dc=, ns=, filter= and warnings");
                return Err(RegistryError::Setting { name: "query", reason });
            }
        };
    }
    Ok(source)
}

fn etcd(servers: &[String], prefix: &str) -> Result<Etcd, RegistryError> {
    let members = or_default(servers, ETCD);
    Etcd::new(members.iter().map(String::as_str), prefix)
}

fn name_servers(servers: &[String]) -> io::Result<Vec<NameServer>> {
    let bad = |error: DnsError| usage(format!("invalid value for '--server <SERVER>': {error}"));
    servers.iter().map(|text| text.parse().map_err(bad)).collect()
}

/// An error of the command line.
fn usage(error: impl fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error.to_string())
}
