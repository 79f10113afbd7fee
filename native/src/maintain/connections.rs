//! The clients: made off the request path, tried again where that fails.

use core::panic::AssertUnwindSafe;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::Arc;

use evenkeel_core::retry::Backoff;
use evenkeel_core::{Instant, Policy, hash};
use futures_util::FutureExt;

use super::line::Due;
use super::touched::Touched;
use super::{Maintenance, bring_forward};
use crate::abort::AbortOnDrop;
use crate::client::Client;
use crate::error::{BuildError, SharedError};
use crate::factory::{BoxError, Factory};
use crate::load::Load;
use crate::target::Target;
use crate::vitals::Vitals;

/// The waits between tries to make a client.
const BACKOFF: Backoff = Backoff::exponential(Duration::from_millis(100), Duration::from_secs(30));

/// How many clients are made at once, how long each may take, and how often discovery is asked
/// because endpoints fail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) at_once: usize,
    pub(crate) timeout: Duration,
    pub(crate) failure_refresh_gap: Duration,
}

impl Pace {
    /// Finds the first setting that is zero.
    pub(crate) fn check(&self) -> Result<(), BuildError> {
        let above_zero = [
            ("clients_at_once", self.at_once > 0),
            ("client_timeout", !self.timeout.is_zero()),
            ("failure_refresh_gap", !self.failure_refresh_gap.is_zero()),
        ];
        let zero = above_zero.into_iter().find(|(_, above)| !above);
        zero.map_or(Ok(()), |(setting, _)| Err(BuildError::Zero { setting }))
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            at_once: 32,
            timeout: Duration::from_secs(10),
            // As in gRPC.
            failure_refresh_gap: Duration::from_secs(30),
        }
    }
}

/// How far an endpoint's client is. `failures` are those in a row.
pub(super) enum Connection<C> {
    /// It is not needed, or waits for its turn.
    Waiting {
        failures: u32,
    },
    /// It is being made; given up when this is dropped.
    Making {
        failures: u32,
        stamp: u64,
        _task: AbortOnDrop,
    },
    Failed {
        failures: u32,
        retry_at: Instant,
    },
    Ready(Arc<Client<C>>),
}

impl<C> Connection<C> {
    /// Tells that it has no client yet and has not failed.
    pub(super) fn is_new(&self) -> bool {
        match self {
            Self::Waiting { failures } | Self::Making { failures, .. } => *failures == 0,
            Self::Failed { .. } | Self::Ready(_) => false,
        }
    }
}

/// The end of making a client.
pub(super) struct Made<C> {
    target: Target,
    stamp: u64,
    result: Result<C, BoxError>,
}

impl<F: Factory, P: Policy + Clone + Send + Sync + 'static> Maintenance<F, P> {
    /// Queues up who is to get a client: candidates first, and before those that failed.
    pub(super) fn queue_up(&mut self, mut due: Vec<Due>) {
        due.sort();
        self.line = due.into_iter().map(|(_, _, _, target)| target).collect();
    }

    /// Begins to make clients for the first in the queue, as far as there is room.
    pub(super) fn fill(&mut self) {
        while self.making.len() < self.pace.at_once
            && let Some(target) = self.line.pop_front()
        {
            let Some(found) = self.found.get_mut(&target) else { continue };
            let Connection::Waiting { failures } = found.connection else { continue };
            self.stamp += 1;
            let (stamp, timeout) = (self.stamp, self.pace.timeout);
            let (shared, factory) = (Arc::clone(&self.shared), Arc::clone(&self.factory));
            let task = self.making.spawn(async move {
                // All that the user's code does is within: the call, its future and their drops.
                let made = async {
                    let made = tokio::time::timeout(timeout, factory.make(target.clone())).await;
                    made.unwrap_or_else(|_| Err(format!("no client within {timeout:?}").into()))
                };
                let result = AssertUnwindSafe(made).catch_unwind().await.unwrap_or_else(|panic| {
                    Err(shared.supervisor.panicked("the factory", &*panic).as_ref().into())
                });
                Made { target, stamp, result }
            });
            found.connection = Connection::Making { failures, stamp, _task: AbortOnDrop(task) };
        }
    }

    /// Takes over a client, or learns why there is none.
    pub(super) fn made(&mut self, made: Made<F::Client>) {
        let Made { target, stamp, result } = made;
        let Some(found) = self.found.get_mut(&target) else { return };
        let Connection::Making { failures, stamp: latest, .. } = found.connection else { return };
        if stamp != latest {
            return;
        }
        self.touched.add(&target);
        found.connection = match result {
            Ok(inner) => {
                let config = self.cluster.settings();
                Connection::Ready(Arc::new(Client {
                    inner,
                    target: target.clone(),
                    id: hash::of_key(&target),
                    load: Load::new(config),
                    vitals: Vitals::new(self.heed, !config.max_retry_after.is_zero()),
                    column: self.shared.tallies.column(),
                    ejections: <_>::default(),
                    #[cfg(feature = "metrics")]
                    recorded: <_>::default(),
                    broken: AtomicBool::new(false),
                    clock: self.shared.clock,
                    marks: Arc::clone(&self.shared.marks),
                }))
            }
            Err(error) => {
                let now = self.shared.clock.now();
                let failures = failures.saturating_add(1);
                tracing::warn!(%target, %error, failures, "no client could be made");
                let error: SharedError = error.into();
                self.shared.clients.send_modify(|clients| clients.error = Some(error));
                let retry_at = now + BACKOFF.wait(failures, Duration::ZERO, &mut self.rng);
                bring_forward(&mut self.retry_at, retry_at);
                self.trouble.note(now);
                Connection::Failed { failures, retry_at }
            }
        };
    }

    /// Gives up the clients that were discarded, of those in the slots with these indices: others
    /// are made, as of new endpoints. Tells that there are some.
    pub(super) fn give_up_broken(&mut self, indices: &BTreeSet<usize>) -> bool {
        let mut any = false;
        for client in indices.iter().filter_map(|&index| self.clients.get(index)?.as_ref()) {
            if client.broken.load(Relaxed)
                && let Some(found) = self.found.get_mut(&client.target)
                && found.client().is_some_and(|known| Arc::ptr_eq(known, client))
            {
                tracing::debug!(target_addr = %client.target, "a client is made anew");
                // It lives on among those of the slots: none is dropped here.
                found.connection = Connection::Waiting { failures: 0 };
                any = true;
            }
        }
        if any {
            self.touched = Touched::All;
        }
        any
    }

    /// Lets those wait for their turn again whose time has come, and a policy that panicked try
    /// again. Tells that there are some.
    pub(super) fn retry(&mut self, now: Instant) -> bool {
        self.retry_at = None;
        self.touched = Touched::All;
        // A table that is too small stays so.
        self.news.candidates |= self.behind && self.table.is_none();
        let mut any = false;
        for found in self.found.iter_mut() {
            let Connection::Failed { failures, retry_at } = found.connection else { continue };
            if retry_at <= now {
                found.connection = Connection::Waiting { failures };
                any = true;
            } else {
                bring_forward(&mut self.retry_at, retry_at);
            }
        }
        any
    }
}
