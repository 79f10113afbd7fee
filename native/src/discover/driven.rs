//! A source within another one: asked by a poller of its own, in a task of its own.

use core::hash::{BuildHasher, Hasher};
use std::collections::BTreeSet;
use std::collections::hash_map::RandomState;
use std::sync::Arc;

use evenkeel_core::Endpoint;
use evenkeel_core::discovery::poller::{Poller, PollerConfig};
use evenkeel_core::random::SplitMix64;
use tokio::sync::{Notify, mpsc, watch};

use super::believe::Set;
use super::driver::{Listener, drive};
use super::publisher::when_told;
use super::{Answer, Discover, DiscoveryStatus, Empty, folded, watchdog};
use crate::abort::AbortOnDrop;
use crate::aside::{DropAside, LONG, Size, aside};
use crate::clock::Clock;
use crate::error::SharedError;
use crate::factory::BoxError;
use crate::supervise::Supervisor;
use crate::target::Target;

/// What is known of a source: the last set that is to be believed, if there was one.
type Known = Option<Arc<DropAside<Vec<Endpoint<Target>>>>>;

/// A source that is not asked before it is needed.
#[derive(Debug)]
pub(super) struct Part<D> {
    source: Option<D>,
    /// What an answer without endpoints means, unless the source decides it.
    empty: Empty,
    driven: Option<Driven>,
}

/// A driven source. Its tasks end when this is dropped.
#[derive(Debug)]
pub(super) struct Driven {
    known: watch::Receiver<Known>,
    status: watch::Receiver<DiscoveryStatus>,
    /// The error of the last answer.
    told: Option<SharedError>,
    /// Somebody wants it to be asked soon.
    wanted: Arc<Notify>,
    /// The source, and who tells that it blocks its thread.
    _tasks: [AbortOnDrop; 2],
}

impl<D: Discover> Part<D> {
    pub(super) fn new(source: D) -> Self {
        Self { source: Some(source), empty: Empty::default(), driven: None }
    }

    /// Returns it driven: it is started, if it was not yet, and else asked soon, if that is wanted.
    pub(super) fn drive(&mut self, wanted: bool) -> Result<&mut Driven, BoxError> {
        if let Some(source) = self.source.take() {
            let poller = Poller::new(source.poller())?;
            self.driven = Some(Driven::start(source, poller, self.empty));
        } else if let Some(driven) = self.driven.as_ref().filter(|_| wanted) {
            driven.wanted.notify_one();
        }
        self.driven.as_mut().ok_or_else(|| "the settings of a source contradict each other".into())
    }

    /// Waits until it has news, if it is driven.
    pub(super) async fn changed(&mut self) {
        match &mut self.driven {
            Some(driven) => driven.changed().await,
            None => core::future::pending().await,
        }
    }

    /// Hears what an answer without endpoints means.
    pub(super) fn heed(&mut self, empty: Empty) {
        self.empty = empty;
    }

    /// Returns its own status, if it is driven.
    pub(super) fn status(&self) -> Option<watch::Receiver<DiscoveryStatus>> {
        self.driven.as_ref().map(|driven| driven.status.clone())
    }

    /// Returns settings for whoever hears its news: they are bad if its own are.
    pub(super) fn poller(&self) -> PollerConfig {
        let own = self.source.as_ref().map(Discover::poller).unwrap_or_default();
        if own.check().is_err() { own } else { when_told() }
    }
}

impl Driven {
    fn start(source: impl Discover, poller: Poller, empty: Empty) -> Self {
        let wanted = Arc::new(Notify::new());
        let (known, knows) = watch::channel(Known::default());
        let (status, tells) = watch::channel(DiscoveryStatus::default());
        let (status, clock) = (Arc::new(status), Clock::start());
        let (turns, turned) = watch::channel(None);
        let watching = tokio::spawn({
            let status = Arc::clone(&status);
            async move { watchdog(clock, &status, turned).await }
        });
        let asking = tokio::spawn({
            let wanted = Arc::clone(&wanted);
            async move {
                let supervisor = Supervisor::default();
                let (sets, mut found) = mpsc::channel(1);
                let listener = Listener {
                    clock,
                    wanted: &wanted,
                    status: &status,
                    supervisor: &supervisor,
                    turns: &turns,
                    sets,
                };
                let rng = SplitMix64::new(RandomState::new().build_hasher().finish());
                let collect = async {
                    while let Some(set) = found.recv().await {
                        let before = known.borrow().clone();
                        let size = before.as_ref().map_or(0, |known| known.size());
                        let long = set.endpoints.len().max(size) > LONG;
                        let now = aside(long, move || taken_over(before, set)).await;
                        known.send_replace(Some(Arc::new(DropAside(now))));
                    }
                };
                tokio::join!(drive(source, poller, rng, empty, listener), collect);
            }
        });
        let tasks = [asking, watching].map(|task| AbortOnDrop(task.abort_handle()));
        Self { known: knows, status: tells, told: None, wanted, _tasks: tasks }
    }

    /// Waits until there is a set, or a reason why there is none; tells that there is a set.
    pub(super) async fn settled(&mut self) -> bool {
        let Self { known, status, .. } = self;
        let failed = |status: &DiscoveryStatus| status.failures + status.empty_held > 0;
        tokio::select! {
            biased;
            () = until(known, Option::is_some) => true,
            () = until(status, failed) => false,
        }
    }

    /// Waits until it is known, or told, otherwise than it was last [answered](Self::answer).
    async fn changed(&mut self) {
        let Self { known, status, told, .. } = self;
        let other = |status: &DiscoveryStatus| match (&status.error, &told) {
            (Some(now), Some(told)) => !Arc::ptr_eq(now, told),
            (None, None) => false,
            (Some(_), None) | (None, Some(_)) => true,
        };
        tokio::select! {
            () = next(known) => {}
            () = until(status, other) => {}
        }
    }

    /// Returns what is known. Without endpoints it is absent if a set of none was believed.
    pub(super) async fn answer(&mut self) -> Answer {
        let parts = vec![self.status.clone()];
        let known = self.known.borrow_and_update().clone();
        let DiscoveryStatus { skipped, why_none, error, server, .. } =
            self.status.borrow_and_update().clone();
        self.told.clone_from(&error);
        let Some(known) = known else {
            return Answer { skipped, why_none, error, server, parts, ..Answer::default() };
        };
        let absent = known.is_empty();
        let endpoints = aside(known.size() > LONG, move || Vec::clone(&known)).await;
        Answer { endpoints, absent, skipped, why_none, error, server, parts, ..Answer::default() }
    }
}

/// Waits until it is so. Whoever has ended says nothing more.
async fn until<T>(told: &mut watch::Receiver<T>, is: impl FnMut(&T) -> bool) {
    let ended = told.wait_for(is).await.is_err();
    if ended {
        core::future::pending::<()>().await;
    }
}

/// Waits for a value that was not seen.
async fn next<T>(told: &mut watch::Receiver<T>) {
    if told.changed().await.is_err() {
        core::future::pending::<()>().await;
    }
}

/// Returns what is known then.
fn taken_over(known: Known, set: Set) -> Vec<Endpoint<Target>> {
    let mut endpoints = folded(set.endpoints);
    if let Some(known) = known.filter(|_| !set.whole) {
        // What it names now counts more than what was known.
        let named: BTreeSet<Target> = endpoints.iter().map(|one| one.addr.clone()).collect();
        endpoints.extend(known.iter().filter(|one| !named.contains(&one.addr)).cloned());
    }
    endpoints
}
