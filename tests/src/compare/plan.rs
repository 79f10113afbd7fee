//! What happens to the servers, and when.

use core::time::Duration;

/// What becomes of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is killed, and started again at the end: connections are refused meanwhile.
    Killed,
    /// It is stopped (SIGSTOP), and goes on at the end: connections hang meanwhile.
    Stopped,
    /// It is killed, and started again at once.
    Restarted,
    /// It answers 50 ms later, until the end.
    Slowed,
}

/// A fault, or two at once, and a time without any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which servers, by their places.
    pub faults: &'static [(usize, Fault)],
}

/// A column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// One fault.
    One(Fault),
    /// Two at once.
    Two,
}

impl Step {
    /// Returns what kind of trouble it is.
    pub fn trouble(&self) -> Trouble {
        match self.faults {
            [(_, fault)] => Trouble::One(*fault),
            [] | [_, _, ..] => Trouble::Two,
        }
    }
}

/// How many servers there are: those at even places are hyper, the others nginx.
pub const SERVERS: usize = 6;

use Fault::{Killed, Restarted, Slowed, Stopped};

/// A minute, with each fault on both kinds of servers, and two at once.
pub const PLAN: &[Step] = &[
    Step { faults: &[(0, Killed)] },
    Step { faults: &[(1, Stopped)] },
    Step { faults: &[(2, Slowed)] },
    Step { faults: &[(3, Restarted)] },
    Step { faults: &[(5, Killed)] },
    Step { faults: &[(4, Stopped)] },
    Step { faults: &[(1, Slowed)] },
    Step { faults: &[(0, Restarted)] },
    Step { faults: &[(2, Killed), (3, Stopped)] },
    Step { faults: &[(0, Stopped), (5, Slowed)] },
    Step { faults: &[(1, Killed), (4, Slowed)] },
    Step { faults: &[(2, Stopped), (1, Stopped)] },
];

/// How long things take.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The time over which a rate is taken.
    pub window: Duration,
    /// Such times with a fault.
    pub faulty: usize,
    /// Such times after it.
    pub calm: usize,
    /// How long a client warms up, and for how many such times its rate is taken before and after,
    /// without faults.
    pub alone: usize,
    /// How often the plan is played: of a window, the median counts.
    pub plays: usize,
}

impl Pace {
    /// Seconds: three with a fault, two after it; two for each rate without faults. Three plays.
    pub const SECONDS: Self =
        Self { window: Duration::from_secs(1), faulty: 3, calm: 2, alone: 2, plays: 3 };
}
