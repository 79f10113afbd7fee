//! How far a side is, on a terminal.

use std::io::{self, IsTerminal, Write};

/// A line of the standard error that is written over; nothing where that is no terminal.
#[derive(Debug)]
pub(super) struct Progress {
    name: &'static str,
    shown: bool,
}

const CELLS: usize = 24;

impl Progress {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, shown: io::stderr().is_terminal() }
    }

    pub(super) fn say(&self, what: &str) {
        self.write(format_args!("{what}"));
    }

    /// Shows how much of the plan is done.
    pub(super) fn show(&self, done: usize, of: usize, lost: u64) {
        let full = "#".repeat(done * CELLS / of.max(1));
        self.write(format_args!("[{full:<CELLS$}] {lost} lost"));
    }

    pub(super) fn end(self) {
        self.write(format_args!(""));
    }

    fn write(&self, what: core::fmt::Arguments<'_>) {
        if self.shown {
            // Whoever cannot see it misses nothing.
            let _ = write!(io::stderr(), "\r\x1b[K{:<20} {what}", self.name);
        }
    }
}
