//! BIND's `named` with one zone, `lb.test`.

use core::net::SocketAddr;
use core::time::Duration;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};

use tempfile::TempDir;

use super::bind_both;

const START_LIMIT: Duration = Duration::from_secs(20);

/// The start of every zone: records without a TTL of their own have 2 s, and absent ones are absent
/// for 3 s.
const HEAD: &str = "$ORIGIN lb.test.\n$TTL 2\n\
    @ 9 IN SOA ns.lb.test. h.lb.test. 1 3600 600 86400 3\n@ IN NS ns\nns IN A 127.0.0.1\n";

/// A running name server, authoritative for `lb.test`; killed when dropped.
#[derive(Debug)]
pub struct Named {
    dir: TempDir,
    addr: SocketAddr,
    child: Option<Child>,
    // What it said until it served.
    log: String,
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
        assert!(
            !named.log.contains("not loaded due to errors"),
            "named does not load the zone:\n{}",
            named.log
        );
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
        // The port is free while it is chosen and may be gone when named binds it.
        for _ in 0..10 {
            let (udp, tcp) = bind_both();
            let addr = udp.local_addr().unwrap();
            drop((udp, tcp));
            configure(dir.path(), addr.port(), options);
            if let Some((child, log)) = run(dir.path()) {
                return Self { dir, addr, child: Some(child), log };
            }
        }
        panic!("named found every port taken");
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
        let mut nsupdate = Command::new(installed("nsupdate"))
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("nsupdate starts");
        let script =
            format!("server 127.0.0.1 {}\nzone lb.test.\n{commands}\nsend\n", self.addr.port());
        nsupdate.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        let output = nsupdate.wait_with_output().unwrap();
        assert!(output.status.success(), "nsupdate: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Kills it, as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it again on the same port, with the zone as it last was.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn restart(&mut self) {
        self.kill();
        let (child, log) = run(self.dir.path()).expect("named's port is free again");
        self.child = Some(child);
        self.log = log;
    }

    /// Stops it so that it stays silent and its sockets stay open.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on, with the questions that came meanwhile.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let child = self.child.as_ref().expect("named runs");
        let done = Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status()
            .expect("kill starts");
        assert!(done.success(), "kill {signal}");
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        self.kill();
    }
}

fn installed(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into()])
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
        .unwrap_or_else(|| {
            panic!("{program} is not installed: tests/run installs it (Debian packages bind9, bind9-dnsutils)")
        })
}

/// Distributions confine /usr/sbin/named by its path to directories of their own, but not a copy.
///
/// A process of its own makes it: a file this one has open for writing could not be run while
/// another thread forks.
fn copy_program(dir: &Path) {
    let copied = Command::new("cp")
        .arg(installed("named"))
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
fn run(dir: &Path) -> Option<(Child, String)> {
    let mut child = Command::new(dir.join("named"))
        .args(["-g", "-4", "-n", "1", "-c"])
        .arg(dir.join("named.conf"))
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("named starts");
    let log = read(child.stderr.take().unwrap());
    let mut so_far = String::new();
    loop {
        match log.recv_timeout(START_LIMIT) {
            Ok(line) if line.ends_with(" running") => return Some((child, so_far)),
            Ok(line) if line.contains("address in use") => break,
            Ok(line) => so_far = so_far + &line + "\n",
            Err(stopped) => {
                let _ = child.kill();
                panic!("named does not start ({stopped}); it said:\n{so_far}");
            }
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// The lines of the log; it is read to its end so that named never waits for a full pipe.
fn read(log: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (lines, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            let _ = lines.send(line);
        }
    });
    receiver
}
