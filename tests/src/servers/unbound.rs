//! Unbound, a caching resolver, in front of a server of `lb.test`; over UDP, TCP, TLS and HTTPS.

use core::net::SocketAddr;
use std::fs;
use std::process::Command;

use tempfile::TempDir;

use super::daemon::{Daemon, installed, on_free_ports};

/// A running resolver; killed when dropped.
#[derive(Debug)]
pub struct Unbound {
    /// Where it answers over UDP and TCP.
    pub addr: SocketAddr,
    /// Where it answers over TLS, if it has a certificate.
    pub tls: SocketAddr,
    /// Where it answers over HTTPS, by HTTP/2 alone.
    pub https: SocketAddr,
    _daemon: Daemon,
    _dir: TempDir,
}

impl Unbound {
    /// Starts a resolver that asks this server for `lb.test`; with a certificate and its key, in
    /// PEM, also over TLS and HTTPS.
    ///
    /// # Panics
    ///
    /// If `unbound` is not installed or does not start.
    pub fn start(authority: SocketAddr, certificate: Option<&(String, String)>) -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        let file = |name: &str| dir.path().join(name);
        if let Some((chain, key)) = certificate {
            fs::write(file("chain.pem"), chain).unwrap();
            fs::write(file("key.pem"), key).unwrap();
        }
        let ([addr, tls, https], daemon) = on_free_ports(|[addr, tls, https]| {
            let folder = dir.path().display();
            let secure = format!(
                "interface: {}\n  interface: {}\n  tls-port: {}\n  https-port: {}\n  \
                 tls-service-pem: {folder}/chain.pem\n  tls-service-key: {folder}/key.pem\n",
                at(tls),
                at(https),
                tls.port(),
                https.port()
            );
            let config = format!(
                "server:\n  interface: {}\n  {}\n  directory: {folder}\n  \
                 username: \"\"\n  chroot: \"\"\n  pidfile: \"\"\n  use-syslog: no\n  \
                 do-daemonize: no\n  so-reuseport: no\n  do-not-query-localhost: no\n  \
                 module-config: \"iterator\"\n  local-zone: \"test.\" nodefault\n  \
                 num-threads: 1\nremote-control:\n  control-enable: no\n\
                 stub-zone:\n  name: lb.test\n  stub-addr: {}\n",
                at(addr),
                certificate.map_or("", |_| &*secure),
                at(authority)
            );
            fs::write(file("unbound.conf"), config).unwrap();
            let mut unbound = Command::new(installed("unbound", "unbound"));
            unbound.arg("-d").arg("-c").arg(file("unbound.conf"));
            Daemon::start(&mut unbound, |line| line.contains("start of service"))
        });
        Self { addr, tls, https, _daemon: daemon, _dir: dir }
    }
}

/// Writes an address as unbound has it.
fn at(addr: SocketAddr) -> String {
    format!("{}@{}", addr.ip(), addr.port())
}
