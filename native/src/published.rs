//! The snapshot of now, and what those who pick keep of it.

use core::ops::Deref;

use arc_swap::{ArcSwap, Guard};
use crossbeam_utils::CachePadded;

use crate::pocket::Pocket;
use crate::snapshot::Snapshot;
use crate::stripe::Stripe;
use crate::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use crate::sync::{Arc, Mutex, PoisonError};

/// The newest snapshot. Each thread keeps the one that it picked from last, until the next is
/// published: a thread that does not pick any more keeps nothing alive.
#[derive(Debug)]
pub(crate) struct Published<C, P> {
    newest: ArcSwap<Snapshot<C, P>>,
    /// That of the newest, or of the one before while it is being published.
    version: AtomicU64,
    /// Those of all threads that have picked.
    pockets: Mutex<Vec<Arc<ThreadPocket<C, P>>>>,
}

/// On a line of its own: its thread writes there with every pick.
type ThreadPocket<C, P> = CachePadded<Pocket<Snapshot<C, P>>>;

/// What a thread keeps from pick to pick.
#[derive(Debug)]
pub(crate) struct Seat<C, P> {
    pub(crate) stripe: Stripe,
    pocket: Arc<ThreadPocket<C, P>>,
}

impl<C, P> Published<C, P> {
    pub(crate) fn new(first: Arc<Snapshot<C, P>>) -> Self {
        let version = AtomicU64::new(first.version);
        Self { newest: ArcSwap::new(first), version, pockets: Mutex::default() }
    }

    /// Returns the newest snapshot, for those who seldom look.
    pub(crate) fn load(&self) -> Guard<Arc<Snapshot<C, P>>> {
        self.newest.load()
    }

    /// Returns the newest snapshot, to keep.
    #[cold]
    #[inline(never)]
    pub(crate) fn load_full(&self) -> Arc<Snapshot<C, P>> {
        self.newest.load_full()
    }

    /// Tells that a snapshot is the newest.
    #[inline]
    pub(crate) fn is_newest(&self, snapshot: &Snapshot<C, P>) -> bool {
        // The snapshot itself is not read through this word.
        self.version.load(Relaxed) == snapshot.version
    }

    /// Publishes the next snapshot. Every pick that begins when this has returned is made from it.
    pub(crate) fn store(&self, next: Snapshot<C, P>) {
        let version = next.version;
        self.newest.store(Arc::new(next));
        // Whoever sees this version finds that snapshot.
        self.version.store(version, Release);
        self.empty_pockets();
    }

    /// Drops what threads keep. What a thread puts back at this very moment stays: to be called
    /// again, somewhat later.
    pub(crate) fn empty_pockets(&self) {
        let pockets = self.pockets.lock().unwrap_or_else(PoisonError::into_inner);
        let kept: Vec<_> = pockets.iter().filter_map(|pocket| pocket.take()).collect();
        // It is the user's code that drops a client: not under the lock.
        drop(pockets);
        drop(kept);
    }

    /// Makes a thread's seat.
    pub(crate) fn seat(&self, stripe: Stripe) -> Seat<C, P>
    where
        C: Send + Sync,
        P: Send + Sync,
    {
        let pocket = Arc::new(CachePadded::new(Pocket::new()));
        let mut pockets = self.pockets.lock().unwrap_or_else(PoisonError::into_inner);
        pockets.push(Arc::clone(&pocket));
        Seat { stripe, pocket }
    }

    /// Takes the snapshot of a thread, which is the newest.
    #[inline]
    pub(crate) fn take<'a>(&'a self, seat: &'a Seat<C, P>) -> Held<'a, C, P> {
        let kept = seat.pocket.take();
        let newest = self.version.load(Acquire);
        let snapshot = match kept {
            Some(kept) if kept.version == newest => kept,
            old => {
                drop(old);
                self.load_full()
            }
        };
        Held::Taken { snapshot: Some(snapshot), seat, published: self }
    }
}

/// The snapshot that a pick is made from, as long as the pick lives.
#[derive(Debug)]
pub(crate) enum Held<'a, C, P> {
    /// That of a handle.
    Pinned(&'a Snapshot<C, P>),
    /// That of a thread, which gets it back. It stays on that thread, as a seat is not `Sync`.
    Taken {
        /// `None`: it has been put back.
        snapshot: Option<Arc<Snapshot<C, P>>>,
        seat: &'a Seat<C, P>,
        published: &'a Published<C, P>,
    },
}

impl<C, P> Deref for Held<'_, C, P> {
    type Target = Snapshot<C, P>;

    #[inline]
    fn deref(&self) -> &Snapshot<C, P> {
        match self {
            Held::Pinned(snapshot) => snapshot,
            Held::Taken { snapshot, .. } => snapshot.as_ref().expect("it is put back when dropped"),
        }
    }
}

impl<C, P> Held<'_, C, P> {
    /// Gives a thread its snapshot back.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "out of line, the pick is copied through memory")]
    pub(crate) fn put_back(&mut self) {
        if let Held::Taken { snapshot, seat, published } = self
            && let Some(snapshot) = snapshot.take()
            && published.is_newest(&snapshot)
        {
            seat.pocket.put(snapshot);
        }
    }
}

impl<C, P> Drop for Held<'_, C, P> {
    fn drop(&mut self) {
        self.put_back();
    }
}
