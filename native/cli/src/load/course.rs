//! Sends the requests.

use core::pin::pin;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use core::time::Duration;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use evenkeel::http::{Attempts, BodyError, Client, LeaseBody};
use http_body_util::BodyExt;
use hyper::Method;
use hyper::body::Incoming;
use tokio::signal::ctrl_c;
use tokio::sync::SetOnce;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::tally::{Tally, float};
use super::{Args, usage};

/// What the workers share.
struct Course {
    begun: Instant,
    ends: Instant,
    /// Requests that were begun.
    next: AtomicU64,
    most: u64,
    /// Requests in a second, if they are paced.
    rate: Option<u64>,
    ended: AtomicU64,
    lost: AtomicU64,
    /// Wakes those that wait for the time of their next request.
    interrupted: SetOnce<()>,
    /// Has those give up that wait for an answer.
    over: SetOnce<()>,
}

/// How long answers are waited for that are under way when it is interrupted.
const PATIENCE: Duration = Duration::from_secs(1);

/// Waits until discovery answers that there is nobody, and tells what is wrong and who says so. What
/// fails, such as a server that does not answer, may be better the next time.
async fn nobody(args: &Args, client: &Client) -> String {
    let mut discovery = client.balancer().discovery();
    let Ok(status) = discovery.wait_for(|status| status.empty_held > 0).await else {
        // The balancer outlives this.
        return core::future::pending().await;
    };
    let reasons = match status.skipped.reasons() {
        [] => args.url.nothing().to_owned(),
        reasons => reasons.join("; "),
    };
    let server = status.server.as_ref().map(|server| format!(" (says {server})"));
    format!("{}: nobody to ask: {reasons}{}", args.url, server.unwrap_or_default())
}

/// Sends requests until the time is over.
pub(super) async fn run(args: &Args, client: &Client) -> io::Result<Tally> {
    let method = Method::from_bytes(args.method.as_bytes())
        .map_err(|_| usage(format!("{:?} is no method", args.method)))?;
    let mut interrupt = pin!(ctrl_c());
    // Nothing is measured before there is somebody to ask.
    tokio::select! {
        // Listened for from now on.
        biased;
        interrupted = interrupt.as_mut() => return interrupted.map(|()| Tally::default()),
        ready = client.balancer().ready_within(Duration::from_millis(args.timeout)) => {
            ready.map_err(|error| io::Error::other(format!("{}: {error}", args.url)))?;
        }
        why = nobody(args, client) => return Err(io::Error::other(why)),
    }
    let begun = Instant::now();
    let course = Arc::new(Course {
        begun,
        ends: begun + Duration::from_secs(args.duration),
        next: AtomicU64::new(0),
        most: args.requests.unwrap_or(u64::MAX),
        rate: args.rps.map(u64::from),
        ended: AtomicU64::new(0),
        lost: AtomicU64::new(0),
        interrupted: SetOnce::new(),
        over: SetOnce::new(),
    });
    let mut workers = JoinSet::new();
    for _ in 0..args.concurrency {
        let request = client.request(method.clone(), &args.url.path);
        let request = args
            .headers
            .iter()
            .fold(request, |request, (name, value)| request.header(name.as_str(), value.as_str()));
        let body = args.data.clone();
        let course = Arc::clone(&course);
        workers.spawn(async move {
            let mut tally = Tally::default();
            while let Some(due) = course.take() {
                tokio::select! {
                    biased;
                    () = sleep_until(due) => {}
                    () = course.interrupted.wait() => break,
                }
                let request = request.clone();
                let request = match &body {
                    Some(body) => request.body(body.clone()),
                    None => request,
                };
                let lost = tally.lost.values().sum::<u64>();
                tokio::select! {
                    biased;
                    () = ask(request, due, &mut tally) => {}
                    () = course.over.wait() => {
                        tally.given_up += 1;
                        break;
                    }
                }
                course.ended.fetch_add(1, Relaxed);
                course.lost.fetch_add(tally.lost.values().sum::<u64>() - lost, Relaxed);
            }
            tally
        });
    }
    let mut sum = Tally::default();
    let mut progress = Progress::new(args);
    let mut ticks = interval(Duration::from_millis(200));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut gives_up = None;
    loop {
        tokio::select! {
            ended = workers.join_next() => match ended {
                Some(tally) => sum.add(tally.map_err(io::Error::other)?),
                None => break,
            },
            _ = ticks.tick() => progress.show(&course)?,
            interrupted = interrupt.as_mut() => {
                interrupted?;
                // None begins any more.
                course.next.store(u64::MAX / 2, Relaxed);
                gives_up = if course.interrupted.set(()).is_ok() {
                    progress.clear()?;
                    eprintln!("interrupted: answers have a second; once more ends it at once");
                    Some(Instant::now() + PATIENCE)
                } else {
                    Some(Instant::now())
                };
                interrupt.set(ctrl_c());
            }
            () = sleep_until(gives_up.unwrap_or(begun)), if gives_up.is_some() => {
                gives_up = None;
                // The second time says nothing new.
                let _ = course.over.set(());
            }
        }
    }
    progress.clear()?;
    sum.elapsed = begun.elapsed();
    Ok(sum)
}

async fn ask(request: evenkeel::http::RequestBuilder, due: Instant, tally: &mut Tally) {
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) => {
            let cause = tally.error(&error);
            return tally.lost(due.elapsed(), cause);
        }
    };
    let (head, body) = response.into_parts();
    let read = read(body).await;
    // Not before: a request that is given up counts as none, and its attempts would be retries.
    if let Some(attempts) = head.extensions.get::<Attempts>() {
        attempts.iter().for_each(|attempt| tally.attempt(attempt));
    }
    match read {
        Err(error) => tally.lost(due.elapsed(), error.to_string()),
        Ok(bytes) if head.status.as_u16() < 400 => tally.good(due.elapsed(), bytes),
        Ok(_) => tally.lost(due.elapsed(), format!("status {}", head.status)),
    }
}

/// Reads a body to its end, and returns how long it is.
async fn read(mut body: LeaseBody<Incoming>) -> Result<u64, BodyError> {
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        bytes += frame?.data_ref().map_or(0, |data| data.len() as u64);
    }
    Ok(bytes)
}

impl Course {
    /// Returns when the next request is due; `None` when there is no other.
    fn take(&self) -> Option<Instant> {
        let index = self.next.fetch_add(1, Relaxed);
        if index >= self.most.min(u64::MAX / 2) {
            return None;
        }
        let now = Instant::now();
        let due = match self.rate {
            Some(rate) => {
                let nanos = index % rate * 1_000_000_000 / rate;
                self.begun + Duration::from_secs(index / rate) + Duration::from_nanos(nanos)
            }
            None => now,
        };
        (due.max(now) < self.ends).then_some(due)
    }
}

/// One line that is written anew, where standard error is a terminal.
struct Progress {
    shown: bool,
    columns: usize,
    seconds: u64,
}

impl Progress {
    fn new(args: &Args) -> Self {
        let columns = crossterm::terminal::size().map_or(80, |(columns, _)| columns.into());
        Self { shown: io::stderr().is_terminal(), columns, seconds: args.duration }
    }

    fn show(&mut self, course: &Course) -> io::Result<()> {
        if !self.shown {
            return Ok(());
        }
        let gone = course.begun.elapsed().as_secs_f64();
        let (ended, lost) = (course.ended.load(Relaxed), course.lost.load(Relaxed));
        let rate = float(ended) / gone.max(0.001);
        let line = format!(
            // Narrow terminals miss the rate, not what was lost.
            "{gone:.0} of {} s · {ended} requests · {lost} lost · {rate:.0}/s",
            self.seconds
        );
        let line: String = line.chars().take(self.columns.saturating_sub(1)).collect();
        write!(io::stderr(), "\r{line:<width$}", width = self.columns.saturating_sub(1).min(60))
    }

    fn clear(&mut self) -> io::Result<()> {
        if !self.shown {
            return Ok(());
        }
        let width = self.columns.saturating_sub(1).min(60);
        write!(io::stderr(), "\r{:width$}\r", "")
    }
}
