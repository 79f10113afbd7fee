//! What the handles of a balancer and its task share.

use core::sync::atomic::AtomicU64;
use std::sync::Arc;

use arc_swap::ArcSwap;
use evenkeel_core::TableFull;
use thread_local::ThreadLocal;
use tokio::sync::{Notify, broadcast, mpsc, watch};

use crate::clock::Clock;
use crate::counters::Counters;
use crate::discover::DiscoveryStatus;
use crate::error::SharedError;
use crate::event::{Change, Event};
use crate::snapshot::Snapshot;
use crate::status::Entry;
use crate::stripe::Stripe;
use crate::target::Target;

/// Read by the handles, written by the task; orders go the other way.
pub(crate) struct Shared<C, P> {
    pub(crate) snapshot: ArcSwap<Snapshot<C, P>>,
    pub(crate) stripes: ThreadLocal<Stripe>,
    /// How many threads have picked.
    pub(crate) striped: AtomicU64,
    pub(crate) counters: Arc<Counters>,
    pub(crate) seed: u64,
    pub(crate) clock: Clock,
    pub(crate) refresh: Notify,
    pub(crate) discovery: watch::Sender<DiscoveryStatus>,
    pub(crate) clients: watch::Sender<Clients>,
    pub(crate) changes: broadcast::Sender<Change>,
    pub(crate) entries: ArcSwap<Vec<Entry<C>>>,
    pub(crate) events: broadcast::Sender<Event>,
    pub(crate) orders: mpsc::UnboundedSender<Order>,
}

/// How many endpoints there are, and how many of them have a client.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clients {
    pub(crate) endpoints: usize,
    pub(crate) ready: usize,
    pub(crate) pickable: usize,
    /// Why the last client could not be made.
    pub(crate) error: Option<SharedError>,
    /// Why there is no candidate, if there is none.
    pub(crate) none: Option<evenkeel_core::PickError>,
    /// Why the policy could not follow the last change.
    pub(crate) table: Option<TableFull>,
}

/// What handles ask of the task.
#[derive(Debug)]
pub(crate) enum Order {
    SetDown { target: Target, down: bool },
}
