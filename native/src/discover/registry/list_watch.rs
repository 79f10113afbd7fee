//! Runs the core's `ListWatch` on tokio.

use evenkeel_core::discovery::list_watch::{
    ListWatch, ListWatchConfig, ListWatchFault, ListWatchStep, ListWatchVerdict, QueryId,
};

use futures_util::FutureExt;

use super::{Mouth, RegistryError, Reply};
use crate::aside::{LONG, LONG_TEXT, Size, aside};
use crate::discover::Answer;

/// Lines of a watch that are there are taken over together, as long as they have no more bytes.
const TOGETHER: usize = 1 << 20;

/// A registry that lists its set, and then streams what changes.
pub(in crate::discover) trait Watched: Send + 'static {
    type Cursor: Clone + PartialOrd + Send + Sync + 'static;
    type List: Size;
    type Events;

    /// The first line of a watch says that it has begun. Otherwise, its answer does.
    const BEGINS_WITH_A_LINE: bool = true;

    /// Lists the whole set. Dropped when it takes too long.
    fn list(&mut self) -> impl Future<Output = Result<(Self::Cursor, Self::List), Fault>> + Send;

    /// Begins a watch of what came after the cursor. Dropped when it takes too long.
    fn watch(&mut self, from: &Self::Cursor) -> impl Future<Output = Result<Reply, Fault>> + Send;

    /// Reads a line of a watch, which came from `at`.
    fn read(&mut self, at: &str, line: &[u8]) -> Result<News<Self::Cursor, Self::Events>, Fault>;

    /// Takes a list in place of what is known.
    fn replace(&mut self, list: Self::List);

    /// Applies events to what is known.
    fn apply(&mut self, events: Self::Events);

    /// Returns how many endpoints are known, about.
    fn size(&self) -> usize;

    /// Tells what is known. O(n): it is called once for all that came together.
    fn answer(&self) -> Answer;

    /// Names what is asked.
    fn at(&self) -> String;
}

/// A word of a watch.
pub(in crate::discover) enum News<C, E> {
    /// It has begun, when the registry was at this cursor.
    #[cfg(feature = "etcd")]
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
    fn tell(self, mouth: &mut Mouth) -> ListWatchFault {
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
    mut mouth: Mouth,
) {
    match ListWatch::new(config) {
        Ok(machine) => Follower { machine, registry, mouth, stream: None }.run().await,
        Err(error) => {
            let reason = error.to_string();
            mouth.fail(RegistryError::Setting { name: "ListWatchConfig", reason });
            mouth.asks_again(None);
            core::future::pending::<()>().await;
        }
    }
}

struct Follower<R: Watched> {
    machine: ListWatch<R::Cursor>,
    registry: R,
    mouth: Mouth,
    stream: Option<Watching>,
}

struct Watching {
    id: QueryId,
    stream: Reply,
    /// The registry has said something.
    begun: bool,
}

/// What a watch has said.
struct Said {
    id: QueryId,
    lines: Vec<Vec<u8>>,
    bytes: usize,
    /// How it ended then, if it did.
    end: Option<Fault>,
}

impl<R: Watched> Follower<R> {
    async fn run(mut self) {
        loop {
            let clock = self.mouth.clock;
            let step = self.machine.poll(clock.now(), &mut self.mouth.rng);
            self.mouth.asks_again(match step {
                // With a watch, that is how long it may be silent.
                ListWatchStep::Wait(until) if self.stream.is_none() => until,
                ListWatchStep::Wait(_)
                | ListWatchStep::List { .. }
                | ListWatchStep::Watch { .. }
                | ListWatchStep::Cancel { .. } => None,
            });
            match step {
                ListWatchStep::List { id, deadline } => {
                    self.stream = None;
                    let listed = tokio::select! {
                        listed = self.registry.list() => listed,
                        () = clock.sleep_until(Some(deadline)) => continue,
                    };
                    match listed {
                        Ok((cursor, list)) => self = self.listed(id, cursor, list).await,
                        Err(fault) => self.fault(id, fault),
                    }
                }
                ListWatchStep::Watch { id, from, deadline } => {
                    self.stream = None;
                    tokio::select! {
                        stream = self.registry.watch(&from) => match stream {
                            Ok(stream) => self.watching(id, stream),
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
                ListWatchStep::Wait(until) => {
                    let said = tokio::select! {
                        said = said(&mut self.stream) => said,
                        () = clock.sleep_until(until) => continue,
                        () = self.mouth.wanted.notified() => {
                            self.machine.refresh(clock.now());
                            continue;
                        }
                    };
                    let long = self.registry.size() > LONG || said.bytes > LONG_TEXT;
                    self = aside(long, move || {
                        self.heard(said);
                        self
                    })
                    .await;
                }
            }
        }
    }

    async fn listed(mut self, id: QueryId, cursor: R::Cursor, list: R::List) -> Self {
        let now = self.mouth.clock.now();
        if self.machine.on_list(now, id, cursor) != ListWatchVerdict::Believe {
            return self;
        }
        aside(list.size() > LONG, move || {
            self.registry.replace(list);
            self.mouth.say(self.registry.answer());
            self
        })
        .await
    }

    fn watching(&mut self, id: QueryId, stream: Reply) {
        self.stream = Some(Watching { id, stream, begun: false });
        if !R::BEGINS_WITH_A_LINE {
            let verdict = self.machine.on_created(self.mouth.clock.now(), id, None);
            self.judged(verdict);
        }
    }

    /// Takes what a watch has said: all of it is one change.
    fn heard(&mut self, said: Said) {
        let Said { id, lines, mut end, .. } = said;
        let mut changed = false;
        for line in lines {
            match self.word(id, &line) {
                Ok(more) => changed |= more,
                Err(fault) => {
                    end = Some(fault);
                    break;
                }
            }
            if self.stream.is_none() {
                end = None;
                break;
            }
        }
        if changed {
            self.mouth.say(self.registry.answer());
        }
        if let Some(fault) = end {
            self.stream = None;
            self.fault(id, fault);
        }
    }

    /// Takes a line of a watch; tells that the set has changed.
    fn word(&mut self, id: QueryId, line: &[u8]) -> Result<bool, Fault> {
        let (now, mut changed) = (self.mouth.clock.now(), false);
        let Some(watching) = &self.stream else { return Ok(false) };
        let verdict = match self.registry.read(&watching.stream.at, line)? {
            #[cfg(feature = "etcd")]
            News::Created { at } => self.machine.on_created(now, id, at.as_ref()),
            News::Progress { cursor } => self.machine.on_progress(now, id, cursor),
            News::Events { cursor, events } => {
                let verdict = self.machine.on_events(now, id, cursor);
                if verdict == ListWatchVerdict::Believe {
                    self.registry.apply(events);
                    changed = true;
                }
                verdict
            }
        };
        self.judged(verdict);
        Ok(changed)
    }

    fn judged(&mut self, verdict: ListWatchVerdict) {
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
        let fault = fault.tell(&mut self.mouth);
        self.machine.on_fault(self.mouth.clock.now(), id, fault);
    }
}

/// Waits for the next word of a watch, and takes along what is there already. Dropped and called
/// again at will; never returns without a watch.
async fn said(stream: &mut Option<Watching>) -> Said {
    let Some(Watching { id, stream, .. }) = stream else { return core::future::pending().await };
    let mut said = Said { id: *id, lines: Vec::new(), bytes: 0, end: None };
    let mut next = Some(stream.line().await);
    while let Some(line) = next {
        match line {
            Ok(Some(line)) => {
                said.bytes += line.len();
                said.lines.push(line);
            }
            Ok(None) => said.end = Some(Fault::Ended),
            Err(error) => said.end = Some(error.into()),
        }
        let more = said.end.is_none() && said.bytes < TOGETHER;
        next = if more { stream.line().now_or_never() } else { None };
    }
    said
}

#[cfg(test)]
mod tests;
