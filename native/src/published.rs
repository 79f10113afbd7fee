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

    /// Publishes the next snapshot, and returns the one before. Every pick that begins when this has
    /// returned is made from the next.
    pub(crate) fn store(&self, next: Snapshot<C, P>) -> Arc<Snapshot<C, P>> {
        let version = next.version;
        let before = self.newest.swap(Arc::new(next));
        // Whoever sees this version finds that snapshot.
        self.version.store(version, Release);
        self.empty_pockets();
        before
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
        Held { snapshot: Arc::into_raw(snapshot), taken: Some((seat, self)) }
    }
}

type Taken<'a, C, P> = (&'a Seat<C, P>, &'a Published<C, P>);

/// The snapshot that a pick is made from, as long as the pick lives. Words alone: what owns an `Arc`
/// or is an enum is copied through memory with each pick, which takes longer than all the rest.
#[derive(Debug)]
pub(crate) struct Held<'a, C, P> {
    /// A handle's, which is borrowed for `'a`, or a thread's, of which one count is ours.
    snapshot: *const Snapshot<C, P>,
    /// The thread that gets it back, and what knows the newest. It stays on that thread, as a seat
    /// is not `Sync`. `None`: it is a handle's, or has been put back.
    taken: Option<Taken<'a, C, P>>,
}

impl<C, P> Deref for Held<'_, C, P> {
    type Target = Snapshot<C, P>;

    #[inline]
    #[expect(unsafe_code, reason = "an `Arc` in one word")]
    fn deref(&self) -> &Snapshot<C, P> {
        // SAFETY: that of a handle is borrowed for `'a`, which outlives `self`. Of that of a thread,
        // a count is ours until `put_back`, which whoever calls it does last.
        unsafe { &*self.snapshot }
    }
}

impl<'a, C, P> Held<'a, C, P> {
    /// Borrows that of a handle.
    #[inline]
    pub(crate) fn pinned(snapshot: &'a Snapshot<C, P>) -> Self {
        Self { snapshot, taken: None }
    }

    /// Returns the thread's seat; a handle has none.
    #[inline]
    pub(crate) fn seat(&self) -> Option<&'a Seat<C, P>> {
        self.taken.map(|(seat, _)| seat)
    }

    /// Gives a thread its snapshot back. It is the end: nothing of the snapshot may be used then.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "out of line, the pick is copied through memory")]
    #[expect(unsafe_code, reason = "an `Arc` in one word")]
    pub(crate) fn put_back(&mut self) {
        let Some((seat, published)) = self.taken.take() else { return };
        // SAFETY: only `Published::take` fills in `taken`, with a pointer from `Arc::into_raw`. The
        // count that belongs to it is taken over here, once: `taken` is `None` now.
        let snapshot = unsafe { Arc::from_raw(self.snapshot) };
        if published.is_newest(&snapshot) {
            seat.pocket.put(snapshot);
        }
    }
}

impl<C, P> Drop for Held<'_, C, P> {
    fn drop(&mut self) {
        self.put_back();
    }
}
