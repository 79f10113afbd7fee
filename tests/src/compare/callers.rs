//! The callers' process, as it is seen from here.

use core::net::SocketAddr;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The callers of a client at work, in a process of their own. Killed when dropped.
#[derive(Debug)]
pub struct Callers {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

/// Requests that have ended so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// With the answer that was asked for.
    pub good: u64,
    /// Without one.
    pub lost: u64,
}

impl Callers {
    /// Starts `command… CLIENT BACKEND,… CALLERS`.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(
        command: &[OsString],
        client: &str,
        backends: &[SocketAddr],
        callers: usize,
    ) -> io::Result<Self> {
        let [program, arguments @ ..] = command else {
            return Err(io::Error::other("a command is empty"));
        };
        let backends: Vec<_> = backends.iter().map(ToString::to_string).collect();
        let mut child = Command::new(program)
            .args(arguments)
            .args([client, &backends.join(","), &callers.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| {
                io::Error::new(error.kind(), format!("{}: {error}", program.display()))
            })?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Self { child, input, output: BufReader::new(output) })
    }

    /// Returns the number of their process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the counts so far.
    ///
    /// # Errors
    /// The process has ended, or says something else.
    pub fn count(&mut self) -> io::Result<Counts> {
        writeln!(self.input.as_mut().ok_or(io::ErrorKind::BrokenPipe)?)?;
        self.read()
    }

    /// Ends them, after their last answers; returns all counts.
    ///
    /// # Errors
    /// As [`count`](Self::count).
    pub fn end(mut self) -> io::Result<Counts> {
        self.input = None;
        let counts = self.read()?;
        self.child.wait()?;
        Ok(counts)
    }

    fn read(&mut self) -> io::Result<Counts> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let numbers: Vec<u64> = line.split_whitespace().flat_map(str::parse).collect();
        match numbers[..] {
            [good, lost] => Ok(Counts { good, lost }),
            _ => Err(io::Error::other(format!("callers say {line:?} for their counts"))),
        }
    }
}

impl Drop for Callers {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
