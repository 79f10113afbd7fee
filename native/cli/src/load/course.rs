//! Sends the requests.

use core::future::pending;
use core::pin::pin;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use core::time::Duration;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use evenkeel::http::{Attempts, BodyError, Client, LeaseBody, Pool};
use evenkeel::{Balancer, DiscoveryStatus, PickError};
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

/// Waits until discovery answers that there is nobody; returns what it says.
async fn nobody(balancer: &Balancer<Pool>) -> PickError {
    let mut status = balancer.discovery();
    let answers = |status: &DiscoveryStatus| status.error.is_none() && status.empty_held > 0;
    // The balancer outlives this.
    let _ = status.wait_for(answers).await;
    match balancer.pick() {
        Err(why) => why,
        Ok(_) => pending().await,
    }
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
        why = nobody(client.balancer()) => {
            return Err(io::Error::other(format!("{}: {why}", args.url)));
        }
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
                let Some(since) = course.turn(due).await else { break };
                let request = request.clone();
                let request = match &body {
                    Some(body) => request.body(body.clone()),
                    None => request,
                };
                let lost = tally.lost.values().sum::<u64>();
                tokio::select! {
                    biased;
                    () = ask(request, since, &mut tally) => {}
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

/// Sends a request, whose time is told from `since` on.
async fn ask(request: evenkeel::http::RequestBuilder, since: Instant, tally: &mut Tally) {
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) => {
            let cause = tally.error(&error);
            return tally.lost(since.elapsed(), cause);
        }
    };
    let (head, body) = response.into_parts();
    let read = read(body).await;
    // Not before: a request that is given up counts as none, and its attempts would be retries.
    if let Some(attempts) = head.extensions.get::<Attempts>() {
        attempts.iter().for_each(|attempt| tally.attempt(attempt));
    }
    match read {
        Err(error) => tally.lost(since.elapsed(), error.to_string()),
        Ok(bytes) if head.status.as_u16() < 400 => tally.good(since.elapsed(), bytes),
        Ok(_) => tally.lost(since.elapsed(), format!("status {}", head.status)),
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

    /// Waits until a request is due; returns from when its time counts. That is when it was due, if
    /// it is late; else now, as timers are late by up to a millisecond, for which no server can.
    /// `None`: it was interrupted.
    async fn turn(&self, due: Instant) -> Option<Instant> {
        if due <= Instant::now() {
            return Some(due);
        }
        tokio::select! {
            biased;
            () = sleep_until(due) => Some(Instant::now()),
            () = self.interrupted.wait() => None,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn course(rate: Option<u64>) -> Course {
        let begun = Instant::now();
        Course {
            begun,
            ends: begun + Duration::from_secs(10),
            next: AtomicU64::new(0),
            most: u64::MAX,
            rate,
            ended: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            interrupted: SetOnce::new(),
            over: SetOnce::new(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_due_goes_at_once_and_counts_from_when_it_was_due() {
        // Between two milliseconds, which are all that timers know.
        tokio::time::advance(Duration::from_micros(300)).await;
        let begun = Instant::now();
        let fast = course(None);
        let due = fast.take().expect("time is left");
        assert_eq!(fast.turn(due).await, Some(begun));
        assert_eq!(Instant::now(), begun);
        // The second of ten a second is late.
        let paced = course(Some(10));
        let [first, second] = [(); 2].map(|()| paced.take().expect("time is left"));
        assert_eq!(paced.turn(first).await, Some(begun));
        tokio::time::advance(Duration::from_millis(150)).await;
        assert_eq!(paced.turn(second).await, Some(begun + Duration::from_millis(100)));
        // The third is early: it counts from when the timer wakes it.
        let third = paced.take().expect("time is left");
        let since = paced.turn(third).await.expect("nobody interrupts");
        assert_eq!(since, Instant::now());
        assert!(since >= begun + Duration::from_millis(200));
        // Whoever waits is woken when it ends.
        let fourth = paced.take().expect("time is left");
        paced.interrupted.set(()).expect("once");
        assert_eq!(paced.turn(fourth).await, None);
    }
}
