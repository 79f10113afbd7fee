//! The clients: made off the request path, tried again where that fails.

use core::panic::AssertUnwindSafe;
use core::time::Duration;
use std::sync::Arc;

use evenkeel_core::retry::Backoff;
use evenkeel_core::{Instant, Policy};
use futures_util::FutureExt;

use super::Maintenance;
use crate::client::Client;
use crate::error::SharedError;
use crate::factory::{BoxError, Factory};
use crate::target::Target;
use crate::vitals::Vitals;

/// The waits between tries to make a client.
const BACKOFF: Backoff = Backoff::exponential(Duration::from_millis(100), Duration::from_secs(30));

pub(super) enum Connection<C> {
    Ready(Arc<Client<C>>),
    Making { failures: u32 },
    Failed { failures: u32, retry_at: Instant },
}

impl<C> Connection<C> {
    pub(super) fn client(&self) -> Option<&Arc<Client<C>>> {
        match self {
            Self::Ready(client) => Some(client),
            Self::Making { .. } | Self::Failed { .. } => None,
        }
    }
}

impl<F: Factory, P: Policy + Clone + Send + Sync + 'static> Maintenance<F, P> {
    pub(super) fn make(&mut self, target: Target, failures: u32) {
        let made = self.factory.make(target.clone());
        self.connections.insert(target.clone(), Connection::Making { failures });
        self.making.spawn(async move {
            let made = AssertUnwindSafe(made).catch_unwind().await;
            (target, made.unwrap_or_else(|_| Err("the factory panicked".into())))
        });
    }

    pub(super) fn made(&mut self, target: Target, result: Result<F::Client, BoxError>) {
        let Some(Connection::Making { failures }) = self.connections.get(&target) else { return };
        let connection = match result {
            Ok(inner) => {
                let vitals = Vitals::new(self.heed, !self.cluster.config().max_retry_after.is_zero());
                let counters = Arc::clone(&self.shared.counters);
                Connection::Ready(Arc::new(Client { inner, target: target.clone(), vitals, counters }))
            }
            Err(error) => {
                let failures = failures.saturating_add(1);
                tracing::warn!(%target, %error, failures, "no client could be made");
                let error: SharedError = error.into();
                self.shared.clients.send_modify(|clients| clients.error = Some(error));
                let retry_at = self.shared.clock.now() + BACKOFF.wait(failures, Duration::ZERO, &mut self.rng);
                self.retry_at = self.retry_at.min(retry_at);
                Connection::Failed { failures, retry_at }
            }
        };
        self.connections.insert(target, connection);
    }

    /// Tries again what is due.
    pub(super) fn retry(&mut self, now: Instant) {
        let (mut due, mut next) = (Vec::new(), Instant::MAX);
        for (target, connection) in &self.connections {
            match connection {
                Connection::Failed { failures, retry_at } if *retry_at <= now => due.push((target.clone(), *failures)),
                Connection::Failed { retry_at, .. } => next = next.min(*retry_at),
                Connection::Ready(_) | Connection::Making { .. } => {}
            }
        }
        self.retry_at = next;
        for (target, failures) in due {
            self.make(target, failures);
        }
    }
}
