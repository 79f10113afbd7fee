//! Calls through the tokio balancer: hedges beside slow attempts, budgets that all calls share,
//! what becomes of attempts.
//!
//! Time is tokio's paused clock, which jumps to the next timer when nothing else can run.

mod answers;
mod budgets;
mod hedges;
mod leases;
mod outages;
mod verdicts;

use core::convert::Infallible;
use core::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use core::time::Duration;
use std::sync::{Arc, Mutex};

use evenkeel::{
    AnyPolicy, Attempt, Backoff, Balancer, Book, Config, Fixed, RetryPolicy, Status, Target,
};

pub(crate) type Text = Balancer<String, AnyPolicy>;

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A balancer over one endpoint for each letter, whose clients are their names, with a policy that
/// counts requests in flight.
pub(crate) async fn balancer(names: &str) -> Text {
    let config = Config { book: Book::Off, ..Config::default() };
    balancer_with(names, "least_request", config).await
}

pub(crate) async fn balancer_with(names: &str, policy: &str, config: Config) -> Text {
    let names = names.chars().map(String::from).collect();
    balancer_of(names, policy, config).await
}

pub(crate) async fn balancer_of(names: Vec<String>, policy: &str, config: Config) -> Text {
    let targets = Fixed::new(names.into_iter().map(|name| format!("{name}:80"))).unwrap();
    let policy: AnyPolicy = policy.parse().unwrap();
    let name = async |target: Target| Ok::<_, Infallible>(target.host().to_owned());
    let balancer =
        Balancer::builder(targets).policy(policy).config(config).seed(1).build(name).unwrap();
    balancer.ready().await;
    balancer
}

pub(crate) fn status(balancer: &Text, name: &str) -> Status {
    balancer
        .endpoints()
        .into_iter()
        .find(|status| status.target.host() == name)
        .expect("it is known")
}

/// Requests in flight and failures, at all endpoints.
pub(crate) fn sums(balancer: &Text) -> (u32, u32) {
    let statuses = balancer.endpoints();
    (
        statuses.iter().map(|status| status.in_flight).sum(),
        statuses.iter().map(|status| status.failures).sum(),
    )
}

/// At once, without waits in between.
pub(crate) fn at_once(attempts: u32) -> RetryPolicy {
    RetryPolicy::new(attempts).unwrap().with_backoff(Backoff::None).unwrap()
}

/// What attempts did: numbers and names, as they were sent.
#[derive(Clone, Default)]
pub(crate) struct Log {
    sent: Arc<Mutex<Vec<(u32, String)>>>,
    alive: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

/// An attempt that is under way.
pub(crate) struct UnderWay(Arc<AtomicUsize>);

impl Log {
    pub(crate) fn begin(&self, attempt: &Attempt<String>) -> UnderWay {
        self.sent.lock().unwrap().push((attempt.number(), attempt.to_string()));
        let alive = self.alive.fetch_add(1, SeqCst) + 1;
        self.most.fetch_max(alive, SeqCst);
        UnderWay(Arc::clone(&self.alive))
    }

    pub(crate) fn sent(&self) -> Vec<(u32, String)> {
        self.sent.lock().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.sent.lock().unwrap().len()
    }

    /// How many are under way, and how many were at most.
    pub(crate) fn alive(&self) -> (usize, usize) {
        (self.alive.load(SeqCst), self.most.load(SeqCst))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

pub(crate) async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

pub(crate) async fn forever<T>() -> T {
    core::future::pending().await
}
