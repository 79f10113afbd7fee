//! What a request costs its client: the CPU time of the callers' process, without faults.

use core::fmt;
use core::time::Duration;
use std::fs;
use std::io;

use tokio::time::sleep;

use super::callers::{Callers, Counts};
use super::fleet::{Fleet, Kind};
use super::play::Programs;
use super::sides::{SIDES, Side};
use super::stolen::TICKS;

/// So often each side is measured, the sides in turn: what else the machine does hits all of them.
const ROUNDS: usize = 7;
/// How long a side warms up, and is measured, in a round.
const TIME: Duration = Duration::from_millis(1_500);

/// What a request cost a side: the medians of its rounds.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    side: &'static Side,
    /// Microseconds of a CPU in a request, in the program and in the kernel.
    micros: [f64; 2],
    /// Requests in a second.
    rate: f64,
}

/// The head of the table.
pub const HEAD: &str = "\
CPU time of the client's process in a request, in microseconds: in the program, in the kernel, both;
and requests/s. Six servers of hyper, 32 callers, no faults; medians of rounds in which the sides
take turns.

side                program kernel   both requests/s
";

impl Programs {
    /// Measures the sides that need nothing but their client.
    ///
    /// # Errors
    /// A process does not do as it is told.
    pub async fn costs(&self) -> io::Result<Vec<Cost>> {
        let sides = || SIDES.iter().filter(|side| side.envoy.is_none());
        let mut rounds: Vec<_> = sides().map(|side| (side, Vec::new())).collect();
        for kind in [Kind::Hyper, Kind::Grpc] {
            let fleet = Fleet::start(kind, &self.server).await?;
            for _ in 0..ROUNDS {
                for (side, costs) in &mut rounds {
                    if (side.kind == Kind::Grpc) == (kind == Kind::Grpc) {
                        costs.push(self.cost(side, &fleet).await?);
                    }
                }
            }
        }
        let medians = |(side, costs): (_, Vec<[f64; 3]>)| {
            let [program, kernel, rate] = [0, 1, 2].map(|place| median(&costs, place));
            Cost { side, micros: [program, kernel], rate }
        };
        Ok(rounds.into_iter().map(medians).collect())
    }

    async fn cost(&self, side: &Side, fleet: &Fleet) -> io::Result<[f64; 3]> {
        let servers = fleet.without(&[]);
        let mut callers = Callers::start(&self.callers, side.client, &servers, self.at_a_time)?;
        sleep(TIME / 2).await;
        let before = (callers.count()?, ticks(callers.id())?);
        sleep(TIME).await;
        let after = (callers.count()?, ticks(callers.id())?);
        callers.end()?;
        let requests = requests(before.0, after.0);
        let micros = |place: usize| (after.1[place] - before.1[place]) / TICKS * 1e6 / requests;
        Ok([micros(0), micros(1), requests / TIME.as_secs_f64()])
    }
}

#[expect(clippy::cast_precision_loss, reason = "of some thousands")]
fn requests(before: Counts, after: Counts) -> f64 {
    (after.good - before.good) as f64
}

/// Reads the CPU time of a process, in the program and in the kernel.
fn ticks(process: u32) -> io::Result<[f64; 2]> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
    times(&text).ok_or_else(|| io::Error::other(text.clone()))
}

/// Finds both in the line that Linux has of a process.
fn times(line: &str) -> Option<[f64; 2]> {
    // Its name stands before, in parentheses, and may have spaces.
    let (_, fields) = line.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    Some([fields.next()?.parse().ok()?, fields.next()?.parse().ok()?])
}

fn median(costs: &[[f64; 3]], place: usize) -> f64 {
    let mut column: Vec<f64> = costs.iter().map(|cost| cost[place]).collect();
    column.sort_by(f64::total_cmp);
    column.get(column.len() / 2).copied().unwrap_or(f64::NAN)
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { side, micros: [program, kernel], rate } = self;
        let both = program + kernel;
        writeln!(f, "{:<19} {program:>7.1} {kernel:>6.1} {both:>6.1} {rate:>10.0}", side.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_stand_behind_a_name_of_any_kind() {
        let line = "7 (a ) 1 b) S 1 7 7 0 -1 4194304 90 0 0 0 250 130 0 0 20 0 4 0 99 1 2";
        assert_eq!(times(line), Some([250.0, 130.0]));
        assert_eq!(times("7 (a) S 1 7"), None);
    }

    #[test]
    fn the_median_is_that_of_a_column() {
        let costs = [[3.0, 1.0, 9.0], [1.0, 2.0, 8.0], [2.0, 3.0, 7.0]];
        assert_eq!(
            format!("{:?}", [0, 1, 2].map(|place| median(&costs, place))),
            "[2.0, 2.0, 8.0]"
        );
    }
}
