use core::hash::{BuildHasher, Hasher};
use core::time::Duration;
use std::collections::hash_map::RandomState;
use std::sync::Arc;

use evenkeel_core::Instant;
use evenkeel_core::random::SplitMix64;
use tokio::sync::{Notify, watch};

use super::RegistryError;
use crate::abort::AbortOnDrop;
use crate::aside::{DropAside, LONG, Size, aside};
use crate::clock::Clock;
use crate::discover::{Answer, Ended};
use crate::error::SharedError;
use crate::factory::BoxError;

/// What is heard of a task that follows a registry, once it is started. The task ends when this is
/// dropped.
#[derive(Debug, Default)]
pub(in crate::discover) struct Feed(Option<Ear>);

/// What was said last, in one place for all who have it.
type Said = Result<Arc<DropAside<Answer>>, SharedError>;

#[derive(Debug)]
struct Ear {
    latest: watch::Receiver<Option<Said>>,
    /// Somebody asks, without having been told that there is news.
    wanted: Arc<Notify>,
    told: bool,
    /// When it asks again, if it waits for that, by this clock.
    next: watch::Receiver<Option<Instant>>,
    clock: Clock,
    _task: AbortOnDrop,
}

/// The mouth of that task.
#[derive(Debug)]
pub(in crate::discover) struct Mouth {
    latest: watch::Sender<Option<Said>>,
    /// What is said as soon as it is known when it asks again.
    unsaid: Option<Said>,
    good: Option<Arc<DropAside<Answer>>>,
    pub(super) wanted: Arc<Notify>,
    next: watch::Sender<Option<Instant>>,
    pub(super) clock: Clock,
    pub(super) rng: SplitMix64,
}

impl Feed {
    /// Spawns the task, if it is not yet. Waits for the first word of the registry; after it, tells
    /// the last at once.
    pub(in crate::discover) async fn lookup<F>(
        &mut self,
        task: impl FnOnce(Mouth) -> F,
    ) -> Result<Answer, BoxError>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.0.get_or_insert_with(|| Ear::start(task)).lookup().await
    }

    /// Waits for news; for ever, before it is started.
    pub(in crate::discover) async fn changed(&mut self) -> Result<(), Ended> {
        match &mut self.0 {
            Some(ear) => ear.changed().await,
            None => core::future::pending().await,
        }
    }

    pub(in crate::discover) fn next_query_in(&self) -> Option<Duration> {
        let ear = self.0.as_ref()?;
        let next = *ear.next.borrow();
        Some(next?.saturating_since(ear.clock.now()))
    }
}

impl Ear {
    fn start<F>(task: impl FnOnce(Mouth) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (sender, latest) = watch::channel(None);
        let wanted = Arc::<Notify>::default();
        let (sets_next, next) = watch::channel(None);
        let clock = Clock::start();
        let mouth = Mouth {
            latest: sender,
            unsaid: None,
            good: None,
            wanted: Arc::clone(&wanted),
            next: sets_next,
            clock,
            rng: SplitMix64::new(RandomState::new().build_hasher().finish()),
        };
        let task = AbortOnDrop(tokio::spawn(task(mouth)).abort_handle());
        Self { latest, wanted, told: true, next, clock, _task: task }
    }

    async fn lookup(&mut self) -> Result<Answer, BoxError> {
        if !core::mem::take(&mut self.told) {
            self.wanted.notify_one();
        }
        let latest = self.latest.wait_for(Option::is_some).await;
        let latest = latest.map_err(|_| "the task that follows the registry has ended")?.clone();
        match latest {
            Some(Ok(answer)) => {
                Ok(aside(answer.size() > LONG, move || Answer::clone(&answer)).await)
            }
            Some(Err(error)) => Err(error.into()),
            None => Err("the registry has not said anything yet".into()),
        }
    }

    async fn changed(&mut self) -> Result<(), Ended> {
        let changed = self.latest.changed().await;
        changed.map_err(|_| Ended::because("the task that follows the registry has ended"))?;
        self.told = true;
        Ok(())
    }
}

impl Mouth {
    pub(super) fn say(&mut self, answer: Answer) {
        let answer = Arc::new(DropAside(answer));
        self.good = Some(Arc::clone(&answer));
        self.unsaid = Some(Ok(answer));
    }

    pub(super) fn fail(&mut self, error: RegistryError) {
        self.unsaid = Some(Err(Arc::new(error)));
    }

    /// Says after a failure that what was known is still right.
    pub(super) fn still_good(&mut self) {
        let failed = match &self.unsaid {
            Some(said) => said.is_err(),
            None => matches!(*self.latest.borrow(), Some(Err(_))),
        };
        if let Some(good) = self.good.as_ref().filter(|_| failed) {
            self.unsaid = Some(Ok(Arc::clone(good)));
        }
    }

    /// Says all that, and when it asks again; `None` while it asks, or hears of news.
    pub(super) fn asks_again(&mut self, at: Option<Instant>) {
        self.next.send_replace(at);
        if let Some(said) = self.unsaid.take() {
            self.latest.send_replace(Some(said));
        }
    }
}
