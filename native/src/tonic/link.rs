//! One endpoint's connection, kept by a task of its own.

use core::fmt;
use core::future::Future;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::Arc;

use evenkeel_core::connection::{Connection, Connectivity};
use evenkeel_core::random::SplitMix64;
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::sync::watch;

use super::connector::Io;
use super::failure::Failure;
use super::links::Links;
use super::meter::{self, Connected};
use super::request::{Outgoing, Parcel};
use super::seat::{Seat, Stage};
use crate::abort::AbortOnDrop;
use crate::error::SharedError;
use crate::factory::BoxError;
use crate::target::Target;

/// One endpoint's connection: the client of a [`Channel`](super::Channel)'s balancer.
pub struct Link {
    links: Arc<Links>,
    state: watch::Receiver<State>,
    _task: AbortOnDrop,
}

#[derive(Debug)]
struct State {
    connectivity: Connectivity,
    way: Way,
}

/// What a call meets.
#[derive(Debug)]
enum Way {
    /// A connection that has not failed yet.
    Pending,
    Ready(Open),
    Failed(SharedError),
}

/// A connection that is there.
#[derive(Clone, Debug)]
struct Open {
    sender: SendRequest<Outgoing>,
    /// A request was answered over it.
    answered: Arc<AtomicBool>,
}

impl Link {
    /// Begins to connect.
    pub(super) fn start(links: Arc<Links>, target: Target) -> Self {
        let state = State { connectivity: Connectivity::Idle, way: Way::Pending };
        let (sender, state) = watch::channel(state);
        let stamp = links.enter(&target);
        let keeper = Keeper {
            target,
            stamp,
            state: sender,
            seat: links.seat(),
            machine: Connection::new(links.settings.backoff),
            rng: links.rng(stamp),
            links: Arc::clone(&links),
        };
        let task = tokio::spawn(keeper.run());
        Self { links, state, _task: AbortOnDrop(task.abort_handle()) }
    }

    /// Returns how far it is.
    pub fn connectivity(&self) -> Connectivity {
        self.state.borrow().connectivity
    }

    /// Waits until it is there or has failed.
    pub(super) async fn settled(&self) {
        let settled = |state: &State| !matches!(state.way, Way::Pending);
        // Without a task any more, it stays as it is.
        let _ = self.state.clone().wait_for(settled).await;
    }

    /// Sends a request, and waits for the head of the answer. `edit` makes the request one to this
    /// endpoint.
    pub(super) async fn send(
        &self,
        parcel: &Parcel,
        edit: impl FnOnce(&mut http::Request<Outgoing>),
    ) -> Result<http::Response<Incoming>, Failure> {
        let Open { mut sender, answered } = self.open().await.map_err(Failure::Down)?;
        let mut request = parcel.take().ok_or(Failure::Spent)?;
        edit(&mut request);
        match sender.try_send_request(request).await {
            Ok(answer) => {
                // Callers on other threads look at it, too: it is written once.
                if !answered.load(Relaxed) {
                    answered.store(true, Relaxed);
                }
                Ok(answer)
            }
            Err(mut error) => {
                let unsent = error.take_message();
                let lost = unsent.is_none();
                if let Some(unsent) = unsent {
                    parcel.give_back(unsent);
                }
                Err(match Failure::of(error.into_error(), lost) {
                    Failure::Unsent { error, lost } => {
                        Failure::Unsent { error, lost: lost && !parcel.is_whole() }
                    }
                    other => other,
                })
            }
        }
    }

    /// Waits for a connection that is being made, unless another endpoint has one.
    async fn open(&self) -> Result<Open, SharedError> {
        let elsewhere = || self.links.census.borrow().ready > 0;
        if matches!(self.state.borrow().way, Way::Pending) && !elsewhere() {
            self.settled().await;
        }
        match &self.state.borrow().way {
            Way::Ready(open) => Ok(open.clone()),
            Way::Failed(error) => Err(Arc::clone(error)),
            Way::Pending => Err(SharedError::from(BoxError::from("it is being made"))),
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("connectivity", &self.connectivity()).finish_non_exhaustive()
    }
}

/// Keeps a connection: makes it, makes it again, and tells the balancer.
struct Keeper {
    links: Arc<Links>,
    target: Target,
    stamp: u64,
    state: watch::Sender<State>,
    seat: Seat,
    machine: Connection,
    rng: SplitMix64,
}

impl Keeper {
    async fn run(mut self) {
        let mut resets = self.links.resets.subscribe();
        // Others get the calls until it is there.
        self.links.tell(&self.target, self.stamp, true);
        loop {
            self.machine.connect(self.links.clock.now());
            self.publish(None);
            match self.establish().await {
                Ok((sender, connection)) => {
                    self.machine.connected();
                    let answered = Arc::<AtomicBool>::default();
                    let open = Open { sender, answered: Arc::clone(&answered) };
                    self.publish(Some(Way::Ready(open)));
                    let reason = {
                        let _open = Connected::begin(&self.links.settings.target);
                        connection.await.map_or_else(
                            |error| format!("the connection was lost: {error}"),
                            |()| "the server closed the connection".to_owned(),
                        )
                    };
                    if answered.load(Relaxed) {
                        self.machine.answered();
                    }
                    self.machine.lost(self.links.clock.now(), &mut self.rng);
                    self.lose(reason.into());
                }
                Err(error) => {
                    meter::not_connected(&self.links.settings.target);
                    self.machine.failed(self.links.clock.now(), &mut self.rng);
                    self.lose(error);
                }
            }
            while let Some(until) = self.machine.poll_timeout() {
                tokio::select! {
                    () = self.links.clock.sleep_until(Some(until)) => {
                        self.machine.handle_timeout(self.links.clock.now());
                    }
                    // The sender lives as long as this.
                    _ = resets.changed() => self.machine.reset(),
                }
            }
        }
    }

    async fn establish(
        &self,
    ) -> Result<(SendRequest<Outgoing>, impl Future<Output = hyper::Result<()>> + use<>), BoxError>
    {
        let settings = &self.links.settings;
        let made = async {
            let io = settings.connector.connect(self.target.clone()).await?;
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder.timer(TokioTimer::new());
            // Until the server has said how many it takes, others would be refused.
            builder.initial_max_send_streams(1);
            if let Some((interval, timeout)) = settings.keep_alive {
                builder.keep_alive_interval(interval).keep_alive_timeout(timeout);
                builder.keep_alive_while_idle(settings.keep_alive_while_idle);
            }
            let io: TokioIo<Box<dyn Io>> = TokioIo::new(io);
            Ok(builder.handshake(io).await?)
        };
        let timeout = settings.connect_timeout;
        let made = tokio::time::timeout(timeout, made).await;
        made.unwrap_or_else(|_| Err(format!("no connection within {timeout:?}").into()))
    }

    /// Publishes that there is no connection any more.
    fn lose(&mut self, error: BoxError) {
        let error: SharedError = error.into();
        tracing::debug!(target_addr = %self.target, %error, failures = self.machine.failures(), "no connection");
        let pending = self.machine.state() == Connectivity::Idle;
        self.publish(Some(if pending { Way::Pending } else { Way::Failed(error) }));
    }

    /// Publishes the state: first to calls, then to the balancer.
    fn publish(&mut self, way: Option<Way>) {
        let connectivity = self.machine.state();
        let stage = way.as_ref().map(|way| match way {
            Way::Pending => Stage::Pending,
            Way::Ready(_) => Stage::Ready,
            Way::Failed(_) => Stage::Failed,
        });
        self.state.send_modify(|state| {
            state.connectivity = connectivity;
            if let Some(way) = way {
                state.way = way;
            }
        });
        let before = self.seat.stage();
        let Some(stage) = stage.filter(|stage| *stage != before) else { return };
        self.seat.move_to(stage);
        self.links.tell(&self.target, self.stamp, stage != Stage::Ready);
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.links.leave(&self.target, self.stamp);
    }
}
