//! BIND's `named` with one zone, `lb.test`.

use core::net::SocketAddr;
use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::daemon::{Daemon, installed, on_free_ports};
use super::update::{HEAD, update};

/// A running name server, authoritative for `lb.test`; killed when dropped.
#[derive(Debug)]
pub struct Named {
    dir: TempDir,
    addr: SocketAddr,
    daemon: Option<Daemon>,
}

impl Named {
    /// Starts a server with these records, in zone file form and relative to `lb.test`; records
    /// come with their addresses.
    ///
    /// # Panics
    ///
    /// If `named` is not installed or does not start.
    pub fn start(records: &str) -> Self {
        Self::start_with("minimal-responses no;", records)
    }

    /// The same with other lines for the `options` block of its configuration.
    ///
    /// # Panics
    ///
    /// If `named` is not installed or does not start.
    pub fn start_with(options: &str, records: &str) -> Self {
        let named = Self::launch(options, records);
        let log = &named.daemon().log;
        assert!(!log.contains("not loaded due to errors"), "named does not load the zone:\n{log}");
        named
    }

    /// Starts a server whose zone does not load: it answers SERVFAIL.
    ///
    /// # Panics
    ///
    /// If `named` is not installed or does not start.
    pub fn start_broken() -> Self {
        Self::launch("", "this is no record")
    }

    fn launch(options: &str, records: &str) -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        fs::write(dir.path().join("lb.test.zone"), format!("{HEAD}{records}\n")).unwrap();
        copy_program(dir.path());
        let ([addr], daemon) = on_free_ports(|[addr]| {
            configure(dir.path(), addr.port(), options);
            run(dir.path())
        });
        Self { dir, addr, daemon: Some(daemon) }
    }

    /// Where it answers.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Changes the zone at once, by nsupdate commands with absolute names:
    /// `update add web.lb.test. 2 A 127.0.0.1`, `update delete web.lb.test. A`.
    ///
    /// # Panics
    ///
    /// If the server refuses.
    pub fn update(&self, commands: &str) {
        update(self.addr, commands);
    }

    /// Kills it, as a crash would.
    pub fn kill(&mut self) {
        self.daemon = None;
    }

    /// Starts it again on the same port, with the zone as it last was.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn restart(&mut self) {
        self.kill();
        self.daemon = Some(run(self.dir.path()).expect("named's port is free again"));
    }

    /// Stops it so that it stays silent and its sockets stay open.
    pub fn pause(&self) {
        self.daemon().signal("-STOP");
    }

    /// Lets it go on, with the questions that came meanwhile.
    pub fn resume(&self) {
        self.daemon().signal("-CONT");
    }

    fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().expect("named runs")
    }
}

/// Distributions confine /usr/sbin/named by its path to directories of their own, but not a copy.
///
/// A process of its own makes it: a file this one has open for writing could not be run while
/// another thread forks.
fn copy_program(dir: &Path) {
    let copied = Command::new("cp")
        .arg(installed("named", "bind9"))
        .arg(dir.join("named"))
        .status()
        .expect("cp starts");
    assert!(copied.success(), "named cannot be copied to {}", dir.display());
}

fn configure(dir: &Path, port: u16, options: &str) {
    let d = dir.display();
    let config = format!(
        "controls {{ }};
        options {{
            directory \"{d}\"; pid-file \"{d}/named.pid\"; session-keyfile \"{d}/session.key\";
            managed-keys-directory \"{d}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
            recursion no; allow-transfer {{ none; }}; notify no; dnssec-validation no;
            max-udp-size 1232; max-records-per-type 0; empty-zones-enable no; {options}
        }};
        zone \"lb.test\" {{ type master; file \"{d}/lb.test.zone\"; allow-update {{ 127.0.0.1; }}; }};"
    );
    fs::write(dir.join("named.conf"), config).unwrap();
}

/// Starts named and waits until it serves; `None` if its port is taken.
fn run(dir: &Path) -> Option<Daemon> {
    let mut named = Command::new(dir.join("named"));
    named.args(["-g", "-4", "-n", "1", "-c"]).arg(dir.join("named.conf"));
    Daemon::start(&mut named, |line| line.ends_with(" running"))
}
