//! What the connections of a channel share.

use core::fmt;
use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use evenkeel_core::connection::ConnectionBackoff;
use evenkeel_core::hash::splitmix64;
use evenkeel_core::random::SplitMix64;
use tokio::sync::{SetOnce, mpsc, oneshot, watch};

use super::connector::Connector;
use super::seat::{Census, Seat};
use crate::clock::Clock;
use crate::shared::Order;
use crate::target::Target;

/// How connections are made and kept.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// What metrics call the channel.
    pub(super) target: Arc<str>,
    pub(super) connector: Connector,
    pub(super) connect_timeout: Duration,
    pub(super) backoff: ConnectionBackoff,
    /// How often a silent connection is asked if it is there, and how long for an answer.
    pub(super) keep_alive: Option<(Duration, Duration)>,
    pub(super) keep_alive_while_idle: bool,
}

/// What the connections of a channel share.
pub(super) struct Links {
    pub(super) settings: Settings,
    pub(super) clock: Clock,
    pub(super) census: Arc<watch::Sender<Census>>,
    /// Ends the waits of all that have failed.
    pub(super) resets: watch::Sender<()>,
    /// To the balancer, once it is there.
    pub(super) orders: SetOnce<mpsc::UnboundedSender<Order>>,
    seed: u64,
    stamps: Mutex<Stamps>,
}

#[derive(Debug, Default)]
struct Stamps {
    last: u64,
    /// Whose word counts. One that left may live on, as long as calls are in flight, and its
    /// endpoint may be back with another connection meanwhile.
    latest: HashMap<Target, u64>,
}

impl Links {
    pub(super) fn new(settings: Settings, seed: u64) -> Self {
        Self {
            settings,
            clock: Clock::start(),
            census: Arc::new(watch::Sender::default()),
            resets: watch::Sender::default(),
            orders: SetOnce::new(),
            seed,
            stamps: Mutex::default(),
        }
    }

    pub(super) fn seat(&self) -> Seat {
        Seat::new(Arc::clone(&self.census))
    }

    pub(super) fn rng(&self, stamp: u64) -> SplitMix64 {
        SplitMix64::new(splitmix64(self.seed ^ stamp))
    }

    /// Makes this connection the one whose word counts for its endpoint.
    pub(super) fn enter(&self, target: &Target) -> u64 {
        self.stamps(|stamps| {
            stamps.last += 1;
            stamps.latest.insert(target.clone(), stamps.last);
            stamps.last
        })
    }

    pub(super) fn leave(&self, target: &Target, stamp: u64) {
        self.stamps(|stamps| {
            if stamps.latest.get(target) == Some(&stamp) {
                stamps.latest.remove(target);
            }
        });
    }

    /// Tells the balancer that the endpoint is to get calls, or none.
    pub(super) fn tell(&self, target: &Target, stamp: u64, down: bool) {
        let order = match (target.clone(), down) {
            (target, true) => Order::SetDown { target, down },
            (target, false) => Order::Renew { target },
        };
        self.stamps(|stamps| {
            if stamps.latest.get(target) == Some(&stamp)
                && let Some(orders) = self.orders.get()
            {
                // Without a balancer any more, nobody is there to obey.
                let _ = orders.send(order);
            }
        });
    }

    /// Waits until the balancer has taken over all that it was told before.
    pub(super) async fn told(&self) {
        let (done, confirmed) = oneshot::channel();
        if let Some(orders) = self.orders.get()
            && orders.send(Order::Confirm(done)).is_ok()
        {
            // Without a balancer any more, nobody is there to obey.
            let _ = confirmed.await;
        }
    }

    fn stamps<R>(&self, f: impl FnOnce(&mut Stamps) -> R) -> R {
        f(&mut self.stamps.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links")
            .field("settings", &self.settings)
            .field("census", &self.census.borrow())
            .finish_non_exhaustive()
    }
}
