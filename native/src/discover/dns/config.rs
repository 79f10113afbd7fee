//! Where to ask: the name servers given, or the system's.

use core::net::SocketAddr;
use core::time::Duration;

use hickory_resolver::config::ResolverConfig;
use hickory_resolver::proto::rr::Name;
use hickory_resolver::system_conf::read_system_conf;

use super::error::LookupError;
use super::name;
use super::server_pool::ServerPool;

/// Long enough for a resolver that has to ask others, short enough that a second server gets its
/// turn.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);

/// Everything a lookup needs to begin.
pub(super) struct Setup {
    pub(super) servers: ServerPool,
    /// The absolute names to try, in order.
    pub(super) names: Vec<Name>,
}

/// Makes the set-up for explicit servers: the name is asked as it stands, without the system's
/// search list.
pub(super) fn explicit(
    name: &Name,
    servers: &[SocketAddr],
    timeout: Option<Duration>,
) -> Result<Setup, LookupError> {
    Ok(Setup {
        servers: ServerPool::new(servers, timeout.unwrap_or(DEFAULT_TIMEOUT))?,
        names: name::candidates(name, &[], 0),
    })
}

/// Reads the system's set-up (`/etc/resolv.conf` on Unix), with its own timeout unless one is
/// given.
pub(super) async fn system(name: &Name, timeout: Option<Duration>) -> Result<Setup, LookupError> {
    let read = tokio::task::spawn_blocking(read_system_conf)
        .await
        .map_err(|error| LookupError::Setup(error.into()))?;
    let (config, options) = read.map_err(|error| LookupError::Setup(error.into()))?;
    Ok(Setup {
        servers: ServerPool::new(&servers(&config), timeout.unwrap_or(options.timeout))?,
        names: name::candidates(name, &search(&config), options.ndots),
    })
}

fn servers(config: &ResolverConfig) -> Vec<SocketAddr> {
    let mut servers = Vec::new();
    for server in config.name_servers() {
        // There is a connection per transport, mostly of the same port.
        for addr in
            server.connections.iter().map(|connection| SocketAddr::new(server.ip, connection.port))
        {
            if !servers.contains(&addr) {
                servers.push(addr);
            }
        }
    }
    servers
}

fn search(config: &ResolverConfig) -> Vec<Name> {
    let mut search = config.search().to_vec();
    search.extend(config.domain().filter(|domain| !config.search().contains(domain)).cloned());
    search
}

#[cfg(all(test, unix))]
mod tests {
    use hickory_resolver::system_conf::parse_resolv_conf;

    use super::*;

    #[test]
    fn resolv_conf() {
        let text = "nameserver 10.0.0.1\nnameserver fd00::1\n\
                    search ns.svc.cluster.local cluster.local\noptions ndots:5";
        let (config, options) = parse_resolv_conf(text).unwrap();
        assert_eq!(
            servers(&config),
            ["10.0.0.1:53".parse().unwrap(), "[fd00::1]:53".parse().unwrap()]
        );
        let name = name::parse("_http._tcp.web").unwrap();
        let names = name::candidates(&name, &search(&config), options.ndots);
        let names: Vec<_> = names.iter().map(name::host).collect();
        assert_eq!(
            names,
            [
                "_http._tcp.web.ns.svc.cluster.local",
                "_http._tcp.web.cluster.local",
                "_http._tcp.web"
            ]
        );
    }
}
