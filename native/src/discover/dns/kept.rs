//! One connection to a server, which all questions share and nobody has to close.

use core::fmt;
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use futures_util::future::{BoxFuture, FutureExt, Shared};
use hickory_proto::op::{Message, Query};
use tokio::time::{Instant, sleep_until, timeout};

use super::error::Cause;
use super::tcp::IDLE;

/// How a server is connected to, and asked over a connection.
pub(super) trait Transport: Send + Sync + 'static {
    /// A handle to a connection, which ends when all of them are dropped.
    type Connection: Clone + Send + Sync + 'static;

    fn connect(&self) -> BoxFuture<'static, Result<Self::Connection, Cause>>;

    /// Tells that it brought an answer, where that is known before whoever asked takes note.
    fn has_answered(connection: &Self::Connection) -> bool;

    /// Asks, among others that ask at the same time. May be dropped.
    fn ask(
        &self,
        connection: Self::Connection,
        query: &Query,
    ) -> impl Future<Output = Result<Message, Fault>> + Send;
}

/// Why there is no answer.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// The connection is of no more use.
    Broken(Cause),
    /// The server said so, or did, to this question alone.
    Answered(Cause),
}

/// The connection to a server, if there is one.
pub(super) struct Kept<T: Transport> {
    transport: T,
    slot: Arc<Slot<T::Connection>>,
}

type Slot<C> = Mutex<Option<Open<C>>>;

/// A connection that is there, or is being made.
#[derive(Clone)]
struct Open<C> {
    connection: Shared<BoxFuture<'static, Result<C, Cause>>>,
    usage: Arc<Mutex<Usage>>,
}

#[derive(Debug)]
struct Usage {
    /// So many questions were answered over it.
    answers: u64,
    in_flight: usize,
    /// When the last question began or ended.
    last: Instant,
}

impl<T: Transport> Kept<T> {
    pub(super) fn new(transport: T) -> Self {
        Self { transport, slot: Arc::default() }
    }

    /// Asks, over the connection that is there or a new one.
    pub(super) async fn ask(&self, query: &Query, limit: Duration) -> Result<Message, Cause> {
        let mut met = None;
        if let Ok(result) = timeout(limit, self.ask_over_any(query, &mut met)).await {
            return result;
        }
        // A connection that a middlebox forgot would swallow every later question.
        if let Some((usage, before)) = met
            && lock(&usage).answers == before
        {
            forget(&self.slot, &usage);
        }
        Err(Cause::TimedOut(limit))
    }

    async fn ask_over_any(
        &self,
        query: &Query,
        met: &mut Option<(Arc<Mutex<Usage>>, u64)>,
    ) -> Result<Message, Cause> {
        loop {
            let Open { connection, usage } = self.open();
            *met = Some((usage.clone(), lock(&usage).answers));
            let _asking = Asking::begin(&usage);
            let connection = connection.await.inspect_err(|_| forget(&self.slot, &usage))?;
            match self.transport.ask(connection.clone(), query).await {
                Ok(answer) => {
                    lock(&usage).answers += 1;
                    return Ok(answer);
                }
                Err(Fault::Answered(cause)) => {
                    lock(&usage).answers += 1;
                    return Err(cause);
                }
                // A server may close a connection when it likes (RFC 7766 §6.2.3): one that
                // answered over it will answer over another.
                Err(Fault::Broken(cause)) => {
                    forget(&self.slot, &usage);
                    if lock(&usage).answers == 0 && !T::has_answered(&connection) {
                        return Err(cause);
                    }
                }
            }
        }
    }

    /// Returns the connection; begins to make one where there is none.
    fn open(&self) -> Open<T::Connection> {
        let mut slot = lock(&self.slot);
        let open = slot.get_or_insert_with(|| {
            let usage = Usage { answers: 0, in_flight: 0, last: Instant::now() };
            let usage = Arc::new(Mutex::new(usage));
            tokio::spawn(close_when_idle(Arc::downgrade(&self.slot), Arc::downgrade(&usage)));
            Open { connection: self.transport.connect().shared(), usage }
        });
        open.clone()
    }
}

impl<T: Transport + fmt::Debug> fmt::Debug for Kept<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.transport.fmt(f)
    }
}

/// Takes the connection out of its place, unless another is there already.
fn forget<C>(slot: &Slot<C>, usage: &Arc<Mutex<Usage>>) {
    lock(slot).take_if(|open| Arc::ptr_eq(&open.usage, usage));
}

async fn close_when_idle<C>(slot: Weak<Slot<C>>, usage: Weak<Mutex<Usage>>) {
    loop {
        let (Some(slot), Some(usage)) = (slot.upgrade(), usage.upgrade()) else { return };
        let (is_idle, last) = {
            let usage = lock(&usage);
            (usage.in_flight == 0, usage.last)
        };
        let now = Instant::now();
        if is_idle && last + IDLE <= now {
            return forget(&slot, &usage);
        }
        drop((slot, usage));
        sleep_until(if is_idle { last } else { now } + IDLE).await;
    }
}

/// A question that is asked.
struct Asking<'a>(&'a Mutex<Usage>);

impl<'a> Asking<'a> {
    fn begin(usage: &'a Mutex<Usage>) -> Self {
        lock(usage).in_flight += 1;
        Self(usage)
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let mut usage = lock(self.0);
        usage.in_flight -= 1;
        usage.last = Instant::now();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
