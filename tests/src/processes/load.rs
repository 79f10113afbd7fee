//! Callers that ask all the time, and what became of their calls.

use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use core::time::Duration;
use std::io;
use std::sync::Arc;

use evenkeel::{Attempt, Balancer, Retry, RetryPolicy, Verdict};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::Connections;

/// What spreads calls over the backends.
#[derive(Clone, Debug)]
pub enum Entry {
    /// The tokio balancer, in the callers' process.
    Ours(Balancer<Connections>),
    /// A proxy beside it, which retries by its own rules.
    Proxy(Arc<Connections>),
}

/// How calls are made.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Callers; each waits for its answer before it goes on.
    pub callers: usize,
    /// Between two calls of a caller.
    pub pause: Duration,
    /// The most attempts of a call.
    pub attempts: u32,
    /// The time-out of an attempt, within the call; `None` for none.
    pub attempt_timeout: Option<Duration>,
    /// The time after which a caller drops its call.
    pub patience: Duration,
}

impl Manner {
    /// Three attempts of 250 ms, which nobody drops.
    pub const RETRIES: Self = Self {
        callers: 8,
        pause: Duration::from_millis(20),
        attempts: 3,
        attempt_timeout: Some(Duration::from_millis(250)),
        patience: Duration::from_secs(5),
    };

    /// One attempt, dropped after 250 ms from outside.
    pub const IMPATIENT: Self = Self {
        attempts: 1,
        attempt_timeout: None,
        patience: Duration::from_millis(250),
        ..Self::RETRIES
    };

    fn retry(self) -> Retry<fn(&io::Error) -> Verdict> {
        let mut policy = RetryPolicy::new(self.attempts).expect("above 0");
        if let Some(timeout) = self.attempt_timeout {
            policy = policy.with_attempt_timeout(timeout).expect("above 0");
        }
        let classify: fn(&io::Error) -> Verdict = |error| match error.kind() {
            io::ErrorKind::ConnectionRefused => Verdict::NeverSent,
            _ => Verdict::RetryableFailure,
        };
        Retry::new(policy).classify(classify)
    }
}

/// Counts by phase.
#[derive(Debug, Default)]
struct Counts {
    calls: AtomicU64,
    lost: AtomicU64,
    failed_attempts: AtomicU64,
}

/// What became of the calls that began in a phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phase {
    /// The calls.
    pub calls: u64,
    /// Those without a good answer.
    pub lost: u64,
    /// Attempts without one.
    pub failed_attempts: u64,
}

/// The callers at work. They stop when this is dropped.
#[derive(Debug)]
pub struct Load {
    counts: Arc<[Counts; 3]>,
    phase: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    callers: JoinSet<()>,
}

impl Load {
    /// Sets the callers to work, in the first of three phases.
    pub fn begin(entry: &Entry, manner: Manner) -> Self {
        let mut load = Self {
            counts: Arc::default(),
            phase: Arc::default(),
            stop: Arc::default(),
            callers: JoinSet::new(),
        };
        for _ in 0..manner.callers {
            let (counts, phase) = (Arc::clone(&load.counts), Arc::clone(&load.phase));
            let (stop, entry) = (Arc::clone(&load.stop), entry.clone());
            load.callers.spawn(async move {
                let retry = manner.retry();
                while !stop.load(Relaxed) {
                    let counts = &counts[phase.load(Relaxed)];
                    call(&entry, &retry, manner.patience, counts).await;
                    tokio::time::sleep(manner.pause).await;
                }
            });
        }
        load
    }

    /// Counts calls that begin from now on in this phase: 0, 1 or 2.
    pub fn enter(&self, phase: usize) {
        self.phase.store(phase.min(2), Relaxed);
    }

    /// Returns what is counted so far.
    pub fn phases(&self) -> [Phase; 3] {
        self.counts.each_ref().map(|counts| Phase {
            calls: counts.calls.load(Relaxed),
            lost: counts.lost.load(Relaxed),
            failed_attempts: counts.failed_attempts.load(Relaxed),
        })
    }

    /// Waits until all calls have ended. Returns what became of them.
    pub async fn end(mut self) -> [Phase; 3] {
        self.stop.store(true, Relaxed);
        while self.callers.join_next().await.is_some() {}
        self.phases()
    }
}

async fn call(
    entry: &Entry,
    retry: &Retry<fn(&io::Error) -> Verdict>,
    patience: Duration,
    counts: &Counts,
) {
    counts.calls.fetch_add(1, Relaxed);
    let begun = AtomicU64::new(0);
    let attempt = |client: Attempt<Connections>| {
        begun.fetch_add(1, Relaxed);
        async move { client.ask().await }
    };
    let answered = async {
        match entry {
            Entry::Ours(balancer) => balancer.call(retry, attempt).await.is_ok(),
            Entry::Proxy(proxy) => proxy.ask().await.is_ok(),
        }
    };
    let good = u64::from(timeout(patience, answered).await == Ok(true));
    counts.lost.fetch_add(1 - good, Relaxed);
    counts.failed_attempts.fetch_add(begun.load(Relaxed).saturating_sub(good), Relaxed);
}
