//! The clients: made off the request path, tried again where that fails.

use core::panic::AssertUnwindSafe;
use core::time::Duration;
use std::sync::Arc;

use crossbeam_utils::CachePadded;
use evenkeel_core::retry::Backoff;
use evenkeel_core::{Instant, Policy, hash};
use futures_util::FutureExt;

use super::{Maintenance, bring_forward};
use crate::client::Client;
use crate::error::SharedError;
use crate::factory::{BoxError, Factory};
use crate::load::Load;
use crate::target::Target;
use crate::vitals::Vitals;

/// The waits between tries to make a client.
const BACKOFF: Backoff = Backoff::exponential(Duration::from_millis(100), Duration::from_secs(30));

pub(super) enum Connection<C> {
    Ready(Arc<Client<C>>),
    Making { failures: u32 },
    Failed { failures: u32, retry_at: Instant },
}

impl<F: Factory, P: Policy + Clone + Send + Sync + 'static> Maintenance<F, P> {
    /// Begins to make a client.
    pub(super) fn make(&mut self, target: Target) {
        let made = self.factory.make(target.clone());
        self.making.spawn(async move {
            let made = AssertUnwindSafe(made).catch_unwind().await;
            (target, made.unwrap_or_else(|_| Err("the factory panicked".into())))
        });
    }

    /// Takes over a client, or learns why there is none.
    pub(super) fn made(&mut self, target: &Target, result: Result<F::Client, BoxError>) {
        let Some(found) = self.found.get_mut(target) else { return };
        let Connection::Making { failures } = found.connection else { return };
        found.connection = match result {
            Ok(inner) => {
                let config = self.cluster.settings();
                Connection::Ready(Arc::new(Client {
                    inner,
                    target: target.clone(),
                    id: hash::of_key(target),
                    load: CachePadded::new(Load::new(config)),
                    vitals: Vitals::new(self.heed, !config.max_retry_after.is_zero()),
                    clock: self.shared.clock,
                    marks: Arc::clone(&self.shared.marks),
                }))
            }
            Err(error) => {
                let failures = failures.saturating_add(1);
                tracing::warn!(%target, %error, failures, "no client could be made");
                let error: SharedError = error.into();
                self.shared.clients.send_modify(|clients| clients.error = Some(error));
                let wait = BACKOFF.wait(failures, Duration::ZERO, &mut self.rng);
                let retry_at = self.shared.clock.now() + wait;
                bring_forward(&mut self.retry_at, retry_at);
                Connection::Failed { failures, retry_at }
            }
        };
    }

    /// Tries again what is due.
    pub(super) fn retry(&mut self, now: Instant) {
        let mut due = Vec::new();
        self.retry_at = None;
        for (target, found) in &mut self.found {
            let Connection::Failed { failures, retry_at } = found.connection else { continue };
            if retry_at <= now {
                found.connection = Connection::Making { failures };
                due.push(target.clone());
            } else {
                bring_forward(&mut self.retry_at, retry_at);
            }
        }
        for target in due {
            self.make(target);
        }
    }
}
