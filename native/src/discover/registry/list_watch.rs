//! Runs the core's `ListWatch` on tokio.

use evenkeel_core::discovery::list_watch::{
    ListWatch, ListWatchConfig, ListWatchFault, ListWatchStep, ListWatchVerdict, QueryId,
};

use super::{Mouth, RegistryError};
use crate::discover::Answer;

/// A registry that lists its set, and then streams what changes.
pub(in crate::discover) trait Watched: Send + 'static {
    type Cursor: Clone + PartialOrd + Send + Sync;
    type List: Send;
    type Events: Send;
    type Stream: Send;

    /// Lists the whole set. Dropped when it takes too long.
    fn list(&mut self) -> impl Future<Output = Result<(Self::Cursor, Self::List), Fault>> + Send;

    /// Begins a watch of what came after the cursor. Dropped when it takes too long.
    fn watch(
        &mut self,
        from: &Self::Cursor,
    ) -> impl Future<Output = Result<Self::Stream, Fault>> + Send;

    /// Waits for the next word of a watch. Dropped and called again at will.
    fn next(
        &mut self,
        stream: &mut Self::Stream,
    ) -> impl Future<Output = Result<News<Self::Cursor, Self::Events>, Fault>> + Send;

    /// Takes a list in place of what is known.
    fn replace(&mut self, list: Self::List);

    /// Applies events to what is known.
    fn apply(&mut self, events: Self::Events);

    /// Tells what is known.
    fn answer(&self) -> Answer;

    /// Names what is asked.
    fn at(&self) -> String;
}

/// A word of a watch.
pub(in crate::discover) enum News<C, E> {
    /// It has begun, when the registry was at this cursor.
    Created {
        at: Option<C>,
    },
    Events {
        cursor: C,
        events: E,
    },
    /// It is alive, and has told all up to this cursor.
    Progress {
        cursor: Option<C>,
    },
}

/// How a list or a watch ended.
#[derive(Debug)]
pub(in crate::discover) enum Fault {
    /// History is gone or was rewritten.
    Gone,
    /// The registry ended the watch in peace.
    Ended,
    Error(RegistryError),
}

impl From<RegistryError> for Fault {
    fn from(error: RegistryError) -> Self {
        Self::Error(error)
    }
}

impl Fault {
    fn tell(self, mouth: &Mouth) -> ListWatchFault {
        match self {
            Self::Gone => ListWatchFault::Gone,
            Self::Ended => ListWatchFault::Ended,
            Self::Error(error) => {
                let (retry_after, refused) = (error.retry_after(), error.refused());
                mouth.fail(error);
                if refused && retry_after.is_none() {
                    ListWatchFault::Refused
                } else {
                    ListWatchFault::Failed { retry_after }
                }
            }
        }
    }
}

/// Checks settings as those of a source.
pub(in crate::discover) fn checked(
    config: ListWatchConfig,
) -> Result<ListWatchConfig, RegistryError> {
    match config.check() {
        Ok(()) => Ok(config),
        Err(error) => {
            let reason = error.to_string();
            Err(RegistryError::Setting { name: "ListWatchConfig", reason })
        }
    }
}

/// Lists, watches and tells, until the task is aborted.
pub(in crate::discover) async fn follow<R: Watched>(
    registry: R,
    config: ListWatchConfig,
    mouth: Mouth,
) {
    match ListWatch::new(config) {
        Ok(machine) => Follower { machine, registry, mouth, stream: None }.run().await,
        Err(error) => {
            let reason = error.to_string();
            mouth.fail(RegistryError::Setting { name: "ListWatchConfig", reason });
            core::future::pending::<()>().await;
        }
    }
}

struct Follower<R: Watched> {
    machine: ListWatch<R::Cursor>,
    registry: R,
    mouth: Mouth,
    stream: Option<Watching<R::Stream>>,
}

struct Watching<S> {
    id: QueryId,
    stream: S,
    /// The registry has said something.
    begun: bool,
}

impl<R: Watched> Follower<R> {
    async fn run(mut self) {
        loop {
            let clock = self.mouth.clock;
            match self.machine.poll(clock.now(), &mut self.mouth.rng) {
                ListWatchStep::List { id, deadline } => {
                    self.stream = None;
                    tokio::select! {
                        listed = self.registry.list() => self.listed(id, listed),
                        () = clock.sleep_until(Some(deadline)) => {}
                    }
                }
                ListWatchStep::Watch { id, from, deadline } => {
                    self.stream = None;
                    tokio::select! {
                        stream = self.registry.watch(&from) => match stream {
                            Ok(stream) => {
                                self.stream = Some(Watching { id, stream, begun: false });
                            }
                            Err(fault) => self.fault(id, fault),
                        },
                        () = clock.sleep_until(Some(deadline)) => {}
                    }
                }
                ListWatchStep::Cancel { .. } => {
                    // A watch that is only silent is begun anew.
                    if !self.stream.take().is_some_and(|watching| watching.begun) {
                        self.mouth.fail(RegistryError::Timeout { at: self.registry.at() });
                    }
                }
                ListWatchStep::Wait(until) => tokio::select! {
                    news = next(&mut self.registry, &mut self.stream) => {
                        let (id, news) = news;
                        self.heard(id, news);
                    }
                    () = clock.sleep_until(until) => {}
                    () = self.mouth.wanted.notified() => self.machine.refresh(clock.now()),
                },
            }
        }
    }

    fn listed(&mut self, id: QueryId, listed: Result<(R::Cursor, R::List), Fault>) {
        match listed {
            Ok((cursor, list)) => {
                let now = self.mouth.clock.now();
                if self.machine.on_list(now, id, cursor) == ListWatchVerdict::Believe {
                    self.registry.replace(list);
                    self.mouth.say(self.registry.answer());
                }
            }
            Err(fault) => self.fault(id, fault),
        }
    }

    fn heard(&mut self, id: QueryId, news: Result<News<R::Cursor, R::Events>, Fault>) {
        let now = self.mouth.clock.now();
        let verdict = match news {
            Ok(News::Created { at }) => self.machine.on_created(now, id, at.as_ref()),
            Ok(News::Progress { cursor }) => self.machine.on_progress(now, id, cursor),
            Ok(News::Events { cursor, events }) => {
                let verdict = self.machine.on_events(now, id, cursor);
                if verdict == ListWatchVerdict::Believe {
                    self.registry.apply(events);
                    self.mouth.say(self.registry.answer());
                }
                verdict
            }
            Err(fault) => {
                self.stream = None;
                self.fault(id, fault);
                return;
            }
        };
        match verdict {
            ListWatchVerdict::Believe | ListWatchVerdict::Skip => {
                self.mouth.still_good();
                if let Some(watching) = &mut self.stream {
                    watching.begun = true;
                }
            }
            ListWatchVerdict::Drop => self.stream = None,
        }
    }

    fn fault(&mut self, id: QueryId, fault: Fault) {
        if matches!(fault, Fault::Gone) {
            tracing::info!("{}: history is gone: the set is listed anew", self.registry.at());
        }
        let fault = fault.tell(&self.mouth);
        self.machine.on_fault(self.mouth.clock.now(), id, fault);
    }
}

async fn next<R: Watched>(
    registry: &mut R,
    stream: &mut Option<Watching<R::Stream>>,
) -> (QueryId, Result<News<R::Cursor, R::Events>, Fault>) {
    match stream {
        Some(watching) => (watching.id, registry.next(&mut watching.stream).await),
        None => core::future::pending().await,
    }
}
