//! Where output goes: lines that stay, above a block that is redrawn in place if this is a
//! terminal.

use core::fmt;
use std::env;
use std::io::{self, IsTerminal, Stdout, Write};

use crossterm::cursor::{MoveToColumn, MoveUp};
use crossterm::style::{ContentStyle, Stylize};
use crossterm::terminal::{self, BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate};
use crossterm::{QueueableCommand, queue};
use evenkeel::Target;

/// Less cannot hold the block, and the lines that scroll past above it.
const MIN_SIZE: (u16, u16) = (78, 20);
const FALLBACK_COLUMNS: u16 = 80;

/// What a piece of text means; a plain screen shows all of them alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Quiet,
    Strong,
    Good,
    Warning,
    Bad,
    Accent,
}

/// One line of toned text; every character of it takes one column.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line(Vec<(Tone, String)>);

impl Line {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn put(mut self, tone: Tone, text: impl fmt::Display) -> Self {
        self.0.push((tone, text.to_string()));
        self
    }

    pub(crate) fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| text.chars().count()).sum()
    }

    /// Writes it without colours and without blanks at its end.
    pub(crate) fn plain(&self) -> String {
        let text: String = self.0.iter().map(|(_, text)| text.as_str()).collect();
        text.trim_end().to_owned()
    }

    /// Writes it with colours, cut off after `columns`.
    fn coloured(&self, columns: usize) -> String {
        let mut left = columns;
        let mut line = String::new();
        for (tone, text) in &self.0 {
            let text: String = text.chars().take(left).collect();
            left -= text.chars().count();
            line += &tone.style().apply(text).to_string();
        }
        line
    }
}

impl Tone {
    fn style(self) -> ContentStyle {
        let style = ContentStyle::new();
        match self {
            Self::Plain => style,
            Self::Quiet => style.dark_grey(),
            Self::Strong => style.bold(),
            Self::Good => style.dark_green(),
            Self::Warning => style.dark_yellow(),
            Self::Bad => style.dark_red(),
            Self::Accent => style.dark_cyan(),
        }
    }
}

/// Standard output, as a terminal that can be redrawn or as a plain stream.
#[derive(Debug)]
pub(crate) struct Screen {
    out: Stdout,
    live: bool,
    block: Vec<Line>,
    drawn: u16,
}

impl Screen {
    /// Makes it plain if asked for, by `NO_COLOR`, or where nothing can be redrawn or a log on the
    /// terminal would break it.
    pub(crate) fn new(plain: bool) -> Self {
        let out = io::stdout();
        let set = |variable| env::var_os(variable).is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
        let live = !plain
            && !dumb
            && !set("NO_COLOR")
            && !set("RUST_LOG")
            && out.is_terminal()
            && terminal::size()
                .is_ok_and(|(columns, rows)| columns >= MIN_SIZE.0 && rows >= MIN_SIZE.1);
        Self { out, live, block: Vec::new(), drawn: 0 }
    }

    /// Tells that there are colours, characters beyond ASCII, and a block that is redrawn.
    pub(crate) fn live(&self) -> bool {
        self.live
    }

    /// Prints a line that stays.
    pub(crate) fn line(&mut self, line: &Line) -> io::Result<()> {
        if !self.live {
            writeln!(self.out, "{}", line.plain())?;
            return self.out.flush();
        }
        self.out.queue(BeginSynchronizedUpdate)?;
        self.erase()?;
        writeln!(self.out, "{}", line.coloured(usize::MAX))?;
        self.redraw()
    }

    /// Replaces the block below the lines; a plain screen appends it.
    pub(crate) fn block(&mut self, block: Vec<Line>) -> io::Result<()> {
        if !self.live {
            for line in &block {
                writeln!(self.out, "{}", line.plain())?;
            }
            return self.out.flush();
        }
        self.block = block;
        self.out.queue(BeginSynchronizedUpdate)?;
        self.erase()?;
        self.redraw()
    }

    /// Takes the block away, so that lines go on in its place.
    pub(crate) fn clear_block(&mut self) -> io::Result<()> {
        self.block.clear();
        self.erase()?;
        self.out.flush()
    }

    fn erase(&mut self) -> io::Result<()> {
        if self.drawn > 0 {
            queue!(
                self.out,
                MoveToColumn(0),
                MoveUp(self.drawn),
                Clear(ClearType::FromCursorDown)
            )?;
            self.drawn = 0;
        }
        Ok(())
    }

    fn redraw(&mut self) -> io::Result<()> {
        // A line that wrapped would take two rows, and the next erase would miss one.
        let columns = terminal::size().map_or(FALLBACK_COLUMNS, |(columns, _)| columns);
        for line in &self.block {
            writeln!(self.out, "{}", line.coloured(columns.into()))?;
            self.drawn += 1;
        }
        self.out.queue(EndSynchronizedUpdate)?;
        self.out.flush()
    }
}

/// Writes an endpoint by its host's name, if it is known by one, and its address.
pub(crate) fn place(target: &Target) -> String {
    match target.socket_addr() {
        Some(addr) if addr.ip().to_string() != target.host() => {
            format!("{} at {addr}", target.host())
        }
        _ => target.to_string(),
    }
}
