//! Runs a core `Poller` on tokio.

use core::error::Error;
use core::panic::AssertUnwindSafe;
use core::time::Duration;

use evenkeel_core::Instant;
use evenkeel_core::discovery::poller::{Poller, PollerStep, SourceHealth};
use evenkeel_core::random::SplitMix64;
use futures_util::FutureExt;
use tokio::sync::{Notify, mpsc, watch};

use super::believe::{Belief, Set, failed};
use super::watchdog::{Turn, Turned, news};
use super::{Answer, Discover, DiscoveryStatus, Empty};
use crate::clock::Clock;
use crate::supervise::{PAUSE, Supervisor};

/// A source that is to be asked in so long, a century, is not: waits for ever are spread at random.
const NEVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Who wants to hear of endpoints.
pub(crate) struct Listener<'a> {
    pub(crate) clock: Clock,
    /// Somebody wants the source to be asked soon.
    pub(crate) wanted: &'a Notify,
    pub(crate) status: &'a watch::Sender<DiscoveryStatus>,
    pub(crate) supervisor: &'a Supervisor,
    /// What the source is doing: another task watches.
    pub(crate) turns: &'a watch::Sender<Option<Turn>>,
    pub(crate) sets: mpsc::Sender<Set>,
}

/// Asks `source` when its poller says so, and sends every set of endpoints that is to be believed.
/// Outlives its panics.
pub(crate) async fn drive<D: Discover>(
    mut source: D,
    mut poller: Poller,
    mut rng: SplitMix64,
    empty: Empty,
    listener: Listener<'_>,
) {
    let mut belief = None;
    loop {
        let guarded = async {
            let belief = belief.get_or_insert_with(|| {
                let empty = source.empty().unwrap_or(empty);
                source.heed(empty);
                Belief::new(empty)
            });
            rounds(&mut source, &mut poller, &mut rng, belief, &listener).await;
        };
        let Err(panic) = AssertUnwindSafe(guarded).catch_unwind().await else { return };
        let error = listener.supervisor.panicked("discovery", &*panic);
        failed(listener.status, Box::<dyn Error + Send + Sync>::from(error.as_ref()).into());
        tokio::time::sleep(PAUSE).await;
    }
}

async fn rounds<D: Discover>(
    source: &mut D,
    poller: &mut Poller,
    rng: &mut SplitMix64,
    belief: &mut Belief,
    listener: &Listener<'_>,
) {
    let Listener { clock, wanted, status, sets, turns, .. } = listener;
    let mut ended = status.borrow().ended.is_some();
    loop {
        let believed = match poller.poll(clock.now(), rng) {
            PollerStep::Query { id, deadline } => {
                status.send_modify(|status| {
                    status.queries += 1;
                    status.next_query = None;
                    status.deadline = Some(deadline).filter(|at| *at < Instant::MAX);
                });
                let turn = Turned::begin(turns, Turn::Lookup { deadline });
                // Whom this has woken runs first, should the source block the thread.
                tokio::task::yield_now().await;
                let result = ask(source, poller, deadline, listener).await;
                drop(turn);
                status.send_modify(|status| status.deadline = None);
                let now = clock.now();
                let (answer, believed) = belief.judge(now, result, status);
                poller.on_result(now, id, answer);
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
                status.send_if_modified(|status| {
                    let now = clock.now();
                    let by_itself = || Some(now + source.next_query_in()?);
                    let asked = until.saturating_since(now) < NEVER;
                    let next = asked.then_some(until).or_else(by_itself);
                    core::mem::replace(&mut status.next_query, next) != next
                });
                let until = belief.believes_empty_at().map_or(until, |at| at.min(until));
                tokio::select! {
                    () = clock.sleep_until(Some(until)) => {}
                    () = wanted.notified() => poller.refresh(clock.now()),
                    news = news(source, *clock, turns), if !ended => match news {
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
                let now = clock.now();
                let none = belief.when_empty(now);
                // After an error, the next answer tells.
                if none.is_some() && status.borrow().error.is_none() {
                    poller.on_believed(now);
                }
                none
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
