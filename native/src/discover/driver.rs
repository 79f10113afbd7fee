//! Runs a core `Poller` on tokio.

use core::error::Error;
use core::panic::AssertUnwindSafe;
use std::sync::Arc;

use evenkeel_core::discovery::poller::{Answer as PollerAnswer, Poller, PollerStep, SourceHealth};
use evenkeel_core::{Endpoint, Instant};
use futures_util::FutureExt;
use tokio::sync::{Notify, mpsc, watch};

use super::{Answer, Discover, Ended, Skipped};
use crate::clock::Clock;
use crate::error::SharedError;
use crate::stripe::CounterRng;
use crate::supervise::{PAUSE, Supervisor};
use crate::target::Target;

/// How discovery is doing.
#[derive(Clone, Debug)]
pub struct DiscoveryStatus {
    /// How good what is known still is.
    pub health: SourceHealth,
    /// Why the last query failed; `None` once one succeeds.
    pub error: Option<Arc<dyn Error + Send + Sync>>,
    /// Queries begun.
    pub queries: u64,
    /// Queries that failed.
    pub failures: u64,
    /// Good answers without endpoints, which were not believed.
    pub empty_held: u64,
    /// What of the last good answer was no endpoint, and why.
    pub skipped: Skipped,
    /// The source will say no more of itself when it has news, and why. What is known stays in
    /// force.
    pub ended: Option<Ended>,
}

impl Default for DiscoveryStatus {
    fn default() -> Self {
        Self {
            health: SourceHealth::Pending,
            error: None,
            queries: 0,
            failures: 0,
            empty_held: 0,
            skipped: Skipped::default(),
            ended: None,
        }
    }
}

/// Who wants to hear of endpoints.
pub(crate) struct Listener<'a> {
    pub(crate) clock: Clock,
    /// Somebody wants the source to be asked soon.
    pub(crate) wanted: &'a Notify,
    pub(crate) status: &'a watch::Sender<DiscoveryStatus>,
    pub(crate) supervisor: &'a Supervisor,
    pub(crate) sets: mpsc::Sender<Set>,
}

/// What discovery found.
pub(crate) struct Set {
    pub(crate) endpoints: Vec<Endpoint<Target>>,
    /// What is missing in it is gone.
    pub(crate) whole: bool,
}

/// Asks `source` when its poller says so, and sends every set of endpoints that is to be believed.
/// Outlives its panics.
pub(crate) async fn drive<D: Discover>(
    mut source: D,
    mut poller: Poller,
    mut rng: CounterRng,
    listener: Listener<'_>,
) {
    let mut absent_before = false;
    loop {
        let rounds = rounds(&mut source, &mut poller, &mut rng, &mut absent_before, &listener);
        let Err(panic) = AssertUnwindSafe(rounds).catch_unwind().await else { return };
        let error = listener.supervisor.panicked("discovery", &*panic);
        failed(listener.status, Box::<dyn Error + Send + Sync>::from(error.as_ref()).into());
        tokio::time::sleep(PAUSE).await;
    }
}

async fn rounds<D: Discover>(
    source: &mut D,
    poller: &mut Poller,
    rng: &mut CounterRng,
    absent_before: &mut bool,
    listener: &Listener<'_>,
) {
    let Listener { clock, wanted, status, sets, .. } = listener;
    let mut ended = status.borrow().ended.is_some();
    loop {
        let believed = match poller.poll(clock.now(), rng) {
            PollerStep::Query { id, deadline } => {
                status.send_modify(|status| status.queries += 1);
                let result = ask(source, poller, deadline, listener).await;
                let (answer, believed) = judge(result, absent_before, status);
                poller.on_result(clock.now(), id, answer);
                believed
            }
            // The lookup was dropped at its deadline already, which counts as the failure it is.
            PollerStep::Cancel { .. } => None,
            PollerStep::Health(health) => {
                status.send_modify(|status| status.health = health);
                (health == SourceHealth::Expired)
                    .then(|| Set { endpoints: Vec::new(), whole: true })
            }
            PollerStep::Wait(None) => return,
            PollerStep::Wait(Some(until)) => {
                tokio::select! {
                    () = clock.sleep_until(Some(until)) => {}
                    () = wanted.notified() => poller.refresh(clock.now()),
                    news = source.changed(), if !ended => match news {
                        Ok(()) => {
                            poller.on_news(clock.now());
                            // A source that always has news must not keep others from running.
                            tokio::task::yield_now().await;
                        }
                        Err(reason) => {
                            tracing::warn!("{reason}; what is known stays in force");
                            ended = true;
                            status.send_modify(|status| status.ended = Some(reason));
                        }
                    },
                }
                None
            }
        };
        if let Some(set) = believed
            && sets.send(set).await.is_err()
        {
            return;
        }
    }
}

async fn ask<D: Discover>(
    source: &mut D,
    poller: &mut Poller,
    deadline: Instant,
    listener: &Listener<'_>,
) -> Result<Answer, Box<dyn Error + Send + Sync>> {
    let Listener { clock, wanted, supervisor, .. } = listener;
    // A panic is an error of the source, which is asked again later.
    let lookup = AssertUnwindSafe(async { source.lookup().await.map_err(Into::into) });
    let mut lookup = core::pin::pin!(lookup.catch_unwind());
    loop {
        tokio::select! {
            result = &mut lookup => return result.unwrap_or_else(|panic| {
                Err(supervisor.panicked("discovery", &*panic).as_ref().into())
            }),
            () = clock.sleep_until(Some(deadline)) => {
                return Err("discovery did not answer in time".into());
            }
            () = wanted.notified() => poller.refresh(clock.now()),
        }
    }
}

fn failed(status: &watch::Sender<DiscoveryStatus>, error: SharedError) {
    tracing::warn!(%error, "discovery failed");
    status.send_modify(|status| {
        status.failures += 1;
        status.error = Some(error);
    });
}

/// Returns what a result means to the poller, and the set of endpoints to believe, if any.
fn judge(
    result: Result<Answer, Box<dyn Error + Send + Sync>>,
    absent_before: &mut bool,
    status: &watch::Sender<DiscoveryStatus>,
) -> (PollerAnswer, Option<Set>) {
    let answer = result.unwrap_or_else(Answer::failed);
    let Answer { endpoints, ttl, retry_after, absent, skipped, error, server: _ } = answer;
    if endpoints.is_empty()
        && let Some(error) = error
    {
        failed(status, error);
        return (PollerAnswer::Fail { retry_after }, None);
    }
    let believed = !endpoints.is_empty() || (absent && *absent_before);
    *absent_before = absent;
    let whole = error.is_none();
    status.send_modify(|status| {
        status.failures += u64::from(!whole);
        status.error = error;
        status.skipped = skipped;
        status.empty_held += u64::from(!believed);
    });
    let ttl = ttl.max(retry_after);
    if believed {
        (PollerAnswer::Ok { ttl }, Some(Set { endpoints, whole }))
    } else {
        tracing::warn!("discovery came back empty; what is known stays in force");
        (PollerAnswer::Empty { negative_ttl: ttl }, None)
    }
}
