//! Knot DNS with one zone, `lb.test`, which changes while it runs.

use core::net::SocketAddr;
use std::fs;
use std::process::Command;

use tempfile::TempDir;

use super::daemon::{Daemon, installed, on_free_ports};
use super::update::{HEAD, update};

/// A running name server, authoritative for `lb.test`; killed when dropped.
#[derive(Debug)]
pub struct Knot {
    /// Where it answers.
    pub addr: SocketAddr,
    daemon: Option<Daemon>,
    _dir: TempDir,
}

impl Knot {
    /// Starts a server with these records, in zone file form and relative to `lb.test`.
    ///
    /// # Panics
    ///
    /// If `knotd` is not installed or does not start.
    pub fn start(records: &str) -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        let folder = dir.path().display();
        fs::write(dir.path().join("lb.test.zone"), format!("{HEAD}{records}\n")).unwrap();
        let ([addr], daemon) = on_free_ports(|[addr]| {
            let config = format!(
                "server:\n  listen: {}@{}\n  rundir: {folder}\n\
                 log:\n  - target: stderr\n    any: info\n\
                 database:\n  storage: {folder}\n\
                 acl:\n  - id: update\n    address: 127.0.0.1\n    action: update\n\
                 template:\n  - id: default\n    storage: {folder}\n    file: \"%s.zone\"\n    \
                 zonefile-sync: -1\n    zonefile-load: whole\n    journal-content: none\n\
                 zone:\n  - domain: lb.test\n    acl: update\n",
                addr.ip(),
                addr.port()
            );
            let file = dir.path().join("knot.conf");
            fs::write(&file, config).unwrap();
            let mut knotd = Command::new(installed("knotd", "knot"));
            Daemon::start(knotd.arg("-c").arg(file), |line| line.contains("server started"))
        });
        Self { addr, daemon: Some(daemon), _dir: dir }
    }

    /// Changes the zone at once, by nsupdate commands with absolute names.
    ///
    /// # Panics
    ///
    /// If the server refuses.
    pub fn update(&self, commands: &str) {
        update(self.addr, commands);
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.daemon = None;
    }
}
