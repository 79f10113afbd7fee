//! A backend's process.

use core::net::{Ipv4Addr, SocketAddr};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::backend::Protocol;

/// A backend that runs as a process of its own, on one port for all its lives. Killed when dropped.
#[derive(Debug)]
pub struct Process {
    program: PathBuf,
    protocol: Protocol,
    port: u16,
    child: Option<Child>,
}

impl Process {
    /// Starts `program backend PORT` on a free port, and waits until it listens.
    ///
    /// # Errors
    /// It cannot be started, or does not say its port.
    pub fn start(program: &Path) -> io::Result<Self> {
        Self::speaking(Protocol::Http, program)
    }

    /// Starts `program backend PORT`, or `program grpc PORT`, as [`start`](Self::start) does.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn speaking(protocol: Protocol, program: &Path) -> io::Result<Self> {
        let mut process = Self { program: program.into(), protocol, port: 0, child: None };
        process.restart()?;
        Ok(process)
    }

    /// Returns where it listens.
    pub fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Kills it: its port refuses connections.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it again, on the same port.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn restart(&mut self) -> io::Result<()> {
        self.kill();
        let mut child = Command::new(&self.program)
            .args([self.protocol.command(), &self.port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        self.child = Some(child);
        self.port = line.trim().parse().map_err(io::Error::other)?;
        Ok(())
    }

    /// Stops it: connections are taken by the system, and never answered.
    ///
    /// # Errors
    /// It cannot be signalled.
    pub fn stop(&self) -> io::Result<()> {
        self.signal("-STOP")
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// It cannot be signalled.
    pub fn resume(&self) -> io::Result<()> {
        self.signal("-CONT")
    }

    /// Tells it how to answer: `well`, `fail`, `slow MILLISECONDS`.
    ///
    /// # Errors
    /// It does not run.
    pub fn tell(&mut self, mode: &str) -> io::Result<()> {
        match self.child.as_mut().and_then(|child| child.stdin.as_mut()) {
            Some(stdin) => writeln!(stdin, "{mode}"),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Sends it a signal, such as `-STOP`; none if it does not run.
    pub(crate) fn signal(&self, signal: &str) -> io::Result<()> {
        self.child.as_ref().map_or(Ok(()), |child| send(child, signal))
    }
}

/// Sends a signal, such as `-STOP`.
///
/// # Errors
/// It cannot be sent.
pub(crate) fn send(child: &Child, signal: &str) -> io::Result<()> {
    let status = Command::new("kill").args([signal, &child.id().to_string()]).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("kill {signal}"))) }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
