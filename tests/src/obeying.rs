//! A process of this program's own that serves: it prints where, and obeys what it reads. What it
//! uses of the machine is not counted with what is measured.

use std::env;
use std::io::{self, BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The order to print how many questions there were.
const ASKED: &str = "asked";

/// The process, ended when dropped.
#[derive(Debug)]
pub struct Obeying {
    child: Child,
    /// Closed first: then it ends by itself, and what it has started, too.
    orders: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Obeying {
    /// Starts this program with these arguments, which make it [`obey`].
    ///
    /// # Errors
    /// It does not start.
    pub fn start(arguments: &[&str]) -> io::Result<Self> {
        let mut child = Command::new(env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let lines = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Self { orders: child.stdin.take(), child, lines: BufReader::new(lines).lines() })
    }

    /// Waits for the next line that it prints.
    ///
    /// # Errors
    /// It has ended.
    pub fn hear(&mut self) -> io::Result<String> {
        self.lines.next().ok_or(io::ErrorKind::UnexpectedEof)?
    }

    /// Begins a round.
    ///
    /// # Errors
    /// It has ended.
    pub fn begin(&mut self, round: u32) -> io::Result<()> {
        self.tell(&round.to_string())
    }

    /// Returns how many questions there were.
    ///
    /// # Errors
    /// It has ended.
    pub fn asked(&mut self) -> io::Result<u64> {
        self.tell(ASKED)?;
        self.hear()?.parse().map_err(io::Error::other)
    }

    fn tell(&mut self, order: &str) -> io::Result<()> {
        match &mut self.orders {
            Some(orders) => writeln!(orders, "{order}"),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

impl Drop for Obeying {
    fn drop(&mut self) {
        self.orders = None;
        // It may have ended by itself, and its parent ends if it cannot be waited for.
        let _ = self.child.wait();
    }
}

/// What the process does.
pub trait Served {
    /// Begins a round.
    ///
    /// # Errors
    /// What it serves cannot be changed.
    fn begin(&mut self, round: u32) -> io::Result<()>;

    /// Returns how many questions there were.
    ///
    /// # Errors
    /// That is not told.
    fn asked(&mut self) -> io::Result<u64>;
}

/// Prints where it serves, and obeys until nobody gives orders any more.
///
/// # Errors
/// An order cannot be read, or not be obeyed.
pub fn obey(at: &str, mut served: impl Served) -> io::Result<()> {
    println!("{at}");
    for order in io::stdin().lines() {
        match &*order? {
            ASKED => println!("{}", served.asked()?),
            round => served.begin(round.parse().map_err(io::Error::other)?)?,
        }
    }
    Ok(())
}
