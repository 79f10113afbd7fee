//! What the handles of a balancer and its task share.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use arc_swap::{ArcSwap, Guard};
use evenkeel_core::{EventCounts, Instant, Slot, State, TableFull};
use thread_local::ThreadLocal;
use tokio::sync::{Notify, broadcast, mpsc, oneshot, watch};

use crate::changes::Discovered;
use crate::clock::Clock;
use crate::discover::DiscoveryStatus;
use crate::error::SharedError;
use crate::event::Event;
use crate::marks::Marks;
use crate::published::{Published, Seat};
use crate::status::Listing;
use crate::supervise::Supervisor;
use crate::tally::Tallies;
use crate::target::Target;

/// Read by the handles, written by the task; orders go the other way.
pub(crate) struct Shared<C, P> {
    pub(crate) snapshot: Published<C, P>,
    pub(crate) probes: Probes,
    pub(crate) tallies: Arc<Tallies>,
    pub(crate) seats: ThreadLocal<Seat<C, P>>,
    /// How many threads and handles have picked.
    pub(crate) striped: AtomicU64,
    pub(crate) marks: Arc<Marks>,
    pub(crate) seed: u64,
    pub(crate) clock: Clock,
    pub(crate) refresh: Notify,
    pub(crate) discovery: watch::Sender<DiscoveryStatus>,
    pub(crate) clients: watch::Sender<Clients>,
    /// Nobody waits for the first answer of discovery any more.
    #[cfg(any(feature = "http", feature = "reqwest"))]
    pub(crate) begun: AtomicBool,
    pub(crate) discovered: watch::Sender<Discovered>,
    pub(crate) listing: ArcSwap<Listing<C, P>>,
    pub(crate) events: broadcast::Sender<Event>,
    /// All that were told.
    pub(crate) told: Mutex<EventCounts>,
    pub(crate) orders: mpsc::UnboundedSender<Order>,
    pub(crate) supervisor: Supervisor,
}

/// Half-open endpoints that wait for a request which decides: almost always none.
#[derive(Debug, Default)]
pub(crate) struct Probes {
    any: AtomicBool,
    slots: ArcSwap<Vec<Slot>>,
}

impl Probes {
    /// Tells that there may be one.
    #[inline]
    pub(crate) fn any(&self) -> bool {
        self.any.load(Relaxed)
    }

    pub(crate) fn slots(&self) -> Guard<Arc<Vec<Slot>>> {
        self.slots.load()
    }

    pub(crate) fn publish(&self, slots: Vec<Slot>) {
        let any = !slots.is_empty();
        self.slots.store(Arc::new(slots));
        self.any.store(any, Relaxed);
    }
}

/// What keeps requests waiting, if they wait.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clients {
    pub(crate) counts: Counts,
    /// Why the last client could not be made.
    pub(crate) error: Option<SharedError>,
}

/// How many endpoints there are, and how many of them are how far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) endpoints: usize,
    /// Those that have a client.
    pub(crate) ready: usize,
    /// Those that may be picked.
    pub(crate) pickable: usize,
    /// Every endpoint of the first answer that is to have a client has one, or has failed once.
    pub(crate) settled: bool,
    /// Every endpoint that is to have a client has one.
    pub(crate) complete: bool,
    /// When to try again if no candidate has room.
    pub(crate) busy_until: Option<Instant>,
    /// Why there is no candidate, if there is none.
    pub(crate) none: Option<evenkeel_core::PickError>,
    /// Why the policy could not follow the last change.
    pub(crate) table: Option<TableFull>,
}

/// What handles ask of the task.
#[derive(Debug)]
pub(crate) enum Order {
    SetDown {
        target: Target,
        down: bool,
    },
    /// The endpoint is there anew: it is up, and how long it took to answer before says nothing.
    #[cfg(feature = "tonic")]
    Renew {
        target: Target,
    },
    /// To be told when all orders before have taken effect.
    #[cfg(feature = "tonic")]
    Confirm(oneshot::Sender<()>),
    /// To export what was learned.
    Export {
        reply: oneshot::Sender<State<Target>>,
    },
}
