//! Where and how to ask: the name servers given, or the system's.

#[cfg(not(unix))]
use core::net::SocketAddr;
use core::time::Duration;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use evenkeel_core::discovery::poller::PollerConfig;
use hickory_proto::rr::Name;

use super::error::LookupError;
use super::family::Family;
use super::name;
use super::name_server::NameServer;
use super::resolv_conf::ResolvConf;
use super::servers::{Manner, Servers};
use super::settings_error::DnsError;

/// Long enough for a resolver that has to ask others, short enough that a second server gets its
/// turn.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);

/// The wait for the other family (RFC 8305 §3).
const FAMILY_WAIT: Duration = Duration::from_millis(50);

/// What the sources of this module have in common.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) servers: Vec<NameServer>,
    pub(super) timeout: Option<Duration>,
    pub(super) resolv_conf: Option<PathBuf>,
    pub(super) family: Family,
    pub(super) family_wait: Duration,
    pub(super) poller: PollerConfig,
}

/// Everything a lookup needs to begin.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) servers: Arc<Servers>,
    /// The absolute names to try, in order.
    pub(super) names: Vec<Name>,
    /// The families to ask for.
    pub(super) family: Family,
    /// The system's configuration, if it was made from that.
    conf: Option<ResolvConf>,
}

impl Settings {
    /// Takes name servers.
    pub(super) fn set_servers(
        &mut self,
        servers: impl IntoIterator<Item = NameServer>,
    ) -> Result<(), DnsError> {
        self.servers = servers.into_iter().collect();
        if let Some(server) = self.servers.iter().find_map(NameServer::without_port) {
            return Err(DnsError::ServerPortZero { server });
        }
        if self.servers.is_empty() { Err(DnsError::NoServers) } else { Ok(()) }
    }

    /// Takes the time for one question to one server.
    pub(super) fn set_timeout(&mut self, timeout: Duration) -> Result<(), DnsError> {
        self.timeout = Some(timeout);
        if timeout.is_zero() { Err(DnsError::ZeroTimeout) } else { Ok(()) }
    }

    /// Says when a lookup that began now has to end: a little before it would be dropped.
    pub(super) fn time(&self) -> Duration {
        self.poller.timeout / 16 * 15
    }

    /// Makes the set-up for a name: with explicit servers it is asked as it stands, without the
    /// system's search list. The system's configuration is read each time, as the machine may have
    /// moved to another network; where it is as it was, so is the set-up, with what is known of the
    /// servers. Tells whether it is another one.
    pub(super) async fn setup(
        &self,
        name: &Name,
        before: &mut Option<Setup>,
    ) -> Result<(Setup, bool), LookupError> {
        let now = self.setup_now(name, before.as_ref()).await?;
        let is_other =
            before.as_ref().is_none_or(|before| !Arc::ptr_eq(&before.servers, &now.servers));
        *before = Some(now.clone());
        Ok((now, is_other))
    }

    async fn setup_now(&self, name: &Name, before: Option<&Setup>) -> Result<Setup, LookupError> {
        if self.servers.is_empty() {
            return self.system(name, before).await;
        }
        if let Some(before) = before {
            return Ok(before.clone());
        }
        let timeout = self.timeout.unwrap_or(DEFAULT_TIMEOUT);
        let manner = Manner { timeout, attempts: 1, rotate: false, tcp_only: false };
        Ok(Setup {
            servers: Arc::new(Servers::new(&self.servers, manner)),
            names: name::candidates(name, &[], 0),
            family: self.family,
            conf: None,
        })
    }

    async fn system(&self, name: &Name, before: Option<&Setup>) -> Result<Setup, LookupError> {
        let path = self.resolv_conf.clone();
        let read = tokio::task::spawn_blocking(move || read(path.as_deref())).await;
        let conf = match (read.map_err(|error| setup(None, error))?, before) {
            (Ok(conf), _) => conf,
            // Who has given up its rights since goes on with what it knows.
            (Err(_), Some(before)) => return Ok(before.clone()),
            (Err(error), None) => return Err(error),
        };
        if let Some(before) = before
            && before.conf.as_ref() == Some(&conf)
        {
            return Ok(before.clone());
        }
        let manner = Manner {
            timeout: self.timeout.unwrap_or(conf.timeout),
            attempts: conf.attempts,
            rotate: conf.rotate,
            tcp_only: conf.use_vc,
        };
        let servers: Vec<_> = conf.servers.iter().copied().map(NameServer::new).collect();
        Ok(Setup {
            servers: Arc::new(Servers::new(&servers, manner)),
            names: name::candidates(name, conf.search(), conf.ndots),
            family: if conf.no_aaaa { self.family.without_aaaa() } else { self.family },
            conf: Some(conf),
        })
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            timeout: None,
            resolv_conf: None,
            family: Family::default(),
            family_wait: FAMILY_WAIT,
            poller: PollerConfig::default(),
        }
    }
}

fn read(path: Option<&Path>) -> Result<ResolvConf, LookupError> {
    match path {
        Some(path) => read_file(path),
        None => system(),
    }
}

/// Reads the file; one that does not exist says as much as an empty one.
fn read_file(path: &Path) -> Result<ResolvConf, LookupError> {
    match std::fs::read(path) {
        Ok(text) => Ok(ResolvConf::parse(&String::from_utf8_lossy(&text))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(ResolvConf::parse("")),
        Err(error) => Err(setup(Some(path.to_owned()), error)),
    }
}

#[cfg(unix)]
fn system() -> Result<ResolvConf, LookupError> {
    let conf = read_file(Path::new("/etc/resolv.conf"))?;
    let [domain, options] = ["LOCALDOMAIN", "RES_OPTIONS"]
        .map(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()));
    // Linux has it as a file.
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    Ok(conf.amended(domain.as_deref(), options.as_deref(), hostname.as_deref()))
}

#[cfg(not(unix))]
fn system() -> Result<ResolvConf, LookupError> {
    let (config, options) =
        hickory_resolver::system_conf::read_system_conf().map_err(|error| setup(None, error))?;
    let mut conf = ResolvConf { ndots: options.ndots, ..ResolvConf::default() };
    for server in config.name_servers() {
        for connection in &server.connections {
            let addr = SocketAddr::new(server.ip, connection.port);
            if !conf.servers.contains(&addr) {
                conf.servers.push(addr);
            }
        }
    }
    let domain = config.domain().filter(|domain| !config.search().contains(domain));
    conf.search = Some(config.search().iter().chain(domain).cloned().collect());
    Ok(conf)
}

fn setup(
    file: Option<PathBuf>,
    error: impl core::error::Error + Send + Sync + 'static,
) -> LookupError {
    LookupError::Setup { file, error: Arc::new(error) }
}
