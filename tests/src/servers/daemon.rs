//! Processes that serve, each with files and a port of its own.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};

use super::bind_both;

const START_LIMIT: Duration = Duration::from_secs(20);

/// A running process; killed when dropped, as a crash would.
#[derive(Debug)]
pub(super) struct Daemon {
    child: Child,
    /// What it said until it served.
    pub(super) log: String,
}

impl Daemon {
    /// Starts a program and waits until a line of its standard error says that it is ready; `None`
    /// if one says that the address is in use.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub(super) fn start(command: &mut Command, ready: impl Fn(&str) -> bool) -> Option<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = child.spawn().unwrap_or_else(|error| panic!("{program}: {error}"));
        let lines = read(child.stderr.take().unwrap());
        let mut daemon = Self { child, log: String::new() };
        loop {
            match lines.recv_timeout(START_LIMIT) {
                Ok(line) if ready(&line) => return Some(daemon),
                Ok(line) if line.to_lowercase().contains("address already in use") => return None,
                Ok(line) if line.contains("address in use") => return None,
                Ok(line) => daemon.log.extend([&line, "\n"]),
                Err(stopped) => {
                    panic!("{program} does not start ({stopped}); it said:\n{}", daemon.log)
                }
            }
        }
    }

    /// Sends it a signal, such as `-STOP`.
    ///
    /// # Panics
    ///
    /// If it does not run.
    pub(super) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let done = Command::new("kill").args([signal, &id]).status().expect("kill starts");
        assert!(done.success(), "kill {signal}");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// Starts a server on ports that are free for UDP and TCP.
///
/// # Panics
///
/// If none are.
pub(super) fn on_free_ports<const N: usize, T>(
    start: impl Fn([SocketAddr; N]) -> Option<T>,
) -> ([SocketAddr; N], T) {
    // Ports are free while they are chosen, and may be gone when the server binds them.
    for _ in 0..10 {
        // All at once, so that they differ.
        let bound: [_; N] = core::array::from_fn(|_| bind_both());
        let addrs = bound.map(|(udp, _tcp)| udp.local_addr().unwrap());
        if let Some(server) = start(addrs) {
            return (addrs, server);
        }
    }
    panic!("all ports were taken");
}

/// Finds a program, also where only the superuser looks.
///
/// # Panics
///
/// If it is not installed.
pub(super) fn installed(program: &str, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into()])
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
        .unwrap_or_else(|| {
            panic!("{program} is not installed: tests/run installs it (Debian package {package})")
        })
}

/// The lines of a log; it is read to its end so that no server waits for a full pipe.
fn read(log: impl Read + Send + 'static) -> Receiver<String> {
    let (lines, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            let _nobody_waits = lines.send(line);
        }
    });
    receiver
}
