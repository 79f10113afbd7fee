//! A side under the plan.

use core::net::SocketAddr;
use core::time::Duration;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use tokio::time::{Instant, sleep_until};

use super::caller;
use super::callers::{Callers, Counts};
use super::fleet::{Fleet, Kind};
use super::plan::{Pace, Step, Trouble};
use super::progress::Progress;
use super::sides::{Side, Tuned};
use super::stolen;
use crate::processes::envoy::{Envoy, Sidecar};
use crate::processes::load::Manner;

/// The programs that take part.
#[derive(Clone, Debug)]
pub struct Programs {
    /// Serves by `backend PORT` and `grpc PORT`.
    pub server: PathBuf,
    /// Calls by `CLIENT BACKEND,… CALLERS` after these words.
    pub callers: Vec<OsString>,
    /// The Envoy.
    pub envoy: Option<PathBuf>,
    /// How many callers ask at a time.
    pub at_a_time: usize,
}

/// What became of a side.
#[derive(Clone, Debug)]
pub struct Course {
    /// Good answers in a second with all servers, without faults.
    pub able: f64,
    /// The rates under the plan, each over [`Pace::window`].
    pub windows: Vec<Window>,
    /// The least share of any window of any play.
    pub least: f64,
    /// All requests of all plays, to their ends.
    pub counts: Counts,
}

/// A time of the plan.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// What is wrong, if anything is.
    pub trouble: Option<Trouble>,
    /// Good answers, as a share of what the servers without faults can do: the median of all plays;
    /// 0 where that is nothing.
    pub share: f64,
    /// Requests that were lost in all plays.
    pub lost: u64,
}

/// What was seen in a window of one play.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// The index of the step in the plan.
    step: usize,
    /// It is in the step's fault, not after it.
    faulty: bool,
    /// Good answers in a second.
    rate: f64,
    lost: u64,
}

/// The callers at work, and the proxy between.
struct AtWork {
    callers: Callers,
    _envoy: Option<Envoy>,
}

impl AtWork {
    fn moment(&mut self) -> io::Result<Moment> {
        let counts = self.callers.count()?;
        Ok(Moment { counts, at: Instant::now(), stolen: stolen::seconds() })
    }
}

/// The counts at a time.
#[derive(Clone, Copy, Debug)]
struct Moment {
    counts: Counts,
    at: Instant,
    /// How many seconds the machine has stood still until then.
    stolen: f64,
}

impl Moment {
    /// Returns the good answers in a second that the machine was at work.
    #[expect(clippy::cast_precision_loss, reason = "of some millions")]
    fn rate_since(self, before: Self) -> f64 {
        let (stolen, passed) = (self.stolen - before.stolen, self.at - before.at);
        (self.counts.good - before.counts.good) as f64 / (passed.as_secs_f64() - stolen)
    }
}

/// The servers with faults in a step, as far as it matters for what the others can do.
type Away = Vec<usize>;

impl Programs {
    /// Plays the plan for a side, with servers of its own.
    ///
    /// # Errors
    /// A process does not do as it is told.
    pub async fn play(&self, side: &Side, plan: &[Step], pace: Pace) -> io::Result<Course> {
        let mut fleet = Fleet::start(side.kind, &self.server).await?;
        let mut progress = Progress::new(side.name);
        let all: Vec<Away> = distinct(plan, side.kind);
        let mut able = vec![0.0; all.len()];
        for (able, away) in able.iter_mut().zip(&all) {
            progress.say("rates without faults");
            *able += self.alone(side, &fleet, away, pace).await? / 2.0;
        }
        let mut counts = Counts::default();
        let mut plays = Vec::new();
        for _ in 0..pace.plays {
            let (more, rates) = self.under(side, &mut fleet, plan, pace, &mut progress).await?;
            counts = Counts { good: counts.good + more.good, lost: counts.lost + more.lost };
            plays.push(rates);
        }
        for (able, away) in able.iter_mut().zip(&all) {
            progress.say("rates without faults");
            *able += self.alone(side, &fleet, away, pace).await? / 2.0;
        }
        progress.end();
        let able_without = |step: Option<&Step>| {
            let away = step.map_or_else(Vec::new, |step| away(step, side.kind));
            let place = all.iter().position(|known| *known == away);
            place.map_or(f64::NAN, |place| able[place])
        };
        let mut least = f64::INFINITY;
        let window = |index: usize| {
            let Seen { step, faulty, .. } = plays[0][index];
            let step = faulty.then_some(&plan[step]);
            let able = able_without(step);
            let share = |play: &Vec<Seen>| if able > 0.0 { play[index].rate / able } else { 0.0 };
            let mut shares: Vec<f64> = plays.iter().map(share).collect();
            shares.sort_by(f64::total_cmp);
            least = least.min(shares[0]);
            let lost = plays.iter().map(|play| play[index].lost).sum();
            Window { trouble: step.map(Step::trouble), share: shares[shares.len() / 2], lost }
        };
        let windows = (0..plays.first().map_or(0, Vec::len)).map(window).collect();
        Ok(Course { able: able_without(None), windows, least, counts })
    }

    /// Returns the rate with the servers that are not away, and no faults.
    async fn alone(
        &self,
        side: &Side,
        fleet: &Fleet,
        away: &[usize],
        pace: Pace,
    ) -> io::Result<f64> {
        let servers = fleet.without(away);
        if servers.is_empty() {
            return Ok(0.0);
        }
        let mut at_work = self.start(side, &servers).await?;
        let warm = Instant::now() + pace.window;
        sleep_until(warm).await;
        let before = at_work.moment()?;
        sleep_until(warm + pace.window * u32::try_from(pace.alone).unwrap_or(u32::MAX)).await;
        let after = at_work.moment()?;
        at_work.callers.end()?;
        Ok(after.rate_since(before))
    }

    /// Plays the plan once; returns all counts, and what was seen in each window.
    async fn under(
        &self,
        side: &Side,
        fleet: &mut Fleet,
        plan: &[Step],
        pace: Pace,
        progress: &mut Progress,
    ) -> io::Result<(Counts, Vec<Seen>)> {
        let mut at_work = self.start(side, &fleet.without(&[])).await?;
        sleep_until(Instant::now() + pace.window).await;
        let first = at_work.moment()?;
        let mut before = first;
        let mut rates = Vec::new();
        for (place, step) in plan.iter().enumerate() {
            for window in 0..pace.faulty + pace.calm {
                if window == 0 {
                    fleet.begin(step).await?;
                }
                if window == pace.faulty {
                    fleet.end(step).await?;
                }
                sleep_until(before.at + pace.window).await;
                let after = at_work.moment()?;
                let lost = after.counts.lost - before.counts.lost;
                let (faulty, rate) = (window < pace.faulty, after.rate_since(before));
                rates.push(Seen { step: place, faulty, rate, lost });
                before = after;
                let of = plan.len() * (pace.faulty + pace.calm);
                progress.show(rates.len(), of, after.counts.lost - first.counts.lost);
            }
        }
        let last = at_work.callers.end()?;
        let first = first.counts;
        let counts = Counts { good: last.good - first.good, lost: last.lost - first.lost };
        Ok((counts, rates))
    }

    async fn start(&self, side: &Side, backends: &[SocketAddr]) -> io::Result<AtWork> {
        let Some(tuned) = side.envoy else {
            let callers = Callers::start(&self.callers, side.client, backends, self.at_a_time)?;
            return Ok(AtWork { callers, _envoy: None });
        };
        let envoy = self.envoy(tuned, backends).await?;
        let entry = [envoy.entry.addr()];
        let callers = Callers::start(&self.callers, side.client, &entry, self.at_a_time)?;
        Ok(AtWork { callers, _envoy: Some(envoy) })
    }

    async fn envoy(&self, tuned: Tuned, backends: &[SocketAddr]) -> io::Result<Envoy> {
        let binary = self.envoy.clone().ok_or_else(|| io::Error::other("no Envoy is given"))?;
        let manner = Manner {
            callers: self.at_a_time,
            pause: Duration::ZERO,
            attempts: caller::ATTEMPTS,
            attempt_timeout: Some(caller::ATTEMPT),
            patience: caller::PATIENCE,
        };
        Sidecar { binary, tuned }.start(backends, 0, manner).await
    }
}

/// Returns the servers with faults; those of one kind stand for each other.
fn away(step: &Step, kind: Kind) -> Away {
    let mut next = [0, 1];
    let mut away: Away = step
        .faults
        .iter()
        .map(|(place, _)| {
            let row = if kind == Kind::Both { place % 2 } else { 0 };
            let stands = next[row];
            next[row] += if kind == Kind::Both { 2 } else { 1 };
            stands
        })
        .collect();
    away.sort_unstable();
    away
}

/// Returns all of a plan, each once, and first that none is away.
fn distinct(plan: &[Step], kind: Kind) -> Vec<Away> {
    let mut all = vec![Away::new()];
    for away in plan.iter().map(|step| away(step, kind)) {
        if !all.contains(&away) {
            all.push(away);
        }
    }
    all
}
